"""The journal's running totals: right whoever writes and after an upgrade, and all that a start reads of the past."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import psycopg
import pytest

from naive_daemon.storage.postgres import journal_sql, migrate
from naive_daemon.storage.postgres.engine import make_engine
from naive_daemon.storage.postgres.report import Report

Query = Callable[..., list[tuple[object, ...]]]

CYCLES = """
INSERT INTO cycles (account, symbol, trader, cycle, budget, fee, settings, started_ns, outcome, finished_ns,
                    realised_pnl, dust_base, dust_in)
VALUES ('main', 'AAAQ', 1, 1, 1, 0, '{}', 1, 'completed', 2, 1.5, 0.3, 0),
       ('main', 'AAAQ', 1, 2, 1, 0, '{}', 1, 'abandoned', 2, -0.25, 0, 0.1),
       ('main', 'AAAQ', 2, 7, 1, 0, '{}', 1, NULL, NULL, NULL, NULL, 0.05),
       ('two', 'AAAQ', 1, 9, 1, 0, '{}', 1, 'completed', 2, 4, 0, 0)
"""
ORDERS = """
INSERT INTO orders (client_order_id, account, symbol, trader, cycle, side, attempt, price, quantity, status, created_ns,
                    updated_ns)
VALUES ('a', 'main', 'AAAQ', 1, 1, 'BUY', 1, 2, 3, 'filled', 1, 1),
       ('b', 'main', 'AAAQ', 3, 4, 'SELL', 1, 2, 3, 'open', 1, 1)
"""
FILLS = """
INSERT INTO fills (account, symbol, trade_id, client_order_id, side, price, quantity, commission, commission_asset,
                   is_maker, time_ns)
VALUES ('main', 'AAAQ', 't1', 'a', 'BUY', 2, 1, 0.1, 'BNB', true, 1),
       ('main', 'AAAQ', 't2', 'a', 'BUY', 2, 2, 0.2, 'BNB', true, 1),
       ('main', 'AAAQ', 't3', 'b', 'SELL', 3, 1, 0, 'USDT', true, 1)
"""
TOTALS = {
    "cycle_totals": [("main", "AAAQ", 1, Decimal("1.25"), Decimal("0.15")), ("two", "AAAQ", 1, Decimal(4), Decimal(0))],
    "trader_numbers": [("main", "AAAQ", 1, 2), ("main", "AAAQ", 2, 7), ("main", "AAAQ", 3, 4), ("two", "AAAQ", 1, 9)],
    "order_totals": [("main", 2, 0)],
    "fill_totals": [("main", "AAAQ", "BUY", 2, Decimal(3), Decimal(6)), ("main", "AAAQ", "SELL", 1, Decimal(1), 3)],
    "commission_totals": [("main", "BNB", Decimal("0.3"))],
}


@pytest.fixture
def query(migrated_url: str) -> Iterator[Query]:
    with psycopg.connect(migrated_url, autocommit=True) as connection:

        def ask(statement: str, *values: object) -> list[tuple[object, ...]]:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

        for statement in (CYCLES, ORDERS, FILLS):
            ask(statement)
        yield ask


def totals(query: Query) -> dict[str, list[tuple[object, ...]]]:
    return {table: query(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in TOTALS if table != "order_totals"} | {
        "order_totals": query("SELECT * FROM order_totals ORDER BY 1")
    }


def test_rows_that_plain_sql_writes_are_counted(query: Query) -> None:
    assert totals(query) == TOTALS


def test_a_cycle_that_changes_counts_as_it_is_now(query: Query) -> None:
    query("UPDATE cycles SET outcome = 'completed', finished_ns = 5, realised_pnl = 2, dust_base = 1 WHERE trader = 2")
    query("UPDATE cycles SET realised_pnl = 0.5 WHERE account = 'main' AND trader = 1 AND cycle = 1")
    query("UPDATE cycles SET rebuy_reported = true")
    assert query("SELECT completed, realised_pnl, dust_base FROM cycle_totals WHERE account = 'main'") == [
        (2, Decimal("2.25"), Decimal("1.15"))
    ]


def test_rows_that_go_stay_counted(query: Query) -> None:
    for table in ("fills", "orders", "cycles"):
        query(f"DELETE FROM {table}")
    assert totals(query) == TOTALS


@pytest.mark.usefixtures("query")
def test_the_dust_that_is_shown_has_what_open_cycles_were_given(migrated_url: str) -> None:
    engine = make_engine(migrated_url)
    try:
        assert Report(engine).dust("main") == {"AAAQ": Decimal("0.2")}
        assert Report(engine).dust("two") == {}
    finally:
        engine.dispose()


def test_an_upgrade_counts_what_is_there(migrated_url: str, query: Query) -> None:
    migrate.downgrade(migrated_url, "0010")
    migrate.upgrade(migrated_url)
    assert totals(query) == TOTALS
    query("UPDATE cycles SET realised_pnl = 5 WHERE account = 'two'")
    assert query("SELECT realised_pnl FROM cycle_totals WHERE account = 'two'") == [(5,)]


@pytest.mark.parametrize(("purged", "floor"), [("trader = 2", 8), ("trader = 1 AND cycle = 1", 0)])
def test_a_downgrade_lets_no_number_be_given_again_whose_rows_were_purged(
    migrated_url: str, query: Query, purged: str, floor: int
) -> None:
    query("INSERT INTO identity (owner) VALUES ('abcdef')")
    query(f"DELETE FROM cycles WHERE {purged}")
    migrate.downgrade(migrated_url, "0010")
    assert query("SELECT cycle_floor FROM identity") == [(floor,)]
    migrate.upgrade(migrated_url)
    assert query("SELECT cycle_floor FROM identity") == [(floor,)]


PAST = """
INSERT INTO cycles (account, symbol, trader, cycle, budget, fee, settings, started_ns, outcome, finished_ns)
SELECT 'main', 'S' || n % 50, 1, 10 + n, 1, 0, '{}', n, 'completed', n FROM generate_series(1, 5000) AS n;
INSERT INTO orders (client_order_id, account, symbol, trader, cycle, side, attempt, price, quantity, status, created_ns,
                    updated_ns)
