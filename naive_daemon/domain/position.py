"""A position: the sum of the fills that opened and closed it, net of commission in the base asset.

A cycle's position is long: what its buys brought, less what its sells gave away. A short one (quantity below 0) is what
a margin account may have.
"""

import enum
from decimal import Decimal

import msgspec

from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.money import EXACT, ZERO
from naive_daemon.domain.side import Side

FillId = tuple[str, str]
"""(client order id, trade id)."""


class PositionSide(enum.StrEnum):
    """Which way a position gains."""

    LONG = "LONG"
    SHORT = "SHORT"


class PositionFill(msgspec.Struct, frozen=True):
    """A fill of a position, with the side that its order had: a fill alone does not say it."""

    side: Side
    fill: OrderFilled


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """What is held of one symbol, and since when.

    `quantity` (base asset) is above 0 when long and below 0 when short; `entry_price` is the average price of what
    opened it, in the quote asset, 0 while nothing is held. `realised_pnl` (quote asset) counts closed quantity ×
    (price − entry), without commission. Prices and PnL are kept to 28 digits, half-even; quantities are exact.
    Commission in the base asset leaves the position, whichever side has paid it. A fill counts once, by its order and
    trade id: a cycle whose sell meets its own buy has one trade id for both.
    """

    position_id: str
    account: str
    symbol: str
    base_asset: str
    side: PositionSide = PositionSide.LONG
    quantity: Decimal = ZERO
    entry_price: Decimal = ZERO
    realised_pnl: Decimal = ZERO
    opened_ns: int = 0
    updated_ns: int = 0
    fill_ids: frozenset[FillId] = frozenset()

    @property
    def is_open(self) -> bool:
        """Say whether anything is held."""
        return self.quantity != ZERO

    def unrealised_pnl(self, price: Decimal) -> Decimal:
        """Give quantity × (price − entry), in the quote asset, in 28 digits, half-even."""
        return self.quantity * (price - self.entry_price)

    def apply(self, event: PositionFill) -> "Position":
        """Give the position as it is after a fill; the same object when it is counted already."""
        fill = event.fill
        fill_id = fill.client_order_id, fill.trade_id
        if fill_id in self.fill_ids:
            return self
        opens = (event.side is Side.BUY) is (self.side is PositionSide.LONG)
        traded = fill.quantity if event.side is Side.BUY else EXACT.minus(fill.quantity)
        change = EXACT.subtract(traded, self._commission(fill))
        quantity = EXACT.add(self.quantity, change)
        return msgspec.structs.replace(
            self,
            quantity=quantity,
            entry_price=self._entry_price(fill.price, abs(change), opens=opens) if quantity else ZERO,
            realised_pnl=self.realised_pnl + (ZERO if opens else self._closed(fill)),
            opened_ns=self.opened_ns or fill.time_ns,
            updated_ns=fill.time_ns,
            fill_ids=self.fill_ids | {fill_id},
        )

    def _commission(self, fill: OrderFilled) -> Decimal:
        return fill.commission if fill.commission_asset == self.base_asset else ZERO

    def _entry_price(self, price: Decimal, moved: Decimal, *, opens: bool) -> Decimal:
        if not opens:
            return self.entry_price
        held = abs(self.quantity)
        return (held * self.entry_price + moved * price) / (held + moved)

    def _closed(self, fill: OrderFilled) -> Decimal:
        gain = fill.price - self.entry_price
        return fill.quantity * (gain if self.side is PositionSide.LONG else -gain)
