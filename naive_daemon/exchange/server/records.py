"""The orders and fills that the exchange remembers, by every way in which they are asked for. Owned by the venue.

Bounded: orders that are over are forgotten, oldest first, beyond a limit; a live one never is.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from itertools import islice

from naive_daemon.exchange.server.order import Fill, VenueOrder

_FORGET_AT_ONCE = 1_000


class Records:
    """Orders by number, by client order id, and by account and symbol; fills by order, and by account and symbol."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._orders: dict[int, VenueOrder] = {}
        self._live: dict[str, dict[str, VenueOrder]] = {}
        self._latest: dict[tuple[str, str, str], VenueOrder] = {}
        self._of_symbol: dict[tuple[str, str], list[VenueOrder]] = {}
        self._fills: dict[tuple[str, str], list[Fill]] = {}
        self._order_fills: dict[int, list[Fill]] = {}
        self._over: deque[VenueOrder] = deque()

    def add(self, order: VenueOrder) -> None:
        """Remember an order; its number is higher than those before it."""
        self._orders[order.order_id] = order
        self._latest[(order.account, order.symbol, order.client_order_id)] = order
        self._of_symbol.setdefault((order.account, order.symbol), []).append(order)
        if order.status.is_live:
            self._live.setdefault(order.account, {})[order.client_order_id] = order
        else:
            self._over.append(order)

    def add_fill(self, fill: Fill) -> None:
        """Remember a fill; its number is not lower than those before it."""
        self._fills.setdefault((fill.account, fill.symbol), []).append(fill)
        self._order_fills.setdefault(fill.order_id, []).append(fill)

    def end(self, order: VenueOrder) -> None:
        """Note that a live order is over."""
        del self._live[order.account][order.client_order_id]
        self._over.append(order)

    def live(self, account: str, client_order_id: str) -> VenueOrder | None:
        """Give the live order of a client order id."""
        return self._live.get(account, {}).get(client_order_id)

    def open_orders(self, account: str, symbol: str | None) -> list[VenueOrder]:
        """Give the account's live orders, of one symbol or of all, oldest first."""
        # They are in the order in which they came.
        return [order for order in self._live.get(account, {}).values() if symbol in (None, order.symbol)]

    def number(self, order_id: int) -> VenueOrder:
        """Give an order by its number; it must be known."""
        return self._orders[order_id]

    def find(self, account: str, symbol: str, order_id: int | None, client_order_id: str | None) -> VenueOrder | None:
        """Find an order by its number, by its client order id (the latest one), or by both."""
        if order_id is None:
            return self._latest.get((account, symbol, client_order_id or ""))
        order = self._orders.get(order_id)
        if order is None or (order.account, order.symbol) != (account, symbol):
            return None
        return order if client_order_id in (None, order.client_order_id) else None

    def orders(self, account: str, symbol: str) -> list[VenueOrder]:
        """Give the account's orders of a symbol, oldest first."""
        return self._of_symbol.get((account, symbol), [])

    def fills(self, account: str, symbol: str, first_id: int = 0) -> list[Fill]:
        """Give the account's fills of a symbol from a trade number on, oldest first."""
        fills = self._fills.get((account, symbol), [])
        return fills[bisect_left(fills, first_id, key=lambda fill: fill.trade_id) :]

    def fills_of(self, order_id: int) -> list[Fill]:
        """Give an order's fills, oldest first."""
        return self._order_fills.get(order_id, [])

    def all_orders(self) -> Iterable[VenueOrder]:
        """Give every order, oldest first."""
        return self._orders.values()

    def all_fills(self) -> Iterable[Fill]:
        """Give every fill, by order."""
        return (fill for fills in self._order_fills.values() for fill in fills)

    def forget_some(self) -> list[int]:
        """Forget the oldest orders that are over, once there are too many; gives their numbers."""
        if len(self._over) <= self._limit + _FORGET_AT_ONCE:
            return []
        gone = {order.order_id: order for order in islice(self._over, _FORGET_AT_ONCE)}
        for order in gone.values():
            self._over.popleft()
            del self._orders[order.order_id]
            self._order_fills.pop(order.order_id, None)
            name = (order.account, order.symbol, order.client_order_id)
            if self._latest.get(name) is order:
                del self._latest[name]
        for owner in {(order.account, order.symbol) for order in gone.values()}:
            self._of_symbol[owner] = [order for order in self._of_symbol[owner] if order.order_id not in gone]
            self._fills[owner] = [fill for fill in self._fills.get(owner, []) if fill.order_id not in gone]
        return list(gone)
