"""The part of a cache database that keeps order: indexes, their integrity, and what is forgotten by age."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from naive_daemon.cache import layout
from naive_daemon.cache.argument import require, require_text
from naive_daemon.cache.database import Integrity
from naive_daemon.cache.event_list import replay_order, replay_position
from naive_daemon.cache.histories import Histories, order_index, order_removal, position_index, position_removal
from naive_daemon.cache.layout import key_of
from naive_daemon.cache.store import Change, PutField, Remove, Trim
from naive_daemon.domain.account_state import AccountState

PURGE_BATCH = 1_000
"""So many objects are read and forgotten at once: a million that are over must not be in memory together."""


class Upkeep(Histories):
    """See `CacheDatabase`."""

    # Indexes ----------------------------------------------------------------------------------------------------------

    def index_venue_order_id(self, client_order_id: str, venue_order_id: str, *, durable: bool = False) -> None:
        """Note which id the exchange gave an order."""
        require_text(client_order_id=client_order_id, venue_order_id=venue_order_id)
        self._note(layout.VENUE_ORDER_IDS, client_order_id, venue_order_id, durable=durable)

    def load_index_venue_order_id(self) -> dict[str, str]:
        """Give the exchange's ids by client order id."""
        return self._noted(layout.VENUE_ORDER_IDS)

    def index_order_position(self, client_order_id: str, position_id: str, *, durable: bool = False) -> None:
        """Note to which position an order belongs."""
        require_text(client_order_id=client_order_id, position_id=position_id)
        self._note(layout.ORDER_POSITIONS, client_order_id, position_id, durable=durable)

    def load_index_order_position(self) -> dict[str, str]:
        """Give position ids by client order id."""
        return self._noted(layout.ORDER_POSITIONS)

    def load_index_order_client(self) -> dict[str, str]:
        """Give client ids by client order id."""
        return self._noted(layout.ORDER_CLIENTS)

    def load_index_orders_open(self) -> frozenset[str]:
        """Name the orders that rest on the exchange."""
        return self._store.members(layout.ORDERS_OPEN)

    def load_index_orders_closed(self) -> frozenset[str]:
        """Name the orders that are over."""
        return self._store.members(layout.ORDERS_CLOSED)

    def load_index_orders_in_flight(self) -> frozenset[str]:
        """Name the orders of which the exchange has not been heard, or whose fate is unknown."""
        return self._store.members(layout.ORDERS_IN_FLIGHT)

    def load_index_positions_open(self) -> frozenset[str]:
        """Name the positions in which something is held."""
        return self._store.members(layout.POSITIONS_OPEN)

    def load_index_positions_closed(self) -> frozenset[str]:
        """Name the positions in which nothing is held."""
        return self._store.members(layout.POSITIONS_CLOSED)

    def check_integrity(self) -> Integrity:
        """Compare indexes and objects, both ways."""
        orders = {name: order_index(order).into for name, order in self.load_orders().items()}
        positions = {name: position_index(position).into for name, position in self.load_positions().items()}
        dangling: list[str] = []
        unindexed: list[str] = []
        for kind, sets, objects in (
            (layout.ORDERS, layout.ORDER_SETS, orders),
            (layout.POSITIONS, layout.POSITION_SETS, positions),
        ):
            found = {key: self._store.members(key) for key in sets}
            dangling += _dangling(found, objects)
            unindexed += [key_of(kind, name) for name, place in objects.items() if name not in found[place]]
        for key in layout.ORDER_TABLES:
            dangling += [f"{key} {name}" for name in sorted(self._noted(key)) if name not in orders]
        return Integrity(tuple(dangling), tuple(unindexed))

    def _note(self, key: str, order: str, value: str, *, durable: bool) -> None:
        change = PutField(key_of(layout.ORDERS, order), key, order, value.encode())
        self._store.write(change, durable=durable)

    def _noted(self, key: str) -> dict[str, str]:
        return {name: value.decode() for name, value in sorted(self._store.tables([key])[0].items())}

    # Age --------------------------------------------------------------------------------------------------------------

    def purge(self, before_ns: int) -> int:
        """Forget what is over since before a time; give how many objects went."""
        require(int, before_ns=before_ns)
        orders = self._forget(sorted(self.load_index_orders_closed()), self._is_old_order(before_ns), order_removal)
        positions = self._forget(
            sorted(self.load_index_positions_closed()), self._is_old_position(before_ns), position_removal
        )
        return orders + positions + self._trim_accounts(before_ns)

    def _forget(
        self, names: Sequence[str], old: Callable[[Sequence[str]], list[str]], removal: Callable[[str], Remove]
    ) -> int:
        forgotten = 0
        for start in range(0, len(names), PURGE_BATCH):
            found = old(names[start : start + PURGE_BATCH])
            self._write_all([removal(name) for name in found])
            forgotten += len(found)
        return forgotten

    def _is_old_order(self, before_ns: int) -> Callable[[Sequence[str]], list[str]]:
        def old(names: Sequence[str]) -> list[str]:
            orders = {
                name: replay_order(name, key, entries, self.encoding)
                for name, key, entries in self._entries(layout.ORDERS, names)
            }
            return [
                name
                for name, order in orders.items()
                if order is not None and order.status.is_terminal and (order.updated_ns or order.created_ns) < before_ns
            ]

        return old

    def _is_old_position(self, before_ns: int) -> Callable[[Sequence[str]], list[str]]:
        def old(names: Sequence[str]) -> list[str]:
            positions = {
                name: replay_position(name, key, entries, self.encoding)
                for name, key, entries in self._entries(layout.POSITIONS, names)
            }
            return [
                name
                for name, position in positions.items()
                if position is not None and not position.is_open and position.updated_ns < before_ns
            ]

        return old

    def _trim_accounts(self, before_ns: int) -> int:
        """Forget an account's old states but the newest; gives how many went."""
        gone = 0
        for _, key, entries in self._entries(layout.ACCOUNTS, self._store.names(layout.ACCOUNTS)):
            times = [
                self.encoding.decode(one, AccountState, f"{key}, place {n},").time_ns for n, one in enumerate(entries)
            ]
            old = sum(time_ns < before_ns for time_ns in times[:-1])
            if old:
                self._write_all([Trim(key, old)])
                gone += old
        return gone

    def _write_all(self, changes: Sequence[Change]) -> None:
        """Write these, and wait once they are all on their way."""
        for change in changes[:-1]:
            self._store.write(change)
        for change in changes[-1:]:
            self._store.write(change, durable=True)


def _dangling(found: Mapping[str, Iterable[str]], objects: Mapping[str, str]) -> list[str]:
    """Name the entries of sets in which their objects, by name, do not belong."""
    return [f"{key} {name}" for key, names in found.items() for name in sorted(names) if objects.get(name) != key]
