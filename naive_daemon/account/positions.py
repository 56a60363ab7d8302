"""What an account holds of each symbol, on each side, and what that has gained at the last price."""

from decimal import Decimal

import msgspec

from naive_daemon.domain.money import EXACT, ZERO
from naive_daemon.domain.position import PositionSide


class HeldPosition(msgspec.Struct, frozen=True, kw_only=True):
    """One side of one symbol. `quantity` (base asset) is below 0 when short, `entry_price` is in the quote asset.

    Raises ValueError for a long one below 0 and a short one above. `time_ns` (UTC) orders what is told of it.
    """

    symbol: str
    side: PositionSide
    quantity: Decimal
    entry_price: Decimal
    base_asset: str = ""
    quote_asset: str = ""
    time_ns: int = 0

    def __post_init__(self) -> None:
        """Refuse a quantity that is not its side's."""
        if self.quantity < ZERO if self.side is PositionSide.LONG else self.quantity > ZERO:
            raise ValueError(f"{self.symbol}: {self.quantity} is no {self.side} position")

    @property
    def value(self) -> Decimal:
        """|quantity| × entry price, exactly, in the quote asset: what it has cost."""
        return EXACT.multiply(abs(self.quantity), self.entry_price)

    def unrealised_pnl(self, price: Decimal) -> Decimal:
        """Give quantity × (price − entry price), exactly, in the quote asset."""
        return EXACT.multiply(self.quantity, EXACT.subtract(price, self.entry_price))


class PositionCounts(msgspec.Struct, frozen=True):
    """How many positions there are; a symbol that is held on both sides counts two, and one hedge."""

    total: int = 0
    hedged: int = 0


class Positions:
    """Positions by symbol and side. What is older than what is known is refused, also after a delete."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, PositionSide], HeldPosition] = {}
        self._open: dict[tuple[str, PositionSide], HeldPosition] = {}
        self._times_ns: dict[tuple[str, PositionSide], int] = {}
        self._prices: dict[str, Decimal] = {}

    def set(self, position: HeldPosition) -> bool:
        """Take a position, one of quantity 0 too; False when a newer one is known."""
        key = position.symbol, position.side
        if self._times_ns.get(key, position.time_ns) > position.time_ns:
            return False
        self._times_ns[key] = position.time_ns
        self._known[key] = position
        if position.quantity:
            self._open[key] = position
        else:
            self._open.pop(key, None)
        return True

    def get(self, symbol: str, side: PositionSide) -> HeldPosition | None:
        """Give one side of a symbol, if it was ever told."""
        return self._known.get((symbol, side))

    def delete(self, symbol: str, side: PositionSide) -> bool:
        """Forget one side of a symbol; False when there was none."""
        self._open.pop((symbol, side), None)
        return self._known.pop((symbol, side), None) is not None

    def all(self) -> tuple[HeldPosition, ...]:
        """Give the positions in which something is held."""
        return tuple(self._open.values())

    def is_symbol_side_in_position(self, symbol: str, side: PositionSide) -> bool:
        """Say whether something is held on this side."""
        return (symbol, side) in self._open

    def is_symbol_in_any_position(self, symbol: str) -> bool:
        """Say whether something is held on either side."""
        return any((symbol, side) in self._open for side in PositionSide)

    def counts(self) -> PositionCounts:
        """Count the positions in which something is held, and the hedges."""
        return PositionCounts(len(self._open), self.total_hedged())

    def total_hedged(self) -> int:
        """Count the symbols that are held on both sides."""
        return sum(
            side is PositionSide.LONG and (symbol, PositionSide.SHORT) in self._open for symbol, side in self._open
        )

    def take_price(self, symbol: str, price: Decimal) -> None:
        """Note the last price. What follows from it is reckoned when it is read: prices come far more often."""
        self._prices[symbol] = price

    def price(self, symbol: str) -> Decimal | None:
        """Give the last price, if there was one."""
        return self._prices.get(symbol)

    def unrealised_pnl(self, symbol: str, side: PositionSide) -> Decimal | None:
        """Give what one side has gained at the last price; 0 while nothing is held, None while no price is known."""
        position = self._open.get((symbol, side))
        if position is None:
            return ZERO
        price = self._prices.get(symbol)
        return None if price is None else position.unrealised_pnl(price)
