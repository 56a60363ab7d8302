"""What the points of a grid share, as a RedFlow: candles of one interval, signals of equal needs, points.

All share the recording. Points whose strategy has signals share these where their needs are equal: they come one after
the other, and each process computes the signals once for all of them that it gets. A strategy without signals shares
the recording alone.
"""

from collections.abc import Iterable

from naive_daemon.backtest import needs_of_plan
from naive_daemon.grid.points import Point
from naive_daemon.market.signaller import signals_of
from naive_daemon.redflow import Creator, RedFlow, Source, initiate

NO_CANDLES = "trades"
NO_SIGNALS = "no signals"


class PointsFlow:
    """The graph of a grid's points."""

    def __init__(self, points: Iterable[Point]) -> None:
        self._points: RedFlow[Point, None] = RedFlow("point", _by_number)
        self.signals: RedFlow[Point, None] = RedFlow("signals", _by_signals)
        self.candles: RedFlow[Point, None] = initiate(
            (RedFlow("candles", _by_interval), [(self.signals, [self._points])])
        )
        self.candles.init_flow()
        self.candles.add_sources(Source(point.number, point) for point in points)

    def in_order(self) -> list[Point]:
        """Give the points, those that share the most next to each other."""
        return [source.data for cluster in self._points.each() for source in cluster.sources.values()]

    def signals_count(self) -> int:
        """Say how many different signals there are to compute."""
        return sum(cluster.clustering_id != NO_SIGNALS for cluster in self.signals.each())


def _by_interval(source: Source[Point], creator: "Creator[Point, None]", _: object) -> None:
    needs = needs_of_plan(source.data.plan)
    creator.create_or_get(NO_CANDLES if needs is None or needs.interval is None else needs.interval)


def _by_signals(source: Source[Point], creator: "Creator[Point, None]", _: object) -> None:
    plan = source.data.plan
    needs = needs_of_plan(plan)
    creator.create_or_get(NO_SIGNALS if needs is None else signals_of(plan.settings.strategy, needs))


def _by_number(source: Source[Point], creator: "Creator[Point, None]", _: object) -> None:
    creator.create_or_get(source.data.number)
