"""Accounts in the database: what operators write, what control reads and says, what nobody can put there."""

import threading
from collections.abc import Iterator
from contextlib import closing

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from naive_daemon.domain.account import ACCOUNT_STATES, AccountCondition, AccountSettings
from naive_daemon.domain.errors import UsageError
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.storage.postgres.accounts import AccountTakenError, OperatorAccounts
from naive_daemon.storage.postgres.desired_state import PostgresDesiredState
from naive_daemon.storage.postgres.engine import make_engine
from naive_daemon.storage.postgres.settings import OperatorSettings
from naive_daemon.trading.desired_state import ActualState, DesiredStateStore

RETRY_AT_NS = 1_790_000_000_123_456_000


@pytest.fixture
def url(migrated_url: str) -> str:
    return migrated_url


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = make_engine(url)
    yield made
    made.dispose()


@pytest.fixture
def accounts(engine: Engine) -> OperatorAccounts:
    return OperatorAccounts(engine)


@pytest.fixture
def store(url: str) -> Iterator[DesiredStateStore]:
    with closing(PostgresDesiredState(url)) as made:
        yield made


@pytest.fixture
def server(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def named(*names: str) -> list[AccountSettings]:
    return [AccountSettings(beside="main", name=name) for name in names]


def test_what_was_added_is_read_by_commands_and_by_control(
    accounts: OperatorAccounts, store: DesiredStateStore
) -> None:
    wanted = [
        AccountSettings(beside="main", name="b", credentials="env:B"),
        AccountSettings(beside="main", name="a", credentials="file:/etc/keys/a.toml", is_enabled=False),
        AccountSettings(beside="main", name="c"),
    ]
    assert accounts.add(wanted) == {"a", "b", "c"}
    by_name = tuple(sorted(wanted, key=lambda one: one.name))
    read = tuple(msgspec.structs.replace(row, revision=0) for row in store.load_accounts())
    assert (accounts.rows(), read) == (by_name, by_name)


def test_what_is_there_already_is_left_alone(accounts: OperatorAccounts) -> None:
    accounts.add([AccountSettings(beside="main", name="a", credentials="env:A"), *named("b")])
    accounts.set_enabled(["a"], is_enabled=False)
    assert accounts.add([AccountSettings(beside="main", name="a", credentials="env:A"), *named("b", "c")]) == {"c"}
    assert [one.is_enabled for one in accounts.rows()] == [False, True, True]
    assert accounts.add([]) == frozenset()


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (AccountSettings(beside="main", name="a"), "account a is there already, with the credentials env:A"),
        (
            AccountSettings(beside="main", name="a", credentials="env:B"),
            "account a is there already, with the credentials env:A",
        ),
        (
            AccountSettings(beside="main", name="b", credentials="env:B"),
            "account b is there already, with no credentials",
        ),
        (
            AccountSettings(beside="main", name="d", credentials="env:A"),
            "account d was given the credentials of account a: env:A",
        ),
    ],
)
def test_an_account_has_credentials_of_its_own_for_good(
    accounts: OperatorAccounts, one: AccountSettings, said: str
) -> None:
    accounts.add([AccountSettings(beside="main", name="a", credentials="env:A"), *named("b")])
    with pytest.raises(AccountTakenError) as refused:
        accounts.add([*named("c"), one])
    assert refused.value.message == f"{said}; nothing was added"
    assert [one.name for one in accounts.rows()] == ["a", "b"]


def test_a_thousand_are_one_statement_and_each_is_told(accounts: OperatorAccounts, server: psycopg.Connection) -> None:
    server.execute("LISTEN naive_accounts")
    many = [
        AccountSettings(beside="main", name=f"a{number:04}", credentials=f"env:A{number}") for number in range(1_000)
    ]
    assert len(accounts.add(many)) == 1_000
    accounts.set_enabled([one.name for one in many[:500]], is_enabled=False)
    assert server.execute("SELECT count(DISTINCT inserted_at) FROM accounts").fetchall() == [(1,)]
    told = [heard.payload for heard in server.notifies(timeout=10, stop_after=1_500)]
    assert sorted(told) == sorted(f'{{"account": "{one.name}"}}' for one in [*many, *many[:500]])


def test_enabling_tells_also_where_nothing_changes_so_that_the_daemon_tries_again(
    accounts: OperatorAccounts, server: psycopg.Connection
) -> None:
    accounts.add(named("a", "b"))
    server.execute("LISTEN naive_accounts")
    assert accounts.set_enabled(["b", "a", "b"], is_enabled=True) == {"b": True, "a": True}
    assert accounts.set_enabled(["a"], is_enabled=False) == {"a": True}
    assert len(list(server.notifies(timeout=10, stop_after=3))) == 3


