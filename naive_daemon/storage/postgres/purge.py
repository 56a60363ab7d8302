"""Takes what is old and over out of the journal, in small transactions, while a daemon may trade.

A cycle goes with its orders and their fills once it has ended and none of its orders is live or was heard of since the
moment; an order that no cycle knows goes by itself. Totals and numbers stay: what was counted is counted for ever, and
no cycle's number is ever given again.
"""

from collections.abc import Iterator

import msgspec

from naive_daemon.clock import NS_PER_S
from naive_daemon.storage.postgres.journal_models import LIVE
from naive_daemon.storage.postgres.session import Session

AGE_MIN_NS = 24 * 3_600 * NS_PER_S
"""Younger rows are needed: today's loss is summed from cycles, and a fill that is told again is known by its row."""
BATCH_MAX = 500
"""So many cycles, or orders without one, go in one transaction."""

_OLD_CYCLES = f"""
    c.account = %(account)s AND c.finished_ns >= %(from_ns)s AND c.finished_ns < %(before_ns)s
    AND NOT EXISTS (
        SELECT FROM orders AS o
        WHERE (o.account, o.symbol, o.trader, o.cycle) = (c.account, c.symbol, c.trader, c.cycle)
          AND ({LIVE} OR o.updated_ns >= %(before_ns)s))
"""
_OLD_ORPHANS = f"""
    o.account = %(account)s AND o.created_ns < %(before_ns)s AND o.updated_ns < %(before_ns)s AND NOT {LIVE}
    AND NOT EXISTS (
        SELECT FROM cycles AS c
        WHERE (c.account, c.symbol, c.trader, c.cycle) = (o.account, o.symbol, o.trader, o.cycle))
"""
_COUNT = f"""
WITH old_cycles AS (SELECT account, symbol, trader, cycle FROM cycles AS c WHERE {_OLD_CYCLES}),
old_orders AS (
    SELECT client_order_id FROM orders JOIN old_cycles USING (account, symbol, trader, cycle)
    UNION ALL SELECT client_order_id FROM orders AS o WHERE {_OLD_ORPHANS})
SELECT (SELECT count(*) FROM old_cycles), (SELECT count(*) FROM old_orders),
       (SELECT count(*) FROM fills JOIN old_orders USING (client_order_id)), 0
"""
_GONE = """
gone_fills AS (DELETE FROM fills USING old_orders AS old WHERE fills.client_order_id = old.client_order_id RETURNING 1),
gone_orders AS (
    DELETE FROM orders USING old_orders AS old WHERE orders.client_order_id = old.client_order_id RETURNING 1)
"""
_PURGE_CYCLES = f"""
WITH old_cycles AS MATERIALIZED (
    SELECT account, symbol, trader, cycle, finished_ns FROM cycles AS c WHERE {_OLD_CYCLES}
    ORDER BY finished_ns LIMIT {BATCH_MAX}),
old_orders AS MATERIALIZED (SELECT client_order_id FROM orders JOIN old_cycles USING (account, symbol, trader, cycle)),
{_GONE},
gone_cycles AS (
    DELETE FROM cycles AS c USING old_cycles AS old
    WHERE (c.account, c.symbol, c.trader, c.cycle) = (old.account, old.symbol, old.trader, old.cycle) RETURNING 1)
SELECT (SELECT count(*) FROM gone_cycles), (SELECT count(*) FROM gone_orders), (SELECT count(*) FROM gone_fills),
       (SELECT coalesce(max(finished_ns), 0) FROM old_cycles)
"""
_PURGE_ORPHANS = f"""
WITH old_orders AS MATERIALIZED (SELECT client_order_id FROM orders AS o WHERE {_OLD_ORPHANS} LIMIT {BATCH_MAX}),
{_GONE}
SELECT 0, (SELECT count(*) FROM gone_orders), (SELECT count(*) FROM gone_fills), 0
"""
# For a journal that is restored later: what it does not have and the exchange still tells was not lost, but purged.
_NOTE = """
UPDATE order_totals SET purged_before_ns = greatest(purged_before_ns, %(before_ns)s) WHERE account = %(account)s
"""
_NOTED = "SELECT coalesce(max(purged_before_ns), 0) FROM order_totals WHERE account = %s"


class Purged(msgspec.Struct, frozen=True):
    """How many rows there are to take, or were taken."""

    cycles: int
    orders: int
    fills: int


class JournalPurge:
    """Old rows of one account's journal. Every method raises TransientError when the database is away.

    `before_ns` (UTC) is at least AGE_MIN_NS ago. What was taken before an error is gone; the rest goes the next time.
    """

    def __init__(self, url: str, account: str, before_ns: int) -> None:
        self._session = Session(url)
        self._asked = {"account": account, "before_ns": before_ns, "from_ns": 0}

    def count(self) -> Purged:
        """Say what would go; reads everything that is old, in one statement."""
        counted, _ = self._execute(_COUNT)
        return counted

    def batches(self) -> Iterator[Purged]:
        """Take it, one transaction after another; gives what went with each."""
        with self._session.connection() as connection:
            connection.execute(_NOTE, self._asked)
        for statement in (_PURGE_CYCLES, _PURGE_ORPHANS):
            while True:
                gone, last_ns = self._execute(statement)
                if not gone.cycles and not gone.orders:
                    break
                yield gone
                # What went lies there until the next vacuum, and is not looked through again.
                self._asked["from_ns"] = last_ns

    def close(self) -> None:
        """Give up the connection; may be called twice."""
        self._session.close()

    def _execute(self, statement: str) -> tuple[Purged, int]:
        with self._session.connection() as connection:
            row = connection.execute(statement, self._asked).fetchone()
        assert row is not None  # noqa: S101  # a SELECT without FROM always gives a row
        *counts, last_ns = row
        return Purged(*counts), last_ns


def purged_before_ns(url: str, account: str) -> int:
    """Say up to when orders of an account may have been purged; 0 for never. Raises TransientError."""
    session = Session(url)
    try:
        with session.connection() as connection:
            row = connection.execute(_NOTED, (account,)).fetchone()
    finally:
        session.close()
    assert row is not None  # noqa: S101  # a SELECT of an aggregate always gives a row
    noted: int = row[0]
    return noted
