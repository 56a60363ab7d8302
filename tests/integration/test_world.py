"""A daemon's world while it is opened, as others see it in the database."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from naive_daemon.clock import WallClock
from naive_daemon.config import load_config
from naive_daemon.domain.errors import ConfigError, TransientError
from naive_daemon.execution.journal_store import JournalStore
from naive_daemon.opening import GIVEN_UP, Openings
from naive_daemon.storage.postgres import locks
from naive_daemon.trading.account_opener import OpenedAccount
from naive_daemon.world import World


@pytest.mark.usefixtures("quiet")
def test_while_the_exchange_is_asked_nothing_runs_that_a_former_life_has_told_of(
    migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[object, ...]] = []

    def look_and_give_up(_: Openings, __: JournalStore, ___: Callable[[], bool]) -> OpenedAccount:
        assert locks.holders(migrated_url, {"main"})
        with psycopg.connect(migrated_url) as connection:
            seen.extend(connection.execute("SELECT state, traders FROM actual_states"))
            seen.extend(connection.execute("SELECT state FROM daemons"))
        raise TransientError(GIVEN_UP)

    monkeypatch.setenv("NAIVE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("NAIVE_REDIS_URL", "redis://127.0.0.1:9")
    monkeypatch.setattr(Openings, "open_first", look_and_give_up)
    with psycopg.connect(migrated_url) as connection:
        connection.execute("INSERT INTO settings (symbol, status) VALUES ('BTCUSDT', 'on')")
        said = "INSERT INTO actual_states (account, symbol, state, traders) VALUES ('main', 'BTCUSDT', 'on', 2)"
        connection.execute(said)
    with pytest.raises(TransientError, match=GIVEN_UP):
        World(load_config(None, {"home": tmp_path}), WallClock()).open()
    assert seen == [("off", 0), ("starting",)]


@pytest.mark.usefixtures("quiet")
def test_a_start_that_is_refused_as_another_daemon_has_the_account_says_nothing_of_itself(
    migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAIVE_DATABASE_URL", migrated_url)
    monkeypatch.setenv("NAIVE_REDIS_URL", "redis://127.0.0.1:9")
    with psycopg.connect(migrated_url) as connection:
        connection.execute("INSERT INTO accounts (account, beside) VALUES ('second', 'main')")
        said = "INSERT INTO actual_states (account, symbol, state, traders) VALUES ('second', 'BTCUSDT', 'on', 2)"
        connection.execute(said)
    with pytest.raises(ConfigError, match="belongs to the daemon of account main"):
        World(load_config(None, {"home": tmp_path, "account": "second"}), WallClock()).open()
    with psycopg.connect(migrated_url) as connection:
        assert connection.execute("SELECT state, traders FROM actual_states").fetchall() == [("on", 2)]
        assert connection.execute("SELECT state FROM daemons").fetchall() == []
