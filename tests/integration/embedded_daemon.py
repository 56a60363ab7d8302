"""Stands for a daemon in tests of the embedded servers: starts both, prints a line of JSON, stops when stdin closes.

Usage: embedded_daemon.py HOME [--ordinary] [--no-death-signal]

The line maps `postgres` and `redis` to `url` and `pid`, or it is {"error": …, "hint": …, "type": …}. With --ordinary it
was started by root as an ordinary user with the right to read everything, as the interpreter may lie where that user
can not go; it keeps that right from its children. Exit status 77: the servers' programs lie there, too.
"""

import argparse
import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

from naive_daemon.domain.errors import NaiveError
from naive_daemon.storage.embedded import EmbeddedPostgres, EmbeddedRedis, postgres, privilege

PROGRAMS_OUT_OF_REACH = 77
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4


def tell(facts: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("--ordinary", action="store_true")
    parser.add_argument("--no-death-signal", action="store_true")
    chosen = parser.parse_args()
    if chosen.ordinary:
        ctypes.CDLL(None).prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, *[ctypes.c_ulong(0)] * 3)
        if not os.access(postgres._programs() / "postgres", os.X_OK):
            return PROGRAMS_OUT_OF_REACH
    if chosen.no_death_signal:
        privilege._DEATH_SIGNAL = "--no-such-option"  # as on a machine with an older setpriv
    servers: dict[str, EmbeddedPostgres | EmbeddedRedis] = {
        "postgres": EmbeddedPostgres(chosen.home),
        "redis": EmbeddedRedis(chosen.home),
    }
    try:
        urls = {name: server.start() for name, server in servers.items()}
    except NaiveError as error:
        tell({"error": error.message, "hint": error.hint, "type": type(error).__name__})
        return error.exit_code
    tell({name: {"url": urls[name], "pid": servers[name].pid} for name in servers})
    sys.stdin.read()
    for server in servers.values():
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
