"""What the paper exchange still remembers of orders that are over, and of fills. Owned by the engine.

Bounded: a daemon runs for months. The oldest is forgotten first; whoever needs it for ever has it in the journal.
"""

from collections import OrderedDict, deque

from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.order import Order


class History:
    """The last `limit` orders that are over and the last `limit` fills."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._orders: OrderedDict[tuple[str, str], Order] = OrderedDict()
        self._fills: dict[tuple[str, str], deque[OrderFilled]] = {}
        self._fill_owners: deque[tuple[str, str]] = deque()

    def add_order(self, order: Order) -> None:
        """Keep an order that is over; a later one of the same id takes its place."""
        key = (order.key.account, order.client_order_id)
        self._orders[key] = order
        self._orders.move_to_end(key)
        if len(self._orders) > self._limit:
            self._orders.popitem(last=False)

    def order(self, account: str, client_order_id: str) -> Order | None:
        """Give an order that is over, or None when it is not known (any more)."""
        return self._orders.get((account, client_order_id))

    def add_fill(self, fill: OrderFilled) -> None:
        """Keep a fill; they come in the order of their trade ids."""
        owner = (fill.account, fill.symbol)
        self._fills.setdefault(owner, deque()).append(fill)
        self._fill_owners.append(owner)
        if len(self._fill_owners) > self._limit:
            self._forget_fill(self._fill_owners.popleft())

    def fills(self, account: str, symbol: str, since: int) -> list[OrderFilled]:
        """Give the fills whose trade number is at least `since`, oldest first."""
        found: list[OrderFilled] = []
        for fill in reversed(self._fills.get((account, symbol), ())):
            if int(fill.trade_id) < since:
                break
            found.append(fill)
        found.reverse()
        return found

    def _forget_fill(self, owner: tuple[str, str]) -> None:
        fills = self._fills[owner]
        fills.popleft()
        if not fills:
            del self._fills[owner]
