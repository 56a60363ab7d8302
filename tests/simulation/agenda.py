"""What is on its way in the world outside of the daemon: it goes on while no process runs."""

import heapq
import itertools
from collections.abc import Callable

from naive_daemon.clock import NS_PER_S, VirtualClock


class Agenda:
    """Things to come, by their time; those of one moment in the order in which they were noted."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    @property
    def due_ns(self) -> int | None:
        """When the next thing falls due; None when nothing is to come."""
        return self._heap[0][0] if self._heap else None

    def now_ns(self) -> int:
        """Give the time in the world."""
        return self._clock.now_ns()

    def after(self, delay_s: float, do: Callable[[], None]) -> None:
        """Note what is to be done in so many seconds, to the nearest nanosecond; the world does it, not the daemon."""
        due_ns = self._clock.now_ns() + round(delay_s * NS_PER_S)
        heapq.heappush(self._heap, (due_ns, next(self._numbers), do))

    def run_due(self) -> None:
        """Do everything that is due now, also what comes of it now."""
        while self._heap and self._heap[0][0] <= self._clock.now_ns():
            _, _, do = heapq.heappop(self._heap)
            do()
