"""An account's live orders, found by ids, symbol, side, status and type at the cost of what is found.

Most orders have an id of the exchange; one that is in flight or unknown may have none yet, and is held all the same.
The exchange numbers the orders of each symbol by itself, so its id counts together with the symbol.
"""

import enum
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from decimal import Decimal
from typing import Any

import msgspec

from naive_daemon.account.sealed import Sealed
from naive_daemon.domain.order import Order, OrderStatus, OrderType
from naive_daemon.domain.side import Side

ENDED_MAX = 10_000
"""Of so many orders that are over it is remembered, so that what comes late does not bring them back."""

ACTIVE = (OrderStatus.OPEN, OrderStatus.PARTLY_FILLED)
"""What the exchange calls NEW and PARTIALLY_FILLED."""

_Group = dict[str, Order]


class OrderSort(enum.StrEnum):
    """By what orders are sorted; those that are alike by the exchange's id, then by ours."""

    ID = "id"
    SYMBOL = "symbol"
    PRICE = "price"
    CREATED = "created"


class LiveOrders:
    """Orders that are not over, each as it was told last. What is handed out can not be changed."""

    def __init__(self) -> None:
        self._orders: _Group = {}
        self._ids: dict[tuple[str, str], str] = {}
        self._groups: dict[Hashable, _Group] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()

    def upsert(self, order: Order) -> bool:
        """Keep a live order as it is now, forget one that is over; False when what is known is newer.

        Newer is what has more filled. Of two states with as much filled that the exchange has told, the later one is;
        an intent never is; and what is over never reopens.
        """
        name = order.client_order_id
        known = self._orders.get(name)
        if name in self._ended or (known is not None and _is_older(order, known)):
            return False
        if known is not None:
            self._remove(known)
        if order.status.is_terminal:
            self._ended[name] = None
            if len(self._ended) > ENDED_MAX:
                self._ended.popitem(last=False)
        else:
            self._add(_sealed(order))
        return True

    def get(self, symbol: str, exchange_order_id: str) -> Order | None:
        """Give a live order by the exchange's id."""
        name = self._ids.get((symbol, exchange_order_id))
        return None if name is None else self._orders[name]

    def get_ours(self, client_order_id: str) -> Order | None:
        """Give a live order by our own id, which it has from the beginning."""
        return self._orders.get(client_order_id)

    def delete(self, symbol: str, exchange_order_id: str) -> bool:
        """Forget an order, as if it had never been told; False when there was none."""
        order = self.get(symbol, exchange_order_id)
        if order is not None:
            self._remove(order)
        return order is not None

    def clear(self) -> None:
        """Forget all orders, those that are over too."""
        for index in (self._orders, self._ids, self._groups, self._ended):
            index.clear()

    def all(self) -> tuple[Order, ...]:
        """Give every live order, those included whose fate the exchange has not told yet."""
        return tuple(self._orders.values())

    def active(self) -> tuple[Order, ...]:
        """Give those that rest on the exchange."""
        return tuple(order for status in ACTIVE for order in self._group(status))

    def by_symbol(self, symbol: str) -> tuple[Order, ...]:
        """Give a symbol's live orders."""
        return self._group(("symbol", symbol))

    def by_symbol_side(self, symbol: str, side: Side) -> tuple[Order, ...]:
        """Give a symbol's live orders of one side."""
        return self._group((symbol, side))

    def by_status(self, status: OrderStatus) -> tuple[Order, ...]:
        """Give the live orders of one status."""
        return self._group(status)

    def by_type(self, order_type: OrderType) -> tuple[Order, ...]:
        """Give the live orders of one type."""
        return self._group(order_type)

    def sorted(self, by: OrderSort, *, descending: bool = False) -> tuple[Order, ...]:
        """Give every live order in order."""
        return _in_order(self._orders.values(), by, descending=descending)

    def sorted_by_price(self, symbol: str, side: Side | None = None, *, descending: bool = False) -> tuple[Order, ...]:
        """Give a symbol's live orders, of one side or both, by price."""
        found = self.by_symbol(symbol) if side is None else self.by_symbol_side(symbol, side)
        return _in_order(found, OrderSort.PRICE, descending=descending)

    def _group(self, group: Hashable) -> tuple[Order, ...]:
        found = self._groups.get(group)
        return () if found is None else tuple(found.values())

    def _add(self, order: Order) -> None:
        name = order.client_order_id
        self._orders[name] = order
        if order.exchange_order_id is not None:
            self._ids[order.symbol, order.exchange_order_id] = name
        for group in _groups_of(order):
            self._groups.setdefault(group, {})[name] = order

    def _remove(self, order: Order) -> None:
        name = order.client_order_id
        del self._orders[name]
        if order.exchange_order_id is not None:
            self._ids.pop((order.symbol, order.exchange_order_id), None)
        for group in _groups_of(order):
            members = self._groups[group]
            del members[name]
            if not members:
                del self._groups[group]


def _groups_of(order: Order) -> tuple[Hashable, ...]:
    return ("symbol", order.symbol), (order.symbol, order.side), order.status, order.order_type


def _is_older(order: Order, known: Order) -> bool:
    """Say whether what is known is newer. Times are compared only where both are the exchange's own."""
    if order.status.is_terminal or order.filled != known.filled:
        return order.filled < known.filled
    if order.status is OrderStatus.IN_FLIGHT:
        return known.status is not OrderStatus.IN_FLIGHT
    return order.status.is_resting and known.status.is_resting and order.updated_ns < known.updated_ns


def _sealed(order: Order) -> Order:
    """Give the order with commissions that can not be changed: the only thing in it that could be."""
    if not order.commissions:
        return msgspec.structs.replace(order, commissions=_NO_COMMISSIONS)
    return msgspec.structs.replace(order, commissions=Sealed(order.commissions))


_NO_COMMISSIONS: Sealed[str, Decimal] = Sealed()


def _in_order(orders: Iterable[Order], by: OrderSort, *, descending: bool) -> tuple[Order, ...]:
    return tuple(sorted(orders, key=_KEYS[by], reverse=descending))


def _id_key(order: Order) -> tuple[Any, ...]:
    """Sort by the exchange's id: numbers by their value, then texts, then orders without one by our id."""
    exchange_id = order.exchange_order_id
    if exchange_id is None:
        return (2, 0, "", order.client_order_id)
    if exchange_id.isascii() and exchange_id.isdigit():
        return (0, int(exchange_id), exchange_id, order.client_order_id)
    return (1, 0, exchange_id, order.client_order_id)


_KEYS: dict[OrderSort, Callable[[Order], tuple[Any, ...]]] = {
    OrderSort.ID: _id_key,
    OrderSort.SYMBOL: lambda order: (order.symbol, *_id_key(order)),
    OrderSort.PRICE: lambda order: (order.price, *_id_key(order)),
    OrderSort.CREATED: lambda order: (order.created_ns, *_id_key(order)),
}
