"""A program that never stops its system: `python -m tests.otp.exit_program SITUATION ENDING`, see below for both.

It prints "ready" before it ends, and what its actors do meanwhile.
"""

# ruff: noqa: T201 - a program prints

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any

from naive_daemon.clock import WallClock
from naive_daemon.otp import (
    Actor,
    ActorSystem,
    ChildSpec,
    ChildType,
    Deferred,
    ExitReason,
    Supervisor,
    interpreter_exit,
)
from naive_daemon.otp.messages import DEFERRED

FOR_EVER_S = 1e6


class Orderly(Actor):
    """Says that it ends."""

    def __init__(self, word: str = "orderly") -> None:
        super().__init__()
        self._word = word

    def on_terminate(self, reason: ExitReason) -> None:
        print(self._word, reason, flush=True)


class OrderlyThread(Orderly):
    """The same on a thread of its own."""

    runs_on = "thread"


class Busy(Actor):
    """Always has one more message for itself."""

    def init(self) -> None:
        self.ref.tell("again")

    def on_receive(self, message: Any) -> None:
        self.ref.tell(message)


class Patient(Actor):
    """Has timers far in the future, and at any moment."""

    def init(self) -> None:
        self.send_after(FOR_EVER_S, "late")
        self.send_after(0.001, "soon")

    def on_receive(self, message: Any) -> None:
        self.send_after(0.001, message)


class Holding(Actor):
    """Does not come back from a message, which is a function that says when it has begun."""

    def on_receive(self, message: Callable[[], None]) -> None:
        message()


class HoldingThread(Holding):
    """The same on a thread of its own."""

    runs_on = "thread"


class Starting(Actor):
    """Never ends its start."""

    def init(self) -> Deferred:
        return DEFERRED


def hold(system: ActorSystem, kind: type[Holding], how: Callable[[], None]) -> None:
    """Start an actor, and wait until it does not come back any more."""
    begun = threading.Event()

    def begin() -> None:
        begun.set()
        how()

    system.start(kind()).tell(begin)
    begun.wait()


def sleep() -> None:
    """Hang in the operating system: nobody ever writes into this pipe."""
    os.read(os.pipe()[0], 1)


def wait() -> None:
    threading.Event().wait()


def spin() -> None:
    while True:
        pass


def chatter() -> None:
    while True:
        print("chatter" * 20)


def tree(system: ActorSystem) -> None:
    """Start what ends in order when it is asked."""
    inner = ChildSpec(
        id="inner",
        start=lambda: Supervisor([ChildSpec(id=word, start=lambda word=word: Orderly(word)) for word in "ab"]),
        type=ChildType.SUPERVISOR,
    )
    system.start(Supervisor([inner, ChildSpec(id="c", start=lambda: OrderlyThread("c"))]))


def active(system: ActorSystem) -> None:
    """Start what is never at rest, and is no trouble."""
    tree(system)
    for kind in (Busy, Patient):
        system.start(kind())
    starting = Starting()
    starting.attach(system, None, None)
    starting.begin(None)


def stuck(system: ActorSystem) -> None:
    """Start what does not come back, beside what ends in order."""
    tree(system)
    hold(system, Holding, sleep)
    hold(system, Holding, spin)
    hold(system, HoldingThread, spin)
    hold(system, HoldingThread, wait)


def chattering(system: ActorSystem) -> None:
    """Start what holds the lock of standard output as often as not."""
    interpreter_exit.ASK_S = 0.2
    hold(system, Holding, chatter)
    hold(system, HoldingThread, chatter)


def stopped(system: ActorSystem) -> None:
    """Stop it after all."""
    active(system)
    system.stop()


def waiting(system: ActorSystem) -> None:
    """Wait for an actor as good as for ever, unless somebody loses patience."""
    interpreter_exit.ASK_S = FOR_EVER_S
    system.start(Orderly())
    hold(system, Holding, sleep)


def fail() -> None:
    raise RuntimeError("main failed")


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()


def fork() -> None:
    child = os.fork()
    if child == 0:
        sys.exit(5)
    print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


SITUATIONS = {situation.__name__: situation for situation in (active, stuck, chattering, stopped, waiting)}
ENDINGS: dict[str, Callable[[], object]] = {
    "return": lambda: None,
    "exit": lambda: sys.exit(3),
    "fail": fail,
    "terminate": terminate,
    "fork": fork,
}


def main(situation: str, ending: str) -> None:
    """Leave the system to whoever cares: nobody but this frame knows it."""
    interpreter_exit.ASK_S, interpreter_exit.KILL_S, interpreter_exit.INTERRUPT_S = 2.0, 0.3, 0.3
    SITUATIONS[situation](ActorSystem.live(WallClock(), threads=6))
    print("ready", flush=True)
    ENDINGS[ending]()


if __name__ == "__main__":
    main(*sys.argv[1:])
