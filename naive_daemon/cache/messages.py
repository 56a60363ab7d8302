"""What the cache actor is told. Nobody waits for it, and nothing that it is told is needed to go on after a crash."""

from collections.abc import Mapping
from typing import Any

import msgspec

from naive_daemon.domain.account_state import AccountState
from naive_daemon.domain.events import OrderEvent
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import Order
from naive_daemon.domain.position import Position, PositionFill


class KeepState(msgspec.Struct, frozen=True):
    """Keep a trader's state, any msgspec value, under its key; of those that gather only the newest is written."""

    key: str
    value: Any


class DropState(msgspec.Struct, frozen=True):
    """Forget a trader's state."""

    key: str


class KeepActor(msgspec.Struct, frozen=True):
    """Keep an actor's state, values by name, under its key; of those that gather only the newest is written."""

    key: str
    state: Mapping[str, Any]


class DropActor(msgspec.Struct, frozen=True):
    """Forget an actor's state."""

    key: str


class DropLive(msgspec.Struct, frozen=True):
    """Forget an account's orders that are not over and its open positions: it tells which there are."""

    account: str


class KeepInstruments(msgspec.Struct, frozen=True):
    """Keep these instruments, and their assets as currencies."""

    instruments: tuple[Instrument, ...]


class KeepAccount(msgspec.Struct, frozen=True):
    """Keep what an account owns now."""

    state: AccountState


class KeepOrder(msgspec.Struct, frozen=True):
    """Keep an order: with the event that made it so, or anew without one."""

    order: Order
    event: OrderEvent | None = None
    position_id: str | None = None


class KeepPosition(msgspec.Struct, frozen=True):
    """Keep a position: with the fill that made it so, or anew without one."""

    position: Position
    fill: PositionFill | None = None


class SaveDocument(msgspec.Struct, frozen=True):
    """Request: replace the value under `key`, keeping the former as a back-up; answered with None once acknowledged."""

    key: str
    value: bytes


class LoadDocument(msgspec.Struct, frozen=True):
    """Request: the bytes under `key`, or None; RequestFailed when the store can not tell, soon."""

    key: str


class AskCache(msgspec.Struct, frozen=True):
    """Request: how is the cache? Answered by CacheHealth."""


class CacheEmptied(msgspec.Struct, frozen=True):
    """The store has lost what it had, or too much waited for it: whoever has state tells it anew, as it is now.

    Published on `names.CACHE`.
    """
