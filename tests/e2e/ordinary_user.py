"""Runs the program as `naive-daemon` does, after giving up the right that let an ordinary user load it.

Exit status 77: the servers' programs lie where this user can not go.
"""

import ctypes
import os
import sys

from naive_daemon.cli import main
from naive_daemon.storage.embedded import postgres

PROGRAMS_OUT_OF_REACH = 77
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, *[ctypes.c_ulong(0)] * 3)
    if not os.access(postgres._programs() / "postgres", os.X_OK):
        sys.exit(PROGRAMS_OUT_OF_REACH)
    main()
