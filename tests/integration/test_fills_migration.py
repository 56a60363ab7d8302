"""Revision 0017, by which a fill is known by its order too: with the rows of a journal, up and down."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from naive_daemon.domain.errors import PermanentError
from naive_daemon.storage.postgres import migrate

Query = Callable[..., list[tuple[object, ...]]]

ORDERS = """
INSERT INTO orders (client_order_id, account, symbol, trader, cycle, side, attempt, price, quantity, status, created_ns,
                    updated_ns)
VALUES ('buy', 'main', 'AAAQ', 1, 1, 'BUY', 1, 2, 3, 'filled', 1, 1),
       ('sell', 'main', 'AAAQ', 1, 1, 'SELL', 1, 2, 3, 'filled', 1, 1)
"""
FILL = """
INSERT INTO fills (account, symbol, trade_id, client_order_id, side, price, quantity, commission_asset, is_maker,
                   time_ns)
VALUES ('main', 'AAAQ', %s, %s, %s, 2, 3, 'BNB', true, 1)
"""
FILLS = "SELECT trade_id, client_order_id FROM fills ORDER BY 1, 2"
KEY = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'fills_pkey'"
BY_TRADE, BY_ORDER = (
    [("PRIMARY KEY (account, symbol, trade_id)",)],
    [("PRIMARY KEY (account, symbol, trade_id, client_order_id)",)],
)


@pytest.fixture
def query(migrated_url: str) -> Iterator[Query]:
    """Give a way to ask a journal at 0016 that holds a buy, its fill, and a sell."""
    migrate.downgrade(migrated_url, "0016")
    with psycopg.connect(migrated_url, autocommit=True) as connection:

        def ask(statement: str, *values: object) -> list[tuple[object, ...]]:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

        ask(ORDERS)
        ask(FILL, "1", "buy", "BUY")
        yield ask


@pytest.fixture
def shared(migrated_url: str, query: Query) -> Query:
    """Have the journal at 0017, with a trade that the account made with itself."""
    migrate.upgrade(migrated_url, "0017")
    query(FILL, "1", "sell", "SELL")
    return query


def test_only_from_this_revision_on_two_orders_have_a_fill_of_one_trade_id(migrated_url: str, query: Query) -> None:
    assert query(KEY) == BY_TRADE
    with pytest.raises(psycopg.errors.UniqueViolation):
        query(FILL, "1", "sell", "SELL")
    assert migrate.upgrade(migrated_url, "0017") == ("0016", "0017")
    assert query(KEY) == BY_ORDER
    query(FILL, "1", "sell", "SELL")
    assert query(FILLS) == [("1", "buy"), ("1", "sell")]
    with pytest.raises(psycopg.errors.UniqueViolation):
        query(FILL, "1", "sell", "SELL")


def test_fills_of_different_trade_ids_stay_on_the_way_down(migrated_url: str, query: Query) -> None:
    migrate.upgrade(migrated_url, "0017")
    query(FILL, "2", "sell", "SELL")
    assert migrate.downgrade(migrated_url, "-1") == ("0017", "0016")
    assert query(KEY) == BY_TRADE
    assert query(FILLS) == [("1", "buy"), ("2", "sell")]


@pytest.mark.parametrize("revision", ["0016", "0004", "-1", "-13"])
def test_a_way_down_that_would_lose_a_fill_is_refused(migrated_url: str, shared: Query, revision: str) -> None:
    with pytest.raises(PermanentError, match="would be lost"):
        migrate.downgrade(migrated_url, revision)
    assert migrate.current(migrated_url) == "0017"
    assert shared(KEY) == BY_ORDER
    assert len(shared(FILLS)) == 2


@pytest.mark.usefixtures("shared")
def test_the_refusal_is_one_line_and_a_hint(console: Any, migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAIVE_DATABASE_URL", migrated_url)
    answer = console("db", "downgrade", "0016", "--yes")
    assert answer.code == 1
    error, hint = answer.err.splitlines()
    assert error == "error: revision 0016 holds one fill of each trade id: 1 of other orders would be lost"
    assert hint == "hint: stay at 0017, or delete them before (db purge, if they are old)"


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("revision", ["base", "0003"])
def test_a_way_down_that_keeps_no_fills_at_all_is_open(migrated_url: str, revision: str) -> None:
    migrate.downgrade(migrated_url, revision)
    assert migrate.current(migrated_url) == (None if revision == "base" else revision)
    migrate.upgrade(migrated_url)
    migrate.check(migrated_url)
