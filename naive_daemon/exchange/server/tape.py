"""What the market has printed: the last trades, candles, best prices and the last 24 hours of each symbol.

Owned by the server's thread. Invariant: trade numbers of a symbol rise, also over restarts; the numbers to come are
reserved in the state before they are used.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice

import msgspec

from naive_daemon.domain.events import Trade
from naive_daemon.domain.money import EXACT, ZERO
from naive_daemon.exchange.server.candle import INTERVALS, Candle, Candles

TRADES_KEPT = 1_000
CANDLES_KEPT = 1_500
_MINUTES_OF_DAY = 1_440
_RESERVED = 100_000


class Quote(msgspec.Struct, frozen=True):
    """The best prices of a symbol and what is there, in base; a price of 0 is none."""

    bid: Decimal = ZERO
    bid_quantity: Decimal = ZERO
    ask: Decimal = ZERO
    ask_quantity: Decimal = ZERO


class SymbolTape:
    """One symbol's past."""

    def __init__(self, symbol: str, next_id: int) -> None:
        self.symbol = symbol
        self.next_id = next_id
        self.trades: deque[Trade] = deque(maxlen=TRADES_KEPT)
        self.quote = Quote()
        self.quote_number = 0
        self._candles = {"1m": Candles("1m", CANDLES_KEPT)}

    def add(self, trade: Trade) -> Trade:
        """Take a trade in; gives it with the number that it has here."""
        number = max(self.next_id, trade.trade_id)
        self.next_id = number + 1
        if number != trade.trade_id:
            trade = Trade(trade.symbol, trade.price, trade.quantity, number, trade.time_ns, trade.buyer_is_maker)
        self.trades.append(trade)
        for candles in self._candles.values():
            candles.add(trade)
        return trade

    def advance(self, time_ns: int) -> None:
        """Begin the candles that are due by now."""
        for candles in self._candles.values():
            candles.advance(time_ns)

    def candles(self, interval: str) -> deque[Candle]:
        """Give an interval's candles, oldest first; the last one is not over. It is kept up from the first call on."""
        found = self._candles.get(interval)
        if found is None:
            found = self._candles[interval] = Candles(interval, CANDLES_KEPT)
            if INTERVALS[interval] == 1:
                for trade in self.trades:
                    found.add(trade)
            else:
                found.merge(self._candles["1m"].candles)
        return found.candles

    def day(self) -> Candle | None:
        """Give the last 24 hours as one candle, to the minute; None before the first trade."""
        minutes = self._candles["1m"].candles
        last = list(islice(reversed(minutes), _MINUTES_OF_DAY))
        if not last:
            return None
        last.reverse()
        whole = Candles("1d", 1)
        whole.candles.append(_copy(last[0], last[-1].end_ns))
        whole.merge(last[1:])
        return whole.candles[-1]

    def set_quote(self, quote: Quote) -> bool:
        """Take over the best prices; says whether they have changed."""
        if quote == self.quote:
            return False
        self.quote = quote
        self.quote_number += 1
        return True


class Tape:
    """The tapes of all symbols; `reserved` are the numbers that may have been used before."""

    def __init__(self, symbols: Iterable[str], reserved: dict[str, int]) -> None:
        self._tapes = {symbol: SymbolTape(symbol, reserved.get(_name(symbol), 0) + 1) for symbol in symbols}
        self._reserved: dict[str, int] = {}

    def __getitem__(self, symbol: str) -> SymbolTape:
        return self._tapes[symbol]

    def __iter__(self) -> Iterator[SymbolTape]:
        return iter(self._tapes.values())

    def must_reserve(self, symbol: str, trade_id: int) -> tuple[str, int] | None:
        """Give what must be kept before a trade is numbered: the name and the highest number that may come."""
        highest = self._reserved.get(symbol, 0)
        number = max(self._tapes[symbol].next_id, trade_id)
        if number <= highest:
            return None
        self._reserved[symbol] = number + _RESERVED
        return _name(symbol), number + _RESERVED

    def typical_price(self, symbol: str) -> Decimal | None:
        """Give the volume-weighted price of the last five minutes, unrounded; None before the first trade."""
        minutes = list(islice(reversed(self._tapes[symbol].candles("1m")), 5))
        base = sum((candle.base for candle in minutes), ZERO)
        if not base:
            return minutes[0].close if minutes else None
        quote = ZERO
        for candle in minutes:
            quote = EXACT.add(quote, candle.quote)
        return quote / base


def _name(symbol: str) -> str:
    return f"trade {symbol}"


def _copy(candle: Candle, end_ns: int) -> Candle:
    return msgspec.structs.replace(candle, end_ns=end_ns)
