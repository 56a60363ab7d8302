"""Listening: every change is told, and after every loss the owner is asked to read again."""

import json
import os
import queue
import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest

from naive_daemon.domain.errors import TransientError, UnreachableError
from naive_daemon.storage.postgres import notify
from naive_daemon.storage.postgres.connection import connect
from naive_daemon.storage.postgres.notify import Listener

DEADLINE_S = 30
SELECT_MAX = 1024
"""`select.select` refuses a socket of this number, and those above."""
CHANNELS = ("naive_settings", "naive_streaming", "naive_actual")


class Inbox:
    """Keeps what a listener tells, in order."""

    def __init__(self) -> None:
        self.told: queue.Queue[object] = queue.Queue()

    def listening(self) -> None:
        self.told.put("listening")

    def notified(self, channel: str, payload: str) -> None:
        self.told.put((channel, json.loads(payload)))

    def connection_lost(self, error: TransientError) -> None:
        self.told.put(error)

    def listener_ended(self) -> None:
        self.told.put("ended")

    def next(self) -> object:
        return self.told.get(timeout=DEADLINE_S)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def server(migrated_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def listen(migrated_url: str, inbox: Inbox) -> Iterator[Callable[..., Listener]]:
    started: list[Listener] = []

    def start(url: str = migrated_url, **changes: float) -> Listener:
        listener = Listener(url, CHANNELS, inbox, clock=None, **changes)
        started.append(listener)
        listener.start()
        return listener

    yield start
    for listener in started:
        listener.stop()


@pytest.fixture
def a_thousand_open_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 2 * SELECT_MAX)), hard))
    with ExitStack() as stack:
        while stack.enter_context(Path(os.devnull).open("rb")).fileno() < SELECT_MAX:
            pass
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def backend(server: psycopg.Connection) -> int:
    row = server.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'naive-daemon'"
    ).fetchone()
    assert row is not None
    return int(row[0])


def end(server: psycopg.Connection) -> None:
    server.execute("SELECT pg_terminate_backend(%s, 10000)", (backend(server),))


def btc(channel: str) -> tuple[str, dict[str, str]]:
    return (channel, {"account": "main", "symbol": "BTCUSDT"})


def test_every_change_of_every_table_is_told(
    server: psycopg.Connection, inbox: Inbox, listen: Callable[..., Listener]
) -> None:
    listen()
    assert inbox.next() == "listening"
    for table, channel in [("settings", "naive_settings"), ("actual_states", "naive_actual")]:
        extra = (", state", ", 'on'") if table == "actual_states" else ("", "")
        server.execute(f"INSERT INTO {table} (account, symbol{extra[0]}) VALUES ('main', 'BTCUSDT'{extra[1]})")
        assert inbox.next() == btc(channel)
        server.execute(f"UPDATE {table} SET updated_at = now()")
        assert inbox.next() == btc(channel)
        server.execute(f"UPDATE {table} SET symbol = 'ETHUSDT'")
        renamed = [inbox.next(), inbox.next()]
        assert btc(channel) in renamed
        assert (channel, {"account": "main", "symbol": "ETHUSDT"}) in renamed
        server.execute(f"DELETE FROM {table}")
        assert inbox.next() == (channel, {"account": "main", "symbol": "ETHUSDT"})
    server.execute("INSERT INTO streaming_settings (symbol) VALUES ('BTCUSDT')")
    assert inbox.next() == ("naive_streaming", {"symbol": "BTCUSDT"})


def test_a_thousand_changes_of_one_statement_are_all_told(
    server: psycopg.Connection, inbox: Inbox, listen: Callable[..., Listener]
) -> None:
    listen()
    assert inbox.next() == "listening"
    server.execute("INSERT INTO settings (symbol) SELECT 'S' || n FROM generate_series(1, 1000) AS n")
    told = {inbox.next()[1]["symbol"] for _ in range(1000)}  # type: ignore[index]  # a pair, as Inbox keeps them
    assert told == {f"S{number}" for number in range(1, 1001)}


def test_after_a_loss_it_listens_again_and_says_so(
    server: psycopg.Connection, inbox: Inbox, listen: Callable[..., Listener]
) -> None:
    listen()
    assert inbox.next() == "listening"
    for _ in range(2):
        end(server)
        assert isinstance(inbox.next(), TransientError)
        assert inbox.next() == "listening"
    server.execute("INSERT INTO settings (symbol) VALUES ('BTCUSDT')")
    assert inbox.next() == btc("naive_settings")


def test_a_probe_keeps_a_quiet_connection(
    server: psycopg.Connection, inbox: Inbox, listen: Callable[..., Listener]
) -> None:
    listen(probe_interval_s=0.001)
    assert inbox.next() == "listening"
    for _ in range(50):
        server.execute("SELECT pg_notify('naive_settings', '1')")
        assert inbox.next() == ("naive_settings", 1)


@pytest.mark.usefixtures("a_thousand_open_files")
def test_it_listens_again_beside_a_thousand_open_files(
    server: psycopg.Connection, inbox: Inbox, listen: Callable[..., Listener]
) -> None:
    listen(probe_interval_s=0.001)
    assert inbox.next() == "listening"
    end(server)
    assert isinstance(inbox.next(), TransientError)
    assert inbox.next() == "listening"
    server.execute("INSERT INTO settings (symbol) VALUES ('BTCUSDT')")
    assert inbox.next() == btc("naive_settings")


def test_a_server_that_froze_is_given_up(
    server: psycopg.Connection, inbox: Inbox, listen: Callable[..., Listener]
) -> None:
    listen(probe_interval_s=0.01, probe_timeout_s=0.05)
    assert inbox.next() == "listening"
    frozen = backend(server)
    os.kill(frozen, signal.SIGSTOP)
    try:
        lost = inbox.next()
        assert inbox.next() == "listening"
    finally:
        os.kill(frozen, signal.SIGCONT)
    assert isinstance(lost, TransientError)
    assert "no answer to a probe" in lost.message


def test_a_server_that_is_away_is_told_once_and_stopping_does_not_wait_for_it(
    inbox: Inbox, listen: Callable[..., Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = threading.Semaphore(0)

    def counted(url: str) -> psycopg.Connection:
        attempts.release()
        return connect(url)

    monkeypatch.setattr(notify, "connect", counted)
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        listener = listen(f"postgresql://u:secret@127.0.0.1:{bound.getsockname()[1]}/db")
        lost = inbox.next()
        for _ in range(3):
            assert attempts.acquire(timeout=DEADLINE_S)
        listener.stop()
    assert isinstance(lost, UnreachableError)
    assert inbox.told.empty()


def test_an_error_of_ours_ends_the_thread_and_the_owner_knows(
    server: psycopg.Connection, inbox: Inbox, listen: Callable[..., Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: queue.Queue[type[BaseException]] = queue.Queue()
    monkeypatch.setattr(threading, "excepthook", lambda args: told.put(args.exc_type))
    listen()
    assert inbox.next() == "listening"
    server.execute("SELECT pg_notify('naive_settings', 'no json')")
    assert inbox.next() == "ended"
    assert told.get(timeout=DEADLINE_S) is json.JSONDecodeError


def test_stopping_twice_or_before_a_start_is_fine(migrated_url: str, inbox: Inbox) -> None:
    listener = Listener(migrated_url, CHANNELS, inbox)
    listener.stop()
    listener.stop()
