"""Timers: one contract for those of a live system and those of virtual time, then what each has of its own."""

import contextlib
import gc
import random
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest

from naive_daemon.clock import VirtualClock, WallClock
from naive_daemon.otp.timers import (
    NS_PER_S,
    Clock,
    ThreadTimers,
    Timer,
    TimerHeap,
    Timers,
    TooManyTimersError,
    VirtualTimers,
)
from tests.otp.laboratory import PATIENCE_S, BoomError, Laboratory, throw

SOON_S = 0.001
LONG_S = 3600.0
LIMIT = 1_000


class Hourglass(Protocol):
    """Timers of one kind, with a limit of 1,000, and how time passes for them."""

    clock: Clock
    timers: Timers

    def wait_for(self, event: threading.Event) -> bool:
        """Let time pass until a timer has set `event`; False when that does not come."""

    def waiting(self) -> int:
        """Count what is in the heap."""


class LiveHourglass:
    def __init__(self) -> None:
        self.clock = WallClock()
        self.timers = ThreadTimers(self.clock, LIMIT)

    def wait_for(self, event: threading.Event) -> bool:
        return event.wait(PATIENCE_S)

    def waiting(self) -> int:
        return len(self.timers._heap)


class VirtualHourglass:
    def __init__(self) -> None:
        self.clock = VirtualClock(7)
        self.timers = VirtualTimers(self.clock, limit=LIMIT)

    def wait_for(self, event: threading.Event) -> bool:
        end_ns = self.clock.now_ns() + round(PATIENCE_S * NS_PER_S)
        has_more = True
        while has_more and not event.is_set():
            with contextlib.suppress(BoomError):  # what a timer raises comes to who moves the clock
                has_more = self.timers.advance_to(end_ns)
        return event.is_set()

    def waiting(self) -> int:
        return len(self.timers._heap)


@pytest.fixture(params=[LiveHourglass, VirtualHourglass], ids=["thread", "virtual"])
def glass(request: pytest.FixtureRequest) -> Iterator[Hourglass]:
    """Run the test on timers of each kind."""
    hourglass: Hourglass = request.param()
    yield hourglass
    hourglass.timers.stop(PATIENCE_S)


@contextlib.contextmanager
def held(timers: Timers) -> Iterator[None]:
    """Let no timer fire meanwhile, however slow the machine is."""
    firing, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        firing.set()
        go_on.wait(PATIENCE_S)

    if isinstance(timers, ThreadTimers):
        timers.after(0, hold)
        assert firing.wait(PATIENCE_S)
    yield
    go_on.set()


# The contract ------------------------------------------------------------------------------------------------------


def test_a_timer_fires_once_and_not_before_its_time(glass: Hourglass) -> None:
    fired, last = [], threading.Event()
    made_s = glass.clock.monotonic_s()
    timer = glass.timers.after(5 * SOON_S, lambda: fired.append(glass.clock.monotonic_s()))
    assert timer.is_pending
    glass.timers.after(10 * SOON_S, last.set)
    assert glass.wait_for(last)
    (fired_s,) = fired
    assert fired_s >= made_s + 5 * SOON_S
    assert not timer.is_pending
    timer.fire()
    assert len(fired) == 1


def test_timers_fire_in_the_order_of_their_times_whatever_the_order_of_making(glass: Hourglass) -> None:
    fired: list[int] = []
    last = threading.Event()
    delays = list(range(20))
    random.Random(1).shuffle(delays)
    with held(glass.timers):
        for delay in delays:
            glass.timers.after(delay * SOON_S, lambda delay=delay: fired.append(delay))  # type: ignore[misc] # mypy knows no defaults of lambdas
        glass.timers.after(20 * SOON_S, last.set)
    assert glass.wait_for(last)
    assert fired == sorted(delays)


def test_a_cancelled_timer_does_not_fire(glass: Hourglass) -> None:
    fired: list[str] = []
    last = threading.Event()
    with held(glass.timers):
        timer = glass.timers.after(SOON_S, lambda: fired.append("cancelled"))
        timer.cancel()
        timer.cancel()
        assert not timer.is_pending
        glass.timers.after(SOON_S, lambda: other.cancel())  # noqa: PLW0108 - it is made in the next line
        other = glass.timers.after(2 * SOON_S, lambda: fired.append("cancelled by a timer"))
        done = glass.timers.after(3 * SOON_S, last.set)
    assert glass.wait_for(last)
    done.cancel()
    assert fired == []
    assert glass.waiting() == 0


def test_a_timer_may_make_the_next_one(glass: Hourglass) -> None:
    count, last = [0], threading.Event()

    def again() -> None:
        count[0] += 1
        if count[0] < 50:
            glass.timers.after(0, again)
        else:
            last.set()

    again()
    assert glass.wait_for(last)
    assert count == [50]