SELECT 'nd-' || n, 'main', 'S' || n % 50, 1, 10 + n, 'BUY', 1, 1, 1, 'filled', n, n FROM generate_series(1, 5000) AS n;
INSERT INTO fills (account, symbol, trade_id, client_order_id, side, price, quantity, commission_asset, is_maker,
                   time_ns)
SELECT 'main', 'S' || n % 50, n, 'nd-' || n, 'BUY', 1, 1, 'X', true, n FROM generate_series(1, 5000) AS n
"""
LARGE = "cycles|orders|fills"


@pytest.mark.parametrize(
    ("statement", "asked"),
    [
        (journal_sql.LOAD_SYMBOLS, {"keys": '[{"account": "main", "symbol": "S7"}]'}),
        (journal_sql.LOAD_CYCLES, {"keys": '[{"account": "main", "symbol": "S7", "trader": 1, "cycle": 1}]'}),
        (journal_sql.LOAD_ACCOUNT, {"account": "main"}),
        (journal_sql.LOAD_RISK, {"account": "main", "since_ns": 4_990, "sent_since_ns": 4_990}),
    ],
    ids=["symbols", "cycles", "account", "risk"],
)
def test_a_start_reads_nothing_that_is_over(migrated_url: str, query: Query, statement: str, asked: object) -> None:
    query(PAST)
    query("VACUUM ANALYZE")
    with psycopg.connect(migrated_url) as connection:
        ((plan,),) = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", asked).fetchall()
    read = [(node["Relation Name"], node["Actual Rows"] * node["Actual Loops"]) for node in nodes(plan[0]["Plan"])]
    assert read
    assert all(rows <= 20 for _, rows in read), read


def nodes(plan: dict[str, object]) -> Iterator[dict[str, object]]:
    """Give the nodes of a plan that read a table."""
    if plan.get("Relation Name") in LARGE.split("|"):
        removed = plan.get("Rows Removed by Filter", 0)
        yield {**plan, "Actual Rows": plan["Actual Rows"] + removed}
    for part in plan.get("Plans", ()):
        yield from nodes(part)
