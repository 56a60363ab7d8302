"""The actors that most figures use: one counts what it is told, one says that it has started."""

import queue
from typing import Any

from naive_daemon.otp import (
    Actor,
    ActorSystem,
    Call,
    ChildSpec,
    ChildStarted,
    DynamicSupervisor,
    Ref,
    Restart,
    StartChild,
)
from tests.benchmarks.fan_out import WAIT_S, Done


class Counter(Actor):
    """Counts `expected` messages, then puts itself into `done`."""

    def __init__(self, expected: int, done: Done) -> None:
        super().__init__()
        self._left = expected
        self._done = done

    def on_receive(self, message: Any) -> None:
        """Count."""
        self._left -= 1
        if self._left == 0:
            self._done.put(self)


class Newborn(Actor):
    """Puts itself into `done` when it starts."""

    def __init__(self, done: Done) -> None:
        super().__init__()
        self._done = done

    def init(self) -> None:
        """Say that it starts."""
        self._done.put(self)


def start_supervised(system: ActorSystem, count: int, expected: int, done: Done) -> tuple[Ref, list[Ref]]:
    """Start that many counters under one supervisor, all asked for at once; gives it and them when all of them run."""
    supervisor = system.start(DynamicSupervisor())
    return supervisor, ask_for(supervisor, count, expected, done)


def ask_for(supervisor: Ref, count: int, expected: int, done: Done) -> list[Ref]:
    """Start that many counters, all asked for without waiting for an answer, as far as the supervisor has room."""
    spec = ChildSpec(id="counter", start=lambda: Counter(expected, done), restart=Restart.TEMPORARY)
    answers: queue.SimpleQueue[object] = queue.SimpleQueue()
    for _ in range(count):
        supervisor.wait_for_room(WAIT_S)
        supervisor.tell(Call(StartChild(spec), answers.put, answers.put))
    return [_started(answers.get(timeout=WAIT_S)) for _ in range(count)]


def _started(answer: object) -> Ref:
    if not isinstance(answer, ChildStarted):
        raise TypeError(f"a counter did not start: {answer}")
    return answer.ref
