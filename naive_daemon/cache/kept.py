"""The orders and positions that the cache keeps: of each account what lives, and of all the latest that are over.

Part of the cache actor, in whose database it writes.
"""

from collections import defaultdict

from naive_daemon.cache.database import CacheDatabase
from naive_daemon.cache.messages import KeepOrder, KeepPosition


class Kept:
    """See the module. Of what is over up to `over_max` stay of each kind."""

    def __init__(self, database: CacheDatabase, over_max: int) -> None:
        self._database = database
        self._orders = _Ids(over_max)
        self._positions = _Ids(over_max)

    def keep_order(self, message: KeepOrder) -> None:
        """Write an order; the oldest that is over goes when there are too many."""
        order, event = message.order, message.event
        if event is None:
            self._database.add_order(order, message.position_id)
        else:
            self._database.update_order(order, event)
        account, name = order.key.account, order.client_order_id
        if not order.status.is_terminal:
            self._orders.note_live(account, name)
        elif oldest := self._orders.note_over(account, name):
            self._database.delete_order(oldest)

    def keep_position(self, message: KeepPosition) -> None:
        """Write a position; the oldest that is flat goes when there are too many."""
        position, fill = message.position, message.fill
        if fill is None:
            self._database.add_position(position)
        else:
            self._database.update_position(position, fill)
        account, name = position.account, position.position_id
        if position.is_open:
            self._positions.note_live(account, name)
        elif oldest := self._positions.note_over(account, name):
            self._database.delete_position(oldest)

    def drop_live(self, account: str) -> None:
        """Forget what lives of an account."""
        for name in self._orders.take_live(account):
            self._database.delete_order(name)
        for name in self._positions.take_live(account):
            self._database.delete_position(name)

    def clear(self) -> None:
        """Know that nothing is stored any more."""
        self._orders.clear()
        self._positions.clear()


class _Ids:
    """What is kept of one kind: what is over in the order in which it was told last."""

    def __init__(self, over_max: int) -> None:
        self._live: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._over: dict[str, None] = {}
        self._over_max = over_max

    def note_live(self, account: str, one: str) -> None:
        """Note that one lives, also after it was over."""
        self._over.pop(one, None)
        self._live[account][one] = None

    def note_over(self, account: str, one: str) -> str | None:
        """Note that one is over, the latest; gives the oldest when there are too many, which is forgotten here."""
        self._live[account].pop(one, None)
        self._over.pop(one, None)
        self._over[one] = None
        if len(self._over) <= self._over_max:
            return None
        oldest = next(iter(self._over))
        del self._over[oldest]
        return oldest

    def take_live(self, account: str) -> tuple[str, ...]:
        """Give what lives of an account, and forget it here."""
        return tuple(self._live.pop(account, ()))

    def clear(self) -> None:
        """Forget all."""
        self._live.clear()
        self._over.clear()
