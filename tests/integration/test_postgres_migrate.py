"""The schema: up, down and up again; models and migrations say the same; nobody migrates beside another."""

import logging
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from naive_daemon.domain.settings import TradeSettings, TradingStatus
from naive_daemon.storage.postgres import migrate
from naive_daemon.storage.postgres.engine import make_engine
from naive_daemon.storage.postgres.models import Base


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = make_engine(database_url)
    yield made
    made.dispose()


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)


TABLES = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
LEFTOVERS = """
    SELECT typname::text FROM pg_type WHERE typname IN ('trading_status', 'streaming_status')
    UNION ALL SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""


def test_upgrade_and_downgrade_leave_nothing_behind_and_can_be_repeated(database_url: str) -> None:
    assert migrate.current(database_url) is None
    assert migrate.upgrade(database_url) == (None, migrate.head())
    assert migrate.upgrade(database_url) == (migrate.head(), migrate.head())
    assert migrate.downgrade(database_url, "base") == (migrate.head(), None)
    assert rows(database_url, TABLES) == [("alembic_version",)]
    assert rows(database_url, LEFTOVERS) == []
    migrate.upgrade(database_url)
    migrate.check(database_url)
    assert [name for (name,) in rows(database_url, TABLES)] == sorted({*Base.metadata.tables, "alembic_version"})


def test_each_revision_goes_down_and_up_by_itself(database_url: str) -> None:
    migrate.upgrade(database_url)
    for _ in range(int(migrate.head())):
        migrate.downgrade(database_url, "-1")
        migrate.upgrade(database_url, "+1")
        migrate.downgrade(database_url, "-1")
    assert migrate.current(database_url) is None


def test_the_newest_revision_is_alembics_head() -> None:
    scripts = ScriptDirectory(str(migrate.migrations_path()))
    assert migrate.head() == scripts.get_current_head()
    for script in scripts.walk_revisions():
        assert Path(script.path).name.startswith(f"{script.revision}_")


def test_models_equal_migrations(database_url: str, engine: Engine) -> None:
    migrate.upgrade(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_checks_of_models_and_migrations_have_the_same_names_and_text(database_url: str, engine: Engine) -> None:
    query = """
        SELECT conname::text, regexp_replace(pg_get_constraintdef(oid), '[\\s()]', '', 'g') FROM pg_constraint
        WHERE contype = 'c' AND connamespace = 'public'::regnamespace ORDER BY 1
    """
    migrate.upgrade(database_url)
    migrated = rows(database_url, query)
    migrate.downgrade(database_url, "base")
    Base.metadata.create_all(engine)
    assert rows(database_url, query) == migrated
    assert len(migrated) > 20


def test_enums_hold_what_the_program_knows(database_url: str) -> None:
    migrate.upgrade(database_url)
    found = rows(database_url, "SELECT unnest(enum_range(NULL::trading_status))::text")
    assert {value for (value,) in found} == set(TradingStatus)


def test_a_bare_row_has_the_defaults_of_the_program(database_url: str) -> None:
    migrate.upgrade(database_url)
    execute(database_url, "INSERT INTO settings (symbol) VALUES ('BTCUSDT')")
    (found,) = rows(
        database_url,
        "SELECT account, status::text, stop_orders, shutdown_entries, chunks, budget, buy_down_interval, "
        "profit_interval, rebuy_interval, strategy, dust, parameters FROM settings",
    )
    trade = TradeSettings()
    assert found[:4] == ("main", "off", "keep", "keep")
    assert (*found[4:-1], tuple(found[-1])) == tuple(getattr(trade, key) for key in TradeSettings.__struct_fields__)


def test_triggers_stand(database_url: str) -> None:
    migrate.upgrade(database_url)
    found = rows(database_url, "SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1")
    assert [name for (name,) in found] == [
        "account_conditions_notify",
        "account_conditions_touch",
        "accounts_keep",
        "accounts_notify",
        "accounts_number",
        "accounts_touch",
        "actual_states_notify",
        "actual_states_touch",
        "cycles_total",
        "cycles_total_changed",
        "fills_total",
        "kill_switch_guard",
        "kill_switch_guard_all",
        "kill_switch_notify",
        "kill_switch_seen_notify",
        "kill_switch_seen_touch",
        "kill_switch_touch",
        "orders_total",
        "risk_limits_notify",
        "risk_limits_touch",
        "settings_notify",
        "settings_number_insert",
        "settings_number_update",
        "settings_touch",
        "streaming_settings_notify",
        "streaming_settings_touch",
    ]


def test_the_database_keeps_the_time_of_the_last_change(database_url: str) -> None:
    migrate.upgrade(database_url)
    execute(database_url, "INSERT INTO settings (symbol, updated_at) VALUES ('BTCUSDT', '2001-01-01')")
    execute(database_url, "UPDATE settings SET chunks = 6")
    assert rows(database_url, "SELECT updated_at >= inserted_at FROM settings") == [(True,)]


def test_taking_shutdown_away_turns_drains_off(database_url: str) -> None:
    migrate.upgrade(database_url)
    execute(database_url, "INSERT INTO settings (symbol, status) VALUES ('A', 'shutdown'), ('B', 'on'), ('C', 'off')")
    migrate.downgrade(database_url, "0001")
    found = rows(database_url, "SELECT symbol, status::text FROM settings ORDER BY symbol")
    assert found == [("A", "off"), ("B", "on"), ("C", "off")]
    execute(database_url, "INSERT INTO settings (symbol) VALUES ('D')")
    migrate.upgrade(database_url)
    execute(database_url, "UPDATE settings SET status = 'shutdown' WHERE symbol = 'D'")


DUSTY_CYCLES = """
    INSERT INTO cycles (account, symbol, trader, cycle, budget, fee, settings, started_ns, outcome, finished_ns,
                        dust_in, dust_base)
    VALUES ('main', 'S', 1, 1, 1, 0, '{}', 1, 'completed', 2, 0, 0.7),
           ('main', 'S', 1, 2, 1, 0, '{}', 3, 'completed', 4, 0.7, 0.4),
           ('main', 'S', 2, 1, 1, 0, '{}', 5, 'completed', 6, 0, 0.2),
           ('main', 'S', 1, 3, 1, 0, '{}', 7, NULL, NULL, 0.4, NULL)
