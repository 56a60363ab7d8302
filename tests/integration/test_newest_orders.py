"""How far a journal goes, by symbol: from where on an exchange is asked what a restored journal has lost."""

from collections.abc import Iterator
from typing import Any

import psycopg

from naive_daemon.storage.postgres.newest_orders import _NEWEST, LATEST_MAX, newest_orders

ORDERS = """
INSERT INTO orders (client_order_id, account, symbol, trader, cycle, side, attempt, price, quantity, status, created_ns,
                    updated_ns, exchange_order_id)
VALUES ('a', 'main', 'AAAQ', 1, 1, 'BUY', 1, 2, 3, 'filled', 1, 1, '9'),
       ('b', 'main', 'AAAQ', 1, 2, 'BUY', 1, 2, 3, 'filled', 1, 1, '10'),
       ('c', 'main', 'AAAQ', 1, 3, 'BUY', 1, 2, 3, 'in_flight', 1, 1, NULL),
       ('d', 'main', 'BBBQ', 1, 1, 'BUY', 1, 2, 3, 'rejected', 1, 1, NULL),
       ('e', 'main', 'CCCQ', 1, 1, 'BUY', 1, 2, 3, 'filled', 1, 1, 'P-7'),
       ('f', 'main', 'PURGED', 1, 1, 'BUY', 1, 2, 3, 'filled', 1, 1, '8'),
       ('g', 'other', 'DDDQ', 1, 1, 'BUY', 1, 2, 3, 'filled', 1, 1, '11')
"""


def test_the_highest_number_of_each_symbol_that_was_ever_traded(migrated_url: str) -> None:
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute(ORDERS)
        connection.execute("DELETE FROM orders WHERE symbol = 'PURGED'")
    assert newest_orders(migrated_url, "main") == {"AAAQ": 10, "BBBQ": None, "CCCQ": None, "PURGED": None}
    assert newest_orders(migrated_url, "other") == {"DDDQ": 11}
    assert newest_orders(migrated_url, "nobody") == {}


PAST = """
INSERT INTO orders (client_order_id, account, symbol, trader, cycle, side, attempt, price, quantity, status, created_ns,
                    updated_ns, exchange_order_id)
SELECT 'nd-' || n, 'main', 'AAAQ', 1 + n % 2, n, 'BUY', 1, 2, 3, 'filled', 1, 1, n::text
FROM generate_series(1, 20000) AS n
"""


def test_what_is_read_of_a_journal_is_no_more_the_older_it_is(migrated_url: str) -> None:
    """It is not analysed: no journal is that was restored just now."""
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute(PAST)
        ((plan,),) = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {_NEWEST}", ("main",)).fetchall()
    assert 0 < sum(rows_read(plan[0]["Plan"])) <= 2 * LATEST_MAX
    assert newest_orders(migrated_url, "main") == {"AAAQ": 20_000}


def rows_read(plan: dict[str, Any]) -> Iterator[float]:
    """Give how many orders each node of a plan has read."""
    if plan.get("Relation Name") == "orders":
        yield plan["Actual Loops"] * (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0))
    for part in plan.get("Plans", ()):
        yield from rows_read(part)
