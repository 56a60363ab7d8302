"""How many times its own money an account may hold of a symbol."""

from decimal import Decimal

from naive_daemon.domain.money import ONE, ZERO


class Leverages:
    """Leverage by symbol. A symbol of which nothing was said has 1, as on Spot, where nobody lends."""

    def __init__(self) -> None:
        self._by_symbol: dict[str, Decimal] = {}

    def set(self, symbol: str, leverage: Decimal) -> None:
        """Take a symbol's leverage; raises ValueError for what is no number above 0."""
        if not leverage.is_finite() or leverage <= ZERO:
            raise ValueError(f"a leverage is a number above 0, not {leverage}")
        self._by_symbol[symbol] = leverage

    def get(self, symbol: str) -> Decimal:
        """Give a symbol's leverage."""
        return self._by_symbol.get(symbol, ONE)

    def all(self) -> dict[str, Decimal]:
        """Give every leverage that was set, by symbol."""
        return dict(self._by_symbol)
