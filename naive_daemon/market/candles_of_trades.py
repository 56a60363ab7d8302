"""Candles made of a symbol's trades, where the market has none of its own: one that is generated, or recorded.

Receives: each trade of the symbol, as its feed wakes it; FeedStarted.
Sends: Await to the feed; what every CandleFeed does.
State: the candle that is open and those that were told, in a table that outlives a crash (CandlesOfTrades). Trades that
were not heard (the feed was behind, the actor had crashed) are in no candle.

A candle closes by the trades' own times, so the same trades always make the same candles. Only where the market plays
in real time does a clock close one, too, when nothing was traded: the market's time then goes on from its last trade as
fast as the machine's. Whoever wires the market knows whether it does (`is_real_time`): one that is recorded, played at
another speed or by a backtest does not.
The candle that the first trade lies in is not told: trades before may have been missed.
"""

from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from naive_daemon import names
from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.events import Trade
from naive_daemon.market.candle_builder import CandleBuilder
from naive_daemon.market.candles import HISTORY_MAX, CandleFeed
from naive_daemon.market.feed import Await, FeedStarted
from naive_daemon.otp import ExitReason
from naive_daemon.strategy.protocol import Wake

if TYPE_CHECKING:
    from naive_daemon.domain.candle import Candle

GRACE_S = 1.0
"""How long after a candle's end a clock closes it: a trade of it may be on its way."""


class _Look(msgspec.Struct, frozen=True):
    pass


class Shelf:
    """What of one symbol and interval outlives its actor."""

    def __init__(self, symbol: str, interval: str) -> None:
        self.builder = CandleBuilder(symbol, interval)
        self.kept: deque[Candle] = deque(maxlen=HISTORY_MAX)


class TradeCandleFeed(CandleFeed):
    """See the module."""

    def __init__(self, symbol: str, interval: str, source: "CandlesOfTrades") -> None:
        shelf = source.shelf(symbol, interval)
        super().__init__(symbol, interval, shelf.kept)
        self._source = source
        self._builder = shelf.builder
        self._heard: tuple[int, float] | None = None
        self._is_looking = False

    def init(self) -> None:
        """Wait for every trade."""
        super().init()
        self.subscribe(names.feed(self._symbol))
        self._wait()

    def on_receive(self, message: Any) -> Any:
        """Count a trade in, or look at the clock."""
        match message:
            case Trade():
                self._hear(message)
            case FeedStarted():
                self._wait()
            case _Look():
                self._is_looking = False
                self._look()
            case _:
                return super().on_receive(message)
        return None

    def on_terminate(self, reason: ExitReason) -> None:
        """Forget all where nobody wants these candles any more: what is traded from now on is heard by nobody."""
        if reason.is_orderly:
            self._source.forget(self._symbol, self._interval)

    def _wait(self) -> None:
        self.system.tell(names.feed(self._symbol), Await(self.ref, Wake(every_trade=True)))

    def _hear(self, trade: Trade) -> None:
        self._tell(self._builder.take(trade))
        if self._source.is_real_time:
            self._heard = trade.time_ns, self.system.clock.monotonic_s()
            if not self._is_looking:
                self._look_later()

    def _look(self) -> None:
        """Close what has ended though nobody traded."""
        self._tell(self._builder.close_until(self._market_ns()))
        self._look_later()

    def _look_later(self) -> None:
        ends_ns = self._builder.open_close_ns
        if ends_ns is not None:
            self._is_looking = True
            self.send_after(max(0.0, (ends_ns - self._market_ns()) / NS_PER_S), _Look())

    def _market_ns(self) -> int:
        """Give the market's time, as far as no trade can be on its way any more: less the grace."""
        if self._heard is None:
            return 0
        time_ns, heard_s = self._heard
        return time_ns + int((self.system.clock.monotonic_s() - heard_s - GRACE_S) * NS_PER_S)


class CandlesOfTrades:
    """Implements CandleSource. `is_real_time`: whether the market's time passes as fast as the machine's."""

    def __init__(self, *, is_real_time: bool = False) -> None:
        self.is_real_time = is_real_time
        self._shelves: dict[tuple[str, str], Shelf] = {}

    def candle_feed(self, symbol: str, interval: str) -> CandleFeed:
        """Make the actor; after a crash it goes on with the candle that was open."""
        return TradeCandleFeed(symbol, interval, self)

    def shelf(self, symbol: str, interval: str) -> Shelf:
        """Give what there is of these candles, an empty shelf at first."""
        return self._shelves.setdefault((symbol, interval), Shelf(symbol, interval))

    def forget(self, symbol: str, interval: str) -> None:
        """Forget these candles."""
        self._shelves.pop((symbol, interval), None)
