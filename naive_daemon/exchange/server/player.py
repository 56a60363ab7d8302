"""Plays a market into the venue: a generated one or a recorded file, each trade when it is due.

Owned by the server, as one task of its loop. Trades keep their distance in time, divided by the speed; their times are
those at which they are printed. A loop that is late prints what is due at once and does not try to catch up for ever.
"""

import asyncio
import heapq
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import structlog

from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.events import Trade
from naive_daemon.exchange.server.exchange import Exchange
from naive_daemon.market.source import MarketSource

_SLEEP_S = 0.002
_AT_ONCE = 200
_LATE_S = 1.0


class Player:
    """Plays `symbols` of a source into whichever exchange `play` is given; can be paused, and moved by hand."""

    def __init__(self, source: MarketSource, symbols: Iterable[str]) -> None:
        self._source = source
        self._trades = {symbol: trades for symbol in symbols if (trades := source.trades(symbol)) is not None}
        self._next: dict[str, Trade] = {}
        self._resumed = asyncio.Event()
        self._resumed.set()
        self._log: Any = structlog.get_logger("naive_daemon").bind(actor="exchange market")

    @property
    def is_paused(self) -> bool:
        """Say whether it prints nothing by itself."""
        return not self._resumed.is_set()

    def pause(self) -> None:
        """Print nothing by itself until `resume`."""
        self._resumed.clear()

    def resume(self) -> None:
        """Go on."""
        self._resumed.set()

    def advance(self, exchange: Exchange, symbol: str, count: int) -> int:
        """Print the next trades of a symbol now; gives how many there were."""
        printed = 0
        while printed < count and (trade := self._take(symbol)) is not None:
            _print(exchange, trade)
            printed += 1
        return printed

    async def play(self, exchange: Exchange) -> None:
        """Play until the market's end, or for ever."""
        loop = asyncio.get_running_loop()
        if not self._trades:
            return
        while await self._stretch(exchange, loop):
            pass
        self._log.info("the market has ended")

    def save(self) -> None:
        """Keep the market's place."""
        self._source.save()

    async def _stretch(self, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> bool:
        """Play until it is paused or too late, then say whether there is more: time begins anew after either."""
        await self._resumed.wait()
        due = self._queue()
        if not due:
            return False
        began_ns, began_s = due[0][0], loop.time()
        speed = self._source.speed
        while due and not self.is_paused:
            wait_s = 0.0
            if speed is not None:
                wait_s = began_s + (due[0][0] - began_ns) / float(speed) / NS_PER_S - loop.time()
            if wait_s < -_LATE_S:
                return True
            # Never without a pause: others have to run, too.
            await asyncio.sleep(max(wait_s, _SLEEP_S if speed is not None else 0.0))
            self._print_due(exchange, due, None if speed is None else _now_ns(loop, began_s, began_ns, speed))
        return bool(due)

    def _queue(self) -> list[tuple[int, str]]:
        due = [(trade.time_ns, symbol) for symbol in self._trades if (trade := self._peek(symbol)) is not None]
        heapq.heapify(due)
        return due

    def _print_due(self, exchange: Exchange, due: list[tuple[int, str]], now_ns: int | None) -> None:
        for _ in range(_AT_ONCE):
            if not due or self.is_paused or (now_ns is not None and due[0][0] > now_ns):
                return
            _, symbol = heapq.heappop(due)
            trade = self._take(symbol)
            if trade is not None:
                _print(exchange, trade)
            following = self._peek(symbol)
            if following is not None:
                heapq.heappush(due, (following.time_ns, symbol))

    def _peek(self, symbol: str) -> Trade | None:
        if symbol not in self._next:
            trade = next(self._iterator(symbol), None)
            if trade is None:
                return None
            self._next[symbol] = trade
        return self._next[symbol]

    def _take(self, symbol: str) -> Trade | None:
        trade = self._peek(symbol)
        self._next.pop(symbol, None)
        return trade

    def _iterator(self, symbol: str) -> Iterator[Trade]:
        return self._trades.get(symbol, iter(()))


def _now_ns(loop: asyncio.AbstractEventLoop, began_s: float, began_ns: int, speed: Decimal) -> int:
    """Give the market's own time now."""
    return began_ns + int((loop.time() - began_s) * NS_PER_S * float(speed))


def _print(exchange: Exchange, trade: Trade) -> None:
    exchange.venue.print_trade(msgspec.structs.replace(trade, time_ns=exchange.clock.now_ns()))
