"""What every store of settings does, as control uses it: the one in PostgreSQL and the simulation's, also failing."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import Engine, text

from naive_daemon.domain.account import AccountCondition, AccountSettings
from naive_daemon.domain.limits import KillCancel, KillSwitch, RiskLimits, Safeguards
from naive_daemon.domain.settings import RestingOrders, SymbolSettings, TradeSettings, TradingStatus
from naive_daemon.storage.postgres.accounts import OperatorAccounts
from naive_daemon.storage.postgres.desired_state import PostgresDesiredState
from naive_daemon.storage.postgres.engine import make_engine
from naive_daemon.storage.postgres.report import Report
from naive_daemon.storage.postgres.safeguards import OperatorSafeguards
from naive_daemon.storage.postgres.settings import OperatorSettings
from naive_daemon.trading.desired_state import ActualState, DesiredStateStore
from tests.contract.doubles import settings_of
from tests.trading.table import Table

_SWITCH = text(
    """
INSERT INTO settings (account, symbol, status) VALUES ('main', :symbol, CAST(:status AS trading_status))
ON CONFLICT (account, symbol) DO UPDATE SET status = excluded.status
"""
)


class PostgresOperator:
    """Writes and looks as the command line does, or with plain SQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._settings = OperatorSettings(engine)
        self._safeguards = OperatorSafeguards(engine)

    def write(self, *rows: SymbolSettings) -> None:
        self._settings.upsert(rows)

    def row(self, symbol: str) -> SymbolSettings:
        return self._settings.rows("main", [symbol])[0]

    def switch(self, symbol: str, status: TradingStatus) -> None:
        with self._engine.begin() as connection:
            connection.execute(_SWITCH, {"symbol": symbol, "status": status.value})

    def limit(self, open_orders: int) -> None:
        self._safeguards.set_limits("main", {"max_open_orders": str(open_orders)})

    def kill(self, cancel: KillCancel) -> None:
        self._safeguards.set_kill_switch(is_on=True, cancel=cancel, reason="late")

    def obeyed(self) -> dict[str, int]:
        return self._safeguards.seen()

    def add(self, *names: str) -> None:
        OperatorAccounts(self._engine).add([AccountSettings(name=name, beside="main") for name in names])

    def disable(self, name: str) -> None:
        OperatorAccounts(self._engine).set_enabled([name], is_enabled=False)

    def states(self) -> dict[str, str | None]:
        return {shown.symbol: shown.actual for shown in Report(self._engine).status("main", everything=True)}

    def conditions(self) -> dict[str, str]:
        return {name: one.condition.state for name, one in OperatorAccounts(self._engine).said("main").items()}


