"""Replay of the three event lists: what accounts, orders and positions are after everything that was appended.

An entry that changes nothing (a duplicate), belongs to something else or can not be read is an error that names its
place; the first entry of a list has place 0.
"""

from collections.abc import Sequence
from typing import Any, NoReturn

from naive_daemon.cache.database import CacheCorruptError
from naive_daemon.cache.encoding import Encoding
from naive_daemon.domain.account_state import AccountState
from naive_daemon.domain.events import OrderEvent
from naive_daemon.domain.order import Order
from naive_daemon.domain.position import Position, PositionFill

_ORDER_EVENT: Any = OrderEvent  # a union, which no annotation takes for a type


def replay_account(name: str, key: str, entries: Sequence[bytes], encoding: Encoding) -> AccountState | None:
    """Give the newest state; each must be newer than the one before."""
    newest: AccountState | None = None
    for place, entry in enumerate(entries):
        state = encoding.decode(entry, AccountState, _place(key, place))
        if state.account != name:
            _refuse(key, place, f"it is of the account {state.account!r}")
        if newest is not None and state.time_ns <= newest.time_ns:
            _refuse(key, place, "it is not newer than the one before")
        newest = state
    return newest


def replay_order(name: str, key: str, entries: Sequence[bytes], encoding: Encoding) -> Order | None:
    """Give the order that the first entry is, after all the events behind it."""
    if not entries:
        return None
    order = encoding.decode(entries[0], Order, _place(key, 0))
    if order.client_order_id != name:
        _refuse(key, 0, f"it is the order {order.client_order_id!r}")
    for place in range(1, len(entries)):
        event: OrderEvent = encoding.decode(entries[place], _ORDER_EVENT, _place(key, place))
        if event.client_order_id != name:
            _refuse(key, place, f"it is of the order {event.client_order_id!r}")
        before, order = order, order.apply(event)
        if order is before:
            _refuse(key, place, f"{type(event).__name__} changes nothing: a duplicate")
    return order


def replay_position(name: str, key: str, entries: Sequence[bytes], encoding: Encoding) -> Position | None:
    """Give the position that the first entry is, after all the fills behind it."""
    if not entries:
        return None
    position = encoding.decode(entries[0], Position, _place(key, 0))
    if position.position_id != name:
        _refuse(key, 0, f"it is the position {position.position_id!r}")
    for place in range(1, len(entries)):
        event = encoding.decode(entries[place], PositionFill, _place(key, place))
        before, position = position, position.apply(event)
        if position is before:
            _refuse(key, place, f"fill {event.fill.trade_id!r} changes nothing: a duplicate")
    return position


def _place(key: str, place: int) -> str:
    return f"{key}, place {place},"


def _refuse(key: str, place: int, why: str) -> NoReturn:
    raise CacheCorruptError(f"{_place(key, place)} can not be replayed: {why}")
