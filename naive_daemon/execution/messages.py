"""What an execution manager is told and asked by the rest of the daemon, and what it tells everybody."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec


class CancelOrder(msgspec.Struct, frozen=True):
    """Cancel one order, and go on until it is over; its own events tell what came of it."""

    client_order_id: str


class CancelSymbol(msgspec.Struct, frozen=True):
    """Cancel every live order of a symbol, and go on until it has none."""

    symbol: str


class LeaveSymbol(msgspec.Struct, frozen=True):
    """Cancel no more of a symbol: it is traded again."""

    symbol: str


class SymbolEnded(msgspec.Struct, frozen=True):
    """Nothing of a symbol runs any more, and whatever it has placed came before this, until LeaveSymbol."""

    symbol: str


class OperatorLooked(msgspec.Struct, frozen=True):
    """The operator has written that a symbol shall trade: a promise that was broken holds its entries no longer."""

    symbol: str


class ExecutionStarted(msgspec.Struct, frozen=True):
    """The execution manager has started: what its predecessor was told and had not done is lost."""

    account: str


class AccountFailed(msgspec.Struct, frozen=True):
    """Tells the account desk that an account can not be traded as it is, and no wait mends it: a key was revoked.

    The account goes down with this reason; it is opened anew after a pause, or when its operator touches it.
    """

    account: str
    reason: str


class MakerFeeRead(msgspec.Struct, frozen=True):
    """Tells the account desk what an account's orders pay now, a ratio, at each snapshot that says so."""

    account: str
    maker_fee: Decimal


class AskExecution(msgspec.Struct, frozen=True):
    """Request: how does execution stand? Answered by ExecutionView."""


class ExecutionView(msgspec.Struct, frozen=True, kw_only=True):
    """One account's execution: orders that live, whose fate is unknown, why entries wait, and what was counted.

    `foreign`: orders on the exchange that are somebody else's, as last seen. The counts begin with this actor.
    `is_draining`: it was told that its end has begun. `broken`: how often each promise was broken.
    """

    account: str
    live: int
    unknown: int
    is_connected: bool
    foreign: int
    differences: int
    orphans: int
    refusals: int
    held: tuple["EntriesHeld", ...]
    is_draining: bool = False
    broken: Mapping[str, int] = {}


class AskJournal(msgspec.Struct, frozen=True):
    """Request: how is the journal? Answered by JournalHealth at once, whatever waits."""


class JournalHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How a journal is: why and since when its store is away (None while it is there), how many messages wait for it.

    `since_ns`: UTC nanoseconds.
    """

    away: str | None = None
    since_ns: int | None = None
    waiting: int = 0


class Drain(msgspec.Struct, frozen=True):
    """Request: take no order any more; answered with None when none is on its way, each having had its time."""


class EntriesHeld(msgspec.Struct, frozen=True):
    """Why no entry of a symbol, or of the whole account, may leave for now; None when this scope is free again.

    Published on `names.entries(account, symbol)`, and told to a trader whose entry was refused; the switches are told
    of every symbol. `symbol` None: the account.
    """

    account: str
    symbol: str | None
    reason: str | None


class EntriesReviewed(msgspec.Struct, frozen=True):
    """Everything that holds entries of an account now, by scope as in EntriesHeld: what is not in it is free.

    Published on `names.entries(account)` when an execution manager has started, since who waits for what its
    predecessor held would wait for ever, and whenever the safeguards were read.
    """

    account: str
    reasons: Mapping[str | None, str]


class KillSwitchObeyed(msgspec.Struct, frozen=True):
    """No entry of this account can leave any more, by the kill switch of this revision; or it is off again."""

    account: str
    revision: int
