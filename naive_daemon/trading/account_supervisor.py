"""The supervisor of one account's processes: what stands later needs what stands before it.

It tells the account desk what has crashed in it, so that an account which keeps crashing goes down with a reason: a
supervisor that gives up says no more than that it does.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.otp import ChildSpec, ChildType, ExitReason, Restart, Strategy, Supervisor
from naive_daemon.trading.cause import cause_text

MAX_RESTARTS = 5
PERIOD_S = 60.0


class AccountShaken(msgspec.Struct, frozen=True):
    """Something in an account's tree has crashed; what follows is its supervisor's affair."""

    account: str
    reason: str


class AccountSupervisor(Supervisor):
    """See the module."""

    def __init__(self, account: str, specs: Sequence[ChildSpec]) -> None:
        super().__init__(specs, strategy=Strategy.REST_FOR_ONE, max_restarts=MAX_RESTARTS, period_s=PERIOD_S)
        self._account = account

    def _report(self, context: Any, child: Any, reason: ExitReason) -> None:
        if context in ("child_terminated", "start_error"):
            self.system.tell(names.ACCOUNT_DESK, AccountShaken(self._account, cause_text(reason)))
        super()._report(context, child, reason)


def account_spec(account: str, specs: Sequence[ChildSpec]) -> ChildSpec:
    """Give the child spec of an account. Temporary: what follows when it gives up is the desk's decision."""
    return ChildSpec(
        id=account,
        start=lambda: AccountSupervisor(account, specs),
        restart=Restart.TEMPORARY,
        type=ChildType.SUPERVISOR,
        name=names.account_supervisor(account),
    )
