"""What PostgreSQL does to a write: it fails, is chosen as a victim, is full, or has done it and can not say so.

Each is a TransientError, and the same write again leaves what one write would have left.
"""

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal

import psycopg
import pytest
from psycopg import sql

from naive_daemon.domain.errors import NaiveError, TransientError
from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import JournalEntry, OrderRecorded
from naive_daemon.storage.postgres.journal import PostgresJournal
from naive_daemon.storage.postgres.locks import AccountClaim, AccountHeldError
from tests.e2e.daemon import eventually
from tests.postgres_proxy import PostgresProxy

NOW_NS = 1_790_000_000_123_456_789
PATIENCE_S = 30.0
END_JOURNALS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def order(number: int) -> Order:
    return Order(
        client_order_id=f"nd-{number}",
        key=CycleKey("main", "BTCUSDT", number, 1),
        leg=Leg(Side.BUY),
        price=Decimal("0.5"),
        quantity=Decimal(10),
        created_ns=NOW_NS,
    )


def filled(number: int) -> OrderRecorded:
    event = OrderFilled(
        account="main",
        symbol="BTCUSDT",
        client_order_id=f"nd-{number}",
        exchange_order_id=f"{number}",
        trade_id=f"{number}",
        price=Decimal("0.5"),
        quantity=Decimal(10),
        commission=Decimal("0.01"),
        commission_asset="BTC",
        time_ns=NOW_NS + 1,
        is_maker=True,
    )
    return OrderRecorded(order(number).apply(event), event)


ENTRIES: list[JournalEntry] = [filled(1), filled(2)]


