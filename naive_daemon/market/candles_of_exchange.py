"""Candles that the exchange has: its history, then each one as it closes; what is missed on the way is asked for.

Receives: CandleClosed from the live market; PlayerStarted.
Sends: PlayCandles, SilenceCandles and the request AskKlines to the live market; SayTrouble to the streams' desk; what
every CandleFeed does.
State: the last candles, and what has arrived out of order. Lost in a crash: history is asked for anew.

A hole is filled before the next candle is told. A candle that has not come a few seconds after its end is asked for, so
a connection that is silent costs no more than that. What the exchange does not give is asked for again, less and less
often, for as long as it takes; log and desk are told so, and who needs history waits.
"""

from collections import deque
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.candle import INTERVALS_S, Candle
from naive_daemon.market.candle_series import CandleSeries
from naive_daemon.market.candles import AskCandles, CandleFeed
from naive_daemon.market.player import AskKlines, PlayCandles, PlayerStarted, SilenceCandles
from naive_daemon.market.resource import SayTrouble
from naive_daemon.otp import DEFERRED, Call, ExitReason, RequestFailed, Timer, tell_reason

GRACE_S = 3.0
"""How long after its end a candle may take to come before it is asked for."""
LATE_S = 60
"""A candle that ended longer ago was missed when it closed, also when it is the newest: one of a day may be. A clock of
ours that is ahead by as much lets nobody enter; by then it keeps entries from Binance anyway."""
RETRY_FIRST_S = 1.0
RETRY_MAX_S = 60.0
ANSWER_TIMEOUT_S = 30.0
NOTHING_NEW = "the exchange has no newer ones"
ASKING_MAX = 1_000
"""Who may wait for history; of more the eldest, whose patience is over first, are forgotten."""


class _Look(msgspec.Struct, frozen=True):
    pass


class ExchangeCandleFeed(CandleFeed):
    """See the module."""

    def __init__(self, symbol: str, interval: str) -> None:
        super().__init__(symbol, interval)
        self._length_s = INTERVALS_S[interval]
        self._series = CandleSeries(symbol, interval)
        self._has_history = False
        self._asking: deque[tuple[int, Call]] = deque(maxlen=ASKING_MAX)
        self._is_asked = False
        self._is_in_trouble = False
        self._pauses = False
        self._pause_s = RETRY_FIRST_S
        self._timer: Timer | None = None

    def init(self) -> None:
        """Have them told, and ask for history."""
        super().init()
        self.subscribe(names.PLAYER)
        self._play()
        self._ask()

    def on_receive(self, message: Any) -> Any:
        """Put a candle in order, or answer who asks for history once it is there."""
        match message:
            case AskCandles(count) if not self._has_history:
                self._asking.append((count, self.caller()))
                return DEFERRED
            case PlayerStarted():
                self._play()
            case _Look():
                self._pauses = False
                self._ask()
            case _:
                return super().on_receive(message)
        return None

    def on_terminate(self, reason: ExitReason) -> None:
        """Have them told no more, unless this one is about to start again."""
        if reason.is_orderly:
            self.system.tell(names.PLAYER, SilenceCandles(self._symbol, self._interval))

    def _play(self) -> None:
        self.system.tell(names.PLAYER, PlayCandles(self._symbol, self._interval))

    def _take(self, candle: Candle) -> None:
        told = self._series.arrive(candle)
        self._tell_newest(told)
        if self._series.has_hole:
            if self._has_history and not self._pauses:
                self._ask()
        elif told:  # it came at its end: the next one should come so much later, whatever our clock says
            self._note_well()
            self._look_in(self._length_s + GRACE_S)

    def _ask(self) -> None:
        if not self._is_asked:
            self._is_asked = True
            question = AskKlines(self._symbol, self._interval)
            self.request(self.system.whereis(names.PLAYER), question, self._take_rows, ANSWER_TIMEOUT_S)

    def _take_rows(self, rows: tuple[Candle, ...] | RequestFailed) -> None:
        self._is_asked = False
        if isinstance(rows, RequestFailed):
            self._note_trouble(tell_reason(rows.reason))
            self._look_again()
            return
        is_ahead = self._fill(rows) if self._has_history else self._begin(rows)
        if self._is_overdue():
            self._note_trouble(NOTHING_NEW)
        else:
            self._note_well()
        if is_ahead and not self._series.has_hole:
            self._pause_s = RETRY_FIRST_S
            self._look_when_due()
        else:
            self._look_again()

    def _begin(self, rows: tuple[Candle, ...]) -> bool:
        """Keep the history, and answer who waits for it; what has closed meanwhile is told after that."""
        self._kept.extend(self._series.begin(rows))
        self._has_history = True
        while self._asking:
            count, call = self._asking.popleft()
            call.reply(self._last(count))
        self._tell_newest(self._series.drain())
        return bool(self._kept)

    def _fill(self, rows: tuple[Candle, ...]) -> bool:
        """Tell what rows bring, and what has arrived behind it; says whether there was anything."""
        left_out = self._series.left_out
        told = self._series.fill(rows) + self._series.drain()
        self._tell_newest(told)
        if self._series.left_out > left_out:
            self.log.warning("candles are missing", count=self._series.left_out - left_out)
        return bool(told)

    def _tell_newest(self, told: tuple[Candle, ...]) -> None:
        """Tell what follows on; of more than one only the last was not missed when it closed, nor that if long ago."""
        if told:
            is_missed = self.system.clock.now_ns() > told[-1].close_ns + LATE_S * NS_PER_S
            self._tell(told, late=len(told) if is_missed else len(told) - 1)

    def _is_overdue(self) -> bool:
        """Say whether the next candle ended long ago; before the first one, whether it was asked for often enough."""
        next_ns = self._series.next_close_ns
        if next_ns is None:
            return self._pause_s >= RETRY_MAX_S
        return self.system.clock.now_ns() > next_ns + LATE_S * NS_PER_S

    def _note_trouble(self, reason: str) -> None:
        """Log it once, and tell the desk each time: it may be another one by now."""
        if not self._is_in_trouble:
            self._is_in_trouble = True
            self.log.warning("candles can not be had", reason=reason)
        self._say_trouble(reason)

    def _note_well(self) -> None:
        if self._is_in_trouble:
            self._is_in_trouble = False
            self.log.info("candles can be had again")
            self._say_trouble(None)

    def _say_trouble(self, reason: str | None) -> None:
        name = names.candles(self._symbol, self._interval)
        self.system.tell(names.STREAM_DESK, SayTrouble(name, reason))

    def _look_again(self) -> None:
        """Ask again after a pause, each time a longer one."""
        self._pauses = True
        self._look_in(self._pause_s)
        self._pause_s = min(2 * self._pause_s, RETRY_MAX_S)

    def _look_when_due(self) -> None:
        """Ask for the next candle when it should have come, unless it comes."""
        next_ns = self._series.next_close_ns
        wait_s = 0.0 if next_ns is None else (next_ns - self.system.clock.now_ns()) / NS_PER_S
        self._look_in(max(wait_s, 0.0) + GRACE_S)

    def _look_in(self, wait_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.send_after(wait_s, _Look())


class CandlesOfExchange:
    """Implements CandleSource for a live market that has candles of its own."""

    def candle_feed(self, symbol: str, interval: str) -> CandleFeed:
        """Make the actor; it asks the market for history at each of its starts."""
        return ExchangeCandleFeed(symbol, interval)
