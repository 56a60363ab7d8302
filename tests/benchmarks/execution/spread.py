"""Latencies: how they are spread, in one word each."""

import math
from collections.abc import Sequence

US_PER_NS = 1e-3


def percentile(values: Sequence[float], ratio: float) -> float:
    """Give the least value that at least `ratio` of all values do not exceed; raises ValueError for no values."""
    if not values:
        raise ValueError("there is no percentile of nothing")
    return sorted(values)[max(0, math.ceil(ratio * len(values)) - 1)]
