"""Candles made of a symbol's trades, where the market has none of its own: one that is generated, or recorded.

Receives: each trade of the symbol, as its feed wakes it; FeedStarted.
Sends: Await to the feed; what every CandleFeed does.
State: the candle that is open and those that were told, in a table that outlives a crash (CandlesOfTrades), and for
`KEPT_S` an end, as the one who wants the candles may have crashed and want them again. Trades that were not heard (the
feed was behind, the actor had crashed) are in no candle.

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

KEPT_S = 10.0
"""How long candles are kept that nobody wants: what is traded meanwhile is heard by nobody, so no longer than it takes
to start whatever has crashed again."""

GRACE_S = 1.0
"""How long after a candle's end a clock closes it: a trade of it may be on its way."""


class _Look(msgspec.Struct, frozen=True):
    pass


class Shelf:
    """What of one symbol and interval outlives its actor."""

    def __init__(self, symbol: str, interval: str) -> None:
        self.builder = CandleBuilder(symbol, interval)
        self.kept: deque[Candle] = deque(maxlen=HISTORY_MAX)
        self.left_s: float | None = None


class TradeCandleFeed(CandleFeed):
    """See the module."""

    def __init__(self, symbol: str, interval: str, source: "CandlesOfTrades") -> None:
        super().__init__(symbol, interval)
        self._source = source
        self._builder = CandleBuilder(symbol, interval)
        self._late = self._left_out = 0
        self._heard: tuple[int, float] | None = None
        self._is_looking = False

    def init(self) -> None:
        """Take what there is from before, and wait for every trade."""
        shelf = self._source.shelf(self._symbol, self._interval, self.system.clock.monotonic_s())
        self._kept, self._builder = shelf.kept, shelf.builder
        self._late, self._left_out = self._builder.late, self._builder.left_out
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
        """Leave the candles where nobody wants them any more."""
        if reason.is_orderly:
            self._source.leave(self._symbol, self._interval, self.system.clock.monotonic_s())

    def _wait(self) -> None:
        self.system.tell(names.feed(self._symbol), Await(self.ref, Wake(every_trade=True)))

    def _hear(self, trade: Trade) -> None:
        self._close(self._builder.take(trade))
        if self._source.is_real_time:
            self._heard = trade.time_ns, self.system.clock.monotonic_s()
            if not self._is_looking:
                self._look_later()

    def _look(self) -> None:
        """Close what has ended though nobody traded."""
        self._close(self._builder.close_until(self._market_ns()))
        self._look_later()

    def _close(self, closed: "tuple[Candle, ...]") -> None:
        if not closed:
            return
        self._tell(closed)
        if self._builder.late > self._late:
            self.log.warning("trades came too late for their candles", count=self._builder.late - self._late)
        if self._builder.left_out > self._left_out:
            self.log.warning("candles are missing", count=self._builder.left_out - self._left_out)
        self._late, self._left_out = self._builder.late, self._builder.left_out

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

    def shelf(self, symbol: str, interval: str, now_s: float) -> Shelf:
        """Give what there is of these candles, an empty shelf at first and where they were left long ago."""
        self._clear(now_s)
        shelf = self._shelves.setdefault((symbol, interval), Shelf(symbol, interval))
        shelf.left_s = None
        return shelf

    def leave(self, symbol: str, interval: str, now_s: float) -> None:
        """Forget these candles in a while, unless they are wanted again."""
        self._clear(now_s)
        self._shelves[symbol, interval].left_s = now_s

    def _clear(self, now_s: float) -> None:
        left = [key for key, shelf in self._shelves.items() if shelf.left_s is not None]
        for key in left:
            if now_s - (self._shelves[key].left_s or 0.0) > KEPT_S:
                del self._shelves[key]
