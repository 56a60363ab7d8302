"""The installed program with an intruder inside: a thread that does to a daemon's actors what nobody may from outside.

It is `naive-daemon`, whatever it is asked; only in the process of `run` the intruder listens. It hears a trial on a
socket without a file, named after the process: which actor shall crash at its next message, be killed, or not come back
from a handler for a while.
"""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from naive_daemon.cli import main as program
from naive_daemon.otp import KILL, Actor, ActorSystem, SupervisorProcess, send_exit
from naive_daemon.otp.atom import label_of
from naive_daemon.otp.faults import InjectedError
from naive_daemon.otp.inspection import walk
from naive_daemon.otp.messages import Inspect
from tests.simulation.actor_faults import role
from tests.simulation.real.deed import Deed, address

BYTES_MAX = 65_536


def main() -> None:
    """Be the program."""
    if "run" in sys.argv[1:2]:
        _move_in()
    program()


def _move_in() -> None:
    make = ActorSystem.live

    def live(*arguments: Any, **options: Any) -> ActorSystem:
        system = make(*arguments, **options)
        threading.Thread(target=_listen, args=(system,), name="intruder", daemon=True).start()
        return system

    ActorSystem.live = live  # type: ignore[method-assign]  # the program makes its system by it


def _listen(system: ActorSystem) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(address(os.getpid()))
        listener.listen()
        while True:
            connection, _ = listener.accept()
            with connection:
                line = connection.makefile("rb").readline(BYTES_MAX)
                if line:
                    name = _do(system, msgspec.json.decode(line, type=Deed))
                    connection.sendall(f"{name}\n".encode())


def _do(system: ActorSystem, deed: Deed) -> str:
    found = [place.ref for place in walk(system) if place.ref is not None]
    found = [ref for ref in found if ref.is_alive() and role(ref.name, ref) == deed.role]
    if not found:
        return ""
    ref = found[min(int(deed.share * len(found)), len(found) - 1)]
    match deed.kind:
        case "kill":
            send_exit(ref, KILL)
        case "crash":
            ref.actor_inbox.put_signal(Inspect(_crash_next))
        case "stuck":
            ref.actor_inbox.put_signal(Inspect(_hang(deed.for_s)))
    return label_of(ref)


def _crash_next(actor: Actor) -> None:
    """Have the next message crash an actor; a supervisor, whose messages are the runtime's, crashes at once."""

    def crash(_: object) -> None:
        raise InjectedError("by the intruder")

    if isinstance(actor, SupervisorProcess):
        crash(None)
    for hook in ("on_receive", "on_batch"):
        setattr(actor, hook, crash)


def _hang(for_s: float) -> Callable[[object], None]:
    """Hold up the thread that runs the actor: that is the fault, and nothing is waited for by it."""
    return lambda _: time.sleep(for_s)
