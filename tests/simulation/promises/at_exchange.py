"""What the exchange has of our orders, by its own word at the moment when it happened."""

from typing import TYPE_CHECKING

from naive_daemon.domain.events import FillKey, OrderAccepted, OrderFilled
from naive_daemon.domain.order import CycleKey, Order

if TYPE_CHECKING:
    from decimal import Decimal

Slot = tuple[str, str, int]
"""(account, symbol, trader)."""


class AtExchange:
    """`arrived`: orders by id; `live`: by trader, the id that rests; `made`: fills by (account, symbol, trade id).

    `strangers`: fills of orders that are not ours.
    """

    def __init__(self) -> None:
        self.arrived: dict[str, Order] = {}
        self.live: dict[Slot, str] = {}
        self.made: dict[FillKey, OrderFilled] = {}
        self.strangers: list[OrderFilled] = []
        self._left: dict[str, Decimal] = {}

    def take_arrival(self, order: Order) -> None:
        """Note an order of ours."""
        self.arrived[order.client_order_id] = order
        self._left[order.client_order_id] = order.quantity

    def take_accepted(self, event: OrderAccepted) -> None:
        """Note that an order rests."""
        order = self.arrived.get(event.client_order_id)
        if order is not None:
            self.live[_slot(order.key)] = event.client_order_id

    def take_fill(self, fill: OrderFilled) -> bool:
        """Note a fill; True when more was filled than ordered."""
        left = self._left.get(fill.client_order_id)
        if left is None:
            self.strangers.append(fill)
            return False
        left = self._left[fill.client_order_id] = left - fill.quantity
        self.made[fill.key] = fill
        if not left:
            self.take_end(fill.client_order_id)
        return left < 0

    def left(self, client_order_id: str) -> "Decimal":
        """Give what is left to be filled of an order that has arrived."""
        return self._left[client_order_id]

    def take_end(self, client_order_id: str) -> None:
        """Note that an order rests no more."""
        order = self.arrived.get(client_order_id)
        if order is not None and self.live.get(_slot(order.key)) == client_order_id:
            del self.live[_slot(order.key)]


def _slot(key: CycleKey) -> Slot:
    return key.account, key.symbol, key.trader
