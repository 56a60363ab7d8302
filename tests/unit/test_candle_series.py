"""Candles of an exchange put in order: whatever comes twice, late or not at all, each is told once, none is missing."""

import random
from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.candle import NS_PER_S, Candle
from naive_daemon.market.candle_builder import GAP_MAX
from naive_daemon.market.candle_series import CandleSeries

START_NS = 1_700_000_000 * NS_PER_S


def candle(number: int, close: int | None = None) -> Candle:
    """Give the candle of the second with that number."""
    price = Decimal(close or number + 1)
    return Candle(
        symbol="BTCUSDT",
        interval="1s",
        open_ns=START_NS + number * NS_PER_S,
        close_ns=START_NS + (number + 1) * NS_PER_S,
        open=price,
        high=price,
        low=price,
        close=price,
        volume=Decimal(1),
        trades=1,
    )


def candles(first: int, end: int) -> list[Candle]:
    return [candle(number) for number in range(first, end)]


def numbers(told: Sequence[Candle]) -> list[int]:
    return [(each.open_ns - START_NS) // NS_PER_S for each in told]


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_each_candle_is_told_once_in_order_and_none_is_missing(seed: int, chance: int) -> None:
    """The exchange closes 60 candles; its stream loses, repeats and delays some, and rows come now and then."""
    draw = random.Random(seed)
    series = CandleSeries("BTCUSDT", "1s")
    told: list[Candle] = []
    late: list[Candle] = []
    has_begun = False
    for number in range(60):
        arriving = [] if draw.randrange(12) < chance else [candle(number)]
        arriving += [candle(number)] * (draw.randrange(4) == 0)
        if draw.randrange(4) == 0:
            late.append(candle(number))
        if late and draw.randrange(3) == 0:
            arriving.append(late.pop(draw.randrange(len(late))))
        for each in arriving:
            told += series.arrive(each)
        if series.has_hole or not has_begun or draw.randrange(5) == 0:
            newest = number + draw.randrange(2)  # the rows may be a candle behind the stream
            rows = candles(0, newest + 1)
            told += series.fill(rows) if has_begun else series.begin(rows)
            has_begun = True
            told += series.drain()
    told += series.fill(candles(40, 62)) + series.drain()
    assert numbers(told) == list(range(61))
    assert series.left_out == 0
    assert not series.has_hole


def test_the_last_row_may_be_open_and_is_told_when_something_later_shows_that_it_is_not() -> None:
    series = CandleSeries("BTCUSDT", "1s")
    assert numbers(series.begin(candles(0, 3))) == [0, 1]
    assert series.arrive(candle(3)) == ()
    assert numbers(series.fill(candles(0, 3))) == [2]
    assert numbers(series.drain()) == [3]


def test_what_closes_while_history_is_asked_for_is_news_and_no_history() -> None:
    series = CandleSeries("BTCUSDT", "1s")
    assert series.arrive(candle(5)) == ()
    assert numbers(series.begin(candles(0, 8))) == [0, 1, 2, 3, 4]
    assert numbers(series.drain()) == [5]
    assert numbers(series.arrive(candle(6))) == [6]


def test_a_symbol_without_history_begins_with_what_arrives() -> None:
    series = CandleSeries("BTCUSDT", "1s")
    assert series.begin(()) == ()
    assert series.next_close_ns is None
    assert numbers(series.arrive(candle(7))) == [7]
    assert series.next_close_ns == candle(8).close_ns


def test_a_stretch_that_the_exchange_has_no_candles_of_is_flat() -> None:
    series = CandleSeries("BTCUSDT", "1s")
    series.begin(candles(0, 2))
    told = series.fill([candle(0), candle(1), candle(5, 50), candle(6)])
    assert numbers(told) == [1, 2, 3, 4, 5]
    assert {(each.open, each.close, each.volume, each.trades) for each in told[1:4]} == {
        (Decimal(2), Decimal(2), Decimal(0), 0)
    }
    assert series.left_out == 0


def test_of_a_stretch_of_days_only_the_end_is_made() -> None:
    series = CandleSeries("BTCUSDT", "1s")
    series.begin(candles(0, 2))
    told = series.fill([candle(0), candle(1), candle(90_000), candle(90_001)])
    assert numbers(told) == [1, *range(90_000 - GAP_MAX, 90_001)]
    assert series.left_out == 90_000 - 2 - GAP_MAX


def test_of_a_hole_that_begins_before_the_first_row_nothing_is_made_up() -> None:
    series = CandleSeries("BTCUSDT", "1s")
    series.begin(candles(0, 2))
    assert numbers(series.fill(candles(100, 104))) == [100, 101, 102]
    assert series.left_out == 99


def test_what_waits_for_a_hole_to_be_filled_is_bounded() -> None:
    series = CandleSeries("BTCUSDT", "1s")
    series.begin(candles(0, 2))
    for number in range(5, 5 + 2 * GAP_MAX):
        assert series.arrive(candle(number)) == ()
    told = series.fill(candles(0, 5 + GAP_MAX)) + series.drain()
    assert numbers(told) == list(range(1, 5 + 2 * GAP_MAX))


@pytest.mark.parametrize("is_first_lost", [True, False])
def test_rows_that_do_not_bring_what_is_missing_leave_the_hole(is_first_lost: bool) -> None:
    series = CandleSeries("BTCUSDT", "1s")
    series.begin(candles(0, 4))
    if is_first_lost:
        series.arrive(candle(9))
    else:
        for number in (3, 4, 9):
            series.arrive(candle(number))
    before = series.fill(candles(0, 6)) + series.drain()
    assert 9 not in numbers(before)
    assert series.has_hole
    after = series.fill(candles(0, 10)) + series.drain()
    assert numbers([*before, *after])[-1] == 9
    assert all(later == earlier + 1 for earlier, later in pairwise(numbers(after)))
