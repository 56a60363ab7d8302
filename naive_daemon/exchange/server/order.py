"""An order and a fill as the exchange keeps them: what its answers, events and file are made of. Owned by the venue."""

import enum
from decimal import Decimal

import msgspec

from naive_daemon.domain.money import EXACT, ZERO
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.side import Side


class OrderKind(enum.StrEnum):
    """The types of order that are taken."""

    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    MARKET = "MARKET"


class TimeInForce(enum.StrEnum):
    """How long an order stands."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class Status(enum.StrEnum):
    """Binance's names of where an order is in its life."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"

    @property
    def is_live(self) -> bool:
        """Say whether the order may still trade."""
        return self in (Status.NEW, Status.PARTIALLY_FILLED)


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One order's side of a trade; `trade_id` is unique over all symbols, and the same for the other side's order."""

    trade_id: int
    order_id: int
    account: str
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    quote: Decimal
    commission: Decimal
    commission_asset: str
    time_ns: int
    is_maker: bool


_EXPIRY_REASONS = {
    TimeInForce.IOC: "UNFILLED_IOC_QUANTITY_EXPIRED",
    TimeInForce.FOK: "UNFILLED_FOK_ORDER_EXPIRED",
}


class VenueOrder(msgspec.Struct, kw_only=True):
    """An order, changed in place by the venue alone. `quantity` is in base, `quote_quantity` what a market order asked.

    `on_book` says that it rests or has rested.
    """

    order_id: int
    account: str
    symbol: str
    client_order_id: str
    side: Side
    kind: OrderKind
    time_in_force: TimeInForce
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal = ZERO
    created_ns: int
    updated_ns: int
    status: Status = Status.NEW
    filled: Decimal = ZERO
    filled_quote: Decimal = ZERO
    cancel_client_order_id: str = ""
    on_book: bool = True

    @property
    def expiry_reason(self) -> str | None:
        """Say why it has expired, in Binance's words (Spot API, "Enums", `expiryReason`); None when it has not."""
        if self.status is not Status.EXPIRED:
            return None
        if self.kind is OrderKind.MARKET:
            return "INSUFFICIENT_LIQUIDITY"
        return _EXPIRY_REASONS.get(self.time_in_force, "EXCHANGE_CANCELED")

    def add(self, fill: Fill) -> None:
        """Count a fill in."""
        self.filled = EXACT.add(self.filled, fill.quantity)
        self.filled_quote = EXACT.add(self.filled_quote, fill.quote)
        self.status = Status.FILLED if self.filled >= self.quantity else Status.PARTIALLY_FILLED
        self.updated_ns = fill.time_ns

    def for_engine(self) -> Order:
        """Give the order in the engine's terms."""
        return Order(
            client_order_id=self.client_order_id,
            key=CycleKey(self.account, self.symbol, 0, 0),
            leg=Leg(self.side),
            price=self.price,
            quantity=self.quantity,
            created_ns=self.created_ns,
            updated_ns=self.updated_ns,
            status=OrderStatus.PARTLY_FILLED if self.filled else OrderStatus.OPEN,
            exchange_order_id=str(self.order_id) if self.order_id else None,
            filled=self.filled,
            filled_quote=self.filled_quote,
        )
