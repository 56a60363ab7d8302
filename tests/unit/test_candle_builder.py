"""Candles made of trades against a plain group-by."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.candle import INTERVALS_S, NS_PER_S, Candle, open_of
from naive_daemon.domain.events import Trade
from naive_daemon.market.candle_builder import GAP_MAX, CandleBuilder

START_NS = 1_700_000_000 * NS_PER_S
intervals = st.sampled_from(["1s", "1m", "5m"])
prices = st.integers(1, 10**9).map(lambda units: Decimal(units).scaleb(-8))


def trade(time_ns: int, price: Decimal = Decimal(1), quantity: Decimal = Decimal(1), number: int = 0) -> Trade:
    return Trade("BTCUSDT", price, quantity, number, time_ns)


@st.composite
def markets(draw: st.DrawFn) -> list[Trade]:
    """Give trades in order of time, many in one moment, with silences of some intervals here and there."""
    steps = draw(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3), prices, prices), min_size=1, max_size=60))
    time_ns, made = START_NS, []
    for number, (units, power, price, quantity) in enumerate(steps):
        time_ns += units * 10 ** (7 + power)
        made.append(trade(time_ns, price, quantity, number))
    return made


def grouped(trades: Sequence[Trade], interval: str) -> list[Candle]:
    """Do the same by grouping: whole candles from the first trade's on, the last one among them."""
    length_ns = INTERVALS_S[interval] * NS_PER_S
    groups: dict[int, list[Trade]] = {}
    for each in trades:
        groups.setdefault(open_of(interval, each.time_ns), []).append(each)
    candles: list[Candle] = []
    for open_ns in range(min(groups), max(groups) + 1, length_ns):
        group = groups.get(open_ns, [])
        values = [each.price for each in group] or [candles[-1].close]
        candles.append(
            Candle(
                symbol="BTCUSDT",
                interval=interval,
                open_ns=open_ns,
                close_ns=open_ns + length_ns,
                open=values[0],
                high=max(values),
                low=min(values),
                close=values[-1],
                volume=sum((each.quantity for each in group), Decimal(0)),
                trades=len(group),
            )
        )
    return candles


def built(builder: CandleBuilder, trades: Sequence[Trade]) -> list[Candle]:
    return [candle for each in trades for candle in builder.take(each)]


@given(markets(), intervals)
def test_candles_are_those_of_a_plain_group_by_and_tile_time(trades: list[Trade], interval: str) -> None:
    whole = built(CandleBuilder("BTCUSDT", interval, is_first_whole=True), trades)
    assert whole == grouped(trades, interval)[:-1]
    assert all(earlier.close_ns == later.open_ns for earlier, later in pairwise(whole))
    for candle in whole:
        assert candle.low <= min(candle.open, candle.close) <= max(candle.open, candle.close) <= candle.high
    last_open_ns = open_of(interval, trades[-1].time_ns)
    told = [each for each in trades if each.time_ns < last_open_ns]
    assert sum((candle.volume for candle in whole), Decimal(0)) == sum((each.quantity for each in told), Decimal(0))
    assert sum(candle.trades for candle in whole) == len(told)
    assert built(CandleBuilder("BTCUSDT", interval), trades) == whole[1:]


@given(markets(), intervals, st.lists(st.integers(0, 10**10), max_size=20))
def test_a_clock_that_looks_in_between_closes_the_same_candles(
    trades: list[Trade], interval: str, looks: list[int]
) -> None:
    builder = CandleBuilder("BTCUSDT", interval, is_first_whole=True)
    times = sorted(START_NS + look for look in looks)
    told: list[Candle] = []
    for each in trades:
        while times and times[0] <= each.time_ns:
            told += builder.close_until(times.pop(0))
        told += builder.take(each)
    assert told == grouped(trades, interval)[:-1]
    end_ns = builder.open_close_ns
    assert end_ns is not None
    told += builder.close_until(end_ns)
    assert told == grouped(trades, interval)


@given(markets(), st.data())
def test_a_trade_that_comes_late_changes_nothing_that_was_told_or_will_be(
    trades: list[Trade], data: st.DataObject
) -> None:
    punctual = CandleBuilder("BTCUSDT", "1s", is_first_whole=True)
    disturbed = CandleBuilder("BTCUSDT", "1s", is_first_whole=True)
    late = 0
    for each in trades:
        assert disturbed.take(each) == punctual.take(each)
        if data.draw(st.booleans()):
            before_ns = open_of("1s", each.time_ns) - data.draw(st.integers(1, 10**10))
            assert disturbed.take(trade(before_ns, Decimal(10**6), Decimal(10**6))) == ()
            late += 1
    assert disturbed.late == late
    assert punctual.late == 0


def test_a_clock_before_the_first_trade_closes_nothing() -> None:
    builder = CandleBuilder("BTCUSDT", "1m", is_first_whole=True)
    assert builder.close_until(START_NS) == ()
    assert builder.open_close_ns is None


def test_a_trade_that_a_clock_has_overtaken_is_late() -> None:
    builder = CandleBuilder("BTCUSDT", "1s", is_first_whole=True)
    builder.take(trade(START_NS))
    closed = builder.close_until(START_NS + 2 * NS_PER_S)
    assert [candle.trades for candle in closed] == [1, 0]
    assert builder.take(trade(START_NS + NS_PER_S)) == ()
    assert builder.late == 1


@pytest.mark.parametrize("is_by_clock", [True, False])
def test_of_a_day_without_a_trade_the_last_thousand_candles_of_a_second_are_made(is_by_clock: bool) -> None:
    builder = CandleBuilder("BTCUSDT", "1s", is_first_whole=True)
    builder.take(trade(START_NS, Decimal(7)))
    end_ns = START_NS + 86_400 * NS_PER_S
    closed = builder.close_until(end_ns) if is_by_clock else builder.take(trade(end_ns))
    assert len(closed) == 1 + GAP_MAX
    assert closed[0].open_ns == START_NS
    assert closed[1].open_ns == end_ns - GAP_MAX * NS_PER_S
    assert closed[-1].close_ns == end_ns
    assert all(candle.close == Decimal(7) and candle.volume == 0 for candle in closed[1:])
    assert builder.left_out == 86_399 - GAP_MAX


def test_an_interval_that_there_is_not_is_refused() -> None:
    with pytest.raises(KeyError):
        CandleBuilder("BTCUSDT", "7m")