class Books:
    """What is on disk, read by an operator."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        self.database = str(self.connection.info.dbname)

    def set(self, parameter: str, value: str) -> None:
        """Set a parameter for every connection that is made from now on."""
        statement = sql.SQL("ALTER DATABASE {} SET {} = {}")
        self.connection.execute(
            statement.format(sql.Identifier(self.database), sql.Identifier(parameter), sql.Literal(value))
        )

    def await_blocked(self) -> None:
        """Wait until somebody waits for a lock."""
        for attempt in eventually():
            with attempt:
                query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
                assert self.connection.execute(query, (self.database,)).fetchone() == (1,)

    def check(self, count: int = 2) -> None:
        """Assert that everything was written, and nothing twice: rows, and the totals that are kept of them."""
        orders = "SELECT count(*), sum(filled) FROM orders"
        assert self.connection.execute(orders).fetchone() == (count, 10 * count)
        fills = "SELECT count(*), sum(quantity), sum(commission) FROM fills"
        assert self.connection.execute(fills).fetchone() == (count, 10 * count, Decimal("0.01") * count)


@pytest.fixture
def books(migrated_url: str) -> Iterator[Books]:
    made = Books(migrated_url)
    yield made
    made.connection.close()


@pytest.fixture
def journal(migrated_url: str) -> Iterator[PostgresJournal]:
    made = PostgresJournal(migrated_url, claim=AccountClaim(["main"]))
    yield made
    made.close()


def write_again(journal: PostgresJournal, books: Books) -> None:
    journal.write(ENTRIES)
    books.check()
    (total,) = (one for one in journal.load_account("main").totals if one.side is Side.BUY)
    assert total.filled == 20


class Writing:
    """A write in a thread of its own, and what it raised."""

    def __init__(self, journal: PostgresJournal) -> None:
        self.error: NaiveError | None = None
        self._journal = journal
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def ended(self) -> NaiveError | None:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()
        return self.error

    def _write(self) -> None:
        try:
            self._journal.write(ENTRIES)
        except NaiveError as error:
            self.error = error


def test_a_serialisation_failure(journal: PostgresJournal, books: Books, migrated_url: str) -> None:
    books.set("default_transaction_isolation", "serializable")
    journal.write([OrderRecorded(order(1))])
    with psycopg.connect(migrated_url) as other:
        other.execute("UPDATE orders SET reason = 'seen' WHERE client_order_id = 'nd-1'")
        writing = Writing(journal)
        books.await_blocked()
        other.commit()
    error = writing.ended()
    assert isinstance(error, TransientError)
    assert "could not serialize access" in error.message
    write_again(journal, books)


def test_a_deadlock_whose_victim_we_are(journal: PostgresJournal, books: Books, migrated_url: str) -> None:
    journal.write([OrderRecorded(order(1)), OrderRecorded(order(2))])
    with psycopg.connect(migrated_url) as other:
        other.execute("SET deadlock_timeout = '1h'")  # so that it is ours that looks for deadlocks
        other.execute("UPDATE orders SET reason = 'seen' WHERE client_order_id = 'nd-2'")
        writing = Writing(journal)
        books.await_blocked()
        other.execute("UPDATE orders SET reason = 'seen' WHERE client_order_id = 'nd-1'")
        other.commit()
    error = writing.ended()
    assert isinstance(error, TransientError)
    assert "deadlock detected" in error.message
    write_again(journal, books)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("53100", "could not extend file: No space left on device"),
        ("53200", "out of memory"),
        ("57014", "canceling statement"),
        ("25006", "cannot execute INSERT in a read-only transaction"),
    ],
)
def test_a_server_that_can_not_write_for_now(journal: PostgresJournal, books: Books, state: str, words: str) -> None:
    raises = sql.SQL("""
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION {} USING ERRCODE = {}; END $$
    """)
    books.connection.execute(raises.format(sql.Literal(words), sql.Literal(state)))
    books.connection.execute("CREATE TRIGGER refuse BEFORE INSERT ON fills FOR EACH ROW EXECUTE FUNCTION refuse()")
    with pytest.raises(TransientError, match=words):
        journal.write(ENTRIES)
    assert books.connection.execute("SELECT count(*) FROM orders").fetchone() == (0,)
    books.connection.execute("DROP TRIGGER refuse ON fills")
    write_again(journal, books)


def test_a_connection_that_is_killed_before_the_commit(
    journal: PostgresJournal, books: Books, migrated_url: str
) -> None:
    journal.write([OrderRecorded(order(1))])
    with psycopg.connect(migrated_url) as other:
        other.execute("UPDATE orders SET reason = 'seen' WHERE client_order_id = 'nd-1'")
        writing = Writing(journal)
        books.await_blocked()
        books.connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        assert isinstance(writing.ended(), TransientError)
    write_again(journal, books)


def test_a_connection_that_is_lost_between_the_commit_and_its_answer(books: Books, migrated_url: str) -> None:
    with PostgresProxy(migrated_url) as proxy:
        journal = PostgresJournal(proxy.url, claim=AccountClaim(["main"]))
        journal.open()
        proxy.lose_next()
        with pytest.raises(TransientError):
            journal.write(ENTRIES)
        books.check()  # it was committed, though nobody was told
        write_again(journal, books)
        journal.close()
        assert proxy.lost == 1


def test_of_two_writers_at_once_one_is_refused(books: Books, migrated_url: str) -> None:
    journals = [PostgresJournal(migrated_url, claim=AccountClaim(["main"])) for _ in range(2)]
    errors = [writing.ended() for writing in [Writing(one) for one in journals]]
    assert sorted(type(error).__name__ for error in errors) == ["AccountHeldError", "NoneType"]
    books.check()
    loser, winner = sorted(journals, key=lambda one: errors[journals.index(one)] is None)
    with pytest.raises(AccountHeldError):
        loser.write(ENTRIES)
    write_again(winner, books)
    winner.close()
    write_again_when_free(loser, books)
    loser.close()


def write_again_when_free(journal: PostgresJournal, books: Books) -> None:
    """Write as soon as the server has seen that the other writer has gone."""
    for attempt in eventually():
        with attempt:
            try:
                journal.write(ENTRIES)
            except AccountHeldError as error:
                raise AssertionError(error) from error
    books.check()


def test_every_connection_killed_again_and_again(journal: PostgresJournal, books: Books) -> None:
    failures = 0
    for number in range(1, 21):
        entries: list[JournalEntry] = [OrderRecorded(order(number)), filled(number)]
        books.connection.execute(END_JOURNALS)
        written = False
        while not written:
            written = _tries(lambda: journal.write(entries))  # noqa: B023 - called at once
            failures += not written
    books.check(20)
    assert failures >= 10


def _tries(write: Callable[[], None]) -> bool:
    try:
        write()
    except TransientError:
        return False
    return True
