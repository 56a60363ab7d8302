"""Candles as an exchange gives them, put in order: each closed one once, without holes. Pure.

They come from two sides. Of a stream each is told when it closes, but may come twice, late, or not at all while the
connection is away; what is asked for comes as rows, the newest candles, of which the last may be open still. What has
arrived and does not follow on waits until rows have filled the hole before it.
"""

from collections.abc import Iterable, Sequence

from naive_daemon.domain.candle import INTERVALS_S, NS_PER_S, Candle
from naive_daemon.market.candle_builder import GAP_MAX, flat_candles


class CandleSeries:
    """Owned by the candles' actor. `left_out`: how many candles of holes too long for the rows were never told."""

    def __init__(self, symbol: str, interval: str) -> None:
        self._symbol = symbol
        self._interval = interval
        self._length_ns = INTERVALS_S[interval] * NS_PER_S
        self._has_begun = False
        self._next_ns: int | None = None
        self._former: Candle | None = None
        self._arrived: dict[int, Candle] = {}
        self.left_out = 0

    @property
    def next_close_ns(self) -> int | None:
        """When the candle ends that comes next, UTC nanoseconds; None while there is none at all."""
        return None if self._next_ns is None else self._next_ns + self._length_ns

    @property
    def has_hole(self) -> bool:
        """Say whether something has arrived that does not follow on what was told."""
        return bool(self._arrived)

    def begin(self, rows: Sequence[Candle]) -> tuple[Candle, ...]:
        """Take the first rows; gives the history before all that has arrived meanwhile. `drain` goes on."""
        self._has_begun = True
        history = self.fill(rows)
        firsts = [*self._arrived, *(row.open_ns for row in rows[:1])]
        if self._arrived:
            first_ns = min(self._arrived)
            history = tuple(candle for candle in history if candle.open_ns < first_ns)
        self._former, self._next_ns = None, min(firsts, default=None)
        if history:
            self._go_on(history[-1])
        return history

    def arrive(self, candle: Candle) -> tuple[Candle, ...]:
        """Take a closed candle of the stream; gives what may be told now."""
        if self._next_ns is not None and candle.open_ns < self._next_ns:
            return ()  # once more, or later than the rows that had it
        self._arrived[candle.open_ns] = candle
        if len(self._arrived) > GAP_MAX:
            del self._arrived[min(self._arrived)]
        return self.drain()

    def fill(self, rows: Sequence[Candle]) -> tuple[Candle, ...]:
        """Take rows, the oldest first; gives those of them that are closed and not told yet. `drain` goes on.

        Where the exchange has none between two rows, nothing was traded: flat ones stand there. Of a hole that begins
        before the first row nobody knows what was in it, so it is left out.
        """
        told: list[Candle] = []
        former: Candle | None = None
        for row in rows if self._is_over(rows) else rows[:-1]:
            if self._next_ns is None or row.open_ns >= self._next_ns:
                told += self._between(former, row)
                told.append(row)
                self._go_on(row)
            former = row
        return tuple(told)

    def drain(self) -> tuple[Candle, ...]:
        """Give what has arrived before and follows on now."""
        if not self._has_begun or not self._arrived:
            return ()
        next_ns = min(self._arrived) if self._next_ns is None else self._next_ns
        self._arrived = {open_ns: each for open_ns, each in self._arrived.items() if open_ns >= next_ns}
        told: list[Candle] = []
        while (candle := self._arrived.pop(next_ns, None)) is not None:
            told.append(candle)
            self._go_on(candle)
            next_ns = candle.close_ns
        return tuple(told)

    def _go_on(self, told: Candle) -> None:
        self._former, self._next_ns = told, told.close_ns

    def _is_over(self, rows: Sequence[Candle]) -> bool:
        """Say whether the last row is closed, too: something later has arrived. No clock of ours can know that."""
        return bool(rows and self._arrived) and rows[-1].open_ns < max(self._arrived)

    def _between(self, former: Candle | None, row: Candle) -> Iterable[Candle]:
        """Give what stands between what was told and a row; of a long stretch without trades only the end."""
        if self._next_ns is None:
            return ()
        missing = (row.open_ns - self._next_ns) // self._length_ns
        if former is None or self._former is None:
            self.left_out += missing
            return ()
        left_out = max(0, missing - GAP_MAX)
        self.left_out += left_out
        from_ns = self._next_ns + left_out * self._length_ns
        return flat_candles(self._symbol, self._interval, self._former.close, from_ns, row.open_ns)
