"""A schema that is older or newer than the program: `run` and every command refuse it, name both, and touch nothing."""

from typing import Any

import psycopg
import pytest

from naive_daemon.storage.postgres import migrate

COMMANDS = (
    ("run", "--start", "BTCUSDT"),
    ("status",),
    ("start", "BTCUSDT", "--no-wait"),
    ("stop", "BTCUSDT", "--no-wait"),
    ("shutdown", "BTCUSDT", "--no-wait"),
    ("orders",),
    ("report",),
    ("settings", "list"),
    ("settings", "set", "BTCUSDT", "chunks=3"),
    ("limits", "list"),
    ("limits", "set", "max_open_orders=1"),
    ("kill-switch", "show"),
    ("kill-switch", "on", "--reason", "test"),
    ("seed",),
    ("db", "purge", "--older-than", "90d"),
    ("db", "restored"),
)


def older(url: str) -> str:
    migrate.downgrade(url, "0009")
    return "0009"


def newer(url: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    return "9999"


@pytest.fixture(params=[older, newer])
def found(request: pytest.FixtureRequest, migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the revision of a database that does not fit; commands use it."""
    monkeypatch.setenv("NAIVE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("NAIVE_REDIS_URL", "redis://127.0.0.1:1/0")
    return str(request.param(migrated_url))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_it_is_refused_by_name_and_left_as_it_is(
    console: Any, migrated_url: str, found: str, command: tuple[str, ...]
) -> None:
    answer = console(*command)
    error, hint = (line for line in answer.err.splitlines() if not line.startswith("{"))
    assert answer.code == 78, answer.err
    assert error.startswith("error: the database's schema is at revision ")
    assert found in error
    assert migrate.head() in error
    assert hint.startswith("hint: run ")
    assert ("naive-daemon db upgrade" in hint) is (found < migrate.head())
    assert migrate.current(migrated_url) == found
