"""Messages for later. One thread keeps all timers of a live system; a simulated one fires them as its clock moves.

Owned by the system. Invariant: what is in a heap and will never fire (cancelled, or its owner has ended) is never much
more than what will, so an hour's timer that is cancelled a thousand times a second costs nothing.
"""

import heapq
import itertools
import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from naive_daemon.otp.clock import Clock, MovableClock
from naive_daemon.otp.duty import PRESENT, Duty
from naive_daemon.otp.uncaught import report_uncaught

if TYPE_CHECKING:
    from naive_daemon.otp.ref import Ref

NS_PER_S = 1_000_000_000

LIMIT = 1_000_000
"""Timers to come, at most: some 300 MB of them. More are made by a loop that has gone wrong."""

STOP_TIMEOUT_S = 5.0

_FEW = 64
"""A heap of so few is not swept: it would cost more than it frees."""

_LONGEST_PAUSE_S = 3600.0
"""How long the thread sleeps at most; a lock refuses to wait for more than some 292 years."""

_FOR_EVER_S = 1e12
"""Some thirty thousand years; whoever asks for more gets this, which can still be counted in nanoseconds."""

Time = TypeVar("Time", int, float)


class TooManyTimersError(Exception):
    """One timer more than the limit; whoever makes it crashes, and with its end its own timers go."""


class Timer:
    """One message to come; `cancel` makes sure that it does not, unless it was sent already."""

    __slots__ = ("_fire", "_keeper", "_owner")

    def __init__(self, fire: Callable[[], None] | None, owner: "Ref | None" = None) -> None:
        self._fire = fire
        self._owner = owner
        self._keeper: _Keeper | None = None  # who has it in a heap, as one that is to come

    def cancel(self) -> None:
        """Never send it; may be called at any time, from any thread."""
        self._fire = None
        keeper = self._keeper
        if keeper is not None:
            keeper.forget(self)

    def fire(self) -> None:
        """Send it, once."""
        fire, self._fire = self._fire, None
        if fire is not None:
            fire()

    @property
    def is_pending(self) -> bool:
        """Say whether it is still to come."""
        return self._fire is not None and (self._owner is None or self._owner.is_alive())


class _Keeper(Protocol):
    def forget(self, timer: Timer) -> None:
        """Count out a timer that was cancelled."""


class Timers(Protocol):
    """Keeps timers and fires each once, when it is due and never before; those due at one time in the order of making.

    What an owner has made goes with it: when the actor `owner` has ended, its timers are forgotten without a word.
    """

    def after(self, delay_s: float, fire: Callable[[], None], owner: "Ref | None" = None) -> Timer:
        """Call `fire` in `delay_s` seconds, a finite number >= 0, else ValueError; `fire` must not block.

        Raises TooManyTimersError when too many are to come. After `stop` the timer is a cancelled one.
        """

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Fire nothing any more. May be called twice, from any thread, and from what a timer calls.

        Waits at most `timeout_s` for a timer that is just firing, if that runs in another thread.
        """


class TimerHeap(Generic[Time]):
    """Timers by the time they are due at, then by rank, then by age. Its owner sees to it that one thread is in it.

    What will not fire is swept out when it is more than half, and when the heap has doubled: each timer is looked at
    a constant number of times.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._entries: list[tuple[Time, float, int, Timer]] = []
        self._numbers = itertools.count()
        self._cancelled = 0
        self._sweep_at = min(limit, _FEW)

    def __len__(self) -> int:
        return len(self._entries)

    def push(
        self, due: Time, timer: Timer, keeper: _Keeper, rank: float = 0.0, *, is_always_taken: bool = False
    ) -> bool:
        """Take a timer; True when it is the first one due now. Raises TooManyTimersError."""
        if len(self._entries) >= self._sweep_at:
            self._sweep()
            if len(self._entries) >= self._limit and not is_always_taken:
                raise TooManyTimersError(f"{self._limit} timers are to come, which is the limit")
        heapq.heappush(self._entries, (due, rank, next(self._numbers), timer))
        timer._keeper = keeper
        return self._entries[0][3] is timer

    def forget(self, timer: Timer) -> None:
        """Count out a timer that was cancelled; nothing for one that is not here."""
        if timer._keeper is None:
            return
        timer._keeper = None
        self._cancelled += 1
        if self._cancelled * 2 > len(self._entries) >= _FEW:
            self._sweep()

    @property
    def next_due(self) -> Time | None:
        """When the first of those that will fire is due; None when there is none."""
        while self._entries and not self._entries[0][3].is_pending:
            self.pop()
        return self._entries[0][0] if self._entries else None

    def pop(self) -> Timer:
        """Take the first one out; raises IndexError when there is none."""
        timer = heapq.heappop(self._entries)[3]
        if timer._keeper is None:
            self._cancelled -= 1
        timer._keeper = None
        return timer

    def clear(self) -> None:
        """Cancel all."""
        entries, self._entries = self._entries, []
        self._cancelled = 0
        for *_, timer in entries:
            timer._keeper = timer._fire = None

    def _sweep(self) -> None:
        kept = []
        for entry in self._entries:
            if entry[3].is_pending:
                kept.append(entry)
            else:
                entry[3]._keeper = None
        heapq.heapify(kept)
        self._entries = kept
        self._cancelled = 0
        self._sweep_at = min(self._limit, max(_FEW, 2 * len(kept)))


