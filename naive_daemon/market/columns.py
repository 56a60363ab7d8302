"""Trades in columns: whole numbers side by side, so that the next one that anybody waits for is found in bulk.

Prices and quantities are exact: whole numbers of `UNIT`. A `Trade` is only made for a trade that matters. Loaded where
recordings are traded through, and by nothing else of the daemon: numpy takes a while.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from naive_daemon.domain.errors import NaiveError
from naive_daemon.domain.events import Trade
from naive_daemon.domain.money import EXACT, total
from naive_daemon.market.alerts import PriceBand
from naive_daemon.market.candle_builder import Run

Whole: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]

DECIMALS = 8
"""So many stand behind the point in Binance's files at the most."""
WHOLE_MAX = 2**63 - 1

_LIST_LENGTH = 10_000
_WINDOW_MIN = 128
_WINDOW_GROWTH = 4
_WINDOW_MAX = 1 << 16


class Stretch(Protocol):
    """A run of one symbol's trades, in order; each has a place, counted from 0."""

    symbol: str

    def __len__(self) -> int: ...

    def seek(self, start: int, stop: int, band: PriceBand, due_ns: int) -> int:
        """Give the first place from `start` on of a trade outside of `band`, or not before `due_ns`; else `stop`."""

    def trade(self, place: int) -> Trade:
        """Give the trade at a place."""

    def points(self) -> Iterator[tuple[int, Decimal]]:
        """Go over the times (UTC nanoseconds) and prices."""

    def run(self, start: int, stop: int) -> Run:
        """Give the trades from `start` to before `stop`, at least one, in short."""


class Columns:
    """A stretch in columns; times in UTC nanoseconds, never falling. Prices and quantities are more than 0."""

    __slots__ = ("ids", "makers", "prices", "quantities", "symbol", "times")

    def __init__(
        self, *, symbol: str, prices: Whole, quantities: Whole, ids: Whole, times: Whole, makers: Flags
    ) -> None:
        self.symbol = symbol
        self.prices = prices
        self.quantities = quantities
        self.ids = ids
        self.times = times
        self.makers = makers

    def __len__(self) -> int:
        return len(self.prices)

    def seek(self, start: int, stop: int, band: PriceBand, due_ns: int) -> int:
        """See Stretch. Looks at a few trades first and then at ever more, so a near one costs no look at far ones."""
        if start >= stop:
            return stop
        low, high = whole_at_least(band.low), whole_at_most(band.high)
        if low > high:
            return start
        if self.times[stop - 1] >= due_ns:
            stop = start + int(self.times[start:stop].searchsorted(due_ns))
        # Below `low` the difference is negative, which as a number without sign is more than any width.
        width, window = np.uint64(high - low), _WINDOW_MIN
        while start < stop:
            end = min(start + window, stop)
            outside = (self.prices[start:end] - low).view(np.uint64) > width
            place = int(outside.argmax())
            if outside[place]:
                return start + place
            start, window = end, min(window * _WINDOW_GROWTH, _WINDOW_MAX)
        return stop

    def trade(self, place: int) -> Trade:
        """See Stretch."""
        return Trade(
            self.symbol,
            amount(int(self.prices[place])),
            amount(int(self.quantities[place])),
            int(self.ids[place]),
            int(self.times[place]),
            bool(self.makers[place]),
        )

    def points(self) -> Iterator[tuple[int, Decimal]]:
        """See Stretch."""
        return zip(self.times.tolist(), map(amount, self.prices.tolist()), strict=True)

    def run(self, start: int, stop: int) -> Run:
        """See Stretch."""
        prices, quantities = self.prices[start:stop], self.quantities[start:stop]
        fits = int(quantities.max()) <= WHOLE_MAX // (stop - start)
        volume = int(quantities.sum()) if fits else sum(quantities.tolist())
        first, high, low, last = int(prices[0]), int(prices.max()), int(prices.min()), int(prices[-1])
        return Run(
            int(self.times[start]), amount(first), amount(high), amount(low), amount(last), amount(volume), stop - start
        )


class TradeList:
    """A stretch of trades as they are: for those that no column holds, and where they are in memory already."""

    __slots__ = ("_trades", "symbol")

    def __init__(self, trades: Sequence[Trade]) -> None:
        self._trades = trades
        self.symbol = trades[0].symbol

    def __len__(self) -> int:
        return len(self._trades)

    def seek(self, start: int, stop: int, band: PriceBand, due_ns: int) -> int:
        """See Stretch."""
        low, high, trades = band.low, band.high, self._trades
        for place in range(start, stop):
            trade = trades[place]
            if not low <= trade.price <= high or trade.time_ns >= due_ns:
                return place
        return stop

    def trade(self, place: int) -> Trade:
        """See Stretch."""
        return self._trades[place]

    def points(self) -> Iterator[tuple[int, Decimal]]:
        """See Stretch."""
        return ((trade.time_ns, trade.price) for trade in self._trades)

    def run(self, start: int, stop: int) -> Run:
        """See Stretch."""
        trades = self._trades[start:stop]
        prices = [trade.price for trade in trades]
        volume = total(trade.quantity for trade in trades)
        return Run(trades[0].time_ns, prices[0], max(prices), min(prices), prices[-1], volume, len(trades))


def lists_of(trades: Iterable[Trade]) -> Iterator[TradeList]:
    """Cut trades into stretches as they are; where there is a complaint, what came before is given first."""
    piece: list[Trade] = []
    try:
        for trade in trades:
            piece.append(trade)
            if len(piece) == _LIST_LENGTH:
                yield TradeList(piece)
                piece = []
    except NaiveError:
        if piece:
            yield TradeList(piece)
        raise
    if piece:
        yield TradeList(piece)


def amount(whole: int) -> Decimal:
    """Give the price or the quantity that a whole number stands for."""
    return EXACT.scaleb(Decimal(whole), -DECIMALS)


def whole_at_least(price: Decimal) -> int:
    """Give the lowest whole number, of those in columns, that is not below a price, which may be infinite."""
    return _whole(price, ROUND_CEILING)


def whole_at_most(price: Decimal) -> int:
    """Give the highest whole number, of those in columns, that is not above a price, which may be infinite."""
    return _whole(price, ROUND_FLOOR)


def _whole(price: Decimal, rounding: str) -> int:
    if price.is_infinite():
        return WHOLE_MAX if price > 0 else 0
    whole = int(EXACT.scaleb(price, DECIMALS).to_integral_value(rounding))
    return min(max(whole, 0), WHOLE_MAX)
