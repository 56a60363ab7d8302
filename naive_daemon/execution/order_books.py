"""The orders that an execution manager knows: those that live, and the latest that are over. Pure.

A fill counts once, by its order and trade id; the same with other data is a contradiction that is told, never counted.

The bounds are held by each of a thousand accounts. No fill counts twice because of them: an order has the trade ids of
all of its fills for as long as it lives or is kept, and one that is forgotten is read from the journal, which has them.
What the latest fills alone show is a trade id that an order has with other data.
"""

from collections import OrderedDict
from types import MappingProxyType

import msgspec

from naive_daemon.domain.events import FillKey, OrderEvent, OrderFilled
from naive_daemon.domain.order import CycleKey, Order, Side
from naive_daemon.execution.promises import contradicted

OVER_KEPT_MAX = 1_000
FILLS_KEPT_MAX = 1_000


class Contradiction(msgspec.Struct, frozen=True):
    """One trade id of an order came with two different fills; the first one counts. `seen`: both, in words."""

    first: OrderFilled
    second: OrderFilled
    seen: str


class OrderBooks:
    """Orders by client order id; of those that are over the latest `over_max` are kept."""

    def __init__(self, over_max: int = OVER_KEPT_MAX, fills_max: int = FILLS_KEPT_MAX) -> None:
        self._live: dict[str, Order] = {}
        self._live_of: dict[str, dict[str, Order]] = {}
        self._live_legs: dict[tuple[CycleKey, Side], str] = {}
        self._over: OrderedDict[str, Order] = OrderedDict()
        self._fills: OrderedDict[FillKey, OrderFilled] = OrderedDict()
        self._over_max = over_max
        self._fills_max = fills_max
        self.live = MappingProxyType(self._live)

    def get(self, client_order_id: str) -> Order | None:
        """Give an order that is known."""
        return self._live.get(client_order_id) or self._over.get(client_order_id)

    def live_of(self, symbol: str) -> list[Order]:
        """Give the live orders of one symbol, without looking at those of others."""
        return list(self._live_of.get(symbol, {}).values())

    def live_of_leg(self, order: Order) -> Order | None:
        """Give the live order of an order's trader, cycle and side, the first one where there are two."""
        client_order_id = self._live_legs.get((order.key, order.side))
        return None if client_order_id is None else self._live[client_order_id]

    def put(self, order: Order) -> None:
        """Keep an order as it is now."""
        if not order.status.is_terminal:
            if order.client_order_id not in self._live:
                self._live_legs.setdefault((order.key, order.side), order.client_order_id)
            self._live[order.client_order_id] = order
            self._live_of.setdefault(order.symbol, {})[order.client_order_id] = order
            return
        if self._live.pop(order.client_order_id, None) is not None:
            of_symbol = self._live_of[order.symbol]
            del of_symbol[order.client_order_id]
            if not of_symbol:
                del self._live_of[order.symbol]
            if self._live_legs.get((order.key, order.side)) == order.client_order_id:
                del self._live_legs[order.key, order.side]
        self._over[order.client_order_id] = order
        if len(self._over) > self._over_max:
            self._over.popitem(last=False)

    def apply(self, event: OrderEvent) -> Order | Contradiction | None:
        """Apply an event to its order, which must be known; None when it changes nothing."""
        known = self.get(event.client_order_id)
        if known is None:
            raise KeyError(event.client_order_id)
        if isinstance(event, OrderFilled) and (contradiction := self._contradiction(event)) is not None:
            return contradiction
        order = known.apply(event)
        if order is known:
            return None
        self.put(order)
        return order

    def _contradiction(self, fill: OrderFilled) -> Contradiction | None:
        first = self._fills.setdefault(fill.key, fill)
        if len(self._fills) > self._fills_max:
            self._fills.popitem(last=False)
        seen = None if first is fill else contradicted(first, fill)
        return None if seen is None else Contradiction(first, fill, seen)