"""


def test_dust_that_was_sold_is_not_on_the_books_again_after_a_way_back_and_forth(database_url: str) -> None:
    migrate.upgrade(database_url)
    execute(database_url, DUSTY_CYCLES)
    on_the_books = "SELECT dust_base FROM cycle_totals"
    assert rows(database_url, on_the_books) == [(Decimal("0.2"),)]
    migrate.downgrade(database_url, "0008")
    migrate.upgrade(database_url)
    assert rows(database_url, on_the_books) == [(Decimal("0.2"),)]
    # The open cycle sells what it was given as well: it knows nothing of that any more, and ends that much below.
    execute(database_url, "UPDATE cycles SET outcome = 'completed', finished_ns = 8, dust_base = -0.3 WHERE cycle = 3")
    assert rows(database_url, on_the_books) == [(Decimal("0.3"),)]


def test_two_upgrades_at_once_take_turns(database_url: str) -> None:
    outcomes: list[tuple[str | None, str | None]] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(migrate.upgrade(database_url)), daemon=True) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes, key=str) == sorted(
        [(None, migrate.head()), (migrate.head(), migrate.head()), (migrate.head(), migrate.head())], key=str
    )


@pytest.mark.parametrize("step", [migrate.upgrade, migrate.check, lambda url: migrate.downgrade(url, "base")])
def test_a_schema_of_a_newer_program_is_left_alone(database_url: str, step: Callable[[str], object]) -> None:
    migrate.upgrade(database_url)
    execute(database_url, "UPDATE alembic_version SET version_num = '9999_future'")
    with pytest.raises(migrate.SchemaMismatchError) as refused:
        step(database_url)
    assert "9999_future" in refused.value.message
    assert migrate.head() in refused.value.message
    assert migrate.current(database_url) == "9999_future"


def test_a_schema_that_is_behind_says_how_to_upgrade(database_url: str) -> None:
    with pytest.raises(migrate.SchemaMismatchError, match=f"revision none, .* needs {migrate.head()}") as refused:
        migrate.check(database_url)
    assert refused.value.hint == "run naive-daemon db upgrade"


def test_a_failed_upgrade_frees_the_lock_and_can_be_repeated(database_url: str) -> None:
    execute(database_url, "CREATE TABLE orders (mine int)")
    with pytest.raises(Exception, match='relation "orders" already exists'):
        migrate.upgrade(database_url)
    assert migrate.current(database_url) == "0003"
    execute(database_url, "DROP TABLE orders")
    assert migrate.upgrade(database_url) == ("0003", migrate.head())


def test_logging_stays_as_the_program_set_it(database_url: str) -> None:
    before = logging.getLogger().handlers[:], logging.getLogger().level, logging.getLogger("alembic").level
    migrate.upgrade(database_url)
    assert (logging.getLogger().handlers, logging.getLogger().level, logging.getLogger("alembic").level) == before
