"""One writer for each account."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from unittest import mock

import psycopg
import pytest

from naive_daemon.domain.errors import TransientError
from naive_daemon.storage.postgres import locks
from naive_daemon.storage.postgres.journal import PostgresJournal
from naive_daemon.storage.postgres.locks import AccountClaim, AccountHeldError, holder


@pytest.fixture
def url(migrated_url: str) -> str:
    return migrated_url


@pytest.fixture
def journal(url: str) -> Iterator[PostgresJournal]:
    made = PostgresJournal(url, claim=AccountClaim(["main", "spare"]))
    made.open()
    yield made
    made.close()


def impatient() -> AbstractContextManager[object]:
    """Refuse at once: a test knows that the holder is not about to die."""
    return mock.patch.object(locks, "WAIT_MS", 1)


def end_sessions(url: str, named: str) -> None:
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name LIKE %s",
            (named,),
        )


def test_nobody_holds_an_account_that_is_not_traded(url: str) -> None:
    assert holder(url, "main") is None


def test_the_holder_is_known_by_process_and_host(url: str, journal: PostgresJournal) -> None:
    found = holder(url, "spare")
    assert journal is not None
    assert found is not None
    assert (found.pid, found.host) == (os.getpid(), socket.gethostname())
    assert holder(url, "other") is None


def test_the_holders_of_many_accounts_are_asked_for_at_once(url: str, journal: PostgresJournal) -> None:
    found = locks.holders(url, ["main", "other", "spare"])
    assert journal is not None
    assert found == {name: holder(url, name) for name in ("main", "spare")}
    assert locks.holders(url, []) == {}


def test_a_second_writer_is_refused_and_told_who_holds_it(url: str, journal: PostgresJournal) -> None:
    second = PostgresJournal(url, claim=AccountClaim(["spare"]))
    with impatient(), pytest.raises(AccountHeldError, match=f"spare is traded by process {os.getpid()} on") as refused:
        second.open()
    assert refused.value.holder == holder(url, "spare")
    journal.close()
    second.open()
    second.close()


def test_a_name_that_looks_like_sql_is_only_a_name(url: str) -> None:
    odd = "x'); DROP TABLE settings; -- %s"
    holding = PostgresJournal(url, claim=AccountClaim([odd]))
    holding.open()
    found = holder(url, odd)
    holding.close()
    assert found is not None
    assert found.account == odd
    holding.open()  # waits for the server to see that the former session has gone
    holding.close()


def test_the_lock_comes_back_with_the_connection(url: str, journal: PostgresJournal) -> None:
    end_sessions(url, "naive-daemon %")
    assert holder(url, "main") is None
    with pytest.raises(TransientError):
        journal.load_account("main")
    assert journal.load_account("main").orders_count == 0
    assert holder(url, "main") is not None


def test_who_lost_the_lock_can_not_write(url: str, journal: PostgresJournal) -> None:
    end_sessions(url, "naive-daemon %")
    second = PostgresJournal(url, claim=AccountClaim(["main"]))
    second.open()
    with pytest.raises(TransientError):
        journal.load_account("main")
    with impatient(), pytest.raises(AccountHeldError):
        journal.load_account("main")
    second.close()


def test_a_connection_lost_on_our_side_alone_does_not_lock_us_out(journal: PostgresJournal) -> None:
    # The server still believes in the former session, as after a cut cable.
    former = journal._session._connection
    journal._session._connection = None
    assert journal.load_account("main").orders_count == 0
    assert former is not None
    former.close()


def test_a_journal_with_the_same_claim_takes_the_place_of_one_that_was_killed(url: str) -> None:
    claim = AccountClaim(["main"])
    killed = PostgresJournal(url, claim=claim)
    killed.open()  # and it is never closed
    successor = PostgresJournal(url, claim=claim)
    assert successor.load_account("main").orders_count == 0
    with pytest.raises(TransientError):
        killed.load_account("main")
    with pytest.raises(TransientError, match="has taken over main"):
        killed.load_account("main")
    assert successor.load_account("main").orders_count == 0
    successor.close()
    killed.close()


def test_a_killed_journal_that_still_writes_is_ended_by_its_successor(url: str) -> None:
    claim = AccountClaim(["main"])
    killed = PostgresJournal(url, claim=claim)
    killed.open()
    told: list[BaseException] = []
    with psycopg.connect(url) as blocker:
        blocker.execute("LOCK TABLE orders")

        def write() -> None:
            try:
                killed.load_account("main")
            except TransientError as error:
                told.append(error)

        thread = threading.Thread(target=write)
        thread.start()
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'orders'::regclass"
        with psycopg.connect(url, autocommit=True) as looking:
            while looking.execute(waiting).fetchone() is None:
                assert thread.is_alive()
        killed.end()  # while its thread is inside: the connection is left to it
        successor = PostgresJournal(url, claim=claim)
        successor.open()
        thread.join()
    assert told
    assert killed._session._connection is None
    assert successor.load_account("main").orders_count == 0
    successor.close()


def test_a_holder_of_another_kind_is_named_by_its_database_process(url: str) -> None:
    with psycopg.connect(url, autocommit=True, application_name="psql") as other:
        other.execute("SELECT pg_advisory_lock(%s)", (locks._key("main"),))
        found = holder(url, "main")
        assert found is not None
        assert str(found) == f"psql (database process {other.info.backend_pid})"


def test_an_account_is_claimed_and_given_back_while_the_session_lives(url: str, journal: PostgresJournal) -> None:
    other = PostgresJournal(url, claim=AccountClaim(["other"]))
    other.open()
    assert journal.claim("extra") is None
    assert journal.claim("extra") is None, "twice is once"
    assert journal.claim("main") is None
    assert other.claim("extra") == f"process {os.getpid()} on {socket.gethostname()}"
    journal.release("extra")
    assert other.claim("extra") is None
    journal.release("extra")  # it is not ours any more
    journal.release("main")  # nor may this one be given back
    assert holder(url, "main") is not None
    assert other.claim("main") is not None
    other.close()


def test_what_was_claimed_comes_back_with_the_connection(url: str, journal: PostgresJournal) -> None:
    assert journal.claim("extra") is None
    end_sessions(url, "naive-daemon %")
    assert holder(url, "extra") is None
    with pytest.raises(TransientError):
        journal.keep()
    journal.keep()
    assert holder(url, "extra") is not None


def test_who_lost_a_claimed_account_can_not_write_and_a_fresh_journal_has_all_but_that(url: str) -> None:
    claim = AccountClaim(["main"])
    journal = PostgresJournal(url, claim=claim)
    journal.open()
    assert journal.claim("extra") is None
    end_sessions(url, "naive-daemon %")
    thief = PostgresJournal(url, claim=AccountClaim(["extra"]))
    thief.open()
    with pytest.raises(TransientError):
        journal.keep()
    with impatient(), pytest.raises(AccountHeldError, match="account extra is traded by"):
        journal.keep()
    fresh = PostgresJournal(url, claim=claim)
    fresh.keep()
    assert fresh.claim("extra") is not None
    assert fresh.load_account("main").orders_count == 0
    for each in (journal, fresh, thief):
        each.close()


def test_a_killed_journal_can_claim_nothing_for_its_successor(url: str) -> None:
    claim = AccountClaim(["main"])
    killed, successor = (PostgresJournal(url, claim=claim) for _ in range(2))
    successor.open()
    with pytest.raises(TransientError, match="has taken over main"):
        killed.claim("extra")
    assert holder(url, "extra") is None
    successor.close()
