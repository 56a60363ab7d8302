"""Timers and the actors they are for, and what those of live systems and of virtual time have each of their own."""

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from naive_daemon.clock import VirtualClock, WallClock
from naive_daemon.otp.timers import NS_PER_S, ThreadTimers, Timer, TimerHeap, TooManyTimersError, VirtualTimers
from tests.otp.hourglass import LONG_S, SOON_S, held
from tests.otp.laboratory import PATIENCE_S, BoomError, Laboratory, throw

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
