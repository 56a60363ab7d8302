"""Messages for later. One thread keeps all timers of a live system; a simulated one fires them as its clock moves."""

import heapq
import itertools
import threading
from collections.abc import Callable
from typing import Protocol

from naive_daemon.otp.uncaught import report_uncaught

NS_PER_S = 1_000_000_000


class Clock(Protocol):
    """Where a system gets the time from; otp itself reads none."""

    def now_ns(self) -> int:
        """UTC now, in nanoseconds since the epoch."""

    def monotonic_s(self) -> float:
        """Seconds that never go back."""


class MovableClock(Clock, Protocol):
    """A clock that stands until it is moved."""

    def advance_to(self, time_ns: int) -> None:
        """Move forward; a time that has passed is ignored."""


class Timer:
    """One message to come; `cancel` makes sure that it does not, unless it was sent already."""

    __slots__ = ("_fire",)

    def __init__(self, fire: Callable[[], None]) -> None:
        self._fire: Callable[[], None] | None = fire

    def cancel(self) -> None:
        """Never send it; may be called at any time."""
        self._fire = None

    def fire(self) -> None:
        """Send it, once."""
        fire, self._fire = self._fire, None
        if fire is not None:
            fire()

    @property
    def is_pending(self) -> bool:
        """Say whether it is still to come."""
        return self._fire is not None


class Timers(Protocol):
    """Keeps timers and fires each once, when it is due."""

    def after(self, delay_s: float, fire: Callable[[], None]) -> Timer:
        """Call `fire` in `delay_s` seconds, from the timers' thread; it must not block."""

    def stop(self) -> None:
        """Fire nothing any more."""


class ThreadTimers:
    """Timers of a live system: a heap and one thread that sleeps until the next is due."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name="timers", daemon=True)
        self._thread.start()

    def after(self, delay_s: float, fire: Callable[[], None]) -> Timer:
        """Call `fire` in `delay_s` seconds."""
        timer = Timer(fire)
        with self._changed:
            heapq.heappush(self._heap, (self._clock.monotonic_s() + delay_s, next(self._numbers), timer))
            if self._heap[0][2] is timer:
                self._changed.notify()
        return timer

    def stop(self) -> None:
        """End the thread."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                if self._stopped:
                    return
                due = self._take_due()
                if not due:
                    self._changed.wait(self._pause_s())
                    continue
            for timer in due:
                self._fire(timer)

    @staticmethod
    def _fire(timer: Timer) -> None:
        """Fire one; whatever it raises must not cost the others theirs, which is every time-out of the system."""
        try:
            timer.fire()
        except BaseException as error:  # noqa: BLE001 - this thread serves everybody; what was raised is told
            report_uncaught(error)

    def _take_due(self) -> list[Timer]:
        now = self._clock.monotonic_s()
        due = []
        while self._heap and self._heap[0][0] <= now:
            due.append(heapq.heappop(self._heap)[2])
        return due

    def _pause_s(self) -> float | None:
        return max(0.0, self._heap[0][0] - self._clock.monotonic_s()) if self._heap else None


class VirtualTimers:
    """Timers of a simulated system, fired by whoever moves the clock."""

    def __init__(self, clock: MovableClock) -> None:
        self._clock = clock
        self._heap: list[tuple[int, int, Timer]] = []
        self._numbers = itertools.count()

    def after(self, delay_s: float, fire: Callable[[], None]) -> Timer:
        """Call `fire` when the clock has moved by `delay_s` seconds."""
        timer = Timer(fire)
        due_ns = self._clock.now_ns() + round(delay_s * NS_PER_S)
        heapq.heappush(self._heap, (due_ns, next(self._numbers), timer))
        return timer

    @property
    def due_ns(self) -> int | None:
        """When the next timer falls due, perhaps a cancelled one; None when there is none."""
        return self._heap[0][0] if self._heap else None

    def advance_to(self, time_ns: int) -> bool:
        """Move the clock to the next timer due up to `time_ns` and fire it; False, at `time_ns`, when there is none.

        One at a time, so that what it sets off happens at its own time, before the clock goes on.
        """
        while self._heap and self._heap[0][0] <= time_ns:
            due_ns, _, timer = heapq.heappop(self._heap)
            if timer.is_pending:
                self._clock.advance_to(due_ns)
                timer.fire()
                return True
        self._clock.advance_to(time_ns)
        return False

    def stop(self) -> None:
        """Forget all timers."""
        self._heap.clear()
