"""Candles of a recording, made outside of the actors: of whole runs of trades at once. Owned by whoever plays it.

They are those that `candles_of_trades.py` makes, each closed by the same trade; and nobody has to hear every trade.
"""

from naive_daemon.domain.candle import Candle
from naive_daemon.domain.events import Trade
from naive_daemon.market.candle_builder import CandleBuilder
from naive_daemon.market.columns import Stretch


class BulkCandles:
    """Takes a recording from its start: the trades that matter one by one, and all others in runs."""

    def __init__(self, symbol: str, interval: str) -> None:
        self.interval = interval
        self._builder = CandleBuilder(symbol, interval)

    @property
    def due_ns(self) -> int:
        """When the candle that is open ends: the first trade from then on must be taken alone. 0 before any trade."""
        return self._builder.open_close_ns or 0

    def pass_over(self, stretch: Stretch, start: int, stop: int) -> None:
        """Count in the trades from `start` to before `stop`, all of them before `due_ns`."""
        if start < stop:
            self._builder.take_run(stretch.run(start, stop))

    def take(self, trade: Trade) -> tuple[Candle, ...]:
        """Count in one trade; gives the candles that it closes, oldest first."""
        return self._builder.take(trade)
