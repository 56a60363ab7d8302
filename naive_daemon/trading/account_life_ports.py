"""What an account's life needs of the account desk that it is part of."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from naive_daemon.otp import Actor, ChildSpec, Ref
from naive_daemon.trading.account_opener import AccountOpener, OpenedAccount
from naive_daemon.trading.quarantine import Quarantine

if TYPE_CHECKING:
    from naive_daemon.trading.account_life import AccountLife

MakeSpec = Callable[[str, OpenedAccount], ChildSpec]
"""Gives the child spec of an account's tree."""


class Desk(Protocol):
    """What a life needs of its desk."""

    actor: Actor
    opener: AccountOpener
    make_spec: MakeSpec
    quarantine: Quarantine

    def enter(self, life: "AccountLife") -> None:
        """Have `begin` called when there is room for one more opening."""

    def leave(self, life: "AccountLife") -> None:
        """Know that its opening has come to an end, however it did."""

    def note(self, life: "AccountLife") -> None:
        """Know that it is not as it was."""

    def adopt(self, life: "AccountLife", ref: Ref) -> None:
        """Have `take_end` called when this tree ends."""
