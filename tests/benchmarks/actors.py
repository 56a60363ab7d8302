"""Actors a second: spawned, told, and the fan-out of a topic, against pykka's ThreadingActor on the same machine."""

import queue
import threading
from collections.abc import Iterator
from typing import Any

import pykka

from naive_daemon.clock import WallClock
from naive_daemon.otp import Actor, ActorSystem, Call, ChildSpec, ChildStarted, DynamicSupervisor, Restart, StartChild
from tests.benchmarks.figure import Figure, best_rate

TELLS = 100_000
SPAWNS = 1_000
WAIT_S = 60.0


class Counter(Actor):
    """Counts messages and says when all have come."""

    def __init__(self, expected: int = 0) -> None:
        super().__init__()
        self._left = expected
        self.is_done = threading.Event()

    def on_receive(self, message: Any) -> None:
        """Count."""
        self._left -= 1
        if self._left == 0:
            self.is_done.set()


class PykkaCounter(pykka.ThreadingActor):
    """The same on pykka."""

    def __init__(self, expected: int = 0) -> None:
        super().__init__()
        self._left = expected
        self.is_done = threading.Event()

    def on_receive(self, message: Any) -> None:
        """Count."""
        self._left -= 1
        if self._left == 0:
            self.is_done.set()


def figures() -> Iterator[Figure]:
    """Measure, one after another."""
    yield Figure(
        name="tell, one to one",
        rate=best_rate(TELLS, _tell),
        unit="messages/s",
        peer="pykka",
        peer_rate=best_rate(TELLS, _tell_pykka),
    )
    yield Figure(
        name="spawn, supervised",
        rate=best_rate(SPAWNS, _spawn),
        unit="actors/s",
        peer="pykka, not supervised",
        peer_rate=best_rate(SPAWNS, _spawn_pykka),
    )


def _tell() -> None:
    system = ActorSystem.live(WallClock())
    counter = Counter(TELLS)
    ref = system.start(counter)
    for number in range(TELLS):
        ref.tell(number)
    counter.is_done.wait(WAIT_S)
    system.terminate(ref, WAIT_S)
    system.stop()


def _tell_pykka() -> None:
    ref = PykkaCounter.start(TELLS)
    for number in range(TELLS):
        ref.tell(number)
    ref._actor_weakref().is_done.wait(WAIT_S)  # type: ignore[union-attr] # it lives
    ref.stop()


def _spawn() -> None:
    system = ActorSystem.live(WallClock())
    supervisor = system.start(DynamicSupervisor())
    started: queue.SimpleQueue[object] = queue.SimpleQueue()
    for number in range(SPAWNS):
        spec = ChildSpec(id=number, start=Counter, restart=Restart.TEMPORARY)
        supervisor.tell(Call(StartChild(spec), started.put, started.put))
    answers = [started.get(timeout=WAIT_S) for _ in range(SPAWNS)]
    assert all(isinstance(answer, ChildStarted) for answer in answers)
    system.terminate(supervisor, WAIT_S)
    system.stop()


def _spawn_pykka() -> None:
    refs = [PykkaCounter.start() for _ in range(SPAWNS)]
    for ref in refs:
        ref.stop(block=False)
    for ref in refs:
        ref.actor_stopped.wait(WAIT_S)
