"""A measured figure, its peer in the same run, and how often something is done in a second."""

import gc
import time
from collections.abc import Callable

import msgspec

ROUNDS = 3


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured. `rate` is in `unit`; `ratio` is how many times that of the peer, where there is one."""

    name: str
    rate: float
    unit: str
    peer: str = ""
    peer_rate: float | None = None

    @property
    def ratio(self) -> float | None:
        return None if self.peer_rate is None else self.rate / self.peer_rate


def best_rate(count: int, work: Callable[[], object], prepare: Callable[[], object] | None = None) -> float:
    """Do `work`, which does something `count` times, in a few rounds; give the best round's rate in 1/s."""
    best = 0.0
    for _ in range(ROUNDS):
        if prepare is not None:
            prepare()
        gc.collect()
        began = time.perf_counter()
        work()
        best = max(best, count / (time.perf_counter() - began))
    return best
