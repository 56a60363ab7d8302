"""Where candles come from: the port through which whoever opens candles gets the actor that has them."""

from typing import Protocol

from naive_daemon.market.candles import CandleFeed


class CandleSource(Protocol):
    """What a market's candles are made of. It outlives the actors that it makes."""

    def candle_feed(self, symbol: str, interval: str) -> CandleFeed:
        """Make the actor that tells the candles of a symbol and an interval, at each of its starts."""


class CandlesFromOutside:
    """Implements CandleSource where somebody else makes the candles and tells them to the actor."""

    def candle_feed(self, symbol: str, interval: str) -> CandleFeed:
        """Make an actor that tells what it is told."""
        return CandleFeed(symbol, interval)
