from datetime import datetime
from decimal import Decimal

import pytest

from naive_daemon.clock import NS_PER_S, from_datetime
from naive_daemon.domain.events import Trade
from naive_daemon.exchange.server.candle import INTERVALS, Candles, bounds
from naive_daemon.exchange.server.tape import Quote, SymbolTape, Tape
from naive_daemon.exchange.server.text import amount

_MINUTE_NS = 60 * NS_PER_S


def _ns(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text + "+00:00"))


def _trade(
    number: int, time_ns: int, price: str = "100", quantity: str = "1", *, buyer_is_maker: bool = False
) -> Trade:
    return Trade("BTCUSDT", Decimal(price), Decimal(quantity), number, time_ns, buyer_is_maker)


@pytest.mark.parametrize(
    ("interval", "start", "end"),
    [
        ("1s", "2024-02-29T13:14:15", "2024-02-29T13:14:16"),
        ("1m", "2024-02-29T13:14:00", "2024-02-29T13:15:00"),
        ("15m", "2024-02-29T13:00:00", "2024-02-29T13:15:00"),
        ("4h", "2024-02-29T12:00:00", "2024-02-29T16:00:00"),
        ("1d", "2024-02-29T00:00:00", "2024-03-01T00:00:00"),
        ("1w", "2024-02-26T00:00:00", "2024-03-04T00:00:00"),
        ("1M", "2024-02-01T00:00:00", "2024-03-01T00:00:00"),
    ],
)
def test_candles_begin_and_end_in_utc(interval: str, start: str, end: str) -> None:
    assert bounds(interval, _ns("2024-02-29T13:14:15.5")) == (_ns(start), _ns(end))


@pytest.mark.parametrize("interval", INTERVALS)
def test_a_candle_holds_its_time(interval: str) -> None:
    time_ns = _ns("2026-11-28T01:06:29")
    start_ns, end_ns = bounds(interval, time_ns)
    assert start_ns <= time_ns < end_ns
    assert bounds(interval, end_ns)[0] == end_ns


def test_a_candle_sums_its_trades() -> None:
    candles = Candles("1m", 10)
    candles.add(_trade(7, 0, "100", "1"))
    candles.add(_trade(8, 1, "102", "0.5", buyer_is_maker=True))
    candles.add(_trade(9, 2, "99", "2"))
    (candle,) = candles.candles
    assert candle.row(1_000_000) == [
        0, amount(Decimal(100)), amount(Decimal(102)), amount(Decimal(99)), amount(Decimal(99)),
        amount(Decimal("3.5")), 59_999, amount(Decimal(349)), 3, amount(Decimal(3)), amount(Decimal(298)), "0",
    ]  # fmt: skip
    assert (candle.first_id, candle.last_id) == (7, 9)


def test_stretches_without_trades_are_flat_and_bounded() -> None:
    candles = Candles("1m", 5)
    candles.add(_trade(1, 0))
    candles.advance(3 * _MINUTE_NS)
    assert [candle.count for candle in candles.candles] == [1, 0, 0, 0]
    candles.add(_trade(2, 10**6 * _MINUTE_NS, "50"))
    assert len(candles.candles) == 5
    newest = candles.candles[-1]
    assert (newest.start_ns, newest.open, newest.close) == (10**6 * _MINUTE_NS, Decimal(100), Decimal(50))


def test_coarse_candles_hold_what_fine_ones_hold() -> None:
    tape = SymbolTape("BTCUSDT", 1)
    for number in range(1, 200):
        tape.add(_trade(number, number * 20 * NS_PER_S, str(100 + number % 7), "0.1"))
    hours = tape.candles("1h")
    assert sum(candle.count for candle in hours) == 199
    assert sum((candle.base for candle in hours), Decimal(0)) == Decimal("19.9")
    assert {candle.high for candle in hours} == {Decimal(106)}
    assert hours is tape.candles("1h")
    tape.add(_trade(200, 200 * 20 * NS_PER_S, "500"))
    assert hours[-1].close == Decimal(500)
    day = tape.day()
    assert day is not None
    assert (day.count, day.high, day.first_id, day.last_id) == (200, Decimal(500), 1, 200)


def test_trade_numbers_rise_also_over_restarts() -> None:
    tape = Tape(["BTCUSDT"], {})
    reserved = tape.must_reserve("BTCUSDT", 41)
    assert reserved is not None
    assert tape["BTCUSDT"].add(_trade(41, 0)).trade_id == 41
    assert tape["BTCUSDT"].add(_trade(0, 1)).trade_id == 42
    assert tape.must_reserve("BTCUSDT", 0) is None
    again = Tape(["BTCUSDT"], dict([reserved]))
    assert again["BTCUSDT"].add(_trade(43, 2)).trade_id > 42


def test_a_quote_that_has_not_changed_has_no_new_number() -> None:
    tape = SymbolTape("BTCUSDT", 1)
    quote = Quote(Decimal(1), Decimal(1), Decimal(2), Decimal(1))
    assert tape.set_quote(quote)
    assert not tape.set_quote(quote)
    assert tape.quote_number == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0.00000000"),
        ("1E+3", "1000.00000000"),
        ("0.1", "0.10000000"),
        ("0.000000001", "0.000000001"),
        ("12.3456789012300", "12.34567890123"),
        ("123456789012345678901234567890.12345678", "123456789012345678901234567890.12345678"),
    ],
)
def test_amounts_are_exact(value: str, text: str) -> None:
    assert amount(Decimal(value)) == text
