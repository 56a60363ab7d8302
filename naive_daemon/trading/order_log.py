"""What the log says of an order's events, in a trader's words."""

from typing import Any

from naive_daemon.domain.events import OrderCancelled, OrderEvent, OrderExpired, OrderFilled, OrderRejected
from naive_daemon.domain.money import plain
from naive_daemon.domain.order import Order, OrderStatus


def log_event(log: Any, order: Order, event: OrderEvent) -> None:
    """Say what has happened to an order, which is as it is after the event."""
    side = order.side.value.lower()
    match event:
        case OrderFilled(price=price, quantity=quantity):
            filled = f"{side} {'filled' if order.status is OrderStatus.FILLED else 'partly filled'}"
            log.info(filled, price=plain(price), quantity=plain(quantity))
        case OrderCancelled(reason=None):
            cancelled = f"{side} cancelled"
            log.info(cancelled)
        case OrderRejected(reason=reason) | OrderCancelled(reason=reason) | OrderExpired(reason=reason):
            ended = f"{side} {order.status.value}"
            log.warning(ended, reason=reason)
