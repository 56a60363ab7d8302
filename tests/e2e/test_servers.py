"""Servers: one daemon for a home and for an account, servers of one's own, and servers that are away or die."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from naive_daemon.storage.embedded import EmbeddedPostgres, EmbeddedRedis
from tests.e2e.books import Books, await_rows, read, write
from tests.e2e.conftest import MakePlace
from tests.e2e.daemon import Daemon
from tests.e2e.place import Place, await_end

FAST = {"NAIVE_MARKET__SPEED": "20", "NAIVE_EXCHANGE__MAKER_FEE": "0.0001"}
NOBODY = "redis://:sesame@127.0.0.1:1/0"


@pytest.fixture(scope="module")
def place(make_place: MakePlace) -> Place:
    return make_place(**FAST)


@pytest.fixture(scope="module")
def daemon(place: Place) -> Daemon:
    """Give a daemon with servers of its own."""
    return place.trade("--start", "BTCUSDT")


@pytest.fixture
def own_postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    """Give a PostgreSQL that the daemon knows by its URL only."""
    server = EmbeddedPostgres(tmp_path / "own-postgres")
    yield server
    server.stop()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """Give a Redis that the daemon knows by its URL only."""
    server = EmbeddedRedis(tmp_path / "own")
    yield server
    server.stop()


def trades_on(place: Place, symbol: str) -> None:
    """Wait until a symbol that was not traded before has bought: wherever the market goes, it shows all to be well."""
    write(place.url, f"UPDATE settings SET status = 'on' WHERE symbol = '{symbol}'")
    await_rows(place.url, "SELECT symbol FROM fills", lambda rows: (symbol,) in rows)
    Books(place.url).check()


def test_a_second_daemon_of_the_home_is_refused(place: Place, daemon: Daemon) -> None:
    second = place.run()
    assert second.await_end() == 1
    assert second.log.plain_lines()[0] == f"error: another naive-daemon (pid {daemon.pid}) uses {place.home}"
    assert daemon.is_running()
    trades_on(place, "ETHUSDT")


def test_a_second_daemon_of_the_account_is_refused(place: Place, daemon: Daemon, elsewhere: Place) -> None:
    second = elsewhere.run(NAIVE_DATABASE_URL=place.url)
    assert second.await_end() == 1
    told = second.log.plain_lines()[0]
    assert told.startswith(f"error: account main is traded by process {daemon.pid} on ")
    assert elsewhere.servers() == []
    trades_on(place, "BNBUSDT")


@pytest.mark.parametrize(("name", "symbol"), [("postgres", "XRPUSDT"), ("redis-server", "SOLUSDT")])
def test_an_embedded_server_that_is_killed_comes_back(place: Place, daemon: Daemon, name: str, symbol: str) -> None:
    start = len(daemon.log)
    server = place.server(name)
    server.kill()
    await_end(server.pid)
    died = daemon.log.await_event("embedded server died, starting it again", start)
    assert died["server"] == name.removesuffix("-server")
    daemon.log.await_event("embedded server is back", start)
    trades_on(place, symbol)
    assert place.server(name).pid != server.pid
    assert daemon.is_running()


def test_it_ends_in_order_after_all_that(place: Place, daemon: Daemon) -> None:
    daemon.stop()
    assert place.servers() == []


def test_own_servers(elsewhere: Place, database_url: str, redis_url: str) -> None:
    elsewhere.environment |= {"NAIVE_DATABASE_URL": database_url, "NAIVE_REDIS_URL": redis_url}
    refused = elsewhere.run("--start", "BTCUSDT")
    assert refused.await_end() == 78
    error, hint = refused.log.plain_lines()
    assert error.startswith("error: ")
    assert "naive-daemon db upgrade" in hint

    assert elsewhere("db", "upgrade").code == 0
    refused = elsewhere.run(NAIVE_REDIS_URL="redis://localhost?colour=blue")
    assert refused.await_end() == 78
    assert "parameters that are not known: colour" in refused.log.plain_lines()[0]
    daemon = elsewhere.trade("--start", "BTCUSDT")
    daemon.log.await_event("buy placed")
    assert elsewhere.servers() == []
    assert not (elsewhere.home / "postgres").exists()
    assert not (elsewhere.home / "redis").exists()
    daemon.stop()
    Books(database_url).check()
    ((state,),) = read(database_url, "SELECT state FROM daemons")
    assert state == "stopped"


def test_a_database_that_is_away_is_told_in_a_line(elsewhere: Place) -> None:
    answer = elsewhere("run", NAIVE_DATABASE_URL="postgresql://trader:sesame@127.0.0.1:1/books")
    assert answer.code == 69
    error, hint = answer.err.splitlines()
    assert error.startswith("error: PostgreSQL at 127.0.0.1:1, database books")
    assert hint.startswith("hint: ")
    assert "sesame" not in answer.err


def test_without_redis_it_trades_on(elsewhere: Place, migrated_url: str, own_redis: EmbeddedRedis) -> None:
    elsewhere.environment |= {"NAIVE_DATABASE_URL": migrated_url, "NAIVE_REDIS_URL": NOBODY}
    daemon = elsewhere.trade("--start", "BTCUSDT")
    daemon.log.await_event("cache degraded")
    trades_on(elsewhere, "ETHUSDT")
    daemon.stop()
    assert "sesame" not in daemon.log.text()

    elsewhere.environment["NAIVE_REDIS_URL"] = own_redis.start()
    daemon = elsewhere.trade()
    own_redis.stop()
    daemon.log.await_event("cache degraded")
    trades_on(elsewhere, "BNBUSDT")
    own_redis.start()
    daemon.log.await_event("cache is back")
    daemon.stop()


def test_it_ends_in_order_while_the_database_is_away(
    elsewhere: Place, own_postgres: EmbeddedPostgres, redis_url: str
) -> None:
    elsewhere.environment |= {"NAIVE_DATABASE_URL": own_postgres.start(), "NAIVE_REDIS_URL": redis_url}
    assert elsewhere("db", "upgrade").code == 0
    daemon = elsewhere.trade("--start", "BTCUSDT")
    daemon.log.await_event("buy placed")
    own_postgres.stop()
    daemon.log.await_event("journal unavailable")
    daemon.signal(signal.SIGTERM)
    assert daemon.await_end() == 0, daemon.log.text()
    assert daemon.log.events("the end is not noted in the database")
    assert daemon.log.plain_lines() == []


def test_a_paper_balance_that_does_not_cover_what_is_open_is_told_in_a_line(elsewhere: Place) -> None:
    daemon = elsewhere.trade("--start", "BTCUSDT", **FAST)
    daemon.log.await_event("buy filled")  # an order that is only placed may never reach the exchange when it ends now
    daemon.stop()
    poor = elsewhere("run", NAIVE_EXCHANGE__BALANCES='{"USDT": "1"}', **FAST)
    assert poor.code == 78, poor.err
    lines = poor.err.splitlines()
    assert [line.partition(":")[0] for line in lines if not line.startswith("{")] == ["error", "hint"]
    assert "balance" in poor.err
    assert "Traceback" not in poor.err
    assert elsewhere.servers() == []
