"""How an account is opened: what must be found right before its tree starts, by whoever knows the world outside.

Protocols and values only. A backtest has nothing to find out and opens at once.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

import msgspec

from naive_daemon.domain.account import AccountSettings
from naive_daemon.otp import Actor


class OpenedAccount(msgspec.Struct, frozen=True):
    """An account that may be traded. `maker_fee`: a ratio. `make_client` is called at each start of its client.

    Without `make_client` its client is made as those of all others. `credentials`: the reference it was opened with.
    """

    maker_fee: Decimal
    make_client: Callable[[], Actor] | None = None
    credentials: str | None = None


class AccountRefused(msgspec.Struct, frozen=True):
    """An account that can not be traded for now, and in one line, without any secret, why.

    `is_passing`: nothing is wrong with the account itself, so that it is soon tried again, however often that was.
    `is_defect`: nobody knows what is wrong, and it may be wrong with all accounts.
    """

    reason: str
    is_passing: bool = False
    is_defect: bool = False


Opening = OpenedAccount | AccountRefused
Tell = Callable[[Opening], object]


class AccountOpener(Protocol):
    """Opens accounts and gives them back. Every method returns at once.

    One account is opened, or given back, by one caller at a time; who calls `begin` takes them over from a former one.
    """

    def begin(self) -> None:
        """Know that a fresh caller begins: openings that the former one had begun are worth nothing any more."""

    def open(self, settings: AccountSettings, tell: Tell, is_alive: Callable[[], object]) -> None:
        """Find out whether the account may be traded, on whichever thread, and tell once; its lock is held meanwhile.

        `is_alive` is called, on the same thread, now and then by an opening that takes long.
        """

    def opened(self, account: str) -> OpenedAccount | None:
        """Give what the last opening gave, if it was not given back, with the maker fee as it is now."""

    def note_fee(self, account: str, maker_fee: Decimal) -> None:
        """Know what the orders of an opened account pay now: a caller that follows has it from here."""

    def is_under_way(self, account: str) -> bool:
        """Say whether an opening of the account has not come back yet, though nobody may want it any more."""

    def close(self, account: str) -> None:
        """Give back what the account was opened with, and what an opening that is under way would bring."""


class AtOnce:
    """Implements AccountOpener for a world in which every account is there, and is as `account` says."""

    def __init__(self, account: OpenedAccount) -> None:
        self._account = account
        self._opened: dict[str, OpenedAccount] = {}

    def begin(self) -> None:
        """Do nothing: no opening is ever under way."""

    def open(self, settings: AccountSettings, tell: Tell, is_alive: Callable[[], object]) -> None:
        """Tell at once."""
        opened = msgspec.structs.replace(self._account, credentials=settings.credentials)
        self._opened[settings.name] = opened
        tell(opened)

    def opened(self, account: str) -> OpenedAccount | None:
        """Give what was told."""
        return self._opened.get(account)

    def note_fee(self, account: str, maker_fee: Decimal) -> None:
        """Give it with what was told."""
        self._opened[account] = msgspec.structs.replace(self._opened[account], maker_fee=maker_fee)

    def is_under_way(self, account: str) -> bool:
        """Say no: it was told at once."""
        return False

    def close(self, account: str) -> None:
        """Forget it."""
        self._opened.pop(account, None)
