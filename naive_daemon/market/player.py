"""The player: plays the trades of a recorded or generated market into the symbols' feeds, one after another.

One event, one order of things: a trade arrives, everything that its fills cause comes to rest, the trade is delivered,
everything comes to rest, and only then the next one. So the same trades give the same orders, always.
Of a recording that is played as fast as possible, trades that would fill no order and wake nobody are passed over: the
feed is asked which those are, and again for each stretch, since others may have begun to wait. Where nobody waits for
any price they are played all the same: what somebody waits for then is no trade (a database, a quarantine), and the
market does not go by meanwhile.
Receives: Play, Silence; the request AskStreams, to which it says that it has none.
Sends: TradeArrived and DeliverTrade to feeds; the request AskQuiet; publishes PlayedToEnd, and MarketMissing for what
no source has.
State: the next trade of each symbol, in a table that outlives it, as the sources do: a crash skips none.
A handler that hangs costs this order of things, with a warning, but no other symbol its market.
"""

import heapq
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import count
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.domain.errors import NaiveError
from naive_daemon.domain.events import Trade
from naive_daemon.market.alerts import PriceBand
from naive_daemon.market.feed import AskQuiet, DeliverTrade, MarketMissing, TradeArrived
from naive_daemon.market.live import AskStreams
from naive_daemon.market.recorded_trades import RecordedTrades
from naive_daemon.market.source import MarketSource
from naive_daemon.otp import Actor, ExitReason, RequestFailed, Timer

NS_PER_S = 1_000_000_000
SETTLE_TIMEOUT_S = 10.0
HUNG_TIMEOUT_S = 0.05
"""As long as some handler hangs, what else has to come to rest gets no longer than this."""
LATE_MAX_NS = NS_PER_S
"""A player that is later than this does not hurry after: it shifts its time, and drops no trade."""
SAVE_PERIOD_S = 1.0
QUIET_TIMEOUT_S = 5.0
"""So long a feed may take to say which trades may be passed over; then none are."""

KLINES_MAX = 1_000
"""Candles of one answer; Binance gives no more."""

PLAYED = "played"
"""The topic of PlayedToEnd."""


class Play(msgspec.Struct, frozen=True):
    """Play this symbol."""

    symbol: str


class Silence(msgspec.Struct, frozen=True):
    """Play this symbol no more."""

    symbol: str


class PlayCandles(msgspec.Struct, frozen=True):
    """Tell the candles' actor each candle that closes (CandleClosed). Only to a market that has candles of its own."""

    symbol: str
    interval: str


class SilenceCandles(msgspec.Struct, frozen=True):
    """Tell these candles no more."""

    symbol: str
    interval: str


class AskKlines(msgspec.Struct, frozen=True):
    """Request to a market that has candles of its own: the newest `KLINES_MAX`, a tuple with the oldest first.

    The last of them may be open still. Fails with the reason when they can not be had.
    """

    symbol: str
    interval: str


class PlayerStarted(msgspec.Struct, frozen=True):
    """Published under `names.PLAYER` by a market that has candles of its own: whoever wants some asks again."""


class PlayedToEnd(msgspec.Struct, frozen=True):
    """A recorded market has come to its end, and everything that followed from it has come to rest.

    `error` says why it ended early: a row that is no trade, a damaged archive.
    """

    symbol: str
    trades: int
    error: NaiveError | None = None


class _Step(msgspec.Struct, frozen=True):
    due_ns: int


class _Save(msgspec.Struct, frozen=True):
    pass


class _Track:
    """One symbol's place in the music."""

    def __init__(self, symbol: str, trades: Iterator[Trade]) -> None:
        self.symbol = symbol
        self.trades = trades
        self.played = 0
        """How many trades have gone by, those that were passed over included."""
        self.anchor_ns: int | None = None

    def pass_over(self, band: PriceBand) -> bool:
        """Pass over trades of a stretch that lie in the band; gives whether that was all of it. Raises NaiveError."""
        if not isinstance(self.trades, RecordedTrades):
            return False
        passed = self.trades.pass_over(band)
        self.played += passed
        return passed > 0 and self.trades.is_between


