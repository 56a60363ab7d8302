"""The settings' table in memory: it notifies of every change as the database's trigger does, and can go away."""

from collections.abc import Callable, Sequence

import msgspec

from naive_daemon.domain.account import AccountCondition, AccountSettings
from naive_daemon.domain.errors import TransientError
from naive_daemon.domain.limits import KillCancel, KillSwitch, RiskLimits, Safeguards
from naive_daemon.domain.settings import RestingOrders, SymbolSettings, TradeSettings, TradingStatus
from naive_daemon.trading.desired_state import ActualState, SettingsListenerOwner

ACCOUNT = "main"
Key = tuple[str, str]


class Table:
    """Rows by (account, symbol), actual states, and who listens."""

    def __init__(self) -> None:
        self.rows: dict[Key, SymbolSettings] = {}
        self.actual: dict[Key, ActualState] = {}
        self.accounts: dict[str, AccountSettings] = {}
        self.conditions: dict[str, AccountCondition] = {}
        self.is_away = False
        self.reads = 0
        self._revision = 0
        self.safeguards = Safeguards()
        self.kill_switch_seen: dict[str, int] = {}
        self.hear_drained: Callable[[Key], None] = lambda _: None
        self._listeners: list[TableListener] = []

    def set(
        self,
        symbol: str,
        status: TradingStatus,
        trade: TradeSettings | None = None,
        *,
        stop: RestingOrders | None = None,
        entries: RestingOrders | None = None,
        account: str = ACCOUNT,
    ) -> None:
        """Write a row, as the command line does; what is not given stays."""
        key = (account, symbol)
        row = self.rows.get(key, SymbolSettings(account=account, symbol=symbol))
        changed = msgspec.structs.replace(
            row,
            status=status,
            trade=trade or row.trade,
            stop_orders=stop or row.stop_orders,
            shutdown_entries=entries or row.shutdown_entries,
        )
        if status is not row.status or changed == row:  # else it is `settings set`, which says no status
            self._revision += 1
            changed = msgspec.structs.replace(changed, revision=self._revision)
        self.rows[key] = changed
        self.notify(key)

    def status(self, symbol: str) -> TradingStatus:
        return self.rows[ACCOUNT, symbol].status

    def state(self, symbol: str) -> str:
        return self.actual[ACCOUNT, symbol].state

    def notify(self, key: Key) -> None:
        payload = msgspec.json.encode({"account": key[0], "symbol": key[1]}).decode()
        for listener in list(self._listeners):
            listener.owner.notified("naive_settings", payload)

    def set_kill_switch(self, *, is_on: bool, cancel: KillCancel = KillCancel.NOTHING, reason: str = "") -> None:
        """Switch for all accounts, as the command line does."""
        revision = self.safeguards.kill_switch.revision + 1
        switch = KillSwitch(is_on=is_on, cancel=cancel, reason=reason, revision=revision)
        self.safeguards = msgspec.structs.replace(self.safeguards, kill_switch=switch)
        self._notify_safeguards("{}")

    def set_limits(self, limits: RiskLimits, account: str = ACCOUNT) -> None:
        """Set what an account may risk."""
        self.safeguards = msgspec.structs.replace(self.safeguards, limits={**self.safeguards.limits, account: limits})
        self._notify_safeguards(msgspec.json.encode({"account": account}).decode())

    def obeys_kill_switch(self) -> bool:
        """Say whether the daemon has confirmed the switch as it now is."""
        return self.kill_switch_seen.get(ACCOUNT) == self.safeguards.kill_switch.revision

    def set_account(self, account: AccountSettings) -> None:
        """Add an account, or change it, as the command line does."""
        self._revision += 1
        self.accounts[account.name] = msgspec.structs.replace(account, revision=self._revision)
        payload = msgspec.json.encode({"account": account.name}).decode()
        for listener in list(self._listeners):
            listener.owner.notified("naive_accounts", payload)

    def _notify_safeguards(self, payload: str) -> None:
        for listener in list(self._listeners):
            listener.owner.notified("naive_safeguards", payload)

    def listen(self, owner: SettingsListenerOwner) -> "TableListener":
        return TableListener(self, self._listeners, owner)

    def deafen(self) -> None:
        """Go away as a killed daemon's connections do."""
        self._listeners.clear()


class TableListener:
    """Implements SettingsListener on the caller's thread."""

    def __init__(self, table: Table, listeners: "list[TableListener]", owner: SettingsListenerOwner) -> None:
        self.owner = owner
        self._table = table
        self._listeners = listeners

    def start(self) -> None:
        self._listeners.append(self)
        self.owner.listening()

    def stop(self) -> None:
        if self in self._listeners:
            self._listeners.remove(self)


class TableStore:
    """Implements DesiredStateStore on a table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def load_settings(self) -> Sequence[SymbolSettings]:
        self._refuse_away()
        self._table.reads += 1
        table = self._table
        rows = sorted(table.rows.items())
        return [row for key, row in rows if not _wants_nothing(row) or key in table.actual]

    def load_safeguards(self) -> Safeguards:
        self._refuse_away()
        return self._table.safeguards

    def load_accounts(self) -> Sequence[AccountSettings]:
        self._refuse_away()
        return [account for _, account in sorted(self._table.accounts.items())]

    def record_account_conditions(self, conditions: Sequence[AccountCondition]) -> None:
        self._refuse_away()
        for condition in conditions:
            self._table.conditions[condition.account] = condition

    def confirm_kill_switch(self, account: str, revision: int) -> None:
        self._refuse_away()
        self._table.kill_switch_seen[account] = revision

    def drained(self, account: str, symbol: str, revision: int) -> None:
        self._refuse_away()
        row = self._table.rows.get((account, symbol))
        if row is not None and (row.status, row.revision) == (TradingStatus.SHUTDOWN, revision):
            self._table.set(symbol, TradingStatus.OFF, account=account)
            self._table.hear_drained((account, symbol))

    def record_actual(self, states: Sequence[ActualState]) -> None:
        self._refuse_away()
        for state in states:
            self._table.actual[state.account, state.symbol] = state

    def forget_actual(self) -> None:
        self._refuse_away()
        table = self._table
        table.conditions.clear()
        table.kill_switch_seen.clear()
        for key, state in table.actual.items():
            table.actual[key] = msgspec.structs.replace(state, state="off", traders=0, retry_at_ns=None, held=None)

    def close(self) -> None:
        """Nothing to give up."""

    def _refuse_away(self) -> None:
        if self._table.is_away:
            raise TransientError("the table is away")


def _wants_nothing(row: SymbolSettings) -> bool:
    return row.status is TradingStatus.OFF and row.revision == 0 and row.stop_orders is RestingOrders.KEEP