class ThreadTimers:
    """Timers of a live system: one thread that sleeps until the next is due."""

    def __init__(self, clock: Clock, limit: int = LIMIT) -> None:
        self._clock = clock
        self._heap: TimerHeap[float] = TimerHeap(limit)
        # Re-entrant, since a garbage collection in the midst of it may cancel a timer. A name of its own, since a
        # Condition takes it in Python, at three times the cost.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="timers", daemon=True)
        self._thread.start()

    def after(self, delay_s: float, fire: Callable[[], None], owner: "Ref | None" = None) -> Timer:
        """Call `fire` in `delay_s` seconds, from the timers' thread; what it raises goes to threading.excepthook."""
        _check_delay(delay_s)
        return self._add(delay_s, Timer(fire, owner))

    def every(self, period_s: float, fire: Callable[[], None]) -> None:
        """Call `fire` now, and then every `period_s` seconds until the end, whatever it raises.

        For what looks after the system itself: the limit of timers does not hold for it.
        """
        _check_delay(period_s)

        def fire_again() -> None:
            self._add(period_s, Timer(fire_again), is_always_taken=True)
            fire()

        fire_again()

    def _add(self, delay_s: float, timer: Timer, *, is_always_taken: bool = False) -> Timer:
        due_s = self._clock.monotonic_s() + delay_s
        with self._lock:
            if self._stopped:
                timer.cancel()
            elif self._heap.push(due_s, timer, self, is_always_taken=is_always_taken):
                self._changed.notify()
        return timer

    def forget(self, timer: Timer) -> None:
        """Count out a timer that was cancelled."""
        with self._lock:
            self._heap.forget(timer)

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End the thread."""
        with self._lock:
            self._stopped = True
            self._heap.clear()
            self._changed.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)

    def _work(self) -> None:
        PRESENT.duty = Duty.TIMERS
        while (timer := self._wait_for_next()) is not None:
            try:
                timer.fire()
            except BaseException as error:  # noqa: BLE001 - this thread serves everybody; what was raised is told
                report_uncaught(error)

    def _wait_for_next(self) -> Timer | None:
        """Wait for the next one that is due, and take it out; None when it is time to end."""
        with self._lock:
            while not self._stopped:
                due_s = self._heap.next_due
                pause_s = _LONGEST_PAUSE_S if due_s is None else due_s - self._clock.monotonic_s()
                if pause_s <= 0:
                    return self._heap.pop()
                self._changed.wait(min(pause_s, _LONGEST_PAUSE_S))
            return None


class VirtualTimers:
    """Timers of a simulated system, fired by whoever moves the clock, who also gets what they raise.

    Seam for simulations: `rank` is drawn once for each timer when it is made; of those due at the same virtual time the
    lowest rank fires first, and the eldest of equal ranks. Without it all ranks are equal. A seeded generator's
    `random` makes the order a choice of the seed, as the thread of a live system gives no order to rely on either.
    """

    def __init__(self, clock: MovableClock, rank: Callable[[], float] | None = None, limit: int = LIMIT) -> None:
        self._clock = clock
        self._rank = rank
        self._heap: TimerHeap[int] = TimerHeap(limit)
        self._stopped = False

    def after(self, delay_s: float, fire: Callable[[], None], owner: "Ref | None" = None) -> Timer:
        """Call `fire` when the clock has moved by `delay_s` seconds, to the nearest nanosecond."""
        _check_delay(delay_s)
        timer = Timer(fire, owner)
        if self._stopped:
            timer.cancel()
            return timer
        rank = 0.0 if self._rank is None else self._rank()
        self._heap.push(self._clock.now_ns() + round(min(delay_s, _FOR_EVER_S) * NS_PER_S), timer, self, rank)
        return timer

    def forget(self, timer: Timer) -> None:
        """Count out a timer that was cancelled."""
        self._heap.forget(timer)

    @property
    def due_ns(self) -> int | None:
        """When the next timer falls due; None when none is to come."""
        return self._heap.next_due

    def advance_to(self, time_ns: int) -> bool:
        """Move the clock to the next timer due up to `time_ns` and fire it; False, at `time_ns`, when there is none.

        One at a time, so that what it sets off happens at its own time, before the clock goes on.
        """
        due_ns = self._heap.next_due
        if due_ns is None or due_ns > time_ns:
            self._clock.advance_to(time_ns)
            return False
        self._clock.advance_to(due_ns)
        self._heap.pop().fire()
        return True

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Forget all timers; there is nothing to wait for, so `timeout_s` is not used."""
        del timeout_s
        self._stopped = True
        self._heap.clear()


def _check_delay(delay_s: float) -> None:
    """Refuse what is no time to wait; NaN is not between any two numbers."""
    if not 0 <= delay_s < math.inf:
        raise ValueError(f"delay_s={delay_s!r} is not a finite number of seconds >= 0")
