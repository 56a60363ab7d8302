"""Candles as Binance writes them: the `k` of a stream's event, and the rows of REST → candles (Binance Spot API). Pure.

Invariant: a price or a volume never passes through a float, as in `market_frame.py`; what makes no sense is refused.
"""

from decimal import Decimal, InvalidOperation
from itertools import pairwise

import msgspec

from naive_daemon.domain.candle import INTERVALS_S, NS_PER_S, Candle, open_of
from naive_daemon.exchange.binance.market_frame import OddFrameError, time_ns_of

_DIGITS_MAX = 40
_TRADES_MAX = 2**53


class Kline(msgspec.Struct, frozen=True, gc=False):
    """A candle of a stream ("Kline/Candlestick Streams for UTC"). `is_closed`: it will never change."""

    symbol: str = msgspec.field(name="s")
    interval: str = msgspec.field(name="i")
    time: int = msgspec.field(name="t")
    open: str = msgspec.field(name="o")
    high: str = msgspec.field(name="h")
    low: str = msgspec.field(name="l")
    close: str = msgspec.field(name="c")
    volume: str = msgspec.field(name="v")
    trades: int = msgspec.field(name="n")
    is_closed: bool = msgspec.field(name="x")


class KlineRow(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A row of `GET /api/v3/klines`; more follows in it that nobody reads."""

    time: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    end: int
    quote_volume: str
    trades: int


_decode_kline = msgspec.json.Decoder(Kline).decode
_decode_rows = msgspec.json.Decoder(list[KlineRow]).decode


def closed_candle(data: "bytes | msgspec.Raw") -> Candle | None:
    """Read what an event of a stream says of a candle; None for one that is open still. Raises OddFrameError."""
    try:
        kline = _decode_kline(data)
    except (ValueError, RecursionError) as error:
        raise OddFrameError("candle of another shape", str(error)) from error
    return _candle(kline.symbol, kline.interval, kline) if kline.is_closed else None


def candles_of_rows(body: bytes, symbol: str, interval: str) -> tuple[Candle, ...]:
    """Read rows of REST, the oldest first; the last may be open still. Raises OddFrameError."""
    try:
        rows = _decode_rows(body)
    except (ValueError, RecursionError) as error:
        raise OddFrameError("candles of another shape", str(error)) from error
    candles = tuple(_candle(symbol, interval, row) for row in rows)
    if any(later.open_ns < earlier.close_ns for earlier, later in pairwise(candles)):
        raise OddFrameError("candles in no order")
    return candles


def _candle(symbol: str, interval: str, written: Kline | KlineRow) -> Candle:
    """Give the candle, its numbers exactly; raises OddFrameError where one of them makes no sense."""
    if not symbol or interval not in INTERVALS_S:
        raise OddFrameError("candle of no symbol or of an unknown interval")
    open_ns = time_ns_of(written.time, "candle")
    if open_of(interval, open_ns) != open_ns or not 0 <= written.trades <= _TRADES_MAX:
        raise OddFrameError("candle that does not begin with its interval, or has no number of trades")
    begin, high, low, close = map(_amount, (written.open, written.high, written.low, written.close))
    if not 0 < low <= min(begin, close) <= max(begin, close) <= high:
        raise OddFrameError("candle with prices that make no sense")
    return Candle(
        symbol=symbol,
        interval=interval,
        open_ns=open_ns,
        close_ns=open_ns + INTERVALS_S[interval] * NS_PER_S,
        open=begin,
        high=high,
        low=low,
        close=close,
        volume=_amount(written.volume),
        trades=written.trades,
    )


def _amount(text: str) -> Decimal:
    """Read an amount of 0 or more; a sign, an exponent, NaN and a blank are none."""
    digits = text.replace(".", "")
    if not digits.isdecimal() or not digits.isascii() or len(digits) > _DIGITS_MAX:
        raise OddFrameError("candle with an amount that is none")
    try:
        return Decimal(text)
    except InvalidOperation:
        raise OddFrameError("candle with an amount that is none") from None
