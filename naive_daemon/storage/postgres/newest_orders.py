"""How far a journal goes: the exchange's number of the newest order, of each symbol that an account has traded."""

from naive_daemon.storage.postgres.session import Session

# A symbol whose orders were all purged still has its numbers.
_NEWEST = """
SELECT symbol, max(o.exchange_order_id::numeric) FILTER (WHERE o.exchange_order_id ~ '^[0-9]{1,18}$')::bigint
FROM (SELECT DISTINCT account, symbol FROM trader_numbers WHERE account = %s) AS traded
LEFT JOIN orders AS o USING (account, symbol)
GROUP BY symbol
"""


def newest_orders(url: str, account: str) -> dict[str, int | None]:
    """Give the exchange's highest order number by symbol; None where no order had one. Reads every order, once.

    Raises TransientError when the database is away.
    """
    session = Session(url)
    try:
        with session.connection() as connection:
            return dict(connection.execute(_NEWEST, (account,)).fetchall())
    finally:
        session.close()
