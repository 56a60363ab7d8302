"""The settings of a simulated world, as its process reads and writes them."""

from collections.abc import Sequence
from functools import partial

from naive_daemon.domain.account import AccountCondition, AccountSettings
from naive_daemon.domain.limits import Safeguards
from naive_daemon.domain.settings import SymbolSettings
from naive_daemon.trading.desired_state import ActualState
from tests.simulation.life import Life
from tests.simulation.odds import Odds
from tests.simulation.stores.outages import Outages
from tests.simulation.stores.postgres import SimulatedConnection
from tests.trading.table import Table, TableStore


class SimulatedSettings:
    """Implements DesiredStateStore, and fails as PostgresDesiredState does: see SimulatedConnection."""

    def __init__(self, table: Table, odds: Odds, outages: Outages, life: Life) -> None:
        self._store = TableStore(table)
        self._connection = SimulatedConnection(odds, outages, life)

    def load_settings(self) -> Sequence[SymbolSettings]:
        """Read the rows of all symbols ever switched, or with an actual state, or to leave no order resting."""
        self._connection.ask("settings.read")
        return self._store.load_settings()

    def load_safeguards(self) -> Safeguards:
        """Read the kill switch and all limits."""
        self._connection.ask("settings.read")
        return self._store.load_safeguards()

    def load_accounts(self) -> Sequence[AccountSettings]:
        """Read all accounts that there shall be beside the configured one."""
        self._connection.ask("settings.read")
        return self._store.load_accounts()

    def record_account_conditions(self, conditions: Sequence[AccountCondition]) -> None:
        """Write what accounts really do."""
        self._connection.commit("settings.write", partial(self._store.record_account_conditions, conditions))

    def confirm_kill_switch(self, account: str, revision: int) -> None:
        """Note that the account obeys this revision of the kill switch."""
        self._connection.commit("settings.write", partial(self._store.confirm_kill_switch, account, revision))

    def drained(self, account: str, symbol: str, revision: int) -> None:
        """Turn the status from shutdown to off; one that was said anew meanwhile, which `revision` tells, stays."""
        self._connection.commit("settings.drained", partial(self._store.drained, account, symbol, revision))

    def record_actual(self, states: Sequence[ActualState]) -> None:
        """Write what symbols really do."""
        self._connection.commit("settings.write", partial(self._store.record_actual, states))

    def forget_actual(self) -> None:
        """Say that nothing runs or obeys, before a process's first word of its own."""
        self._connection.commit("settings.write", self._store.forget_actual)

    def close(self) -> None:
        """Give up the connection: the next use makes a new one."""


class SimulatedPresence:
    """Says that the process lives, on a connection of its own, as PostgresPresence does."""

    def __init__(self, odds: Odds, outages: Outages, life: Life) -> None:
        self._connection = SimulatedConnection(odds, outages, life)

    def beat(self) -> None:
        """Say it; raises TransientError."""
        self._connection.ask("settings.beat")
