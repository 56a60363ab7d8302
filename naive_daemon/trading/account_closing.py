"""Ends an account's tree in order: no order is on its way any more, metadata is written, then it is terminated.

Part of an account's life. Resting orders stay. Each step has a deadline, after which the next one is taken; that the
tree has ended is told by its Down only.
"""

from typing import Any

from naive_daemon import names
from naive_daemon.account.account import FlushMetadata
from naive_daemon.execution.messages import Drain
from naive_daemon.otp import Actor, Done, Ref, RequestFailed, TerminateChild
from naive_daemon.trading.account_stage import StopAgain
from naive_daemon.trading.cause import cause_text

DRAIN_TIMEOUT_S = 10.0
FLUSH_TIMEOUT_S = 2.0
STOP_TIMEOUT_S, STOP_AGAIN_S = 30.0, 1.0


class AccountClosing:
    """See the module. `ref` is the tree's supervisor; `StopAgain` asks that it be told again to end."""

    def __init__(self, actor: Actor, account: str, ref: Ref) -> None:
        self._actor = actor
        self._account = account
        self._ref = ref

    def begin(self) -> None:
        """Let no order leave any more, and wait for those that are on their way."""
        manager = self._actor.system.whereis(names.execution_manager(self._account))
        self._actor.request(manager, Drain(), self._flush, DRAIN_TIMEOUT_S)

    def _flush(self, _: Any) -> None:
        keeper = self._actor.system.whereis(names.account(self._account))
        self._actor.request(keeper, FlushMetadata(), self._stop, FLUSH_TIMEOUT_S)

    def _stop(self, _: Any) -> None:
        """Ask again when nobody answered, or its start is not over yet."""
        if self._ref.is_alive():
            supervisor = self._actor.system.whereis(names.ACCOUNTS)
            self._actor.request(supervisor, TerminateChild(self._ref), self._take_stop, STOP_TIMEOUT_S)

    def _take_stop(self, answer: Any) -> None:
        if isinstance(answer, RequestFailed):
            self._actor.log.error("account did not end", account=self._account, reason=cause_text(answer.reason))
        if not isinstance(answer, Done):
            self._actor.send_after(STOP_AGAIN_S, StopAgain(self._account, self._ref))

    def stop_again(self, ref: Ref) -> None:
        """End what could not be ended before, unless it has ended and another tree runs."""
        if ref is self._ref:
            self._stop(None)
