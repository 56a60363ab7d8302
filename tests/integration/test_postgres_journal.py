"""What the contract does not say of the journal in PostgreSQL: loss of the connection, locks, what people see."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import msgspec
import psycopg
import pytest

from naive_daemon.domain.cycle import Cycle, CycleOutcome, CycleResult
from naive_daemon.domain.errors import TransientError
from naive_daemon.domain.money import total
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import CycleRecorded, OrderRecorded
from naive_daemon.storage.postgres import journal_sql
from naive_daemon.storage.postgres.journal import PostgresJournal
from naive_daemon.storage.postgres.locks import AccountClaim
from naive_daemon.strategy.checking import NUMBERS, TIME_MAX_NS, checked
from naive_daemon.strategy.protocol import Finish

ORDER = Order(
    client_order_id="nd-1",
    key=CycleKey("main", "BTCUSDT", 1, 1),
    leg=Leg(Side.BUY),
    price=Decimal("0.5"),
    quantity=Decimal(10),
    created_ns=1_790_000_000_123_456_789,
)

Query = Callable[..., list[tuple[object, ...]]]


@pytest.fixture
def query(migrated_url: str) -> Iterator[Query]:
    with psycopg.connect(migrated_url, autocommit=True) as connection:

        def ask(statement: str, *values: object) -> list[tuple[object, ...]]:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

        yield ask


@pytest.fixture
def journal(migrated_url: str) -> Iterator[PostgresJournal]:
    made = PostgresJournal(migrated_url, claim=AccountClaim(["main"]))
    yield made
    made.close()


END_OTHERS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def test_after_a_lost_connection_the_next_write_connects_again(journal: PostgresJournal, query: Query) -> None:
    journal.open()
    query(END_OTHERS)
    with pytest.raises(TransientError):
        journal.write([OrderRecorded(ORDER)])
    journal.write([OrderRecorded(ORDER)])
    assert query("SELECT count(*) FROM orders") == [(1,)]


def test_a_batch_is_written_whole_or_not_at_all(journal: PostgresJournal, query: Query) -> None:
    impossible = msgspec.structs.replace(ORDER, client_order_id="nd-2", leg=Leg(Side.SELL), price=Decimal(-1))
    with pytest.raises(psycopg.errors.CheckViolation):
        journal.write([OrderRecorded(ORDER), OrderRecorded(impossible)])
    assert query("SELECT count(*) FROM orders") == [(0,)]
    journal.write([OrderRecorded(ORDER)])


def test_whatever_a_strategy_may_end_with_can_be_written(journal: PostgresJournal, query: Query) -> None:
    """What can not be would end the journal of all accounts, again and again."""
    most, least = NUMBERS.next_minus(Decimal("Infinity")), NUMBERS.next_plus(Decimal(0))
    result = CycleResult(
        outcome=CycleOutcome.COMPLETED,
        finished_ns=TIME_MAX_NS,
        bought=most,
        sold=least,
        buy_price=most,
        sell_price=least,
        fees={"": most, "\U0001f600": least},
        realised_pnl=most.copy_negate(),
        dust_base=least.copy_negate(),
    )
    checked(object(), [Finish(result)])
    cycle = Cycle(
        key=ORDER.key, budget=Decimal(1), fee=Decimal(0), settings=TradeSettings(), started_ns=0, result=result
    )
    journal.write([CycleRecorded(cycle)])
    assert query("SELECT sold, realised_pnl, finished_ns FROM cycles") == [(least, most.copy_negate(), TIME_MAX_NS)]
    assert total([most, least]) > most


def test_a_second_order_for_the_same_leg_is_refused_by_the_database(journal: PostgresJournal) -> None:
    journal.write([OrderRecorded(ORDER)])
    with pytest.raises(psycopg.errors.UniqueViolation, match="orders_leg"):
        journal.write([OrderRecorded(msgspec.structs.replace(ORDER, client_order_id="nd-doubled"))])


def test_a_statement_that_the_server_cancels_may_be_repeated(
    migrated_url: str, journal: PostgresJournal, query: Query
) -> None:
    name = psycopg.conninfo.conninfo_to_dict(migrated_url)["dbname"]
    query(f'ALTER DATABASE "{name}" SET lock_timeout = 1')
    with psycopg.connect(migrated_url) as blocker:
        blocker.execute("LOCK TABLE orders")
        with pytest.raises(TransientError, match="lock timeout"):
            journal.write([OrderRecorded(ORDER)])
    journal.write([OrderRecorded(ORDER)])
    assert query("SELECT count(*) FROM orders") == [(1,)]


def test_people_see_times_legs_and_average_prices(journal: PostgresJournal, query: Query) -> None:
    done = msgspec.structs.replace(
        ORDER, leg=Leg(Side.SELL, 2), filled=Decimal(4), filled_quote=Decimal("2.2"), status=OrderStatus.CANCELLED
    )
    journal.write([OrderRecorded(done)])
    found = query(
        "SELECT leg, average_price, type, (created_at AT TIME ZONE 'UTC')::text, updated_at = created_at FROM orders"
    )
    assert found == [("s2", Decimal("0.55"), "LIMIT", "2026-09-21 14:13:20.123456", True)]


LIVE = "status IN ('in_flight', 'unknown', 'open', 'partly_filled')"

PAST = """
INSERT INTO cycles (account, symbol, trader, cycle, budget, fee, settings, started_ns, outcome, finished_ns)
SELECT 'main', 'S' || n % 50, 1, n, 1, 0, '{}', n, 'completed', n FROM generate_series(1, 5000) AS n;
INSERT INTO orders (client_order_id, account, symbol, trader, cycle, side, attempt, price, quantity, status, created_ns,
                    updated_ns)
