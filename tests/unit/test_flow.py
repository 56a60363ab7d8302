"""The graph of works against plain sets: what works need is open, nothing else is, and it closes from below."""

from collections import Counter
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive_daemon import names
from naive_daemon.market.flow import (
    ACCOUNT,
    CANDLES,
    DECISION,
    SIGNAL,
    STREAM,
    ClusterShown,
    MarketFlow,
    Need,
    NeedsCandles,
    NeedsFeed,
    NeedsSignals,
)
from naive_daemon.market.signaller import signals_of
from naive_daemon.market.work import Work, WorkId
from naive_daemon.redflow import ClusterView, MapperError, print_graph
from naive_daemon.strategy.protocol import MarketNeeds

ALL_NEEDS = [
    None,
    MarketNeeds(interval="1m", history=3, settings=(("fast", "2"), ("slow", "3"))),
    MarketNeeds(interval="1m", history=9, settings=(("fast", "2"), ("slow", "9"))),
    MarketNeeds(interval="5m", history=3, settings=(("fast", "2"), ("slow", "3"))),
    MarketNeeds(settings=(("ticks", "7"),)),
]


def work(
    symbol: str = "AAAQ",
    account: str = "main",
    number: int = 0,
    needs: MarketNeeds | None = None,
    strategy: str = "crossing",
) -> Work:
    return Work(
        exchange="paper",
        symbol=symbol,
        account=account,
        strategy="naive" if needs is None else strategy,
        signature=f"s{number}",
        settings=f"chunks={number}",
        needs=needs,
    )


WORKS = [
    work(symbol, account, number, needs)
    for symbol in ("AAAQ", "BBBQ")
    for account in ("main", "second", "third")
    for number, needs in enumerate(ALL_NEEDS)
]


class Market:
    """Keeps what is open: it refuses to open twice, to close what is not open, and a child that outlives its parent."""

    def __init__(self) -> None:
        self.open: list[Need] = []
        self.flow = MarketFlow(self._open, self._close)

    def _open(self, need: Need) -> None:
        assert need not in self.open
        self.open.append(need)

    def _close(self, need: Need) -> None:
        self.open.remove(need)
        left = [each for each in self.open if each.symbol == need.symbol]
        if isinstance(need, NeedsFeed):
            assert left == []
        if isinstance(need, NeedsCandles):
            assert not [
                each for each in left if isinstance(each, NeedsSignals) and each.needs.interval == need.interval
            ]


def needed_by(works: list[Work]) -> set[names.Name]:
    """Say in the plainest way what has to run for some works."""
    found: set[names.Name] = set()
    for each in works:
        found.add(names.feed(each.symbol))
        if each.needs is not None:
            found.add(names.signals(each.symbol, signals_of(each.strategy, each.needs)))
            if each.needs.interval is not None:
                found.add(names.candles(each.symbol, each.needs.interval))
    return found


def clusters_of(works: list[Work]) -> dict[str, int]:
    """Count in the plainest way what works share, by level."""
    return {
        STREAM: len({each.symbol for each in works}),
        DECISION: len({(each.symbol, each.signature) for each in works if each.needs is None}),
        CANDLES: len({(each.symbol, each.needs.interval) for each in works if each.needs and each.needs.interval}),
        SIGNAL: len({(each.symbol, each.signature) for each in works if each.needs is not None}),
        ACCOUNT: len(works),
    }


def check(market: Market, works: list[Work]) -> None:
    assert {need.name for need in market.open} == needed_by(works)
    assert market.flow.works == len(works)
    assert market.flow.counts() == clusters_of(works)


@settings(max_examples=60)
@given(st.lists(st.integers(0, len(WORKS) - 1), max_size=40))
def test_what_the_works_need_is_open_and_nothing_else(toggled: list[int]) -> None:
    """Each number adds its work, or removes it when it is there; in the end all go."""
    market = Market()
    there: dict[WorkId, Work] = {}
    for each in [WORKS[number] for number in toggled]:
        if there.pop(each.id, None) is None:
            there[each.id] = each
            market.flow.add(each)
        else:
            market.flow.remove(each.id)
        check(market, list(there.values()))
        assert (each.id in market.flow) == (each.id in there)
    for work_id in list(there):
        market.flow.remove(work_id)
    check(market, [])


def paths(clusters: tuple[ClusterView, ...], above: tuple[str, ...] = ()) -> Counter[tuple[str, ...]]:
    found: Counter[tuple[str, ...]] = Counter()
    for cluster in clusters:
        path = (*above, f"{cluster.level} {cluster.id}")
        found[path] = cluster.sources
        found += paths(cluster.clusters, path)
    return found


def state_of(need: Need) -> ClusterShown:
    return ClusterShown(state=f"{need.name[0]} runs")


def test_the_graph_shows_each_level_with_how_many_works_share_it() -> None:
    market = Market()
    candled = ALL_NEEDS[1]
    for each in (work(), work(account="second"), work(account="third", number=1, needs=candled)):
        market.flow.add(each)
    shown = market.flow.show(state_of)
    signal = signals_of("crossing", candled) if candled else ""
    stream = "stream paper:AAAQ"
    assert paths(shown.clusters) == {
        (stream,): 3,
        (stream, "decision s0"): 2,
        (stream, "decision s0", "account main"): 1,
        (stream, "decision s0", "account second"): 1,
        (stream, "candles 1m"): 1,
        (stream, "candles 1m", f"signal {signal}"): 1,
        (stream, "candles 1m", f"signal {signal}", "account third"): 1,
    }
    assert shown.clusters[0].data == ClusterShown(state="feed runs")
    assert shown.clusters[0].clusters[0].data == ClusterShown("naive chunks=0")
    assert "3 sources; stream 1 (decision 1 (account 2), candles 1 (signal 1 (account 1))" in print_graph(shown)


def test_a_graph_too_big_to_show_is_counted_below() -> None:
    market = Market()
    for number in range(100):
        for symbol in ("AAAQ", "BBBQ"):
            market.flow.add(work(symbol, f"a{number}", number % 4))
    whole = market.flow.show(state_of)
    assert len(paths(whole.clusters)) == 2 + 8 + 200
    cut = market.flow.show(state_of, shown_max=209)
    assert len(paths(cut.clusters)) == 2 + 8
    assert {below.hidden for stream in cut.clusters for below in stream.clusters} == {25}
    one = market.flow.show(state_of, "BBBQ", shown_max=209)
    assert len(paths(one.clusters)) == 1 + 4 + 100
    assert len(paths(market.flow.show(state_of, depth=2).clusters)) == 2 + 8
    assert len(paths(market.flow.show(state_of, shown_max=1).clusters)) == 2  # streams are always shown
    assert market.flow.show(state_of, "NONE").clusters == ()


@pytest.mark.parametrize(
    "needs",
    [MarketNeeds(interval="7m"), MarketNeeds(interval="1m", settings=cast("Any", (("when", object()),)))],
    ids=["interval", "settings"],
)
def test_a_work_that_nobody_can_serve_changes_nothing(needs: MarketNeeds) -> None:
    market = Market()
    market.flow.add(work())
    with pytest.raises(MapperError):
        market.flow.add(work("BBBQ", needs=needs))
    check(market, [work()])
