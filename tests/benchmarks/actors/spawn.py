"""Actors started a second, until the last one has run its init."""

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

from naive_daemon.clock import WallClock
from naive_daemon.otp import (
    KILL,
    Actor,
    ActorSystem,
    Call,
    ChildSpec,
    DynamicSupervisor,
    Ref,
    Restart,
    StartChild,
    send_exit,
)
from tests.benchmarks.actors.counter import Counter, Newborn, ask_for
from tests.benchmarks.fan_out import WAIT_S, Done, await_all
from tests.benchmarks.figure import Comparison, Figure, fastest_s
from tests.benchmarks.peers import erlang, pykka_actors

SPAWNS = 2_000
SUPERVISED_SPAWNS = 20_000


def figures() -> Iterator[Figure]:
    """Measure, one after another."""
    bare_s, awaited_s, in_turn_s, pykka_s = fastest_s(
        _bare_s, _awaited_s, _in_turn_s, lambda: pykka_actors.spawn_s(SPAWNS)
    )
    (supervised_s,) = fastest_s(_supervised_s)
    pykka = SPAWNS / pykka_s
    yield _figure("bare", SPAWNS / bare_s, Comparison(peer="pykka", value=pykka, goal=10.0))
    yield _figure("bare, each awaited", SPAWNS / awaited_s, Comparison(peer="pykka, not awaited", value=pykka))
    yield _figure(
        "supervised",
        SUPERVISED_SPAWNS / supervised_s,
        Comparison(peer="pykka, not supervised", value=pykka, goal=10.0),
        _erlang_rate(goal=0.25),
    )
    yield _figure("supervised, one after the other", SPAWNS / in_turn_s, _erlang_rate())


def _figure(how: str, rate: float, *peers: Comparison) -> Figure:
    return Figure(name=f"spawn, {how}", value=rate, unit="actors/s", peers=peers)


def _erlang_rate(goal: float | None = None) -> Comparison:
    return erlang.compare(
        "population", SUPERVISED_SPAWNS, goal=goal, value=lambda found: SUPERVISED_SPAWNS * erlang.NS_PER_S / found[0]
    )


def _bare_s() -> float:
    """Start actors that nobody supervises, as pykka does it: who starts them does not wait."""
    system = ActorSystem.live(WallClock())
    done: Done = queue.SimpleQueue()
    began = time.perf_counter()
    refs = []
    for _ in range(SPAWNS):
        actor = Newborn(done)
        refs.append(actor.attach(system, None, None))
        actor.begin(None)
    await_all(done, SPAWNS)
    spent_s = time.perf_counter() - began
    for ref in refs:
        send_exit(ref, KILL)
    system.stop()
    return spent_s


def _awaited_s() -> float:
    system = ActorSystem.live(WallClock())
    done: Done = queue.SimpleQueue()
    began = time.perf_counter()
    refs = [system.start(Newborn(done)) for _ in range(SPAWNS)]
    spent_s = time.perf_counter() - began
    for ref in refs:
        send_exit(ref, KILL)
    system.stop()
    return spent_s


def _supervised_s() -> float:
    system = ActorSystem.live(WallClock())
    supervisor = system.start(DynamicSupervisor())
    began = time.perf_counter()
    ask_for(supervisor, SUPERVISED_SPAWNS, 1, queue.SimpleQueue())
    spent_s = time.perf_counter() - began
    system.terminate(supervisor, WAIT_S)
    system.stop()
    return spent_s


def _in_turn_s() -> float:
    system = ActorSystem.live(WallClock())
    supervisor = system.start(DynamicSupervisor())
    began = time.perf_counter()
    client = _Client(supervisor, SPAWNS)
    ref = system.start(client)
    client.is_done.wait(WAIT_S)
    spent_s = time.perf_counter() - began
    system.terminate(ref, WAIT_S)
    system.terminate(supervisor, WAIT_S)
    system.stop()
    return spent_s


class _Client(Actor):
    """Asks for the next child when the one before runs, as a caller of Erlang's start_child does."""

    def __init__(self, supervisor: Ref, count: int) -> None:
        super().__init__()
        self.is_done = threading.Event()
        self._supervisor = supervisor
        self._left = count
        done: Done = queue.SimpleQueue()
        self._spec = ChildSpec(id="counter", start=lambda: Counter(1, done), restart=Restart.TEMPORARY)

    def init(self) -> None:
        """Ask for the first."""
        self._ask()

    def on_receive(self, message: Any) -> None:
        """Take the answer and ask for the next."""
        self._left -= 1
        if self._left == 0:
            self.is_done.set()
        else:
            self._ask()

    def _ask(self) -> None:
        self._supervisor.tell(Call(StartChild(self._spec), self.ref.tell, self.ref.tell))
