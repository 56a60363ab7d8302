"""The part of a cache database that keeps event lists: accounts, orders, positions, and their snapshots."""

from decimal import Decimal

from naive_daemon.cache import layout
from naive_daemon.cache.argument import require, require_text
from naive_daemon.cache.database import PositionSnapshot
from naive_daemon.cache.event_list import replay_account, replay_order, replay_position
from naive_daemon.cache.layout import key_of
from naive_daemon.cache.object_base import ObjectBase
from naive_daemon.cache.store import Append, Begin, Gather, Index, Remove
from naive_daemon.domain.account_state import AccountState
from naive_daemon.domain.events import (
    OrderAccepted,
    OrderCancelled,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.domain.position import Position, PositionFill

ORDER_EVENTS = (OrderAccepted, OrderFilled, OrderCancelled, OrderExpired, OrderRejected, OrderUnknown)


class Histories(ObjectBase):
    """See `CacheDatabase`."""

    # Accounts ---------------------------------------------------------------------------------------------------------

    def add_account(self, state: AccountState, *, durable: bool = False) -> None:
        """Begin an account's list."""
        require(AccountState, state=state)
        entry = self.encoding.encode(state)
        self._store.write(Begin(key_of(layout.ACCOUNTS, state.account), entry), durable=durable)

    def update_account(self, state: AccountState, *, durable: bool = False) -> None:
        """Append a newer state of an account."""
        require(AccountState, state=state)
        entry = self.encoding.encode(state)
        self._store.write(Append(key_of(layout.ACCOUNTS, state.account), entry), durable=durable)

    def load_account(self, account: str) -> AccountState | None:
        """Give an account's newest state."""
        require_text(account=account)
        [(name, key, entries)] = self._entries(layout.ACCOUNTS, [account])
        return replay_account(name, key, entries, self.encoding)

    def load_accounts(self) -> dict[str, AccountState]:
        """Give the newest state of all accounts."""
        lists = self._entries(layout.ACCOUNTS, self._store.names(layout.ACCOUNTS))
        return {
            name: state
            for name, key, entries in lists
            if (state := replay_account(name, key, entries, self.encoding)) is not None
        }

    # Orders -----------------------------------------------------------------------------------------------------------

    def add_order(
        self, order: Order, position_id: str | None = None, client_id: str | None = None, *, durable: bool = False
    ) -> None:
        """Begin an order's list and index it."""
        require(Order, order=order)
        name = order.client_order_id
        fields = (
            (layout.ORDER_POSITIONS, _id(position_id=position_id)),
            (layout.ORDER_CLIENTS, _id(client_id=client_id)),
        )
        begin = Begin(key_of(layout.ORDERS, name), self.encoding.encode(order), order_index(order), fields)
        self._store.write(begin, durable=durable)

    def update_order(self, order: Order, event: OrderEvent, *, durable: bool = False) -> None:
        """Append the event that made `order` what it is, and move it in the indexes."""
        require(Order, order=order)
        require(ORDER_EVENTS, event=event)
        name = order.client_order_id
        if event.client_order_id != name:
            raise ValueError(f"event is of the order {event.client_order_id!r}, and order is {name!r}")
        append = Append(key_of(layout.ORDERS, name), self.encoding.encode(event), order_index(order))
        self._store.write(append, durable=durable)

    def load_order(self, client_order_id: str) -> Order | None:
        """Replay one order."""
        require_text(client_order_id=client_order_id)
        [(name, key, entries)] = self._entries(layout.ORDERS, [client_order_id])
        return replay_order(name, key, entries, self.encoding)

    def load_orders(self) -> dict[str, Order]:
        """Replay all orders, by client order id."""
        lists = self._entries(layout.ORDERS, self._store.names(layout.ORDERS))
        return {
            name: order
            for name, key, entries in lists
            if (order := replay_order(name, key, entries, self.encoding)) is not None
        }

    def delete_order(self, client_order_id: str, *, durable: bool = False) -> None:
        """Forget an order, its snapshots and every index entry of it."""
        require_text(client_order_id=client_order_id)
        self._store.write(order_removal(client_order_id), durable=durable)

    # Positions --------------------------------------------------------------------------------------------------------

    def add_position(self, position: Position, *, durable: bool = False) -> None:
        """Begin a position's list and index it."""
        require(Position, position=position)
        key = key_of(layout.POSITIONS, position.position_id)
        self._store.write(Begin(key, self.encoding.encode(position), position_index(position)), durable=durable)

    def update_position(self, position: Position, fill: PositionFill, *, durable: bool = False) -> None:
        """Append the fill that made `position` what it is, and move it in the indexes."""
        require(Position, position=position)
        require(PositionFill, fill=fill)
        key = key_of(layout.POSITIONS, position.position_id)
        self._store.write(Append(key, self.encoding.encode(fill), position_index(position)), durable=durable)

    def load_position(self, position_id: str) -> Position | None:
        """Replay one position."""
        require_text(position_id=position_id)
        [(name, key, entries)] = self._entries(layout.POSITIONS, [position_id])
        return replay_position(name, key, entries, self.encoding)

    def load_positions(self) -> dict[str, Position]:
        """Replay all positions, by id."""
        lists = self._entries(layout.POSITIONS, self._store.names(layout.POSITIONS))
        return {
            name: position
            for name, key, entries in lists
            if (position := replay_position(name, key, entries, self.encoding)) is not None
        }

    def delete_position(self, position_id: str, *, durable: bool = False) -> None:
        """Forget a position, its snapshots and every index entry of it."""
        require_text(position_id=position_id)
        self._store.write(position_removal(position_id), durable=durable)

    # Snapshots --------------------------------------------------------------------------------------------------------

    def snapshot_order_state(self, order: Order, *, durable: bool = False) -> None:
        """Append the order as it is now to its snapshots."""
        require(Order, order=order)
        key = key_of(layout.ORDER_SNAPSHOTS, order.client_order_id)
        self._store.write(Gather(key, self.encoding.encode(order)), durable=durable)

    def load_order_snapshots(self, client_order_id: str) -> tuple[Order, ...]:
        """Give an order's snapshots, oldest first."""
        require_text(client_order_id=client_order_id)
        [(_, key, entries)] = self._entries(layout.ORDER_SNAPSHOTS, [client_order_id])
        return tuple(self.encoding.decode(entry, Order, f"{key}, place {n},") for n, entry in enumerate(entries))

    def snapshot_position_state(
        self, position: Position, ts_snapshot: int, unrealized_pnl: Decimal | None = None, *, durable: bool = False
    ) -> None:
        """Append the position as it is now to its snapshots."""
        require(Position, position=position)
        require(int, ts_snapshot=ts_snapshot)
        require((Decimal, type(None)), unrealized_pnl=unrealized_pnl)
        taken = PositionSnapshot(position=position, ts_snapshot=ts_snapshot, unrealized_pnl=unrealized_pnl)
        key = key_of(layout.POSITION_SNAPSHOTS, position.position_id)
        self._store.write(Gather(key, self.encoding.encode(taken)), durable=durable)

    def load_position_snapshots(self, position_id: str) -> tuple[PositionSnapshot, ...]:
        """Give a position's snapshots, oldest first."""
        require_text(position_id=position_id)
        [(_, key, entries)] = self._entries(layout.POSITION_SNAPSHOTS, [position_id])
        decode = self.encoding.decode
        return tuple(decode(entry, PositionSnapshot, f"{key}, place {n},") for n, entry in enumerate(entries))


def order_index(order: Order) -> Index:
    """Say where an order stands in the indexes."""
    into, out_of = _ORDER_PLACES[order.status]
    return Index(order.client_order_id, into, out_of)


def position_index(position: Position) -> Index:
    """Say where a position stands in the indexes."""
    into, out = layout.POSITIONS_OPEN, layout.POSITIONS_CLOSED
    return Index(position.position_id, *((into, (out,)) if position.is_open else (out, (into,))))


def order_removal(name: str) -> Remove:
    """Say what goes with an order."""
    keys = (key_of(layout.ORDERS, name), key_of(layout.ORDER_SNAPSHOTS, name))
    return Remove(keys, name, layout.ORDER_SETS, layout.ORDER_TABLES)


def position_removal(name: str) -> Remove:
    """Say what goes with a position."""
    keys = (key_of(layout.POSITIONS, name), key_of(layout.POSITION_SNAPSHOTS, name))
    return Remove(keys, name, layout.POSITION_SETS)


def _set_of(status: OrderStatus) -> str:
    if status.is_terminal:
        return layout.ORDERS_CLOSED
    return layout.ORDERS_OPEN if status.is_resting else layout.ORDERS_IN_FLIGHT


def _id(**argument: str | None) -> bytes | None:
    [value] = argument.values()
    if value is None:
        return None
    require_text(**argument)
    return value.encode()


def _places() -> dict[OrderStatus, tuple[str, tuple[str, ...]]]:
    """Give for each status the set in which an order is, and those in which it is not."""
    return {
        status: (into, tuple(key for key in layout.ORDER_SETS if key != into))
        for status in OrderStatus
        if (into := _set_of(status))
    }


_ORDER_PLACES = _places()
