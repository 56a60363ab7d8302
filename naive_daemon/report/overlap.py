"""What happened at once: how much was committed at the most, and for how long anything was held at all."""

import heapq
from collections.abc import Iterable, Sequence
from decimal import Decimal

from naive_daemon.domain.money import EXACT, ZERO


def peak(spans: Iterable[tuple[int, int, Decimal]]) -> Decimal:
    """Give the largest sum of amounts that were there at one moment; a span (from, to, amount) ends before its `to`."""
    highest, level = ZERO, ZERO
    ending: list[tuple[int, Decimal]] = []
    for start, end, amount in sorted(spans):
        while ending and ending[0][0] <= start:
            level = EXACT.subtract(level, heapq.heappop(ending)[1])
        heapq.heappush(ending, (end, amount))
        level = EXACT.add(level, amount)
        highest = max(highest, level)
    return highest


def covered(spans: Sequence[tuple[int, int]]) -> int:
    """Give how much of time is in one span at least, what is in several counted once."""
    total, until = 0, 0
    for start, end in sorted(spans):
        if end > until:
            total += end - max(start, until)
            until = end
    return total
