"""A measured figure and what it is held against in the same run."""

import gc
import time
from collections.abc import Callable

import msgspec

ROUNDS = 3


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The same thing done by a peer. `value` is None where the peer was skipped, and `skipped` says why.

    `goal` is a ratio of ours to the peer's: the least one of a rate, the greatest one of a cost.
    """

    peer: str
    value: float | None = None
    goal: float | None = None
    skipped: str = ""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, in `unit`. More of a rate is better; of a cost (`is_cost`: seconds, bytes) less is.

    `limit` is a goal for the value itself, where there is one.
    """

    name: str
    value: float
    unit: str
    is_cost: bool = False
    limit: float | None = None
    peers: tuple[Comparison, ...] = ()

    def ratio(self, peer: Comparison) -> float | None:
        """Say how many times the peer's value ours is; None for a peer that was skipped."""
        return None if peer.value is None else self.value / peer.value

    def meets_goal(self, peer: Comparison) -> bool | None:
        """Say whether the ratio is as good as the goal; None where there is nothing to say."""
        ratio = self.ratio(peer)
        return None if ratio is None else self._is_as_good(ratio, peer.goal)

    @property
    def meets_limit(self) -> bool | None:
        """Say whether the value is as good as its own limit; None where there is none."""
        return self._is_as_good(self.value, self.limit)

    def _is_as_good(self, found: float, wanted: float | None) -> bool | None:
        if wanted is None:
            return None
        return found <= wanted if self.is_cost else found >= wanted


def fastest_s(*measures: Callable[[], float]) -> tuple[float, ...]:
    """Call each of `measures`, which give seconds, once to warm up, then in a few rounds; give the fewest of each.

    Rounds go in turn from one to the next, so that whatever else the machine does befalls all of them.
    """
    for measure in measures:
        measure()
    rounds = [[_collected(measure) for measure in measures] for _ in range(ROUNDS)]
    return tuple(map(min, zip(*rounds, strict=True)))


def best_rate(count: int, work: Callable[[], object]) -> float:
    """Do `work`, which does something `count` times, in a few rounds; give the best round's rate in 1/s."""

    def measure() -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    (spent_s,) = fastest_s(measure)
    return count / spent_s


def _collected(measure: Callable[[], float]) -> float:
    """Measure without the rubbish of what was before; the collector itself runs as it does in the daemon."""
    gc.collect()
    return measure()