def test_nothing_changes_where_one_was_never_added(accounts: OperatorAccounts) -> None:
    accounts.add(named("a"))
    with pytest.raises(UsageError, match="never added: x, y; nothing was changed"):
        accounts.set_enabled(["x", "a", "y"], is_enabled=False)
    assert accounts.rows() == tuple(named("a"))


def test_two_commands_over_the_same_accounts_take_turns(accounts: OperatorAccounts) -> None:
    names = [f"a{number}" for number in range(50)]
    accounts.add(named(*names))
    done: list[int] = []

    def work(order: list[str]) -> None:
        done.extend(len(accounts.set_enabled(order, is_enabled=bool(turn % 2))) for turn in range(10))

    threads = [threading.Thread(target=work, args=(order,), daemon=True) for order in (names, names[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert done == [50] * 20
    assert {one.is_enabled for one in accounts.rows()} == {True}


def test_two_who_add_the_same_in_another_order_do_not_wait_for_each_other(
    accounts: OperatorAccounts, server: psycopg.Connection, url: str
) -> None:
    added: list[frozenset[str]] = []
    insert = "INSERT INTO accounts (account, beside) VALUES (%s, 'main')"
    with psycopg.connect(url) as other:
        other.execute("SET deadlock_timeout = '1h'")  # so that it is ours that would look for deadlocks
        other.execute(insert, ("a",))
        thread = threading.Thread(target=lambda: added.append(accounts.add(named("b", "a"))), daemon=True)
        thread.start()
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
        while server.execute(waiting).fetchone() is None:
            assert thread.is_alive()
        other.execute(insert, ("b",))
    thread.join(60)
    assert added == [frozenset()]


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "-a", ".a", "a/b", "a;b", "a'b", "ä", "a\n", "\na", "a" * 33, "a\\b", "a%b"]
)
def test_the_database_itself_refuses_a_bad_name(server: psycopg.Connection, name: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="accounts_account_check"):
        server.execute("INSERT INTO accounts (account, beside) VALUES (%s, 'main')", (name,))


@pytest.mark.parametrize("text", ["", "vmPUZE6mv9SD5VNHk4HlWFsOr6", "env:", "env:A;B", "credential:../a", "file:a"])
def test_the_database_itself_takes_references_only(server: psycopg.Connection, text: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="accounts_credentials_check"):
        server.execute("INSERT INTO accounts (account, beside, credentials) VALUES ('a', 'main', %s)", (text,))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    told=st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.sampled_from(ACCOUNT_STATES),
            st.none() | st.text(),
            st.none() | st.just(RETRY_AT_NS),
        )
    )
)
def test_the_last_word_on_each_account_is_kept(
    accounts: OperatorAccounts, store: DesiredStateStore, told: list[tuple[str, str, str | None, int | None]]
) -> None:
    store.forget_actual()
    conditions = [
        AccountCondition(account=account, state=state, reason=reason, retry_at_ns=retry_at_ns)
        for account, state, reason, retry_at_ns in told
    ]
    store.record_account_conditions(conditions)
    said = accounts.said("main")
    last = {one.account: one for one in conditions}
    assert set(said) == set(last)
    for name, one in last.items():
        found = said[name].condition
        assert (found.account, found.state, found.retry_at_ns) == (one.account, one.state, one.retry_at_ns)
        assert (found.reason is None) == (one.reason is None)


def test_what_is_no_news_is_not_told(store: DesiredStateStore, server: psycopg.Connection) -> None:
    server.execute("LISTEN naive_actual")
    down = AccountCondition(account="a", state="down", reason="its key was revoked", retry_at_ns=RETRY_AT_NS)
    store.record_account_conditions([down])
    store.record_account_conditions([down])
    store.record_account_conditions([AccountCondition(account="b", state="up")])
    told = [heard.payload for heard in server.notifies(timeout=10, stop_after=2)]
    assert told == ['{"account": "a"}', '{"account": "b"}']


def test_each_daemon_reads_its_own_accounts_and_forgets_only_what_was_said_of_them(
    url: str, accounts: OperatorAccounts, server: psycopg.Connection
) -> None:
    accounts.add([*named("a"), AccountSettings(name="b", beside="live")])
    everything = "SELECT account, state FROM actual_states UNION ALL SELECT account, state FROM account_conditions"
    with closing(PostgresDesiredState(url, "main")) as main, closing(PostgresDesiredState(url, "live")) as live:
        assert [one.name for one in main.load_accounts()] == ["a"]
        assert [one.name for one in live.load_accounts()] == ["b"]
        for daemon, own in ((main, ("main", "a")), (live, ("live", "b"))):
            daemon.record_account_conditions([AccountCondition(account=one, state="up") for one in own])
            daemon.record_actual([ActualState(account=one, symbol="S", state="on") for one in own])
            for one in own:
                daemon.confirm_kill_switch(one, 1)
        assert (accounts.daemons(), accounts.daemon_of("b"), accounts.daemon_of("c")) == (("live", "main"), "live", "c")
        assert set(accounts.said("live")) == {"live", "b"}
        live.forget_actual()
        assert sorted(server.execute(everything).fetchall()) == [
            ("a", "on"), ("a", "up"), ("b", "off"), ("live", "off"), ("main", "on"), ("main", "up"),
        ]  # fmt: skip
        assert server.execute("SELECT account FROM kill_switch_seen ORDER BY 1").fetchall() == [("a",), ("main",)]


