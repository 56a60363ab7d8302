"""Without Redis, without PostgreSQL, without both: killed, stopped and frozen while it trades, seen in every place.

What goes away is real. The daemon trades on as far as it may, tells it by `status`, log, metrics and the service's
status, and has written everything when the server is back.
"""

import os
import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from naive_daemon.storage.embedded import EmbeddedPostgres, EmbeddedRedis
from tests.e2e.books import Books, await_rows, read
from tests.e2e.daemon import Daemon, eventually
from tests.e2e.place import Place, await_end
from tests.e2e.test_service import ServiceManager

COMPLETED = "SELECT count(*) FROM cycles WHERE outcome = 'completed'"


class Desk:
    """A daemon on servers of its own owner's, which a test takes away and gives back."""

    def __init__(self, place: Place, folder: Path) -> None:
        self.place = place
        self.postgres = EmbeddedPostgres(folder / "postgres")
        self.redis = EmbeddedRedis(folder / "redis")
        self.manager = ServiceManager(folder / "notify")
        self.port = _free_port()
        place.environment |= {
            "NAIVE_DATABASE_URL": self.postgres.start(),
            "NAIVE_REDIS_URL": self.redis.start(),
            "NAIVE_MARKET__SPEED": "20",
            "NAIVE_EXCHANGE__MAKER_FEE": "0.0001",
            "NAIVE_METRICS__LISTEN": f"127.0.0.1:{self.port}",
            "NOTIFY_SOCKET": str(self.manager.path),
        }
        assert place("db", "upgrade").code == 0
        assert place("settings", "set", "BTCUSDT", "ETHUSDT", "profit_interval=0.0001").code == 0

    def trade(self) -> Daemon:
        return self.place.trade("--start", "BTCUSDT", "--start", "ETHUSDT")

    def metric(self, name: str) -> float:
        """Give a metric without labels, as Prometheus reads it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        return next(float(line.split()[1]) for line in lines if line.split()[0] == name)

    def await_metric(self, name: str, value: float) -> None:
        for attempt in eventually():
            with attempt:
                assert self.metric(name) == value

    def await_degraded(self, *servers: str) -> str:
        """Wait until status tells of these servers and of no other; gives what it prints."""
        for attempt in eventually():
            with attempt:
                answer = self.place("status", "--json")
                lines = answer.data["daemon"]["degraded"]
                assert len(lines) == len(servers), lines
                assert all(server in line for server, line in zip(servers, lines, strict=True)), lines
        return self.place("status").out

    def await_cycles(self, more: int = 2) -> None:
        ((before,),) = read(self.place.url, COMPLETED)
        await_rows(self.place.url, COMPLETED, lambda rows: rows[0][0] >= before + more)

    def end(self) -> None:
        self.place.clear()
        self.redis.stop()
        self.postgres.stop()
        self.manager.vanish()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def desk(place: Place, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(place, tmp_path)
    yield made
    made.end()


def test_without_redis_from_the_start_and_again_while_it_trades(desk: Desk) -> None:
    desk.redis.stop()
    daemon = desk.trade()
    desk.manager.await_word("STATUS=degraded: Redis away")
    assert "degraded: trading without Redis" in desk.await_degraded("Redis")
    desk.await_cycles()
    desk.await_metric("naive_cache_degraded", 1)
    assert len(daemon.log.events("cache degraded")) == 1
    desk.redis.start()
    daemon.log.await_event("cache is back")
    desk.manager.await_word("STATUS=trading")
    desk.await_degraded()
    desk.await_metric("naive_cache_waiting", 0)

    desk.redis.stop()
    daemon.log.await_event("cache degraded", count=2)
    desk.await_cycles()
    desk.redis.start()
    daemon.log.await_event("cache is back", count=2)
    desk.await_metric("naive_cache_degraded", 0)
    Books(desk.place.url).check()
    daemon.stop()


def test_without_postgres_status_still_answers_and_all_is_written_when_it_is_back(desk: Desk) -> None:
    daemon = desk.trade()
    desk.await_cycles()
    desk.postgres.stop()
    daemon.log.await_event("journal unavailable")
    desk.manager.await_word("STATUS=degraded: PostgreSQL away")
    told = desk.await_degraded("PostgreSQL")
    assert "degraded: no new entries: PostgreSQL is away since " in told
    assert "BTCUSDT" in told
    assert f"the daemon is running (process {daemon.pid})" in told
    data = desk.place("status", "BTCUSDT", "--json").data
    (row,) = data["symbols"]
    assert (row["actual"], row["desired"], data["kill_switch"]) == ("on", None, None)
    desk.await_metric("naive_journal_away", 1)
    assert len(daemon.log.events("journal unavailable")) == 1
    assert desk.place("orders").code == 69

    desk.postgres.start()
    daemon.log.await_event("journal is back")
    desk.manager.await_word("STATUS=trading")
    desk.await_metric("naive_journal_waiting", 0)
    desk.await_metric("naive_journal_away", 0)
    desk.await_cycles()
    Books(desk.place.url).check()
    assert desk.place("status", "--json").data["daemon"]["degraded"] == []
    daemon.stop()


def test_a_postgres_that_is_frozen_is_told_like_one_that_is_away(desk: Desk) -> None:
    daemon = desk.trade()
    desk.await_cycles()
    frozen = [process for process in (desk.postgres.pid, *_backends(desk.place.url)) if process is not None]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        desk.manager.await_word("STATUS=degraded: PostgreSQL away")
        told = desk.await_degraded("PostgreSQL")
        assert "does not come back" in told
        desk.await_metric("naive_journal_away", 1)
    finally:
        for pid in reversed(frozen):
            os.kill(pid, signal.SIGCONT)
    desk.manager.await_word("STATUS=trading")
    desk.await_cycles()
    Books(desk.place.url).check()
    daemon.stop()


@pytest.mark.parametrize("is_own", [True, False], ids=["own server", "embedded server"])
def test_a_postgres_that_lets_nobody_in_any_more_has_the_daemon_itself_answer(
    desk: Desk, elsewhere: Place, *, is_own: bool
) -> None:
    place = desk.place if is_own else elsewhere
    daemon = desk.trade() if is_own else elsewhere.trade("--start", "BTCUSDT")
    await_rows(place.url, "SELECT state FROM actual_states WHERE symbol = 'BTCUSDT'", lambda rows: rows == [("on",)])
    postmaster = desk.postgres.pid if is_own else place.server("postgres").pid
    assert postmaster is not None
    os.kill(postmaster, signal.SIGSTOP)
    try:
        data = place("status", "--json").data
    finally:
        os.kill(postmaster, signal.SIGCONT)
    assert "does not let us in" in data["daemon"]["degraded"][0]
    assert ("BTCUSDT", "on") in {(row["symbol"], row["actual"]) for row in data["symbols"]}
    assert (data["daemon"]["pid"], data["kill_switch"]) == (daemon.pid, None)
    assert place("status", "--json").data["kill_switch"] is not None
    daemon.stop()


def test_without_both_killed_at_once(desk: Desk) -> None:
    daemon = desk.trade()
    desk.await_cycles()
    for server in (desk.postgres, desk.redis):
        assert server.pid is not None
        pid = server.pid
        os.kill(pid, signal.SIGKILL)
        await_end(pid)
    told = desk.await_degraded("PostgreSQL", "Redis")
    assert "ETHUSDT" in told
    desk.manager.await_word("STATUS=degraded: PostgreSQL and Redis away")
    desk.redis.start()
    desk.postgres.start()
    desk.manager.await_word("STATUS=trading")
    desk.await_degraded()
    desk.await_cycles()
    Books(desk.place.url).check()
    daemon.stop()


def _backends(url: str) -> list[int]:
    """Name the server's processes that serve a daemon: they answer while their father is frozen."""
    return [
        pid
        for (pid,) in read(
            url, "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
        )
    ]
