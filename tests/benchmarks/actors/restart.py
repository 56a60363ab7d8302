"""From the exit signal that ends a permanent child to the init of the child that takes its place."""

import statistics
import threading
import time
from collections.abc import Iterator
from typing import Any

from naive_daemon.clock import WallClock
from naive_daemon.otp import (
    KILL,
    Actor,
    ActorSystem,
    ChildInfo,
    ChildSpec,
    ChildState,
    ExitReason,
    Ref,
    Supervisor,
    WhichChildren,
    send_exit,
)
from tests.benchmarks.fan_out import WAIT_S
from tests.benchmarks.figure import Figure
from tests.benchmarks.peers import erlang

RESTARTS = 1_000
US_PER_S = 1e6
NS_PER_US = 1e3
RESTARTS_MAX = 1_000_000
PERIOD_S = 1.0


def figures() -> Iterator[Figure]:
    """Measure, one after another."""
    for name, reason, is_kill in (("a crash", ExitReason("boom"), 0), ("a kill", KILL, 1)):
        yield Figure(
            name=f"restart after {name}, p50",
            value=_restart_s(reason) * US_PER_S,
            unit="µs",
            is_cost=True,
            limit=1_000.0,
            peers=(erlang.compare("restart", RESTARTS, is_kill, goal=10.0, value=lambda found: found[0] / NS_PER_US),),
        )


def _restart_s(reason: ExitReason) -> float:
    system = ActorSystem.live(WallClock())
    killer = _Killer(reason)
    ref = system.start(killer)
    spec = ChildSpec(id="child", start=lambda: _Child(ref))
    supervisor = system.start(Supervisor([spec], max_restarts=RESTARTS_MAX, period_s=PERIOD_S))
    ref.tell(supervisor)
    if not killer.is_done.wait(WAIT_S):
        raise TimeoutError("the child was not restarted often enough")
    system.terminate(supervisor, WAIT_S)
    system.terminate(ref, WAIT_S)
    system.stop()
    return statistics.median(killer.spans_s[RESTARTS:])


class _Child(Actor):
    """Says when its init runs."""

    def __init__(self, killer: Ref) -> None:
        super().__init__()
        self._killer = killer

    def init(self) -> None:
        """Say so."""
        self._killer.tell(time.perf_counter())


class _Killer(Actor):
    """Ends the child each time that its supervisor says that it runs, first to warm up and then to be measured."""

    def __init__(self, reason: ExitReason) -> None:
        super().__init__()
        self.spans_s: list[float] = []
        self.is_done = threading.Event()
        self._reason = reason
        self._supervisor: Ref | None = None
        self._killed_at_s = 0.0

    def on_receive(self, message: Any) -> None:
        """Take the supervisor, or the time of a child's init."""
        match message:
            case Ref():
                self._supervisor = message
                self._look()
            case float() if self._killed_at_s:
                self.spans_s.append(message - self._killed_at_s)
                if len(self.spans_s) == 2 * RESTARTS:
                    self.is_done.set()
                else:
                    self._look()

    def _look(self) -> None:
        self.request(self._supervisor, WhichChildren(), self._kill)

    def _kill(self, children: tuple[ChildInfo, ...]) -> None:
        (child,) = children
        if child.ref is None or child.state is not ChildState.RUNNING:
            self._look()
            return
        self._killed_at_s = time.perf_counter()
        send_exit(child.ref, self._reason)