class Player(Actor):
    """See the module."""

    runs_on = "thread"

    def __init__(self, source: MarketSource, prefetched: dict[str, Trade] | None = None) -> None:
        super().__init__()
        self._source = source
        self._prefetched: dict[str, Trade] = {} if prefetched is None else prefetched
        self._hung = 0
        self._tracks: dict[str, _Track] = {}
        self._due: list[tuple[int, int, Trade, _Track]] = []
        self._numbers = count()
        self._step: Timer | None = None
        self._step_ns: int | None = None

    def init(self) -> None:
        """Keep the market's state every now and then."""
        self.send_after(SAVE_PERIOD_S, _Save())

    def on_receive(self, message: Any) -> Any:
        """Play on, or change what is played."""
        match message:
            case Play(symbol):
                self._play(symbol)
            case Silence(symbol):
                self._tracks.pop(symbol, None)
                self._prefetched.pop(symbol, None)
            case AskStreams():
                return ()
            case _Step(due_ns):
                if due_ns == self._step_ns:  # else an earlier one has taken its place
                    self._step_ns = None
                    self._play_due()
            case _Save():
                self._source.save()
                self.send_after(SAVE_PERIOD_S, _Save())
            case _:
                super().on_receive(message)
        return None

    def on_terminate(self, reason: ExitReason) -> None:
        """Keep the market's state."""
        self._source.save()

    def _play(self, symbol: str) -> None:
        if symbol in self._tracks:
            return
        trades = self._source.trades(symbol)
        if trades is None:
            self.log.warning("no market data", symbol=symbol)
            self.system.pubsub.publish(names.MARKET_MISSING, MarketMissing(symbol))
            return
        self._tracks[symbol] = track = _Track(symbol, trades)
        self._settle(symbol)  # whoever asked for the symbol is ready for its first trade
        self._queue_next(track)
        self._step_when_due()

    def _look_ahead(self, track: _Track) -> None:
        """Queue the next trade that matters, as far as one can know which that is; else the next."""
        feed = self.system.whereis(names.feed(track.symbol))
        if feed is None or self._hung or not isinstance(track.trades, RecordedTrades):
            self._queue_next(track)
        else:
            self.request(feed, AskQuiet(track.symbol), lambda answer: self._take_quiet(track, answer), QUIET_TIMEOUT_S)

    def _take_quiet(self, track: _Track, answer: PriceBand | RequestFailed) -> None:
        """Pass over what lies in the band; at the end of a stretch ask again, for others may wait by then."""
        if self._tracks.get(track.symbol) is not track or self.is_dead:
            return
        try:
            goes_on = answer != PriceBand() and not isinstance(answer, RequestFailed) and track.pass_over(answer)
        except NaiveError as error:
            self._end_early(track, error)
            return
        if goes_on:
            self._settle(track.symbol)
            self._look_ahead(track)
        else:
            self._queue_next(track)
        self._step_when_due()

    def _queue_next(self, track: _Track) -> None:
        if self.is_dead:  # killed: what is read now belongs to who plays on
            return
        symbol = track.symbol
        try:
            trade = self._prefetched.get(symbol) or next(track.trades, None)
        except NaiveError as error:
            self._end_early(track, error)
            return
        if trade is None:
            self.log.info("market played to its end", symbol=symbol, trades=track.played)
            self._end_track(track, None)
            return
        self._prefetched[symbol] = trade
        track.played += 1
        heapq.heappush(self._due, (self._due_ns(track, trade), next(self._numbers), trade, track))

    def _end_early(self, track: _Track, error: NaiveError) -> None:
        """Tell that the recording can not be read on; whoever plays it decides what follows."""
        self.log.warning("market can not be played on", symbol=track.symbol, trades=track.played, reason=error.message)
        self._end_track(track, error)

    def _end_track(self, track: _Track, error: NaiveError | None) -> None:
        del self._tracks[track.symbol]
        self.system.pubsub.publish(PLAYED, PlayedToEnd(track.symbol, track.played, error))

    def _due_ns(self, track: _Track, trade: Trade) -> int:
        """Give when to play the trade, in time that no one sets; at once where there is no speed."""
        speed = self._source.speed
        if speed is None:
            return trade.time_ns
        now_ns = self._passed_ns()
        market_ns = int(Decimal(trade.time_ns) / speed)  # rounded down to whole nanoseconds
        if track.anchor_ns is None or now_ns - (track.anchor_ns + market_ns) > LATE_MAX_NS:
            track.anchor_ns = now_ns - market_ns
        return track.anchor_ns + market_ns

    def _play_due(self) -> None:
        _, _, trade, track = heapq.heappop(self._due)
        if self._tracks.get(trade.symbol) is track:
            del self._prefetched[trade.symbol]  # from now on it is played: a crash on the way must not play it twice
            self._play_trade(trade)
            self._look_ahead(track)
        self._step_when_due()

    def _play_trade(self, trade: Trade) -> None:
        for message in (TradeArrived(trade), DeliverTrade()):
            if self.system.tell(names.feed(trade.symbol), message):
                self._settle(trade.symbol)

    def _settle(self, symbol: str) -> None:
        """Wait until nobody but this player, and whoever hangs already, has anything to do."""
        if self.system.settle(1 + self._hung, HUNG_TIMEOUT_S if self._hung else SETTLE_TIMEOUT_S):
            if self._hung:
                self._note_hung(symbol, min(self._hung, self.system.busy - 1))
        else:
            self._note_hung(symbol, max(1, self.system.busy - 1))

    def _note_hung(self, symbol: str, hung: int) -> None:
        former, self._hung = self._hung, max(0, hung)
        if not former:
            self.log.warning("the daemon did not come to rest", symbol=symbol, waited_s=SETTLE_TIMEOUT_S)
        elif not self._hung:
            self.log.info("the daemon comes to rest again", symbol=symbol)

    def _step_when_due(self) -> None:
        """Step when the next trade is due; one of another symbol that is due earlier takes the place of a later one."""
        if not self._due or (self._step_ns is not None and self._step_ns <= self._due[0][0]):
            return
        if self._step is not None:
            self._step.cancel()
        due_ns = self._step_ns = self._due[0][0]
        wait_ns = 0 if self._source.speed is None else due_ns - self._passed_ns()
        if wait_ns > 0:
            self._step = self.send_after(wait_ns / NS_PER_S, _Step(due_ns))
        else:
            self.ref.tell(_Step(due_ns))

    def _passed_ns(self) -> int:
        return round(self.system.clock.monotonic_s() * NS_PER_S)


def player_of(source: MarketSource) -> Callable[[], Player]:
    """Give what makes the player of a source, at each of its starts: the trades read ahead outlive it."""
    prefetched: dict[str, Trade] = {}
    return lambda: Player(source, prefetched)
