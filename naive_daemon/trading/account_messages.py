"""What the account desk is told, asked and tells: the words between it, control, the switches, and who shows it."""

from decimal import Decimal

import msgspec

from naive_daemon.domain.account import AccountCondition, AccountSettings


class AccountsRead(msgspec.Struct, frozen=True):
    """All accounts that there shall be beside the configured one."""

    rows: tuple[AccountSettings, ...]


class ReadAccounts(msgspec.Struct, frozen=True):
    """Asks control for AccountsRead."""


class AccountConditionChanged(msgspec.Struct, frozen=True):
    """Tells control what an account really does now."""

    condition: AccountCondition


class TellAccounts(msgspec.Struct, frozen=True):
    """The switches have started: they want AccountsTold."""


class AccountUp(msgspec.Struct, frozen=True):
    """The account can be traded from now on. `maker_fee`: a ratio, what its orders pay; told again when it changes."""

    account: str
    maker_fee: Decimal


class AccountDown(msgspec.Struct, frozen=True):
    """The account can not be traded now, and why; None while it is being opened.

    `is_ours`: nobody else can trade it, its lock is ours.
    """

    account: str
    reason: str | None
    is_ours: bool = False


class AccountsTold(msgspec.Struct, frozen=True):
    """All accounts that the desk knows, as they are now; any other is not to be traded."""

    up: tuple[AccountUp, ...]
    down: tuple[AccountDown, ...]


class AskAccounts(msgspec.Struct, frozen=True):
    """Request: how are all accounts? Answered by a tuple of AccountCondition, by name."""


class DrainAccounts(msgspec.Struct, frozen=True):
    """Request: let no order be on its way any more; answered within `timeout_s` with the accounts not so far."""

    timeout_s: float


class FlushAccounts(msgspec.Struct, frozen=True):
    """Request: have all metadata written; answered within `timeout_s` with the accounts whose is not."""

    timeout_s: float


class AskExecutions(msgspec.Struct, frozen=True):
    """Request: how does execution stand, on every account? Answered within `timeout_s` by a tuple of ExecutionView."""

    timeout_s: float


class AskAccountViews(msgspec.Struct, frozen=True):
    """Request: what does every account own? Answered within `timeout_s` by a tuple of AccountView."""

    timeout_s: float


AllAccounts = DrainAccounts | FlushAccounts | AskExecutions | AskAccountViews
