"""Limits and kill switch in the database: what operators write, what control reads, what nobody may do."""

import threading
from collections.abc import Iterator
from decimal import Decimal

import msgspec
import psycopg
import pytest
from sqlalchemy import Engine

from naive_daemon.domain.limits import LIMIT_RULES, KillCancel, KillSwitch, RiskLimits, Safeguards
from naive_daemon.domain.settings import InvalidSettingError
from naive_daemon.storage.postgres.desired_state import PostgresDesiredState
from naive_daemon.storage.postgres.engine import make_engine
from naive_daemon.storage.postgres.safeguards import OperatorSafeguards
from naive_daemon.trading.desired_state import DesiredStateStore

NUMBERS = (
    "-1", "-0.00000001", "0", "0.00000001", "0.5", "1", "1.5", "1000000", "1000001", "1000000000000000",
    "1000000000000000.00000001", "NaN", "Infinity",
)  # fmt: skip


@pytest.fixture
def url(migrated_url: str) -> str:
    return migrated_url


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    made = make_engine(url)
    yield made
    made.dispose()


@pytest.fixture
def safeguards(engine: Engine) -> OperatorSafeguards:
    return OperatorSafeguards(engine)


@pytest.fixture
def store(url: str) -> Iterator[DesiredStateStore]:
    made = PostgresDesiredState(url)
    yield made
    made.close()


@pytest.fixture
def server(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def test_at_first_nothing_is_limited_and_the_switch_is_off(
    store: DesiredStateStore, safeguards: OperatorSafeguards
) -> None:
    assert store.load_safeguards() == Safeguards()
    assert (safeguards.limits(), safeguards.kill_switch(), safeguards.seen()) == ({}, KillSwitch(), {})


def test_control_reads_what_operators_write(store: DesiredStateStore, safeguards: OperatorSafeguards) -> None:
    assert safeguards.set_limits("main", {"max_open_orders": "0", "max_daily_loss": "50.10"}) == RiskLimits(
        max_open_orders=0, max_daily_loss=Decimal("50.10")
    )
    every = {"max_symbol_at_risk": "1e2", "max_account_at_risk": "1000", "max_orders_per_min": "60"}
    changed = safeguards.set_limits("main", {**every, "max_open_orders": "none"})
    assert changed == RiskLimits(
        max_symbol_at_risk=Decimal(100),
        max_account_at_risk=Decimal(1000),
        max_orders_per_min=60,
        max_daily_loss=Decimal("50.10"),
    )
    two = safeguards.set_limits("two", {"max_open_orders": "3"})
    before, after = safeguards.set_kill_switch(is_on=True, cancel=KillCancel.ENTRIES, reason="it's late \0")
    assert (before.is_on, before.revision) == (False, 0)
    assert after == KillSwitch(is_on=True, cancel=KillCancel.ENTRIES, reason="it's late \ufffd", revision=1)
    assert store.load_safeguards() == Safeguards(kill_switch=after, limits={"main": changed, "two": two})
    assert (safeguards.limits("two"), safeguards.limits("none")) == ({"two": two}, {})
    both = safeguards.set_limits_of(["two", "main"], {"max_open_orders": "4"})
    assert both == {
        "two": msgspec.structs.replace(two, max_open_orders=4),
        "main": msgspec.structs.replace(changed, max_open_orders=4),
    }


def test_a_bad_limit_changes_nothing(safeguards: OperatorSafeguards) -> None:
    with pytest.raises(InvalidSettingError, match="max_daily_loss=0 is refused"):
        safeguards.set_limits("main", {"max_open_orders": "1", "max_daily_loss": "0"})
    assert safeguards.limits() == {}


@pytest.mark.parametrize("key", LIMIT_RULES)
def test_the_database_refuses_what_the_command_line_refuses(server: psycopg.Connection, key: str) -> None:
    for text in NUMBERS:
        try:
            value = LIMIT_RULES[key].parse(text)
            is_allowed = LIMIT_RULES[key].holds(value)
        except ValueError:
            is_allowed = False
        try:
            server.execute(
                f"INSERT INTO risk_limits (account, {key}) VALUES (%s, CAST(%s AS text)::{kind(key)})", (text, text)
            )
            is_stored = True
        except psycopg.DataError:
            is_stored = False
        except psycopg.errors.CheckViolation:
            is_stored = False
        assert is_stored == is_allowed, f"{key}={text}"


def kind(key: str) -> str:
    return "int" if key in ("max_open_orders", "max_orders_per_min") else "numeric"


def test_every_write_of_the_switch_counts_whoever_makes_it(
    server: psycopg.Connection, safeguards: OperatorSafeguards, store: DesiredStateStore
) -> None:
    safeguards.set_kill_switch(is_on=True)
    server.execute("UPDATE kill_switch SET is_on = true")
    server.execute("UPDATE kill_switch SET revision = 0, reason = 'by hand'")
    assert store.load_safeguards().kill_switch == KillSwitch(is_on=True, reason="by hand", revision=3)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM kill_switch",
        "TRUNCATE kill_switch",
        "INSERT INTO kill_switch (id) VALUES (2)",
        "UPDATE kill_switch SET id = 2",
        "UPDATE kill_switch SET cancel = 'some'",
        "UPDATE kill_switch SET is_on = NULL",
    ],
)
def test_the_switch_can_not_be_lost(server: psycopg.Connection, statement: str, store: DesiredStateStore) -> None:
    with pytest.raises(psycopg.Error):
        server.execute(statement)
    assert store.load_safeguards() == Safeguards()


def test_what_is_obeyed_is_kept_for_each_account(store: DesiredStateStore, safeguards: OperatorSafeguards) -> None:
    store.confirm_kill_switch("main", 3)
    store.confirm_kill_switch("two", 1)
    store.confirm_kill_switch("main", 4)
    assert safeguards.seen() == {"main": 4, "two": 1}
    store.confirm_kill_switch("main", 0)
    assert safeguards.seen() == {"main": 0, "two": 1}


def test_every_change_is_told(server: psycopg.Connection, url: str, store: DesiredStateStore) -> None:
    with psycopg.connect(url, autocommit=True) as listener:
        for channel in ("naive_safeguards", "naive_actual"):
            listener.execute(f"LISTEN {channel}")
        server.execute("UPDATE kill_switch SET is_on = true")
        server.execute("INSERT INTO risk_limits (account, max_open_orders) VALUES ('main', 1)")
        server.execute("UPDATE risk_limits SET max_open_orders = NULL")
        server.execute("DELETE FROM risk_limits")
        for _ in range(3):
            store.confirm_kill_switch("main", 1)
        store.confirm_kill_switch("main", 2)
        told = [(one.channel, one.payload) for one in listener.notifies(timeout=10, stop_after=6)]
    account = '{"account": "main"}'
    assert told == [
        ("naive_safeguards", "{}"),
        *[("naive_safeguards", account)] * 3,
        *[("naive_actual", account)] * 2,
    ]


def test_two_who_switch_at_once_both_count(url: str, safeguards: OperatorSafeguards) -> None:
    def switch() -> None:
        made = make_engine(url)
        OperatorSafeguards(made).set_kill_switch(is_on=True)
        made.dispose()

    threads = [threading.Thread(target=switch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert safeguards.kill_switch().revision == 4
