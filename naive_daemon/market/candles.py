"""One symbol's candles of one interval: tells each closed candle once, in order and without holes, and keeps the last.

Receives: CandleClosed, from whoever makes candles; the request AskCandles.
Sends: on the topic `names.candles(symbol, interval)` CandlesStarted and then CandleClosed.
State: the last candles, `HISTORY_MAX` of them. Lost in a crash: CandlesStarted makes who listens ask for them again.

This one is told its candles from outside (a backtest). Those that make them of trades or have them of an exchange build
on it: `candles_of_trades.py`, `candles_of_exchange.py`. A candle that is still open is never told.
"""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.domain.candle import Candle
from naive_daemon.market.candle_builder import GAP_MAX
from naive_daemon.otp import Actor

HISTORY_MAX = GAP_MAX
"""Closed candles that are kept. A silence that was longer leaves nothing but flat ones of it."""


class CandlesStarted(msgspec.Struct, frozen=True):
    """The candles have started, anew or for the first time: who listens asks for those that it has not seen."""

    symbol: str
    interval: str


class CandleClosed(msgspec.Struct, frozen=True):
    """A candle is over and will never change. `is_late`: it was missed when it closed, and that is a while ago."""

    candle: Candle
    is_late: bool = False


class AskCandles(msgspec.Struct, frozen=True):
    """Request: the last closed candles, a tuple with the oldest first; fewer where there is no more history.

    Answered when history is there, which may take as long as an exchange is away: who asks says how long it waits.
    What closes after the answer is told on the topic. Who wants more than `HISTORY_MAX` gets so many.
    """

    count: int


class CandleFeed(Actor):
    """See the module. `kept`: the candles that were told already, where they outlive the actor."""

    def __init__(self, symbol: str, interval: str, kept: deque[Candle] | None = None) -> None:
        super().__init__()
        self._symbol = symbol
        self._interval = interval
        self._topic = names.candles(symbol, interval)
        self._kept: deque[Candle] = deque(maxlen=HISTORY_MAX) if kept is None else kept

    def log_context(self) -> dict[str, object]:
        """Say which candles these are."""
        return {"symbol": self._symbol, "interval": self._interval}

    def init(self) -> None:
        """Have those ask who listen."""
        self.system.pubsub.publish(self._topic, CandlesStarted(self._symbol, self._interval))

    def on_receive(self, message: Any) -> Any:
        """Tell a candle, or those that were told."""
        match message:
            case CandleClosed(candle):
                self._take(candle)
            case AskCandles(count):
                return self._last(count)
            case _:
                super().on_receive(message)
        return None

    def _take(self, candle: Candle) -> None:
        """Tell a candle, unless it or a later one was told already."""
        if not self._kept or candle.open_ns >= self._kept[-1].close_ns:
            self._tell((candle,))

    def _tell(self, candles: Sequence[Candle], late: int = 0) -> None:
        """Tell candles that follow those told before; the first `late` of them are late."""
        for place, candle in enumerate(candles):
            self._kept.append(candle)
            self.system.pubsub.publish(self._topic, CandleClosed(candle, place < late))

    def _last(self, count: int) -> tuple[Candle, ...]:
        return tuple(islice(self._kept, max(0, len(self._kept) - max(0, count)), None))
