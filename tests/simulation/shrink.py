"""Finds a smaller list of faults that still breaks the same promise: by halves, then one by one (delta debugging)."""

from collections.abc import Callable, Sequence

from tests.simulation.odds import Fault

Breaks = Callable[[Sequence[Fault]], bool]
"""Says whether a list of faults still breaks the promise."""


def shrink(faults: Sequence[Fault], breaks: Breaks) -> list[Fault]:
    """Give a list from which no fault can be left out, of those that were given.

    A run under fewer faults goes another way from the first that is missing on, so each list is tried anew.
    """
    left, parts = list(faults), 2
    while left:
        size = -(-len(left) // parts)
        for start in range(0, len(left), size):
            shorter = left[:start] + left[start + size :]
            if breaks(shorter):
                left, parts = shorter, max(parts - 1, 2)
                break
        else:
            if size == 1:
                return left
            parts = min(parts * 2, len(left))
    return left