class TableOperator:
    """Does the same to the table of a simulation."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def write(self, *rows: SymbolSettings) -> None:
        for row in rows:
            self._table.rows[row.account, row.symbol] = row

    def row(self, symbol: str) -> SymbolSettings:
        return self._table.rows["main", symbol]

    def switch(self, symbol: str, status: TradingStatus) -> None:
        self._table.set(symbol, status)

    def limit(self, open_orders: int) -> None:
        self._table.set_limits(RiskLimits(max_open_orders=open_orders))

    def kill(self, cancel: KillCancel) -> None:
        self._table.set_kill_switch(is_on=True, cancel=cancel, reason="late")

    def obeyed(self) -> dict[str, int]:
        return self._table.kill_switch_seen

    def add(self, *names: str) -> None:
        for name in names:
            self._table.set_account(AccountSettings(name=name, beside="main"))

    def disable(self, name: str) -> None:
        self._table.set_account(msgspec.structs.replace(self._table.accounts[name], is_enabled=False))

    def states(self) -> dict[str, str | None]:
        return {symbol: state.state for (_, symbol), state in self._table.actual.items()}

    def conditions(self) -> dict[str, str]:
        return {name: condition.state for name, condition in self._table.conditions.items()}


Operator = PostgresOperator | TableOperator
Place = tuple[DesiredStateStore, Operator]


@pytest.fixture(params=["postgres", "simulated", "failing"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param != "postgres":
        table = Table()
        yield settings_of(table, request.param), TableOperator(table)
        return
    url = request.getfixturevalue("migrated_url")
    engine = make_engine(url)
    with closing(PostgresDesiredState(url)) as store:
        yield store, PostgresOperator(engine)
    engine.dispose()


@pytest.fixture
def store(place: Place) -> DesiredStateStore:
    return place[0]


@pytest.fixture
def operator(place: Place) -> Operator:
    return place[1]


def wanted(symbol: str, status: TradingStatus, account: str = "main") -> SymbolSettings:
    trade = TradeSettings(chunks=9, budget=Decimal("12.50"), parameters=(("fast", "9"),))
    return SymbolSettings(account=account, symbol=symbol, status=status, trade=trade)


def unnumbered(rows: Iterable[SymbolSettings]) -> list[SymbolSettings]:
    return [msgspec.structs.replace(row, revision=0) for row in rows]


def test_what_is_wanted_or_so_is_loaded_in_order_and_nothing_else(store: DesiredStateStore, operator: Operator) -> None:
    statuses = {"D": TradingStatus.OFF, "C": TradingStatus.SHUTDOWN, "A": TradingStatus.OFF, "B": TradingStatus.ON}
    operator.write(wanted("B", TradingStatus.ON, "two"), *(wanted(*one) for one in statuses.items()))
    store.record_actual([ActualState(account="main", symbol="D", state="on")])
    found = store.load_settings()
    assert [(row.account, row.symbol, row.status.value) for row in found] == [
        ("main", "B", "on"),
        ("main", "C", "shutdown"),
        ("main", "D", "off"),
        ("two", "B", "on"),
    ]
    assert unnumbered(found)[:3] == [operator.row(symbol) for symbol in "BCD"]


def test_what_is_to_leave_no_order_resting_is_loaded_though_nobody_ever_said_that_it_ran(
    store: DesiredStateStore, operator: Operator
) -> None:
    clears = msgspec.structs.replace(wanted("A", TradingStatus.OFF), stop_orders=RestingOrders.CANCEL)
    operator.write(clears, wanted("B", TradingStatus.OFF))
    assert list(store.load_settings()) == [clears]


def revision_of(store: DesiredStateStore, symbol: str) -> int:
    return next(row.revision for row in store.load_settings() if row.symbol == symbol)


def test_a_drained_symbol_is_off_unless_it_was_switched_meanwhile(store: DesiredStateStore, operator: Operator) -> None:
    for symbol, status in [("A", TradingStatus.SHUTDOWN), ("B", TradingStatus.ON)]:
        operator.switch(symbol, status)
        store.drained("main", symbol, revision_of(store, symbol))
    store.drained("main", "NEVER", 1)
    assert (operator.row("A").status, operator.row("B").status) == (TradingStatus.OFF, TradingStatus.ON)
    assert [(row.symbol, row.status.value) for row in store.load_settings()] == [("A", "off"), ("B", "on")]


def test_a_drain_ends_no_later_one(store: DesiredStateStore, operator: Operator) -> None:
    revisions = []
    for status in (TradingStatus.SHUTDOWN, TradingStatus.ON, TradingStatus.SHUTDOWN):
        operator.switch("A", status)
        revisions.append(revision_of(store, "A"))
    store.drained("main", "A", revisions[0])
    assert operator.row("A").status is TradingStatus.SHUTDOWN
    store.drained("main", "A", revisions[-1])
    assert operator.row("A").status is TradingStatus.OFF


def test_each_time_a_status_is_said_has_a_number_of_its_own(store: DesiredStateStore, operator: Operator) -> None:
    operator.write(wanted("A", TradingStatus.OFF))
    numbers = []
    for status in (TradingStatus.OFF, TradingStatus.ON, TradingStatus.ON, TradingStatus.OFF):
        operator.switch("A", status)
        numbers += [row.revision for row in store.load_settings()]
    still_off, on, still_on, off = numbers
    assert 0 < still_off < on < still_on < off


def test_the_last_state_of_each_symbol_is_what_is_shown(store: DesiredStateStore, operator: Operator) -> None:
    said = [("A", "starting"), ("A", "on"), ("B", "quarantined")]
    store.record_actual([ActualState(account="main", symbol=symbol, state=state) for symbol, state in said])
    store.record_actual([])
    assert operator.states() == {"A": "on", "B": "quarantined"}
    store.record_actual([ActualState(account="main", symbol="B", state="on")])
    assert operator.states() == {"A": "on", "B": "on"}


def test_limits_and_kill_switch_are_read_as_they_are_set(store: DesiredStateStore, operator: Operator) -> None:
    assert store.load_safeguards() == Safeguards()
    operator.limit(3)
    operator.kill(KillCancel.ENTRIES)
    operator.kill(KillCancel.NOTHING)
    assert store.load_safeguards() == Safeguards(
        kill_switch=KillSwitch(is_on=True, cancel=KillCancel.NOTHING, reason="late", revision=2),
        limits={"main": RiskLimits(max_open_orders=3)},
    )


def test_who_obeys_the_kill_switch_is_told_by_its_revision(store: DesiredStateStore, operator: Operator) -> None:
    store.confirm_kill_switch("main", 3)
    store.confirm_kill_switch("two", 1)
    store.confirm_kill_switch("main", 4)
    assert operator.obeyed() == {"main": 4, "two": 1}


def test_accounts_are_read_by_name_also_those_that_are_disabled(store: DesiredStateStore, operator: Operator) -> None:
    operator.add("b", "a")
    operator.disable("b")
    assert [(account.name, account.is_enabled) for account in store.load_accounts()] == [("a", True), ("b", False)]


def test_the_last_condition_of_each_account_is_what_is_shown(store: DesiredStateStore, operator: Operator) -> None:
    operator.add("a", "b")
    said = [("a", "opening"), ("a", "up"), ("b", "down")]
    store.record_account_conditions([AccountCondition(account=account, state=state) for account, state in said])
    store.record_account_conditions([])
    assert operator.conditions() == {"a": "up", "b": "down"}


@pytest.mark.parametrize("use", [lambda store: store.load_settings(), lambda store: store.record_actual([])])
def test_a_store_may_be_closed_twice_and_used_again(
    store: DesiredStateStore, use: Callable[[DesiredStateStore], object]
) -> None:
    store.close()
    store.close()
    use(store)
    assert list(store.load_settings()) == []
