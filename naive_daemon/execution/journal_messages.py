"""What the journal is told and asked, and what it tells."""

import math
from decimal import Decimal
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.events import OrderEvent
from naive_daemon.domain.order import CycleKey, Order


class PlaceIntent(msgspec.Struct, frozen=True):
    """Journal the intent, then have the order sent. `budget`: its cycle's, so that it is held against that."""

    order: Order
    budget: Decimal | None = None


class RecordEvent(msgspec.Struct, frozen=True):
    """Journal an order as it is after `event`, then tell the account."""

    order: Order
    event: OrderEvent


class RecordCycles(msgspec.Struct, frozen=True):
    """Journal cycles of one account as they are now, all in one commit."""

    cycles: tuple[Cycle, ...]


class PassOn(msgspec.Struct, frozen=True):
    """Tell `name` this message after everything that came before it: a cancel never overtakes the order it is for."""

    name: names.Name
    message: Any


class OpenOrder(msgspec.Struct, frozen=True):
    """The order's intent is durable; send it, an entry until `until_s`, as in SendOrder. `budget` as in PlaceIntent."""

    order: Order
    budget: Decimal | None = None
    until_s: float = math.inf


class ClaimAccount(msgspec.Struct, frozen=True):
    """Request: be the one writer of an account. Answered by AccountClaimed."""

    account: str


class AccountClaimed(msgspec.Struct, frozen=True):
    """The answer: `held_by` says who writes for the account; None when it is ours."""

    account: str
    held_by: str | None = None


class ReleaseAccount(msgspec.Struct, frozen=True):
    """Let others write for an account, behind everything that was written before."""

    account: str


class AskClaims(msgspec.Struct, frozen=True):
    """Request: which accounts are claimed, behind everything asked before? Answered by a frozenset of their names."""


class LoadSymbol(msgspec.Struct, frozen=True):
    """Request: what a leader starts from; answered by SymbolJournal."""

    account: str
    symbol: str


class LoadAccount(msgspec.Struct, frozen=True):
    """Request: what an account starts from; answered by AccountJournal."""

    account: str


class LoadRisk(msgspec.Struct, frozen=True):
    """Request: what an account's limits are measured by; answered by RiskJournal.

    `since_ns`: when today began; `sent_since_ns`: when the last minute did.
    """

    account: str
    since_ns: int
    sent_since_ns: int


class CyclesEnded(msgspec.Struct, frozen=True):
    """Cycles of one account have ended, and that is durable."""

    cycles: tuple[Cycle, ...]


class LoadCycle(msgspec.Struct, frozen=True):
    """Request: what is kept of a cycle's orders, behind everything written before; answered by them, oldest first."""

    key: CycleKey


class LoadOrder(msgspec.Struct, frozen=True):
    """Request: an order, behind everything written before; answered by it, or by None where there is none."""

    client_order_id: str
