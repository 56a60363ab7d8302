"""The exchange without its sockets: venue, tape, streams and accounts put together. Owned by the server's thread.

A restart makes a new one from the state; clock, faults, limits and accounts are the server's and outlive it.
"""

import asyncio
import random
from collections import deque
from collections.abc import Mapping
from decimal import Decimal
from itertools import islice
from typing import NamedTuple

from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import ZERO
from naive_daemon.exchange.server.accounts import Accounts
from naive_daemon.exchange.server.candle import Candle
from naive_daemon.exchange.server.delivery import Delivery
from naive_daemon.exchange.server.fault import Faults
from naive_daemon.exchange.server.limits import Limiter
from naive_daemon.exchange.server.listing import Listings
from naive_daemon.exchange.server.market_events import (
    aggregate_event,
    book_ticker,
    kline_event,
    mini_ticker,
    ticker,
    trade_event,
)
from naive_daemon.exchange.server.market_streams import MarketStreams
from naive_daemon.exchange.server.request_tasks import RequestTasks
from naive_daemon.exchange.server.skewed_clock import SkewedClock
from naive_daemon.exchange.server.state import State
from naive_daemon.exchange.server.tape import Quote, SymbolTape, Tape
from naive_daemon.exchange.server.user_streams import UserStreams
from naive_daemon.exchange.server.venue import Happening, Report, Venue, VenueRules

Levels = list[tuple[Decimal, Decimal]]


class Surroundings(NamedTuple):
    """What outlives a restart of the exchange."""

    clock: SkewedClock
    accounts: Accounts
    limiter: Limiter
    faults: Faults


