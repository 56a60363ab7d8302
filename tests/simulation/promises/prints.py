"""What the market has printed: every rule of a strategy is about trades that were really there."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from decimal import Decimal

from naive_daemon.domain.events import Trade


class Prints:
    """Trades by symbol, in the order in which the market printed them."""

    def __init__(self) -> None:
        self._times: defaultdict[str, list[int]] = defaultdict(list)
        self._prices: defaultdict[str, list[Decimal]] = defaultdict(list)
        self.last_ns = 0

    def take(self, trade: Trade) -> None:
        """Note one more; the market's time never goes back."""
        self._times[trade.symbol].append(trade.time_ns)
        self._prices[trade.symbol].append(trade.price)
        self.last_ns = trade.time_ns

    def at(self, symbol: str, time_ns: int) -> list[Decimal]:
        """Give the prices of all trades of a symbol that have this time."""
        times = self._times[symbol]
        return self._prices[symbol][bisect_left(times, time_ns) : bisect_right(times, time_ns)]

    def since(self, symbol: str, time_ns: int) -> list[Decimal]:
        """Give the prices of all trades of a symbol from this time on, those of the moment included."""
        return self._prices[symbol][bisect_left(self._times[symbol], time_ns) :]
