"""Candles made of trades: a plain group-by of time, one trade after another. Pure; time is that of the trades.

A candle is closed by the first trade that lies behind its end, or by a clock that has passed it (`close_until`); then
it never changes. Intervals without a trade between two others have flat candles, so that closed candles tile time.
Nobody knows what was traded before the first trade that came: the candle that it lies in is not told, unless it is
known to be whole.
"""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from naive_daemon.domain.candle import INTERVALS_S, NS_PER_S, Candle, open_of
from naive_daemon.domain.events import Trade
from naive_daemon.domain.money import EXACT, ZERO

GAP_MAX = 1_000
"""Flat candles that one silence makes at most. Of a longer one the last so many are made, and the rest is left out:
time jumps before them, and whoever averages over fewer candles sees the same."""


class Run(msgspec.Struct, frozen=True):
    """Trades one after the other, the first at `time_ns`, in short: as a candle has them."""

    time_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    trades: int


class CandleBuilder:
    """Owned by whoever hears the trades. Open, high, low and close are in the order in which trades came.

    `late`: how many trades came after the end of their candle had been told, and changed nothing. `left_out`: how many
    flat candles of long silences were not made.
    """

    def __init__(self, symbol: str, interval: str, *, is_first_whole: bool = False) -> None:
        self._symbol = symbol
        self._interval = interval
        self._length_ns = INTERVALS_S[interval] * NS_PER_S
        self._is_whole = is_first_whole
        self._open_ns = self._close_ns = 0
        self._open = self._high = self._low = self._close = self._volume = ZERO
        self._trades = 0
        self.late = 0
        self.left_out = 0

    @property
    def open_close_ns(self) -> int | None:
        """When the candle that is open ends, UTC nanoseconds; None before the first trade."""
        return self._close_ns or None

    def take(self, trade: Trade) -> tuple[Candle, ...]:
        """Count a trade in; gives the candles that are closed by it, oldest first."""
        time_ns, price = trade.time_ns, trade.price
        closed: tuple[Candle, ...] = ()
        if time_ns >= self._close_ns:
            closed = self._begin(time_ns) if self._close_ns else self._begin_first(time_ns)
        elif time_ns < self._open_ns:
            self.late += 1
            return ()
        if not self._trades:
            self._open = self._high = self._low = price
        elif price > self._high:
            self._high = price
        elif price < self._low:
            self._low = price
        self._close = price
        self._volume = EXACT.add(self._volume, trade.quantity)
        self._trades += 1
        return closed

    def take_run(self, run: Run) -> None:
        """Count in trades that lie in the candle that is open; raises ValueError where they may not."""
        if not self._open_ns <= run.time_ns < self._close_ns:
            raise ValueError(f"a run of trades from {run.time_ns} on is not in the candle from {self._open_ns} on")
        if not self._trades:
            self._open, self._high, self._low = run.open, run.high, run.low
        self._high, self._low = max(self._high, run.high), min(self._low, run.low)
        self._close = run.close
        self._volume = EXACT.add(self._volume, run.volume)
        self._trades += run.trades

    def close_until(self, time_ns: int) -> tuple[Candle, ...]:
        """Close what has ended by `time_ns`, without a trade; gives it, oldest first. Nothing before the first one."""
        return self._begin(time_ns) if 0 < self._close_ns <= time_ns else ()

    def _begin_first(self, time_ns: int) -> tuple[Candle, ...]:
        self._open_ns = open_of(self._interval, time_ns)
        self._close_ns = self._open_ns + self._length_ns
        return ()

    def _begin(self, time_ns: int) -> tuple[Candle, ...]:
        """Close the candle that is open, fill up to the one that `time_ns` lies in, and open that."""
        told = (self._candle(),) if self._is_whole else ()
        self._is_whole = True
        start_ns = open_of(self._interval, time_ns)
        gap = (start_ns - self._close_ns) // self._length_ns
        left_out = max(0, gap - GAP_MAX)
        self.left_out += left_out
        from_ns = self._close_ns + left_out * self._length_ns
        flat = tuple(flat_candles(self._symbol, self._interval, self._close, from_ns, start_ns))
        self._open_ns, self._close_ns = start_ns, start_ns + self._length_ns
        self._open = self._high = self._low = self._close  # a candle without any trade is flat
        self._volume = ZERO
        self._trades = 0
        return told + flat

    def _candle(self) -> Candle:
        return Candle(
            symbol=self._symbol,
            interval=self._interval,
            open_ns=self._open_ns,
            close_ns=self._close_ns,
            open=self._open,
            high=self._high,
            low=self._low,
            close=self._close,
            volume=self._volume,
            trades=self._trades,
        )


def flat_candles(symbol: str, interval: str, price: Decimal, from_ns: int, until_ns: int) -> Iterator[Candle]:
    """Give the candles of a stretch without trades, both ends on the interval's grid."""
    length_ns = INTERVALS_S[interval] * NS_PER_S
    for open_ns in range(from_ns, until_ns, length_ns):
        yield Candle(
            symbol=symbol,
            interval=interval,
            open_ns=open_ns,
            close_ns=open_ns + length_ns,
            open=price,
            high=price,
            low=price,
            close=price,
            volume=ZERO,
            trades=0,
        )
