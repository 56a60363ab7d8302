"""Connecting: bounded, one clear line for an operator, and never the password."""

import os
import re
import signal
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from naive_daemon.domain.errors import ConfigError, NaiveError, TransientError, UnreachableError
from naive_daemon.storage.postgres import connection as connection_module
from naive_daemon.storage.postgres import migrate
from naive_daemon.storage.postgres.condition import needs_new_connection
from naive_daemon.storage.postgres.connection import connect, describe
from naive_daemon.storage.postgres.engine import begin, make_engine
from naive_daemon.storage.postgres.journal import PostgresJournal
from naive_daemon.storage.postgres.locks import AccountClaim

SECRET = "s3cret-hunter2"  # noqa: S105  # made up for these tests


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Give a port that is bound but not listened on: connecting is refused, and nobody else takes it meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def told(error: BaseException) -> str:
    """Give everything that a log or a terminal could show of an error, its whole chain included."""
    chain = "".join(traceback.format_exception(error))
    linked: BaseException | None = error
    while linked is not None:
        chain += repr(linked) + str(vars(linked))
        linked = linked.__cause__ or linked.__context__
    return chain


def assert_unreachable(error: NaiveError) -> None:
    assert isinstance(error, UnreachableError)
    assert isinstance(error, TransientError)
    assert error.exit_code == 69
    assert "\n" not in error.message
    assert SECRET not in told(error)
    assert error.hint


def test_a_server_that_is_not_there_is_one_line_with_host_port_and_database(closed_port: int) -> None:
    url = f"postgresql://trader:{SECRET}@127.0.0.1:{closed_port}/ledger"
    with pytest.raises(UnreachableError) as refused:
        connect(url)
    assert_unreachable(refused.value)
    assert f"127.0.0.1:{closed_port}, database ledger" in refused.value.message
    assert refused.value.message.endswith("Connection refused")


@pytest.mark.parametrize("use", ["engine", "journal", "migrate"])
def test_every_way_in_hides_the_password(closed_port: int, use: str) -> None:
    url = f"postgresql://trader:{SECRET}@127.0.0.1:{closed_port}/ledger"
    engine = make_engine(url)
    assert SECRET not in repr(engine) + str(engine.url)
    ways: dict[str, Callable[[], object]] = {
        "engine": begin(engine).__enter__,
        "journal": PostgresJournal(url, claim=AccountClaim(["main"])).open,
        "migrate": lambda: migrate.upgrade(url),
    }
    with pytest.raises(UnreachableError) as refused:
        ways[use]()
    assert_unreachable(refused.value)


def test_a_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError) as refused:
        connect(f"postgresql://trader:{SECRET}@/ledger?host={tmp_path}")
    assert_unreachable(refused.value)
    assert f"socket {tmp_path}, database ledger" in refused.value.message


def test_a_database_that_is_not_there_is_named(database_url: str) -> None:
    with pytest.raises(UnreachableError, match='database "nowhere" does not exist') as refused:
        connect(re.sub(r"/test_[0-9a-f]+", "/nowhere", database_url))
    assert_unreachable(refused.value)


def test_a_wrong_password_is_told_without_it(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as server:
        (path,) = server.execute("SHOW hba_file").fetchone() or ("",)
        rules = Path(path)
        before = rules.read_text()
        server.execute("CREATE ROLE stranger LOGIN PASSWORD 'another'")
        try:
            rules.write_text(f"local all stranger scram-sha-256\n{before}")
            server.execute("SELECT pg_reload_conf()")
            url = database_url.replace("naive@", f"stranger:{SECRET}@")
            assert_unreachable(refusal(url, "password authentication failed"))
        finally:
            rules.write_text(before)
            server.execute("SELECT pg_reload_conf()")
            server.execute("DROP ROLE stranger")


def refusal(url: str, text: str) -> NaiveError:
    """Connect until the server, which reads its rules anew, refuses with `text`."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            connect(url).close()
        except UnreachableError as error:
            if text in error.message:
                return error
    raise AssertionError(f"never refused with {text!r}")


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://u:{SECRET}@host/db",
        f"u:{SECRET}@host",
        "",
        f"postgresql://u:{SECRET}@host:5432/db?no_such_option=1",
        f"postgresql://u:{SECRET}%zz@host/db",
    ],
)
def test_a_url_that_can_not_be_read_is_a_configuration_error_that_does_not_repeat_it(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        connect(url)
    assert refused.value.exit_code == 78
    assert SECRET not in told(refused.value)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (f"postgresql://u:{SECRET}@db.example:6432/ledger", "PostgreSQL at db.example:6432, database ledger"),
        ("postgresql+psycopg://u@db.example/ledger", "PostgreSQL at db.example:5432, database ledger"),
        ("postgresql://naive@/naive?host=/run/x", "PostgreSQL at socket /run/x, database naive"),
        ("postgresql://naive@/", "PostgreSQL at socket (default), database naive"),
    ],
)
def test_a_server_is_described_without_user_and_password(url: str, text: str) -> None:
    assert describe(url) == text


def test_a_session_is_in_utc_named_and_durable(database_url: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute(f"ALTER DATABASE \"{name}\" SET timezone = 'Asia/Tokyo'")
        server.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    with closing(connect(database_url)) as connection:
        found = connection.execute(
            "SELECT current_setting('TimeZone'), current_setting('application_name'), "
            "current_setting('synchronous_commit')"
        ).fetchone()
    assert found == ("UTC", "naive-daemon", "on")


def test_an_engine_survives_the_end_of_its_connections(database_url: str) -> None:
    engine = make_engine(database_url)
    with begin(engine) as connection:
        backend = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute("SELECT pg_terminate_backend(%s, 10000)", (backend,))
    with begin(engine) as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
    engine.dispose()


def test_a_connection_lost_on_the_way_is_unreachable(database_url: str) -> None:
    engine = make_engine(database_url)
    with pytest.raises(UnreachableError):
        ask_after_the_end(engine, database_url)
    engine.dispose()


def test_what_the_server_can_not_do_now_is_unreachable_and_told_in_its_own_line(database_url: str) -> None:
    full = "DO $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100', DETAIL = 'none'; END $$"
    engine = make_engine(database_url)
    with pytest.raises(UnreachableError) as told, begin(engine) as connection:
        connection.exec_driver_sql(full)
    assert told.value.message == "PostgreSQL can not do it now: No space left on device"
    engine.dispose()


def ask_after_the_end(engine: Engine, url: str) -> None:
    with begin(engine) as connection:
        backend = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        with psycopg.connect(url, autocommit=True) as server:
            server.execute("SELECT pg_terminate_backend(%s, 10000)", (backend,))
        connection.exec_driver_sql("SELECT 1")


def test_a_frozen_server_is_given_up(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "ANSWER_GRACE_S", 0.1)
    connection = connect(database_url, statement_timeout_ms=100)
    backend = connection.info.backend_pid
    os.kill(backend, signal.SIGSTOP)
    try:
        with pytest.raises(psycopg.OperationalError, match=r"has not answered within 0\.2 s") as given_up:
            connection.execute("SELECT 1")
        assert connection.closed
        assert needs_new_connection(given_up.value)
    finally:
        os.kill(backend, signal.SIGCONT)


def test_a_statement_may_take_its_time_where_no_bound_is_set(database_url: str) -> None:
    with closing(connect(database_url, statement_timeout_ms=0)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
