"""The contract that the timers of a live system and those of virtual time both keep."""

import gc
import random
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from naive_daemon.otp.timers import TooManyTimersError
from tests.otp.hourglass import LIMIT, LONG_S, SOON_S, Hourglass, LiveHourglass, VirtualHourglass, held
from tests.otp.laboratory import PATIENCE_S, BoomError, throw


@pytest.fixture(params=[LiveHourglass, VirtualHourglass], ids=["thread", "virtual"])
def glass(request: pytest.FixtureRequest) -> Iterator[Hourglass]:
    """Run the test on timers of each kind."""
    hourglass: Hourglass = request.param()
    yield hourglass
    hourglass.timers.stop(PATIENCE_S)


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
