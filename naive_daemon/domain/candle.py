"""Candles: what a market did in one interval, and the intervals that there are."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

NS_PER_S = 1_000_000_000
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400

INTERVALS_S: Mapping[str, int] = {
    "1s": 1,
    "1m": _MINUTE_S,
    "3m": 3 * _MINUTE_S,
    "5m": 5 * _MINUTE_S,
    "15m": 15 * _MINUTE_S,
    "30m": 30 * _MINUTE_S,
    "1h": _HOUR_S,
    "2h": 2 * _HOUR_S,
    "4h": 4 * _HOUR_S,
    "6h": 6 * _HOUR_S,
    "8h": 8 * _HOUR_S,
    "12h": 12 * _HOUR_S,
    "1d": _DAY_S,
}
"""The intervals by Binance's names, in seconds: those whose candles all begin at a multiple of their length in UTC."""


class Candle(msgspec.Struct, frozen=True, kw_only=True):
    """What one symbol did from `open_ns` (included) to `close_ns` (excluded); prices in quote, `volume` in base.

    A gap, an interval without any trade, has the former close for all four prices, and no volume.
    """

    symbol: str
    interval: str
    open_ns: int
    close_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    trades: int


def open_of(interval: str, time_ns: int) -> int:
    """Give when the candle began that a moment lies in, UTC nanoseconds; raises KeyError for an unknown interval."""
    length_ns = INTERVALS_S[interval] * NS_PER_S
    return time_ns - time_ns % length_ns
