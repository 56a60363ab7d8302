"""How far a journal goes, by symbol: from where on an exchange is asked what a restored journal has lost."""

import psycopg

from naive_daemon.storage.postgres.newest_orders import newest_orders

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
