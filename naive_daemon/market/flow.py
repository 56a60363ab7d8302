"""Which works share what: one RedFlow graph, whose clusters are what is needed once for all works in them.

stream (exchange, symbol)            a feed
├─ decision (all settings)           works without signals: equal positions of them are decided once
│   └─ account
├─ candles (interval)                candles of works with signals on candles
│   └─ signal (needs, strategy)      signals, computed once
│       └─ account
└─ signal (needs, strategy)          signals that are made of every trade
    └─ account
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.domain.candle import INTERVALS_S
from naive_daemon.market.signaller import signals_of
from naive_daemon.market.work import Work, WorkId
from naive_daemon.redflow import Cluster, Creator, GraphView, RedFlow, Source, graph_of, initiate
from naive_daemon.strategy.protocol import MarketNeeds

SHOWN_MAX = 10_000
"""So many clusters are shown at most, unless there are more streams: else the lowest levels are only counted."""

STREAM, DECISION, CANDLES, SIGNAL, ACCOUNT = "stream", "decision", "candles", "signal", "account"
LEVELS = (STREAM, DECISION, CANDLES, SIGNAL, ACCOUNT)
DEPTH_MAX = 4


class NeedsFeed(msgspec.Struct, frozen=True):
    """What a stream is: the trades of one symbol."""

    symbol: str

    @property
    def name(self) -> names.Name:
        """Name who has them."""
        return names.feed(self.symbol)


class NeedsCandles(msgspec.Struct, frozen=True):
    """The candles of one symbol and interval."""

    symbol: str
    interval: str

    @property
    def name(self) -> names.Name:
        """Name who has them."""
        return names.candles(self.symbol, self.interval)


class NeedsSignals(msgspec.Struct, frozen=True):
    """The signals of one strategy on one symbol; `signature` tells its needs from others."""

    symbol: str
    strategy: str
    signature: str
    needs: MarketNeeds

    @property
    def name(self) -> names.Name:
        """Name who computes them."""
        return names.signals(self.symbol, self.signature)


Need = NeedsFeed | NeedsCandles | NeedsSignals
"""What has a process of its own, under its name."""


class ClusterShown(msgspec.Struct, frozen=True):
    """What a cluster is, in words; `state` of its process (None: it has none), and why it waits, if it does."""

    what: str = ""
    state: str | None = None
    reason: str | None = None


_Place = Cluster[Work, Any]
_Level = RedFlow[Work, Any]


class MarketFlow:
    """The graph. `open` is told each need that is new, and `close` each that nobody has any more, deepest first."""

    def __init__(self, open: Callable[[Need], None], close: Callable[[Need], None]) -> None:  # noqa: A002 - what it does
        self._places: dict[names.Name, _Place] = {}

        def added(_: Source[Work], cluster: _Place, is_new: bool) -> None:
            if is_new:
                self._places[cluster.data.name] = cluster
                open(cluster.data)

        def detached(cluster: _Place) -> None:
            self._places.pop(cluster.data.name, None)
            close(cluster.data)

        def needed(name: str, mapper: Callable[[Source[Work], Creator[Work, Any], Any], None]) -> _Level:
            return RedFlow(name, mapper, on_source_add=added, on_cluster_detach=detached)

        self.streams = needed(STREAM, _map_stream)
        self._decisions: _Level = RedFlow(DECISION, _map_decision)
        self._candles = needed(CANDLES, _map_candles)
        self._signals = needed(SIGNAL, _map_candle_signal), needed(SIGNAL, _map_trade_signal)
        of_candles, of_trades = self._signals
        initiate(
            (
                self.streams,
                [
                    (self._decisions, [_accounts()]),
                    (self._candles, [(of_candles, [_accounts()])]),
                    (of_trades, [_accounts()]),
                ],
            )
        )
        self.streams.init_flow()

    @property
    def works(self) -> int:
        """How many works there are."""
        return len(self.streams.sources)

    def __contains__(self, work_id: WorkId) -> bool:
        return work_id in self.streams.sources

    def add(self, work: Work) -> None:
        """Add a work that is not there; raises RedFlowError, with nothing changed."""
        self.streams.add_sources([Source(work.id, work)])

    def remove(self, work_id: WorkId) -> None:
        """Remove a work; raises RedFlowError when it is not there."""
        self.streams.remove_source(work_id)

    def works_of(self, name: names.Name) -> tuple[WorkId, ...]:
        """Give the works that need who is called so."""
        place = self._places.get(name)
        return () if place is None else tuple(source.data.id for source in place.sources.values())

    def counts(self) -> dict[str, int]:
        """Count the clusters of each level."""
        counted = dict.fromkeys(LEVELS, 0)
        for level in self.streams.levels():
            counted[level.name] += level.count
        return counted

    def show(
        self,
        state_of: Callable[[Need], ClusterShown],
        symbol: str | None = None,
        depth: int = DEPTH_MAX,
        shown_max: int = SHOWN_MAX,
    ) -> GraphView:
        """Give the graph, or the stream of one symbol, so many levels deep, or fewer where that is too much to show."""
        streams = None if symbol is None else self._streams_of(symbol)

        def data_of(cluster: _Place) -> ClusterShown | str | None:
            return state_of(cluster.data) if isinstance(cluster.data, Need) else cluster.data

        return graph_of(self.streams, streams, depth=self._depth_of(streams, depth, shown_max), show=data_of)

    def _streams_of(self, symbol: str) -> list[_Place]:
        return [stream for stream in self.streams.niche().values() if stream.data.symbol == symbol]

    def _depth_of(self, streams: list[_Place] | None, depth: int, shown_max: int) -> int:
        """Give how many levels can be shown, one at least, without showing too much."""
        counted = [0] * DEPTH_MAX
        if streams is None:
            for level in self.streams.levels():
                counted[level.depth] += level.count
        else:
            for stream in streams:
                counted[0] += 1
                for cluster in _below(stream):
                    counted[cluster.depth] += 1
        return max(1, next((n for n in range(depth) if sum(counted[: n + 1]) > shown_max), depth))


def _below(cluster: _Place) -> Iterable[_Place]:
    for niche in cluster.below.values():
        for child in niche.values():
            yield child
            yield from _below(child)


def _accounts() -> _Level:
    return RedFlow(ACCOUNT, _map_account)


def _map_stream(source: Source[Work], creator: Creator[Work, Any], _: None) -> None:
    work = source.data
    is_new, cluster = creator.create_or_get(f"{work.exchange}:{work.symbol}")
    if is_new:
        cluster.data = NeedsFeed(work.symbol)


def _map_decision(source: Source[Work], creator: Creator[Work, Any], _: _Place) -> None:
    work = source.data
    if work.needs is None:
        is_new, cluster = creator.create_or_get(work.signature)
        if is_new:
            cluster.data = ClusterShown(f"{work.strategy} {work.settings}".rstrip())


def _map_candles(source: Source[Work], creator: Creator[Work, Any], _: _Place) -> None:
    work = source.data
    if work.needs is not None and work.needs.interval is not None:
        if work.needs.interval not in INTERVALS_S:
            raise ValueError(f"{work.needs.interval!r} is no interval of candles")
        is_new, cluster = creator.create_or_get(work.needs.interval)
        if is_new:
            cluster.data = NeedsCandles(work.symbol, work.needs.interval)


def _map_candle_signal(source: Source[Work], creator: Creator[Work, Any], _: _Place) -> None:
    if source.data.needs is not None:
        _map_signal(source.data, source.data.needs, creator)


def _map_trade_signal(source: Source[Work], creator: Creator[Work, Any], _: _Place) -> None:
    if source.data.needs is not None and source.data.needs.interval is None:
        _map_signal(source.data, source.data.needs, creator)


def _map_signal(work: Work, needs: MarketNeeds, creator: Creator[Work, Any]) -> None:
    signals = signals_of(work.strategy, needs)
    is_new, cluster = creator.create_or_get(signals)
    if is_new:
        cluster.data = NeedsSignals(work.symbol, work.strategy, signals, needs)


def _map_account(source: Source[Work], creator: Creator[Work, Any], _: _Place) -> None:
    creator.create_or_get(source.data.account)