def test_an_account_belongs_to_one_daemon(accounts: OperatorAccounts, server: psycopg.Connection) -> None:
    accounts.add(named("a"))
    with pytest.raises(AccountTakenError, match="account a belongs to the daemon of account main"):
        accounts.add([AccountSettings(name="a", beside="live")])
    for wrong in ("a", "x y"):
        with pytest.raises(psycopg.errors.CheckViolation, match="accounts_beside_check"):
            server.execute("INSERT INTO accounts (account, beside) VALUES ('a', %s)", (wrong,))
    with pytest.raises(psycopg.errors.NotNullViolation):
        server.execute("INSERT INTO accounts (account) VALUES ('b')")


def say_up(store: DesiredStateStore) -> None:
    """Say of the configured account, and of each that was added, that it is up as its row now wants it."""
    said = [AccountCondition(account=row.name, state="up", revision=row.revision) for row in store.load_accounts()]
    store.record_account_conditions([*said, AccountCondition(account="main", state="up")])


def answers(accounts: OperatorAccounts) -> dict[str, bool]:
    return {name: said.is_answer for name, said in accounts.said("main").items()}


def test_a_wrong_reference_is_corrected_and_what_was_said_with_it_is_no_answer(
    accounts: OperatorAccounts, store: DesiredStateStore
) -> None:
    accounts.add([AccountSettings(name="a", beside="main", credentials="env:WRONG", is_enabled=False), *named("b")])
    say_up(store)
    assert accounts.enable_with("a", "env:RIGHT") == AccountSettings(
        name="a", credentials="env:WRONG", is_enabled=False
    )
    assert answers(accounts) == {"a": False, "b": True, "main": True}
    say_up(store)
    assert answers(accounts) == {"a": True, "b": True, "main": True}
    assert accounts.enable_with("a", "env:RIGHT") == AccountSettings(name="a", credentials="env:RIGHT")
    assert answers(accounts) == {"a": False, "b": True, "main": True}  # it is tried again with the same
    with pytest.raises(AccountTakenError, match="another account has the credentials env:RIGHT; nothing was changed"):
        accounts.enable_with("b", "env:RIGHT")
    with pytest.raises(UsageError, match="never added: c; nothing was changed"):
        accounts.enable_with("c", "env:C")
    assert accounts.rows() == (
        AccountSettings(name="a", beside="main", credentials="env:RIGHT"), *named("b"),
    )  # fmt: skip


def test_an_account_that_trades_or_has_traded_keeps_its_row(
    accounts: OperatorAccounts, engine: Engine, server: psycopg.Connection
) -> None:
    accounts.add(named("on", "traded", "idle"))
    OperatorSettings(engine).seed("on", ["A"])
    for status in (TradingStatus.ON, TradingStatus.SHUTDOWN):
        OperatorSettings(engine).set_status("on", ["A"], status)
    OperatorSettings(engine).seed("idle", ["A"])
    server.execute("INSERT INTO order_totals (account, orders) VALUES ('traded', 1)")
    for name in ("on", "traded"):
        for statement in ("DELETE FROM accounts", "UPDATE accounts SET account = 'other'"):
            with pytest.raises(psycopg.errors.RaiseException, match=f"account {name} has symbols that are on, or"):
                server.execute(f"{statement} WHERE account = '{name}'")
    server.execute("UPDATE accounts SET account = 'other' WHERE account = 'idle'")
    server.execute("DELETE FROM accounts WHERE account = 'other'")
    assert [one.name for one in accounts.rows()] == ["on", "traded"]


def test_every_account_that_left_a_trace_is_known(
    accounts: OperatorAccounts, engine: Engine, store: DesiredStateStore
) -> None:
    accounts.add(named("added"))
    OperatorSettings(engine).seed("seeded", ["A", "B", "C"])
    OperatorSettings(engine).set_status("seeded", ["A", "B"], TradingStatus.ON)
    OperatorSettings(engine).set_status("seeded", ["B"], TradingStatus.SHUTDOWN)
    store.confirm_kill_switch("obeying", 1)
    assert accounts.known() == ("added", "main", "obeying", "seeded")
    assert accounts.symbols_on() == {"seeded": 2}
