"""What an intruder in the daemon's process does to an actor, and how a trial has it done."""

import socket
import sys
from pathlib import Path

import msgspec

ROOT = Path(__file__).parents[3].as_posix()
PROGRAM = (
    sys.executable,
    "-c",
    f"import sys; sys.path[0] = {ROOT!r}; from tests.simulation.real.intruder import main; main()",
)
"""What runs the program with an intruder inside, in front of the program's own arguments."""
ANSWER_WITHIN_S = 5.0


class Deed(msgspec.Struct, frozen=True):
    """What befalls one actor of a role, the `share`-th part of them down the tree. `name` asks only for its name."""

    kind: str
    role: str
    share: float
    for_s: float = 0.0


def intrude(pid: int, deed: Deed) -> str:
    """Have it done in a daemon; gives the actor's name, empty when there is none. Raises OSError when nobody hears."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_WITHIN_S)
        connection.connect(address(pid))
        connection.sendall(msgspec.json.encode(deed) + b"\n")
        return connection.makefile("rb").readline().decode().strip()


def address(pid: int) -> str:
    """Give the address of the intruder in a process: a socket without a file."""
    return f"\0naive-daemon intruder {pid}"
