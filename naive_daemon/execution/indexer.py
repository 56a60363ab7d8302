"""The indexer of one exchange: which symbols and assets were configured, in our names and in the exchange's.

Binance names a symbol as we do, but for market streams, where it is in lower case; so the translation is small. What
matters is what it refuses: a request for a symbol that was never configured is a programming error, and an answer
about one is somebody else's affair.
"""

from collections.abc import Mapping

from naive_daemon.domain.instrument import Instrument


class UnknownSymbolError(Exception):
    """A request names a symbol that was never configured: who sent it has a bug."""

    def __init__(self, symbol: str) -> None:
        super().__init__(f"{symbol} was never configured on this exchange: no order leaves for it")
        self.symbol = symbol


class Indexer:
    """Translates names of symbols; `instruments` by our names."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._instruments = instruments

    def instrument(self, symbol: str) -> Instrument:
        """Give what a request is about; raises UnknownSymbolError."""
        instrument = self._instruments.get(symbol)
        if instrument is None:
            raise UnknownSymbolError(symbol)
        return instrument

    def knows(self, symbol: str) -> bool:
        """Say whether an answer's symbol is one of ours."""
        return symbol in self._instruments

    def quote_asset(self, symbol: str) -> str:
        """Give the asset that a symbol's money is counted in; one that is listed no more counts by itself."""
        instrument = self._instruments.get(symbol)
        return symbol if instrument is None else instrument.quote_asset
