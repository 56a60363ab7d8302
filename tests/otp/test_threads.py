"""Threads that are not to be had, that something ends, or that do not come back: the rest of the system lives on."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from naive_daemon.clock import WallClock
from naive_daemon.otp import (
    KILL,
    Actor,
    ActorSystem,
    ChildStarted,
    Done,
    PoolHealth,
    StartChild,
    StartFailedError,
    SupervisorError,
    TerminateChild,
    send_exit,
)
from naive_daemon.otp.dispatcher import Activity
from naive_daemon.otp.pool import PoolDispatcher
from naive_daemon.otp.timers import NS_PER_S, ThreadTimers, TooManyTimersError
from tests.otp.laboratory import PATIENCE_S, Laboratory, ThreadWorker, Worker
from tests.otp.test_pool import PERIOD_S, STUCK_AFTER_S, Gate, Ward

pytestmark = pytest.mark.real_threads

TOO_LARGE_A_STACK = 1 << 47
"""Bytes: more than a process can address, so the operating system refuses the thread, as it does at its limits."""


@contextmanager
def no_threads() -> Iterator[None]:
    """Let every start of a thread fail, for real."""
    before = threading.stack_size(TOO_LARGE_A_STACK)
    try:
        yield
    finally:
        threading.stack_size(before)


@pytest.fixture
def escaped(monkeypatch: pytest.MonkeyPatch) -> list[type[BaseException]]:
    """Keep the kinds of errors that nobody was there to receive."""
    told: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: told.append(arguments.exc_type))
    return told


class Breach(Worker):
    """What this one raises comes through its boundary; no actor can do that but by a fault of the runtime."""

    def run_batch(self, limit: int) -> None:
        super().run_batch(limit)
        if ("got", self.called, "breach") in self.events:
            self.events.clear()  # once
            raise SystemError("a fault of the runtime")


class ThreadBreach(Breach):
    runs_on = "thread"


# Not to be had ----------------------------------------------------------------------------------------------------


def test_a_thread_that_can_not_be_had_is_a_failed_start_and_leaves_nothing(live: Laboratory) -> None:
    known = set(threading.enumerate())
    with no_threads(), pytest.raises(StartFailedError, match="can't start new thread"):
        live.system.start(live.make("w", ThreadWorker), "w", PATIENCE_S)
    live.settle()
    assert (live.system.roots(), live.system.whereis("w"), live.system.busy) == ([], None, 0)
    assert set(threading.enumerate()) == known
    assert live.ask(live.worker("w", ThreadWorker), "ping") == "ping"


def test_rule_5_a_thread_that_can_not_be_had_fails_the_child_and_not_its_supervisor(live: Laboratory) -> None:
    supervisor = live.supervisor("sibling")
    live.settle()
    with no_threads():
        answer = live.ask(supervisor, StartChild(live.spec("w", ThreadWorker)))
    assert isinstance(answer, SupervisorError)
    assert (answer.kind, "can't start new thread" in str(answer.detail)) == ("failed", True)
    assert list(live.children(supervisor)) == ["sibling"]
    assert isinstance(live.ask(supervisor, StartChild(live.spec("w", ThreadWorker))), ChildStarted)
    assert live.ask("w", "ping") == "ping"


def test_a_stop_after_a_thread_could_not_be_had_joins_the_others() -> None:
    system = ActorSystem.live(WallClock())
    with no_threads(), pytest.raises(StartFailedError):
        system.start(ThreadWorker("w", []))
    threads = system.threads
    system.stop(PATIENCE_S)
    assert not [thread for thread in threads if thread.is_alive()]


def test_a_pool_that_gets_no_threads_is_refused_and_leaves_none() -> None:
    known = set(threading.enumerate())
    with no_threads(), pytest.raises(RuntimeError, match="can't start new thread"):
        PoolDispatcher(Activity(), 2)
    assert set(threading.enumerate()) == known


def test_a_stuck_thread_is_replaced_as_soon_as_there_is_one_to_be_had(
    logs: list[Any], escaped: list[type[BaseException]]
) -> None:
    ward = Ward()
    ward.pool.look(0.0, PERIOD_S)
    stuck, other = ward.lab.worker("stuck"), ward.lab.worker("other")
    ward.stick(stuck)
    with no_threads():
        ward.pass_time(STUCK_AFTER_S + 3 * PERIOD_S)
    assert (ward.health().replaced, len(ward.health().stuck), escaped) == (0, 1, [RuntimeError])
    ward.pass_time(PERIOD_S)
    assert (ward.health().replaced, ward.health().threads) == (1, 1)
    assert ward.lab.ask(other, "ping") == "ping"
    told = [entry["is_replaced"] for entry in logs if entry["event"] == "actor stuck"]
    assert told == [False, True]
    ward.close()


# Ended by something -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Breach, ThreadBreach])
def test_what_comes_through_the_boundary_of_an_actor_ends_it_and_no_thread(
    live: Laboratory, escaped: list[type[BaseException]], kind: type[Worker]
) -> None:
    supervisor = live.supervisor(live.spec("w", kind))
    before, health = live.find("w"), live.system.pool_health()
    before.tell("breach")
    live.settle()
    assert escaped == [SystemError]
    assert "a fault of the runtime" in str(live.reason_of(before))
    assert live.states(supervisor) == {"w": "running"}
    assert live.find("w") is not before
    assert live.ask("w", "ping") == "ping"
    assert live.system.pool_health() == health


def test_what_a_batch_raises_holds_up_nobody_in_a_simulation(simulated: Laboratory) -> None:
    breach = simulated.worker("w", Breach)
    breach.tell("breach")
    with pytest.raises(SystemError, match="a fault of the runtime"):
        simulated.system.settle()
    assert simulated.ask(breach, "ping") == "ping"


# Lost -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Worker, ThreadWorker])
def test_a_thread_that_does_not_come_back_from_the_dead_is_counted_until_it_does(
    live: Laboratory, kind: type[Worker]
) -> None:
    worker, gate = live.worker("w", kind), Gate()
    gate.hold(worker)
    assert live.system.pool_health().lost == 0
    send_exit(worker, KILL)
    assert live.system.pool_health().lost == 1
    gate.go_on.set()
    live.settle()
    assert live.system.pool_health().lost == 0


def test_a_stuck_child_that_its_supervisor_stops_is_lost(live: Laboratory) -> None:
    supervisor = live.supervisor(live.spec("w", ThreadWorker, shutdown_s=0))
    gate = Gate()
    gate.hold(live.find("w"))
    assert live.ask(supervisor, TerminateChild("w")) == Done()
    assert live.system.pool_health().lost == 1
    gate.go_on.set()
    live.settle()
    assert live.system.pool_health().lost == 0


@pytest.mark.parametrize("kind", [Worker, ThreadWorker])
def test_who_ends_by_itself_loses_no_thread(live: Laboratory, kind: type[Worker]) -> None:
    seen: list[PoolHealth] = []
    worker = live.worker("w", kind)
    worker.tell(lambda actor: actor.exit())
    live.settle()
    seen.append(live.system.pool_health())
    idle = live.worker("w", kind)
    send_exit(idle, KILL)
    seen.append(live.system.pool_health())
    assert [health.lost for health in seen] == [0, 0]


# Looked after -----------------------------------------------------------------------------------------------------


def test_a_stuck_thread_is_noticed_when_there_is_no_room_for_timers() -> None:
    ward, looked = Ward(), threading.Semaphore(0)
    timers: Any = ward.lab.system.timers
    look, heap = ward.pool.look, timers._heap

    def look_and_tell(now_s: float, period_s: float) -> None:
        look(now_s, period_s)
        looked.release()

    ward.pool.look = look_and_tell  # type: ignore[method-assign] # the test waits for it
    timers.after(3600.0, lambda: None)
    heap._limit = heap._sweep_at = 1  # so the one place is taken while the look of the pool makes its next one
    stuck = ward.lab.worker("stuck")
    ward.stick(stuck)
    for _ in range(round(STUCK_AFTER_S / PERIOD_S) + 1):
        ward.clock.advance_to(ward.clock.now_ns() + round(PERIOD_S * NS_PER_S))
        _wake(timers)
        assert looked.acquire(timeout=PATIENCE_S)
    assert [actor.ref for actor in ward.health().stuck] == [stuck]
    with pytest.raises(TooManyTimersError):
        timers.after(1.0, lambda: None)
    ward.close()


def _wake(timers: ThreadTimers) -> None:
    """Let the thread look at a clock that was moved."""
    with timers._changed:
        timers._changed.notify()


def test_a_look_that_raises_is_told_and_not_the_last(escaped: list[type[BaseException]]) -> None:
    timers, looks = ThreadTimers(WallClock()), threading.Semaphore(0)

    def look() -> None:
        looks.release()
        raise ValueError("a look")

    with pytest.raises(ValueError, match="a look"):
        timers.every(0.001, look)
    for _ in range(3):
        assert looks.acquire(timeout=PATIENCE_S)
    timers.stop(PATIENCE_S)
    assert set(escaped) == {ValueError}


def test_an_actor_that_is_killed_at_its_start_says_so(live: Laboratory) -> None:
    class Late(Actor):
        def init(self) -> None:
            send_exit(self.ref, KILL)

    with pytest.raises(StartFailedError, match="killed"):
        live.system.start(Late())
