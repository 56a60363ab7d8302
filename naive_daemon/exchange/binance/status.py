"""Where an order of Binance is in its life, in our words; and the event with which a life ends. Pure."""

from naive_daemon.domain.events import OrderCancelled, OrderExpired, OrderRejected
from naive_daemon.domain.order import OrderStatus

Ending = OrderCancelled | OrderExpired | OrderRejected

STATUSES = {
    "NEW": OrderStatus.OPEN,
    "PENDING_NEW": OrderStatus.OPEN,
    "PENDING_CANCEL": OrderStatus.OPEN,
    "PARTIALLY_FILLED": OrderStatus.PARTLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "REJECTED": OrderStatus.REJECTED,
    "EXPIRED": OrderStatus.EXPIRED,
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
}
"""Binance Spot API, "Enum definitions", order status."""

_ENDINGS: dict[OrderStatus, type[Ending]] = {
    OrderStatus.CANCELLED: OrderCancelled,
    OrderStatus.EXPIRED: OrderExpired,
    OrderStatus.REJECTED: OrderRejected,
}


def ending_of(status: OrderStatus | None) -> type[Ending] | None:
    """Give the kind of event with which an order came to this status; None while it lives, or when it was filled."""
    return _ENDINGS.get(status) if status is not None else None
