"""What is told to the daemon's actors besides the trades, when a recording is played from outside of them."""

from collections.abc import Sequence
from typing import Protocol

from naive_daemon import names
from naive_daemon.domain.events import Trade
from naive_daemon.market.candles import CandleClosed
from naive_daemon.market.candles_in_bulk import BulkCandles
from naive_daemon.market.columns import Stretch
from naive_daemon.market.signals_in_bulk import BulkSignals

NEVER = 2**63

Message = tuple[names.Name, object]
"""Whom to tell, and what."""


class Told(Protocol):
    """Follows a recording from its first trade. Trades before `due_ns` and before number `due_number` bring nothing."""

    due_ns: int
    due_number: int

    def pass_over(self, stretch: Stretch, start: int, stop: int) -> None:
        """Count in trades that bring nothing, and that nobody sees."""

    def take(self, trade: Trade, number: int) -> Sequence[Message]:
        """Count in the trade of this number, from 1; gives what it brings."""


class NothingTold:
    """For strategies that look at trades only."""

    due_ns = due_number = NEVER

    def pass_over(self, stretch: Stretch, start: int, stop: int) -> None:
        """See Told."""

    def take(self, trade: Trade, number: int) -> Sequence[Message]:
        """See Told."""
        return ()


class CandlesTold:
    """Tells each candle at the trade that closes it."""

    due_number = NEVER

    def __init__(self, symbol: str, interval: str) -> None:
        self._candles = BulkCandles(symbol, interval)
        self._name = names.candles(symbol, interval)
        self.due_ns = 0

    def pass_over(self, stretch: Stretch, start: int, stop: int) -> None:
        """See Told."""
        self._candles.pass_over(stretch, start, stop)

    def take(self, trade: Trade, number: int) -> Sequence[Message]:
        """See Told."""
        closed = [(self._name, CandleClosed(candle)) for candle in self._candles.take(trade)]
        self.due_ns = self._candles.due_ns
        return closed


class SignalsTold:
    """Tells each signal at the trade that closes its candle."""

    due_ns = NEVER

    def __init__(self, bulk: BulkSignals) -> None:
        self._bulk = bulk
        self._next = 0
        self._look()

    def pass_over(self, stretch: Stretch, start: int, stop: int) -> None:
        """See Told."""

    def take(self, trade: Trade, number: int) -> Sequence[Message]:
        """See Told."""
        told: list[Message] = []
        while number == self.due_number:
            told.append((self._bulk.topic, self._bulk.signals[self._next][1]))
            self._next += 1
            self._look()
        return told

    def _look(self) -> None:
        left = self._next < len(self._bulk.signals)
        self.due_number = self._bulk.signals[self._next][0] if left else NEVER
