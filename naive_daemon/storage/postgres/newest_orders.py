"""How far a journal goes: the exchange's number of the newest order, of each symbol that an account has traded."""

from naive_daemon.storage.postgres.session import Session

LATEST_MAX = 100
"""So many orders of each trader, those of its latest cycles, are read, however many it has."""

# A symbol whose orders were all purged still has its numbers.
_NEWEST = f"""
SELECT symbol, max(latest.number)
FROM trader_numbers AS t LEFT JOIN LATERAL (
    SELECT o.exchange_order_id::bigint AS number FROM orders AS o
    WHERE (o.account, o.symbol, o.trader) = (t.account, t.symbol, t.trader) AND o.exchange_order_id ~ '^[0-9]{{1,18}}$'
    ORDER BY o.cycle DESC LIMIT {LATEST_MAX}) AS latest ON true
WHERE t.account = %s
GROUP BY symbol
"""


def newest_orders(url: str, account: str) -> dict[str, int | None]:
    """Give the exchange's highest order number by symbol; None where no order had one.

    Where a trader's latest cycles had more than LATEST_MAX orders it may be a lower one, never a higher: an exchange
    that is asked from there on tells some orders again. Raises TransientError when the database is away.
    """
    session = Session(url)
    try:
        with session.connection() as connection:
            return dict(connection.execute(_NEWEST, (account,)).fetchall())
    finally:
        session.close()
