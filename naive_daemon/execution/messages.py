"""What an execution manager is told and asked by the rest of the daemon, and what it tells everybody."""

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


class ExecutionStarted(msgspec.Struct, frozen=True):
    """The execution manager has started: what its predecessor was told and had not done is lost."""

    account: str


class AskExecution(msgspec.Struct, frozen=True):
    """Request: how does execution stand? Answered by ExecutionView."""


class ExecutionView(msgspec.Struct, frozen=True, kw_only=True):
    """One account's execution: orders that live, whose fate is unknown, why entries wait, and what was counted.

    `foreign`: orders on the exchange that are somebody else's, as last seen. The counts begin with this actor.
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


class Drain(msgspec.Struct, frozen=True):
    """Request: take no order any more; answered by the number of orders in flight, at the latest when there is none."""


class EntriesHeld(msgspec.Struct, frozen=True):
    """Why no entry of a symbol, or of the whole account, may leave for now; None when this scope is free again.

    Published on `names.entries(account)`, and told to a trader whose entry was refused. `symbol` None: the account.
    """

    account: str
    symbol: str | None
    reason: str | None


class KillSwitchObeyed(msgspec.Struct, frozen=True):
    """No entry of this account can leave any more, by the kill switch of this revision; or it is off again."""

    account: str
    revision: int
