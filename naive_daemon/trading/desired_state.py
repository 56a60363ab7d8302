"""What operators want and what is so: the protocol of the settings that control reads and writes."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from naive_daemon.domain.account import AccountCondition, AccountSettings
from naive_daemon.domain.errors import TransientError
from naive_daemon.domain.limits import Safeguards
from naive_daemon.domain.settings import SymbolSettings


class ActualState(msgspec.Struct, frozen=True, kw_only=True):
    """What a symbol really does, as the daemon last said.

    `state` is one of: off, starting, on, shutdown, stopping, drained (off in a moment), quarantined. `held`: why no
    entry is placed for now, though it trades: a limit, the kill switch, no connection. What stays until an operator has
    looked, a promise that was broken, is told of a symbol that is off, too, and before anything else. `revision`: of
    the settings that it obeys.
    """

    account: str
    symbol: str
    state: str
    traders: int = 0
    restarts: int = 0
    last_error: str | None = None
    retry_at_ns: int | None = None
    held: str | None = None
    revision: int = 0


class DesiredStateStore(Protocol):
    """Settings and actual states in the database; raises TransientError when it is away."""

    def load_settings(self) -> Sequence[SymbolSettings]:
        """Read the rows of all symbols ever switched, or with an actual state, or to leave no order resting."""

    def load_safeguards(self) -> Safeguards:
        """Read the kill switch and all limits."""

    def load_accounts(self) -> Sequence[AccountSettings]:
        """Read all accounts that there shall be beside the configured one, those that are not enabled too."""

    def record_account_conditions(self, conditions: Sequence[AccountCondition]) -> None:
        """Write what accounts really do, and notify whoever waits for it."""

    def confirm_kill_switch(self, account: str, revision: int) -> None:
        """Note that the account obeys the kill switch of this revision, so that whoever switched it knows.

        Said when it is true: of a switch that is on, once no entry can leave any more. Saying it again changes nothing.
        """

    def drained(self, account: str, symbol: str, revision: int) -> None:
        """Turn the status from shutdown to off; one that was said anew meanwhile, which `revision` tells, stays."""

    def record_actual(self, states: Sequence[ActualState]) -> None:
        """Write what symbols really do, and notify whoever waits for it."""

    def close(self) -> None:
        """Give up the connection; may be called twice."""


class SettingsListenerOwner(Protocol):
    """Who is told of changes; every method is called by the listener's thread, is quick and does not raise."""

    def listening(self) -> None:
        """Read everything: changes are heard from now on."""

    def notified(self, channel: str, payload: str) -> None:
        """Take one change."""

    def connection_lost(self, error: TransientError) -> None:
        """Know that nothing is heard until it listens again."""

    def listener_ended(self) -> None:
        """Know that the thread died of an error."""


class SettingsListener(Protocol):
    """Hears of changes of the settings, whoever makes them."""

    def start(self) -> None:
        """Start its thread."""

    def stop(self) -> None:
        """End its thread; may be called twice."""