class Exchange:
    """See the module."""

    def __init__(
        self,
        surroundings: Surroundings,
        state: State,
        instruments: Mapping[str, Instrument],
        rules: VenueRules,
    ) -> None:
        self.clock, self.accounts, self.limiter, self.faults = surroundings
        self._state = state
        self.rules = rules
        self._loop = asyncio.get_running_loop()
        self.delivery = Delivery(self.faults, self._loop)
        self.streams = MarketStreams(self.delivery)
        self.users = UserStreams(self.delivery, self.clock)
        self.listings = Listings(instruments)
        # Ids that no former run has given: a seed would give them again.
        self.venue = Venue(
            self.listings, state, self.clock, random.SystemRandom(), rules, opening=self.accounts.opening
        )
        self.tape = Tape(instruments, state.load_numbers())
        self.venue.on_happenings = self._tell
        self.venue.on_trade = self._printed
        self.requests = RequestTasks()
        self._unquoted: set[str] = set()
        self._closed_candles: dict[str, int] = {}

    def print_trade(self, symbol: str, price: Decimal, quantity: Decimal, *, buyer_is_maker: bool = False) -> None:
        """Let the market print a trade now."""
        self.venue.print_trade(Trade(symbol, price, quantity, 0, self.clock.now_ns(), buyer_is_maker))

    def touch(self, symbol: str) -> None:
        """Say that a symbol's best prices may have changed; who listens is told once in a turn of the loop."""
        if not self.streams.has(f"{symbol.lower()}@bookTicker"):
            return
        if not self._unquoted:
            self._loop.call_soon(self._requote)
        self._unquoted.add(symbol)

    def levels(self, symbol: str, limit: int) -> tuple[Levels, Levels]:
        """Give what may be bought from and sold to, best price first.

        Of a played market the best prices are one tick around the last price, whatever of our clients' rests beyond.
        """
        engine = self.venue.engine
        book = engine.book(symbol)
        bids, asks = book.bids.levels(limit), book.asks.levels(limit)
        last = book.last_price
        if self.rules.between_clients or last is None:
            return bids, asks
        tick = book.instrument.tick_size
        trades = self.tape[symbol].trades
        size = trades[-1].quantity if trades else book.instrument.step_size
        bid, ask = last - tick, last + tick
        played_bids = [(bid, size)] if bid > 0 else []
        bids = played_bids + [level for level in bids if level[0] < bid]
        asks = [(ask, size)] + [level for level in asks if level[0] > ask]
        return bids[:limit], asks[:limit]

    def quote(self, symbol: str) -> Quote:
        """Give the best prices of a symbol."""
        bids, asks = self.levels(symbol, 1)
        bid, ask = (bids or [(ZERO, ZERO)])[0], (asks or [(ZERO, ZERO)])[0]
        quote = Quote(*bid, *ask)
        self.tape[symbol].set_quote(quote)
        return quote

    def beat(self) -> None:
        """Do what is due once a second: candles and tickers for those who listen, and the last prices kept."""
        now_ns = self.clock.now_ns()
        klines = self.streams.klines()
        heard = {name for name, _, _ in klines}
        self._closed_candles = {name: ns for name, ns in self._closed_candles.items() if name in heard}
        for name, symbol, interval in klines:
            if symbol in self.listings:
                self._send_klines(name, symbol, interval, now_ns)
        for symbol in self.listings:
            self._send_tickers(self.tape[symbol], now_ns)
        self.venue.save_prices()

    def close(self) -> None:
        """End what is under way and close the state; may be called twice."""
        self.requests.close()
        self.delivery.close()
        if not self._state.is_broken:
            self.venue.save_prices()
        self._state.close()

    def _tell(self, account: str, happenings: list[Happening]) -> None:
        for happening in happenings:
            if isinstance(happening, Report):
                self.touch(happening.order.symbol)
                if happening.fill is not None and happening.order.filled == happening.fill.quantity:
                    self.limiter.give_back_order(account)
        self.users.publish(account, happenings)

    def _printed(self, trade: Trade) -> None:
        symbol = trade.symbol
        reserved = self.tape.must_reserve(symbol, trade.trade_id)
        if reserved is not None:
            self._state.save(numbers=[reserved])
        trade = self.tape[symbol].add(trade)
        name = symbol.lower()
        time_ns = trade.time_ns
        self.streams.publish(f"{name}@trade", lambda unit_ns: trade_event(trade, time_ns, unit_ns))
        self.streams.publish(f"{name}@aggTrade", lambda unit_ns: aggregate_event(trade, time_ns, unit_ns))
        self.touch(symbol)

    def _requote(self) -> None:
        symbols, self._unquoted = self._unquoted, set()
        for symbol in symbols:
            if symbol in self.listings:
                self._send_quote(symbol)

    def _send_quote(self, symbol: str) -> None:
        tape = self.tape[symbol]
        before = tape.quote_number
        quote = self.quote(symbol)
        number = tape.quote_number
        if number != before:
            self.streams.publish(f"{symbol.lower()}@bookTicker", lambda _: book_ticker(symbol, quote, number))

    def _send_klines(self, name: str, symbol: str, interval: str, now_ns: int) -> None:
        tape = self.tape[symbol]
        candles = tape.candles(interval)
        tape.advance(now_ns)

        def send(candle: Candle, *, is_closed: bool) -> None:
            self.streams.publish(
                name, lambda unit_ns: kline_event(symbol, interval, candle, now_ns, unit_ns, is_closed=is_closed)
            )

        if candles:
            for candle in self._just_closed(name, candles):
                send(candle, is_closed=True)
            send(candles[-1], is_closed=False)

    def _just_closed(self, name: str, candles: deque[Candle]) -> list[Candle]:
        """Give those that have ended since the last beat, the oldest first; none to who begins to listen."""
        newest_ns = candles[-1].start_ns
        former_ns = self._closed_candles.get(name, newest_ns)
        self._closed_candles[name] = newest_ns
        over = [candle for candle in islice(reversed(candles), 1, 61) if former_ns <= candle.start_ns]
        return over[::-1]

    def _send_tickers(self, tape: SymbolTape, now_ns: int) -> None:
        small, large = f"{tape.symbol.lower()}@miniTicker", f"{tape.symbol.lower()}@ticker"
        if not self.streams.has(small) and not self.streams.has(large):
            return
        day = tape.day()
        if day is None:
            return
        quote, last, symbol = self.quote(tape.symbol), tape.trades[-1] if tape.trades else None, tape.symbol
        self.streams.publish(small, lambda unit_ns: mini_ticker(symbol, day, now_ns, unit_ns))
        self.streams.publish(large, lambda unit_ns: ticker(symbol, day, quote, last, time_ns=now_ns, unit_ns=unit_ns))
