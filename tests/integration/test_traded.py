"""Which accounts a daemon trades, while its locks are gone for a moment, and after it was killed."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from naive_daemon.cli.traded import traded
from naive_daemon.storage.postgres.engine import make_engine
from naive_daemon.storage.postgres.presence import PostgresPresence, Presence
from tests.integration.standing_daemon import StandingDaemon, live_without_lock

HERE = socket.gethostname()


@pytest.fixture
def engine(schema_url: str) -> Iterator[Engine]:
    made = make_engine(schema_url)
    yield made
    made.dispose()


def test_a_daemon_of_this_machine_that_lives_is_one_without_its_locks_too(schema_url: str, engine: Engine) -> None:
    live_without_lock(schema_url, host=HERE, pid=os.getpid())
    assert traded(schema_url, engine, ["main", "other"]) == {"main"}


@pytest.mark.parametrize("is_reaped", [True, False])
def test_a_daemon_of_this_machine_that_was_killed_trades_nothing(
    schema_url: str, engine: Engine, is_reaped: bool
) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        live_without_lock(schema_url, host=HERE, pid=process.pid)
        assert traded(schema_url, engine, ["main"]) == {"main"}
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | (0 if is_reaped else os.WNOWAIT))
        assert traded(schema_url, engine, ["main"]) == frozenset()


def test_another_daemon_with_the_same_process_id_on_another_machine_holds_no_locks_for_it(
    schema_url: str, engine: Engine
) -> None:
    """In a container every daemon is process 1."""
    live_without_lock(schema_url, host="elsewhere", pid=os.getpid())
    with StandingDaemon(schema_url, "naive_settings", lambda _: None, "other"):
        assert traded(schema_url, engine, ["main", "other"]) == {"main", "other"}


def test_a_daemon_that_takes_its_locks_again_while_it_is_looked_for_is_found(
    schema_url: str, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_without_lock(schema_url, host=HERE, pid=os.getpid())
    with contextlib.ExitStack() as daemon:

        def read_late(presence: PostgresPresence) -> tuple[Presence, ...]:
            daemon.enter_context(StandingDaemon(schema_url, "naive_settings", lambda _: None))
            return rows(presence)

        rows = PostgresPresence.all
        monkeypatch.setattr(PostgresPresence, "all", read_late)
        assert traded(schema_url, engine, ["main"]) == {"main"}
