"""PostgreSQL misbehaves under a daemon that trades: nothing is lost, nothing doubled, and it trades on."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from naive_daemon.storage.embedded import EmbeddedPostgres
from tests.e2e.books import Books, await_rows, read, write
from tests.e2e.daemon import eventually
from tests.e2e.place import Place
from tests.postgres_proxy import PostgresProxy

COMPLETED = "SELECT count(*) FROM cycles WHERE outcome = 'completed'"
CYCLES = 5

# One write in ten fails, each time for another reason: a serialisation failure, a deadlock, a full disk, no memory,
# too many connections, a statement that took too long, a server that goes away.
FAILS_NOW_AND_THEN = """
CREATE FUNCTION fail_now_and_then() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE states text[] := ARRAY['40001', '40P01', '53100', '53200', '53300', '57014', '57P01'];
BEGIN
    IF random() < 0.1 THEN
        RAISE EXCEPTION 'a drawn fault' USING ERRCODE = states[1 + floor(random() * 7)::int];
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fail_now_and_then AFTER INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION fail_now_and_then();
CREATE TRIGGER fail_now_and_then AFTER INSERT ON cycles FOR EACH STATEMENT EXECUTE FUNCTION fail_now_and_then()
"""
HEALED = "DROP TRIGGER fail_now_and_then ON orders; DROP TRIGGER fail_now_and_then ON cycles"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    made = EmbeddedPostgres(tmp_path / "server")
    yield made
    made.stop()


def set_up(place: Place, url: str) -> None:
    place.environment |= {
        "NAIVE_DATABASE_URL": url,
        "NAIVE_MARKET__SPEED": "20",
        "NAIVE_EXCHANGE__MAKER_FEE": "0.0001",
    }
    assert place("db", "upgrade").code == 0
    assert place("settings", "set", "BTCUSDT", "ETHUSDT", "profit_interval=0.0001").code == 0


def await_cycles(url: str) -> None:
    ((before,),) = read(url, COMPLETED)
    await_rows(url, COMPLETED, lambda rows: rows[0][0] >= before + CYCLES)


def test_writes_that_fail_for_every_reason_there_is(place: Place, server: EmbeddedPostgres) -> None:
    url = server.start()
    set_up(place, url)
    write(url, FAILS_NOW_AND_THEN)
    daemon = place.trade("--start", "BTCUSDT", "--start", "ETHUSDT")
    daemon.log.await_event("journal unavailable", count=3)
    daemon.log.await_event("journal is back", count=3)
    await_cycles(url)
    write(url, HEALED)
    start = len(daemon.log)
    daemon.log.await_event("cycle finished", start)
    daemon.stop()
    assert not daemon.log.events("actor crashed")
    Books(url).check()


def test_answers_that_are_lost_behind_the_commit(
    place: Place, server: EmbeddedPostgres, tell: Callable[[str], None]
) -> None:
    seed = int(os.environ.get("NAIVE_TEST_SEED") or random.SystemRandom().randrange(2**32))
    tell(f"NAIVE_TEST_SEED={seed}")
    url = server.start()
    with PostgresProxy(url, seed) as proxy:
        set_up(place, proxy.url)
        daemon = place.trade("--start", "BTCUSDT", "--start", "ETHUSDT")
        proxy.likelihood = 0.02
        await_cycles(url)
        for attempt in eventually():
            with attempt:
                assert proxy.lost >= 5
        proxy.likelihood = 0.0
        start = len(daemon.log)
        daemon.log.await_event("cycle finished", start)
        daemon.stop()
        assert daemon.log.events("journal is back")
    Books(url).check()


def test_its_connections_killed_again_and_again(place: Place, server: EmbeddedPostgres) -> None:
    url = server.start()
    set_up(place, url)
    daemon = place.trade("--start", "BTCUSDT", "--start", "ETHUSDT")
    for _ in range(CYCLES):
        start = len(daemon.log)
        write(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
        )
        daemon.log.await_event("buy filled", start)
    daemon.stop()
    assert not daemon.log.events("actor crashed")
    Books(url).check()