def test_a_timer_that_raises_costs_the_others_nothing(glass: Hourglass, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    last = threading.Event()
    for _ in range(3):
        glass.timers.after(0, lambda: throw(BoomError("boom")))
    glass.timers.after(SOON_S, last.set)
    assert glass.wait_for(last)
    assert glass.waiting() == 0


@pytest.mark.parametrize("delay_s", [-1, -1e-9, float("nan"), float("inf"), float("-inf")])
def test_what_is_no_time_to_wait_is_refused(glass: Hourglass, delay_s: float) -> None:
    with pytest.raises(ValueError, match=r"delay_s=.* is not a finite number of seconds >= 0"):
        glass.timers.after(delay_s, lambda: None)
    assert glass.waiting() == 0


def test_a_time_far_beyond_all_locks_is_no_trouble(glass: Hourglass) -> None:
    last = threading.Event()
    glass.timers.after(1e300, lambda: None)
    glass.timers.after(SOON_S, last.set)
    assert glass.wait_for(last)


def test_what_is_cancelled_does_not_stay_until_it_would_be_due(glass: Hourglass) -> None:
    kept = [glass.timers.after(LONG_S, lambda: None) for _ in range(100)]
    for _ in range(20 * LIMIT):
        glass.timers.after(LONG_S, lambda: None).cancel()
        assert glass.waiting() <= 2 * len(kept) + 1
    assert all(timer.is_pending for timer in kept)
    for timer in kept:
        timer.cancel()
    assert glass.waiting() < 64


def test_a_cancelled_timer_holds_nothing(glass: Hourglass) -> None:
    class Held:
        def fire(self) -> None: ...

    held = Held()
    gone = weakref.ref(held)
    timer = glass.timers.after(LONG_S, held.fire)
    del held
    gc.collect()
    assert gone() is not None
    timer.cancel()
    gc.collect()
    assert gone() is None


def test_the_number_of_timers_has_a_bound(glass: Hourglass) -> None:
    timers = [glass.timers.after(LONG_S, lambda: None) for _ in range(LIMIT)]
    with pytest.raises(TooManyTimersError, match=f"{LIMIT} timers are to come"):
        glass.timers.after(LONG_S, lambda: None)
    timers[5].cancel()
    assert glass.timers.after(LONG_S, lambda: None).is_pending


def test_after_the_stop_nothing_fires_and_nothing_is_kept(glass: Hourglass) -> None:
    fired: list[str] = []
    with held(glass.timers):
        before = glass.timers.after(0, lambda: fired.append("before"))
        glass.timers.stop(0.0)
    glass.timers.stop(PATIENCE_S)
    after = glass.timers.after(0, lambda: fired.append("after"))
    for timer in (before, after):
        assert not timer.is_pending
        timer.cancel()
    if isinstance(glass, VirtualHourglass):
        assert not glass.wait_for(threading.Event())
    assert fired == []
    assert glass.waiting() == 0


def test_a_timer_may_stop_them_all(glass: Hourglass) -> None:
    fired: list[str] = []
    last = threading.Event()

    def stop() -> None:
        glass.timers.stop(PATIENCE_S)
        last.set()

    glass.timers.after(0, stop)
    glass.timers.after(SOON_S, lambda: fired.append("too late"))
    assert glass.wait_for(last)
    assert glass.waiting() == 0
    glass.timers.stop(PATIENCE_S)
    assert fired == []


# Owners ------------------------------------------------------------------------------------------------------------


def test_a_timer_for_a_dead_actor_passes_without_a_word(lab: Laboratory, logs: list[Any]) -> None:
    victim, witness = lab.worker("victim"), lab.worker("witness")
    with held(lab.system.timers):
        timer = lab.ask(victim, lambda actor: actor.send_after(SOON_S, "too late"))
        unowned = lab.system.timers.after(SOON_S, lambda: victim.tell("too late, too"))
        lab.kill(victim)
        assert not timer.is_pending
    heard = threading.Event()
    lab.ask(witness, lambda actor: actor.send_after(2 * SOON_S, lambda _: heard.set()) and None)
    if lab.is_simulated:
        lab.advance(1.0)
    assert heard.wait(PATIENCE_S)
    assert not unowned.is_pending
    assert [event for event in lab.seen("got") if event[1] == "victim"] == []
    assert logs == []


def test_the_timers_of_the_dead_do_not_stay(lab: Laboratory) -> None:
    heap = _heap_of(lab)
    idle = len(heap)
    for _ in range(10):
        ref = lab.worker()
        lab.tell(ref, lambda actor: [actor.send_after(LONG_S, number) for number in range(100)] and None)
        lab.kill(ref)
    assert len(heap) - idle <= 200


def test_who_makes_too_many_timers_crashes_and_all_others_have_room_again(lab: Laboratory) -> None:
    lab.system.timers._heap._limit = 500  # type: ignore[attr-defined] # the limit of a system is no matter of tests
    lab.supervisor("culprit", "other")
    first = lab.find("culprit")
    lab.tell(first, lambda actor: [actor.send_after(LONG_S, number) for number in range(1_000)] and None)
    reason = lab.reason_of(first)
    assert reason is not None
    assert isinstance(reason.detail, TooManyTimersError)
    assert lab.find("culprit") is not first
    assert lab.ask("other", lambda actor: actor.send_after(LONG_S, "hello")).is_pending


def _heap_of(lab: Laboratory) -> TimerHeap[Any]:
    timers: Any = lab.system.timers
    heap: TimerHeap[Any] = timers._heap
    return heap


# Live ones alone ---------------------------------------------------------------------------------------------------


def test_a_timer_that_raises_is_told_and_the_others_fire(live: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    fired = threading.Event()
    live.system.timers.after(0, lambda: throw(BoomError("boom")))
    live.system.timers.after(0, lambda: throw(SystemExit(1)))
    live.system.timers.after(0, fired.set)
    assert fired.wait(PATIENCE_S)
    assert [str(arguments.exc_value) for arguments in told] == ["boom", "1"]


def test_the_stop_waits_for_a_timer_that_fires_and_not_longer_than_told() -> None:
    timers = ThreadTimers(WallClock())
    firing, go_on = threading.Event(), threading.Event()

    def block() -> None:
        firing.set()
        go_on.wait(PATIENCE_S)

    timers.after(0, block)
    assert firing.wait(PATIENCE_S)
    timers.stop(0.0)
    assert timers._thread.is_alive()
    go_on.set()
    timers.stop(PATIENCE_S)
    assert not timers._thread.is_alive()


def test_stops_from_many_threads_at_once_are_one_stop() -> None:
    timers = ThreadTimers(WallClock())
    threads = [threading.Thread(target=timers.stop) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not any(thread.is_alive() for thread in [*threads, timers._thread])


def test_many_threads_make_and_cancel_timers_and_none_is_lost() -> None:
    timers = ThreadTimers(WallClock())
    fired: list[tuple[int, int]] = []
    done = threading.Semaphore(0)

    def make(maker: int) -> None:
        for number in range(500):
            timers.after(LONG_S, lambda: None).cancel()
            timers.after(number % 7 * SOON_S, lambda number=number: fired.append((maker, number)))  # type: ignore[misc] # mypy knows no defaults of lambdas
        timers.after(10 * SOON_S, done.release)

    threads = [threading.Thread(target=make, args=(maker,)) for maker in range(4)]
    for thread in threads:
        thread.start()
    assert all(done.acquire(timeout=PATIENCE_S) for _ in threads)
    for thread in threads:
        thread.join(PATIENCE_S)
    timers.stop(PATIENCE_S)
    assert sorted(fired) == [(maker, number) for maker in range(4) for number in range(500)]


# Virtual ones alone ------------------------------------------------------------------------------------------------


def test_virtual_time_stands_at_each_timers_own_moment() -> None:
    clock = VirtualClock()
    timers = VirtualTimers(clock)
    fired: list[int] = []
    for delay_s in (0.3, 0.1, 0.2, 5.0):
        timers.after(delay_s, lambda: fired.append(clock.now_ns()))
    assert timers.due_ns == 100_000_000
    while timers.advance_to(NS_PER_S):
        pass
    assert fired == [100_000_000, 200_000_000, 300_000_000]
    assert clock.now_ns() == NS_PER_S
    assert timers.due_ns == 5 * NS_PER_S


def test_virtual_time_does_not_stop_at_what_was_cancelled() -> None:
    clock = VirtualClock()
    timers = VirtualTimers(clock)
    cancelled = timers.after(1, lambda: None)
    timers.after(2, lambda: None)
    cancelled.cancel()
    assert timers.due_ns == 2 * NS_PER_S
    assert timers.advance_to(3 * NS_PER_S)
    assert clock.now_ns() == 2 * NS_PER_S
    assert timers.due_ns is None


def test_what_a_virtual_timer_raises_comes_to_who_moves_the_clock() -> None:
    timers = VirtualTimers(VirtualClock())
    timers.after(0, lambda: throw(BoomError("boom")))
    with pytest.raises(BoomError):
        timers.advance_to(0)
    assert not timers.advance_to(0)


def _order(rank: Callable[[], float] | None) -> list[int]:
    timers = VirtualTimers(VirtualClock(), rank)
    fired: list[int] = []
    for number in range(20):
        timers.after(1, lambda number=number: fired.append(number))  # type: ignore[misc] # mypy knows no defaults of lambdas
    timers.after(0.5, lambda: fired.append(-1))
    while timers.advance_to(NS_PER_S):
        pass
    return fired


def test_those_of_one_moment_fire_in_the_order_of_making_or_as_the_seed_says() -> None:
    assert _order(None) == [-1, *range(20)]
    one, again, another = (_order(random.Random(seed).random) for seed in (1, 1, 2))
    assert one == again
    assert one != another
    assert one != _order(None)
    assert one[0] == another[0] == -1
    assert sorted(one) == sorted(another) == list(range(-1, 20))


def test_a_timer_of_nobody_is_pending_until_it_fires() -> None:
    timer = Timer(lambda: None)
    assert timer.is_pending
    timer.fire()
    assert not timer.is_pending
    timer.cancel()
