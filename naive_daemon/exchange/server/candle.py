"""Candles (klines) and what of them makes up the last 24 hours. Owned by the tape; prices exact, times UTC."""

from collections import deque
from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from naive_daemon.clock import NS_PER_S, from_datetime, to_datetime
from naive_daemon.domain.candle import INTERVALS_S
from naive_daemon.domain.events import Trade
from naive_daemon.domain.money import EXACT, ZERO
from naive_daemon.exchange.server.text import amount

_DAY = INTERVALS_S["1d"]
_MONTH = "1M"
_MONDAY = 4 * _DAY
"""The epoch was a Thursday: weeks begin on Monday, four days later."""

INTERVALS = {**INTERVALS_S, "3d": 3 * _DAY, "1w": 7 * _DAY, _MONTH: 0}
"""Seconds of each of Binance's intervals, also of those that begin elsewhere than at a multiple; a month has none."""


class Candle(msgspec.Struct, kw_only=True):
    """What was traded from `start_ns` until before `end_ns`; changed in place."""

    start_ns: int
    end_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    first_id: int = -1
    last_id: int = -1
    count: int = 0
    base: Decimal = ZERO
    quote: Decimal = ZERO
    taker_base: Decimal = ZERO
    taker_quote: Decimal = ZERO

    def add(self, trade: Trade) -> None:
        """Count a trade in."""
        price, quote = trade.price, EXACT.multiply(trade.price, trade.quantity)
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        if not self.count:
            self.first_id = trade.trade_id
        self.last_id = trade.trade_id
        self.count += 1
        self.base = EXACT.add(self.base, trade.quantity)
        self.quote = EXACT.add(self.quote, quote)
        if not trade.buyer_is_maker:
            self.taker_base = EXACT.add(self.taker_base, trade.quantity)
            self.taker_quote = EXACT.add(self.taker_quote, quote)

    def row(self, unit_ns: int) -> list[Any]:
        """Give it as a row of the klines of REST."""
        return [
            self.start_ns // unit_ns,
            amount(self.open),
            amount(self.high),
            amount(self.low),
            amount(self.close),
            amount(self.base),
            self.end_ns // unit_ns - 1,
            amount(self.quote),
            self.count,
            amount(self.taker_base),
            amount(self.taker_quote),
            "0",
        ]

    def event(self, symbol: str, interval: str, unit_ns: int, *, is_closed: bool) -> dict[str, Any]:
        """Give it as the `k` of a kline event."""
        row = self.row(unit_ns)
        return {
            "t": row[0], "T": row[6], "s": symbol, "i": interval, "f": self.first_id, "L": self.last_id,
            "o": row[1], "c": row[4], "h": row[2], "l": row[3], "v": row[5], "n": row[8], "x": is_closed,
            "q": row[7], "V": row[9], "Q": row[10], "B": "0",
        }  # fmt: skip


class Candles:
    """One interval's candles, the newest last; a stretch without trades has flat ones."""

    def __init__(self, interval: str, limit: int) -> None:
        self._interval = interval
        self._limit = limit
        self.candles: deque[Candle] = deque(maxlen=limit)

    def add(self, trade: Trade) -> None:
        """Count a trade in."""
        self.advance(trade.time_ns)
        if not self.candles:
            self.candles.append(self._flat(trade.time_ns, trade.price))
        last = self.candles[-1]
        if not last.count and len(self.candles) == 1:
            last.open = last.high = last.low = trade.price
        last.add(trade)

    def advance(self, time_ns: int) -> None:
        """Begin the candles that are due by now."""
        skipped = 0
        while self.candles and self.candles[-1].end_ns <= time_ns and skipped < self._limit:
            last = self.candles[-1]
            self.candles.append(self._flat(last.end_ns, last.close))
            skipped += 1
        if self.candles and self.candles[-1].end_ns <= time_ns:
            self.candles.append(self._flat(time_ns, self.candles[-1].close))

    def merge(self, finer: Iterable[Candle]) -> None:
        """Begin with what the candles of a finer interval hold."""
        for part in finer:
            self.advance(part.start_ns)
            if not self.candles:
                self.candles.append(self._flat(part.start_ns, part.open))
            _merge(self.candles[-1], part)

    def _flat(self, time_ns: int, price: Decimal) -> Candle:
        start_ns, end_ns = bounds(self._interval, time_ns)
        return Candle(start_ns=start_ns, end_ns=end_ns, open=price, high=price, low=price, close=price)


def bounds(interval: str, time_ns: int) -> tuple[int, int]:
    """Give the beginning and the end of the candle that a time lies in."""
    seconds = INTERVALS[interval]
    if not seconds:
        day = to_datetime(time_ns).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        following = (day + timedelta(days=32)).replace(day=1)
        return from_datetime(day), from_datetime(following)
    shift_ns = _MONDAY * NS_PER_S if interval == "1w" else 0
    length_ns = seconds * NS_PER_S
    start_ns = (time_ns - shift_ns) // length_ns * length_ns + shift_ns
    return start_ns, start_ns + length_ns


def _merge(candle: Candle, part: Candle) -> None:
    candle.high = max(candle.high, part.high)
    candle.low = min(candle.low, part.low)
    candle.close = part.close
    if part.count:
        if not candle.count:
            candle.first_id = part.first_id
        candle.last_id = part.last_id
    candle.count += part.count
    candle.base = EXACT.add(candle.base, part.base)
    candle.quote = EXACT.add(candle.quote, part.quote)
    candle.taker_base = EXACT.add(candle.taker_base, part.taker_base)
    candle.taker_quote = EXACT.add(candle.taker_quote, part.taker_quote)
