"""Where the console's socket is: in the home, however long its path."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from naive_daemon.console.protocol import SOCKET_NAME

# sun_path of a unix socket holds 108 bytes, the closing zero included.
_PATH_BYTES_MAX = 107


@contextmanager
def socket_address(home: Path) -> Iterator[str]:
    """Give a name of the socket that is short enough for the system, valid within the context.

    A home of a longer path is named by a descriptor of its own; raises OSError where it can not be opened.
    """
    path = str(home / SOCKET_NAME)
    if len(os.fsencode(path)) <= _PATH_BYTES_MAX:
        yield path
        return
    directory = os.open(home, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{SOCKET_NAME}"
    finally:
        os.close(directory)


def make_socket() -> socket.socket:
    """Make a stream socket that no child process inherits."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
