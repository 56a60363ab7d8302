"""`naive-daemon db purge`: what is old and over goes, also while a daemon trades; what is counted stays."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from naive_daemon.clock import NS_PER_S, WallClock, to_datetime
from naive_daemon.domain.errors import TransientError
from naive_daemon.storage.postgres.purge import JournalPurge, Purged, purged_before_ns

DAY_NS = 24 * 3_600 * NS_PER_S
# 700 cycles that ended 100 days ago (more than go in one transaction), one that ended 2 days ago, one that is open.
PAST = """
INSERT INTO settings (symbol) VALUES ('BTCUSDT');
INSERT INTO cycles (account, symbol, trader, cycle, budget, fee, settings, started_ns, outcome, finished_ns,
                    realised_pnl)
SELECT 'main', 'BTCUSDT', 1, n, 1, 0, '{{}}'::jsonb, {old}, 'completed', {old} + n % 7, 0.5
FROM generate_series(1, 700) AS n
UNION ALL SELECT 'main', 'BTCUSDT', 1, 701, 1, 0, '{{}}', {young}, 'completed', {young}, 0.5
UNION ALL SELECT 'main', 'BTCUSDT', 1, 702, 1, 0, '{{}}', {old}, NULL, NULL, NULL;
INSERT INTO orders (client_order_id, account, symbol, trader, cycle, side, attempt, price, quantity, status, created_ns,
                    updated_ns)
SELECT 'nd-' || cycle, account, symbol, trader, cycle, 'BUY', 1, 1, 1,
       CASE WHEN cycle = 702 THEN 'open' ELSE 'filled' END, started_ns, started_ns FROM cycles;
INSERT INTO fills (account, symbol, trade_id, client_order_id, side, price, quantity, commission_asset, is_maker,
                   time_ns)
SELECT account, symbol, cycle, client_order_id, side, 1, 1, 'BTC', true, created_ns FROM orders WHERE status = 'filled'
"""


@pytest.fixture
def past(schema_url: str) -> Iterator[psycopg.Connection]:
    now_ns = WallClock().now_ns()
    with psycopg.connect(schema_url, autocommit=True) as connection:
        connection.execute(PAST.format(old=now_ns - 100 * DAY_NS, young=now_ns - 2 * DAY_NS))
        yield connection


def cycles(connection: psycopg.Connection) -> list[int]:
    return [number for (number,) in connection.execute("SELECT cycle FROM cycles ORDER BY 1")]


def test_old_cycles_go_with_their_orders_and_stay_counted(
    console: Any, past: psycopg.Connection, schema_url: str
) -> None:
    before = console("status", "--json", "BTCUSDT").data
    counted = console("db", "purge", "--older-than", "90d", "--dry-run", "--json").data
    assert counted.pop("dry_run")
    assert (counted["account"], counted["cycles"], counted["orders"], counted["fills"]) == ("main", 700, 700, 700)
    assert len(cycles(past)) == 702
    gone = console("db", "purge", "--older-than", "90d", "--json").data
    assert (gone["cycles"], gone["orders"], gone["fills"], gone["dry_run"]) == (700, 700, 700, False)
    assert cycles(past) == [701, 702]
    assert len(console("orders", "--json").data) == 2
    noted_ns = purged_before_ns(schema_url, "main")
    assert to_datetime(noted_ns).isoformat()[:19] == gone["older_than"][:19]
    assert purged_before_ns(schema_url, "nobody") == 0
    assert console("status", "--json", "BTCUSDT").data == before
    again = console("db", "purge", "--older-than", "90d")
    assert again.out.startswith("deleted 0 cycles, 0 orders and 0 fills, over since before 20")


def test_a_journal_that_is_too_large_to_be_counted_in_time_can_be_purged(
    console: Any, past: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count(_: JournalPurge) -> Purged:
        raise TransientError("canceling statement due to statement timeout")

    monkeypatch.setattr(JournalPurge, "count", count)
    assert console("db", "purge", "--older-than", "90d", "--json").data["cycles"] == 700
    assert cycles(past) == [701, 702]
    assert console("db", "purge", "--older-than", "90d", "--dry-run").code != 0


def test_what_a_daemon_writes_meanwhile_is_not_waited_for(
    console: Any, past: psycopg.Connection, schema_url: str
) -> None:
    with psycopg.connect(schema_url) as daemon:
        daemon.execute("SELECT FROM cycles WHERE cycle >= 701 FOR UPDATE")
        assert console("db", "purge", "--older-than", "90d", "--json").data["cycles"] == 700
    assert cycles(past) == [701, 702]


def test_only_the_account_that_is_named(console: Any, past: psycopg.Connection) -> None:
    console("account", "add", "two")
    assert console("db", "purge", "--older-than", "90d", "--account", "two", "--json").data["cycles"] == 0
    assert len(cycles(past)) == 702


@pytest.mark.usefixtures("schema_url")
@pytest.mark.parametrize("age", ["23h", "0d", "2999-01-01"])
def test_the_last_day_is_never_purged(console: Any, age: str) -> None:
    answer = console("db", "purge", "--older-than", age)
    assert (answer.code, answer.out) == (2, "")
    assert "the last day can not be purged" in answer.err
    assert "--older-than 90d" in answer.err


@pytest.mark.usefixtures("schema_url")
@pytest.mark.parametrize("words", [("--older-than", "soon"), ()])
def test_an_age_must_be_given(console: Any, words: tuple[str, ...]) -> None:
    answer = console("db", "purge", *words)
    assert answer.code == 2
    assert "--older-than" in answer.err
