"""Journal entries a second into a real PostgreSQL, in batches as the journal actor writes them, and one by one."""

import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import OrderRecorded
from naive_daemon.storage.embedded import EmbeddedPostgres
from naive_daemon.storage.postgres import migrate
from naive_daemon.storage.postgres.journal import PostgresJournal
from tests.benchmarks.figure import Comparison, Figure, best_rate

BATCH = 500
BATCHES = 20
SINGLES = 200


def figures() -> Iterator[Figure]:
    """Measure against a server of our own, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="naive-bench-") as home:
        server = EmbeddedPostgres(Path(home))
        url = server.start()
        try:
            migrate.upgrade(url)
            journal = PostgresJournal(url)
            numbers = iter(range(10**9))
            yield Figure(
                name=f"journal, {BATCH} entries a commit",
                value=best_rate(BATCH * BATCHES, lambda: _write(journal, numbers, BATCHES, BATCH)),
                unit="entries/s",
                peers=(
                    Comparison(
                        peer="one entry a commit",
                        value=best_rate(SINGLES, lambda: _write(journal, numbers, SINGLES, 1)),
                    ),
                ),
            )
            journal.close()
        finally:
            server.stop()


def _write(journal: PostgresJournal, numbers: Iterator[int], commits: int, size: int) -> None:
    for _ in range(commits):
        journal.write([OrderRecorded(_order(next(numbers))) for _ in range(size)])


def _order(number: int) -> Order:
    return Order(
        client_order_id=f"bench-{number}",
        key=CycleKey("bench", "BTCUSDT", 1, number),
        leg=Leg(Side.BUY),
        price=Decimal("60000.01"),
        quantity=Decimal("0.00123"),
        created_ns=1_700_000_000 * 10**9 + number,
    )