SELECT 'nd-' || n, 'main', 'S' || n % 50, 1, n, 'BUY', 1, 1, 1, 'filled', n, n FROM generate_series(1, 5000) AS n;
INSERT INTO fills (account, symbol, trade_id, client_order_id, side, price, quantity, commission_asset, is_maker,
                   time_ns)
SELECT 'main', 'S' || n % 50, n, 'nd-' || n, 'BUY', 1, 1, 'X', true, n FROM generate_series(1, 5000) AS n
"""


@pytest.mark.parametrize(
    ("index", "table", "condition"),
    [
        ("orders_live", "orders", LIVE),
        ("cycles_open", "cycles", "symbol = 'X' AND finished_ns IS NULL"),
        ("cycles_ended", "cycles", "finished_ns >= 4990"),
        ("orders_leg", "orders", "symbol = 'X' AND trader = 1 AND cycle = 2"),
        ("orders_created", "orders", "created_ns >= 4990"),
        ("fills_order", "fills", "client_order_id = 'nd-1'"),
    ],
)
def test_what_is_loaded_has_an_index(query: Query, index: str, table: str, condition: str) -> None:
    query(PAST)
    query("VACUUM ANALYZE")
    query("SET enable_seqscan = off")
    explain = f"EXPLAIN SELECT 1 FROM {table} WHERE account = 'main' AND {condition}"
    assert index in "\n".join(str(line) for (line,) in query(explain))


def test_the_risk_of_today_looks_at_nothing_that_is_over(migrated_url: str, query: Query) -> None:
    query(PAST)
    query("UPDATE cycles SET outcome = NULL, finished_ns = NULL WHERE cycle > 4980")
    query("VACUUM ANALYZE")
    with psycopg.connect(migrated_url) as connection:
        today = {"account": "main", "since_ns": 4_970, "sent_since_ns": 4_990}
        plan = "\n".join(line for (line,) in connection.execute(f"EXPLAIN {journal_sql.LOAD_RISK}", today))
    assert "Seq Scan" not in plan
    for index in ("cycles_open", "orders_leg", "cycles_ended"):
        assert f"using {index} on" in plan
