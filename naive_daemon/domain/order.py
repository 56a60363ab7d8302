"""An order and its life: one pure table says what each event makes of it.

Everybody who holds an order (execution manager, journal, account, trader) applies the same events with `Order.apply`,
so they cannot disagree. Contract: a terminal state never reopens, a fill counts once (by trade id), duplicates and
stale events change nothing. Unknown is a state that any live order can come into, and out of by the exchange's word.
"""

import enum
from decimal import Decimal
from typing import TypeVar

import msgspec

from naive_daemon.domain.events import (
    OrderAccepted,
    OrderCancelled,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from naive_daemon.domain.money import EXACT, ZERO
from naive_daemon.domain.side import Side

__all__ = ["CycleKey", "Leg", "Order", "OrderStatus", "OrderType", "Side"]


class OrderType(enum.StrEnum):
    """How an order is to be traded; we place none but limit orders that are good till cancelled."""

    LIMIT = "limit"


class OrderStatus(enum.StrEnum):
    """Where an order is in its life."""

    IN_FLIGHT = "in_flight"
    UNKNOWN = "unknown"
    OPEN = "open"
    PARTLY_FILLED = "partly_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"

    __hash__ = str.__hash__  # the enum's own is Python code, and every look at an order asks whether it is terminal

    @property
    def is_terminal(self) -> bool:
        """Say whether the order's life is over."""
        return self in _TERMINAL

    @property
    def is_resting(self) -> bool:
        """Say whether the exchange has it on its book."""
        return self in (OrderStatus.OPEN, OrderStatus.PARTLY_FILLED)


_ENDED_UNFILLED = frozenset({OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED})
_TERMINAL = _ENDED_UNFILLED | {OrderStatus.FILLED}


class CycleKey(msgspec.Struct, frozen=True, order=True):
    """Names one trade cycle for ever: trader is the leader's slot (from 1), cycle counts in that slot (from 1)."""

    account: str
    symbol: str
    trader: int
    cycle: int

    def __str__(self) -> str:
        return f"{self.account}/{self.symbol}/{self.trader}/{self.cycle}"


class Leg(msgspec.Struct, frozen=True):
    """One order's place in its cycle. `attempt` (from 1) rises only once the former attempt is over without a fill."""

    side: Side
    attempt: int = 1

    def __str__(self) -> str:
        return f"{self.side.value[0].lower()}{self.attempt}"


Ending = TypeVar("Ending", OrderCancelled, OrderExpired, OrderRejected, OrderUnknown)
"""What may become of an order for a reason, without a fill."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A limit order (good till cancelled) and everything known of it.

    `quantity` and `filled` are in the base asset, `filled_quote` is Σ price × quantity of its fills; commissions are
    kept by asset. Every sum is exact. `created_ns` and `updated_ns` are UTC nanoseconds.
    """

    client_order_id: str
    key: CycleKey
    leg: Leg
    price: Decimal
    quantity: Decimal
    created_ns: int
    updated_ns: int = 0
    status: OrderStatus = OrderStatus.IN_FLIGHT
    exchange_order_id: str | None = None
    filled: Decimal = ZERO
    filled_quote: Decimal = ZERO
    commissions: dict[str, Decimal] = {}
    trade_ids: frozenset[str] = frozenset()
    reason: str | None = None

    @property
    def side(self) -> Side:
        """Buy or sell."""
        return self.leg.side

    @property
    def order_type(self) -> OrderType:
        """How it is traded."""
        return OrderType.LIMIT

    @property
    def symbol(self) -> str:
        """The symbol that is traded."""
        return self.key.symbol

    @property
    def remaining(self) -> Decimal:
        """What is still to be filled, in the base asset."""
        return EXACT.subtract(self.quantity, self.filled)

    @property
    def average_price(self) -> Decimal | None:
        """Quote paid or received for each unit of base, unrounded; None before the first fill."""
        return self.filled_quote / self.filled if self.filled else None

    def commission(self, asset: str) -> Decimal:
        """Commission paid in `asset` so far."""
        return self.commissions.get(asset, ZERO)

    def apply(self, event: OrderEvent) -> "Order":
        """Give the order as it is after `event`; the same object when the event changes nothing."""
        match event:
            case OrderFilled():
                return self._filled(event)
            case _ if self.status.is_terminal:
                return self
            case OrderAccepted():
                return self._accepted(event)
            case OrderUnknown():
                if self.status is OrderStatus.UNKNOWN:
                    return self
                return self._moved(OrderStatus.UNKNOWN, event.time_ns, event.reason)
            case OrderRejected():
                return self._moved(OrderStatus.REJECTED, event.time_ns, event.reason)
            case OrderCancelled():
                return self._moved(OrderStatus.CANCELLED, event.time_ns, event.reason)
            case OrderExpired():
                return self._moved(OrderStatus.EXPIRED, event.time_ns, event.reason)

    def event(self, kind: type[Ending], time_ns: int, reason: str) -> Ending:
        """Give an event of this order, to be applied to it and told."""
        return kind(
            account=self.key.account,
            symbol=self.symbol,
            client_order_id=self.client_order_id,
            time_ns=time_ns,
            reason=reason,
        )

    def _accepted(self, event: OrderAccepted) -> "Order":
        if self.status.is_resting and self.exchange_order_id is not None:
            return self
        status = OrderStatus.PARTLY_FILLED if self.filled else OrderStatus.OPEN
        return msgspec.structs.replace(
            self, status=status, exchange_order_id=event.exchange_order_id, updated_ns=event.time_ns, reason=None
        )

    def _filled(self, event: OrderFilled) -> "Order":
        if event.trade_id in self.trade_ids:
            return self
        filled = EXACT.add(self.filled, event.quantity)
        status = self.status
        if filled >= self.quantity:
            status = OrderStatus.FILLED
        elif not status.is_terminal:
            status = OrderStatus.PARTLY_FILLED
        commissions = dict(self.commissions)
        if event.commission:
            paid = self.commission(event.commission_asset)
            commissions[event.commission_asset] = EXACT.add(paid, event.commission)
        return msgspec.structs.replace(
            self,
            status=status,
            exchange_order_id=event.exchange_order_id or self.exchange_order_id,
            filled=filled,
            filled_quote=EXACT.add(self.filled_quote, EXACT.multiply(event.price, event.quantity)),
            commissions=commissions,
            trade_ids=self.trade_ids | {event.trade_id},
            updated_ns=event.time_ns,
            reason=self.reason if status in _ENDED_UNFILLED else None,
        )

    def _moved(self, status: OrderStatus, time_ns: int, reason: str | None) -> "Order":
        return msgspec.structs.replace(self, status=status, updated_ns=time_ns, reason=reason)
