"""A tested grid as the one object that `--json` prints, and that its page is made of: money as exact texts."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from naive_daemon.clock import NS_PER_S
from naive_daemon.grid.outcome import Outcome, RankBy
from naive_daemon.grid.points import Grid


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """A grid and what came of it, the best point first. `source`: which file was tested, and what all points share.

    `signals`: how many different signals the points trade on; each process computes each of them once at most.
    """

    source: str
    version: str
    symbol: str
    quote_asset: str
    trades: int
    grid: Grid
    outcomes: Sequence[Outcome]
    rank_by: RankBy
    signals: int
    workers: int
    wall_ns: int


def grid_data(tested: Tested, top: int | None) -> dict[str, Any]:
    """Give the object, with the best `top` points or all; a figure that is not known is null."""
    return {
        "source": tested.source,
        "version": tested.version,
        "symbol": tested.symbol,
        "quote_asset": tested.quote_asset,
        "trades": tested.trades,
        "axes": [{"key": axis.key, "values": list(axis.values)} for axis in tested.grid.axes],
        "tested": len(tested.outcomes),
        "failed": sum(outcome.error is not None for outcome in tested.outcomes),
        "left_out": [
            {"reason": reason, "points": count} for reason, count in Counter(tested.grid.left_out).most_common()
        ],
        "rank_by": tested.rank_by.value,
        "signals": tested.signals,
        "workers": tested.workers,
        "wall_s": round(tested.wall_ns / NS_PER_S, 3),
        "points": [_point(rank, outcome) for rank, outcome in enumerate(tested.outcomes[:top], 1)],
    }


def _point(rank: int, outcome: Outcome) -> dict[str, Any]:
    summary = outcome.summary
    return {
        "rank": rank,
        "settings": outcome.changes,
        "error": outcome.error,
        **{each.value: outcome.value(each) for each in RankBy},
        "summary": None if summary is None else {**msgspec.structs.asdict(summary), "wall_s": float(summary.wall_s)},
        "figures": outcome.figures,
    }
