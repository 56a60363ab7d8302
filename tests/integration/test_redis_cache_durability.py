"""What was written is in Redis exactly once: whoever is killed, whatever answer is lost, whoever else writes."""

import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from naive_daemon.cache.database import CacheAwayError, CacheFullError
from naive_daemon.domain.order import Order
from naive_daemon.storage.redis.cache_database import RedisCacheDatabase
from naive_daemon.storage.redis.config import RedisCacheConfig
from tests.contract.cache_objects import NOW_NS, accepted, order
from tests.integration.redis_server import Line, RedisServer, opened, running, until

COUNT = 3_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """Give one that keeps what it acknowledged: with `everysec` a busy disk may cost the last two seconds."""
    with running(tmp_path / "redis", "--appendfsync", "always") as server:
        yield server


@pytest.fixture
def line(server: RedisServer) -> Iterator[Line]:
    line = Line(server.port)
    yield line
    line.close()


def numbered(number: int) -> Order:
    return order("O-1", NOW_NS + number)


def numbers(database: RedisCacheDatabase) -> list[int]:
    """Read the numbers of the snapshots, which each write appends: a write twice or out of order shows."""
    return [one.created_ns - NOW_NS for one in database.load_order_snapshots("O-1")]


def test_a_server_killed_in_the_middle_of_batches_has_each_write_once_and_in_order(server: RedisServer) -> None:
    with opened(server.url, batch_max=7) as database:
        written = threading.Event()

        def write() -> None:
            for number in range(COUNT):
                database.snapshot_order_state(numbered(number), durable=number % 50 == 0)
            written.set()

        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(5):
            before = database.health().waiting
            until(lambda before=before: database.health().waiting != before or written.is_set())
            server.kill()
            server.start()
        writer.join()
        until(lambda: database.health().waiting == 0)
        assert numbers(database) == list(range(COUNT))
        assert database.health().losses == 0
        assert database.health().away is None


def test_a_batch_whose_answer_was_lost_is_not_written_twice(line: Line) -> None:
    with opened(line.url) as database:
        for number in range(20):
            line.shall_lose = number % 2 == 1
            database.snapshot_order_state(numbered(number), durable=True)
        assert line.lost == 10
        assert numbers(database) == list(range(20))
        assert database.health().losses == 0


def test_a_batch_that_reaches_the_server_late_is_not_written_twice(line: Line) -> None:
    """What was sent and given up is not made behind the back of the next attempt: its connection is ended first."""
    with opened(line.url, answer_timeout_s=0.3) as database:
        database.snapshot_order_state(numbered(0), durable=True)
        line.shall_hold = True
        database.snapshot_order_state(numbered(1), durable=True)
        line.release()
        database.snapshot_order_state(numbered(2), durable=True)
        assert numbers(database) == [0, 1, 2]
        assert database.health().losses == 0


def test_a_server_that_stands_still_for_a_while_gets_each_write_once(server: RedisServer) -> None:
    with opened(server.url, answer_timeout_s=0.2, connect_timeout_s=0.2) as database:
        database.snapshot_order_state(numbered(0), durable=True)
        server.freeze()
        for number in range(1, 6):
            database.snapshot_order_state(numbered(number))
        until(lambda: database.health().away is not None)
        server.thaw()
        until(lambda: database.health().waiting == 0)
        assert numbers(database) == list(range(6))


def test_a_load_from_a_server_that_stands_still_is_an_error_and_not_an_empty_answer(server: RedisServer) -> None:
    with opened(server.url, answer_timeout_s=0.2, connect_timeout_s=0.2, wait_s=0.5) as database:
        database.add("k", b"1", durable=True)
        server.freeze()
        with pytest.raises(CacheAwayError, match=f"Redis at 127.0.0.1:{server.port}: Timeout"):
            database.load_object("k")
        database.add("k", b"2")
        until(lambda: database.health().away is not None)
        with pytest.raises(CacheAwayError, match=f"Redis at 127.0.0.1:{server.port}: .*1 writes wait"):
            database.load_object("k")
        server.thaw()
        until(lambda: database.health().waiting == 0)
        assert database.load_object("k") == b"2"


PROGRAM = """
import os, signal, sys
from naive_daemon.storage.redis.cache_database import RedisCacheDatabase
from naive_daemon.storage.redis.config import RedisCacheConfig
from tests.contract.cache_objects import accepted, order

url, trader, count, buffer_ms, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
config = RedisCacheConfig.from_url(url, trader=trader, buffer_interval_ms=buffer_ms, wait_s=60.0)
database = RedisCacheDatabase(config)

def write(first):
    for number in range(first, count, threads):
        database.add_order(order(f"O-{number}"), durable=True)

import threading
workers = [threading.Thread(target=write, args=(first,)) for first in range(threads)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("buffer_ms", "threads"), [(0, 1), (100, 150)], ids=["unbuffered", "buffered"])
def test_of_writes_that_were_acknowledged_none_is_lost_when_the_writer_is_killed(
    server: RedisServer, buffer_ms: int, threads: int
) -> None:
    trader = uuid.uuid4().hex
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, server.url, trader, str(COUNT), str(buffer_ms), str(threads)],
        check=False,
        timeout=100,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == -signal.SIGKILL
    with opened(server.url, trader=trader) as database:
        assert len(database.load_orders()) == COUNT
        assert len(database.load_index_orders_in_flight()) == COUNT


def test_what_is_written_without_waiting_is_there_after_an_orderly_close(server: RedisServer) -> None:
    trader = uuid.uuid4().hex
    with opened(server.url, trader=trader, buffer_interval_ms=500) as database:
        for number in range(COUNT):
            database.add(str(number), b"x")
    with opened(server.url, trader=trader) as database:
        assert len(database.load()) == COUNT


def test_a_store_that_was_emptied_or_restarted_without_its_data_is_a_loss(server: RedisServer, tmp_path: Path) -> None:
    with opened(server.url) as database:
        database.add("k", b"1", durable=True)
        server.do("FLUSHALL")
        database.add("k", b"2", durable=True)
        assert database.health().losses == 1
        server.kill()
        for left in (tmp_path / "redis").glob("appendonly*"):
            left.unlink()
        server.start()
        database.add("k", b"3", durable=True)
        assert database.health().losses == 2
        database.add("k", b"4", durable=True)
        assert database.health().losses == 2


def test_a_flush_of_ones_own_is_no_loss_and_leaves_others_alone(server: RedisServer) -> None:
    server.do("SET", "naive:ab", "somebody's")
    with opened(server.url, trader="a") as one, opened(server.url, trader="a.b") as other:
        one.add("k", b"1", durable=True)
        other.add("k", b"2", durable=True)
        one.flush()
        one.add("k", b"3", durable=True)
        other.add("l", b"4", durable=True)
        assert one.load() == {"k": b"3"}
        assert other.load() == {"k": b"2", "l": b"4"}
        assert one.health().losses == other.health().losses == 0
    assert server.do("GET", "naive:ab") == b"somebody's"


def test_two_writers_under_one_prefix_lose_nothing_of_each_other(server: RedisServer) -> None:
    with opened(server.url, trader="both") as one, opened(server.url, trader="both") as other:

        def write(database: RedisCacheDatabase, half: int) -> None:
            for number in range(half, 1_000, 2):
                made = order(f"O-{number}")
                database.add_order(made)
                database.update_order(made.apply(accepted(f"O-{number}")), accepted(f"O-{number}"))

        threads = [threading.Thread(target=write, args=pair) for pair in ((one, 0), (other, 1))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        one.load()
        other.load()
        assert len(one.load_orders()) == 1_000
        assert len(other.load_index_orders_open()) == 1_000
        assert one.health().losses == other.health().losses == 0


def test_an_orderly_end_leaves_neither_thread_nor_connection_nor_mark(server: RedisServer) -> None:
    before = set(threading.enumerate())
    with opened(server.url) as database:
        database.add("k", b"1", durable=True)
        database.load()
        started = set(threading.enumerate()) - before
        assert len(started) == 1
    assert not any(thread.is_alive() for thread in started)
    until(lambda: len(server.do("CLIENT", "LIST").splitlines()) == 1)
    assert [key for key in server.do("KEYS", "*") if b":writers:" in key] == []


def test_a_close_is_bounded_while_redis_does_not_answer(server: RedisServer) -> None:
    config = RedisCacheConfig.from_url(server.url, trader="x", answer_timeout_s=60.0, close_timeout_s=0.2)
    database = RedisCacheDatabase(config)
    database.add("k", b"1", durable=True)
    server.freeze()
    database.add("k", b"2")
    database.close()
    assert database.health().waiting == 1
    server.thaw()


def test_the_queue_is_bounded_while_redis_is_away_and_everything_in_it_is_written(server: RedisServer) -> None:
    with opened(server.url, queue_max=100) as database:
        database.add("first", b"", durable=True)
        server.kill()
        for number in range(100):
            database.add(str(number), b"x")
        with pytest.raises(CacheFullError, match="100 writes wait already"):
            database.add("one too many", b"x")
        assert database.health().waiting == 100
        server.start()
        until(lambda: database.health().waiting == 0)
        assert set(database.load()) == {"first", *map(str, range(100))}


def test_bytes_that_wait_are_bounded_too(server: RedisServer) -> None:
    with opened(server.url, queue_bytes_max=3 * 2**20) as database:
        database.add("first", b"", durable=True)
        server.kill()
        database.add("1", bytes(2**20))
        database.add("2", bytes(2**20))
        with pytest.raises(CacheFullError):
            database.add("3", bytes(2**20))
        server.start()
        until(lambda: database.health().waiting == 0)
        assert set(database.load()) == {"first", "1", "2"}


def test_a_write_that_was_not_acknowledged_in_time_is_an_error_and_not_lost(server: RedisServer) -> None:
    with opened(server.url, wait_s=0.3) as database:
        server.kill()
        with pytest.raises(CacheAwayError, match=rf"Redis at 127.0.0.1:{server.port}: .*1 writes wait"):
            database.add("k", b"1", durable=True)
        server.start()
        until(lambda: database.health().waiting == 0)
        assert database.load() == {"k": b"1"}
        assert database.health().away is None


def test_a_first_connection_to_a_dead_server_is_a_bounded_error_that_names_it(tmp_path: Path) -> None:
    server = RedisServer(tmp_path / "never started")
    url = f"redis://bob:tellnobody@127.0.0.1:{server.port}/0"
    with opened(url, wait_s=0.5, close_timeout_s=0.1) as database:
        with pytest.raises(CacheAwayError) as durable:
            database.add("k", b"1", durable=True)
        with pytest.raises(CacheAwayError) as load:
            database.load()
        shown = f"{durable.value} {load.value} {database.health()}"
    assert f"127.0.0.1:{server.port}" in shown
    assert "tellnobody" not in shown


def test_a_name_that_nobody_knows_is_a_bounded_error_that_names_it() -> None:
    with (
        opened("redis://nobody.invalid:6379/0", wait_s=0.5, close_timeout_s=0.1) as database,
        pytest.raises(CacheAwayError, match=r"nobody\.invalid:6379"),
    ):
        database.add("k", b"1", durable=True)


def test_the_numbers_of_dead_writers_go_by_themselves(server: RedisServer) -> None:
    with opened(server.url, trader="x") as database:
        database.add("k", b"1", durable=True)
        [mark] = server.do("KEYS", "naive:x:writers:*")
        assert 0 < server.do("TTL", mark) <= 7 * 86_400
        assert database.keys() == ["general:k"]


def test_a_connection_that_the_server_ends_is_opened_again_unnoticed(server: RedisServer) -> None:
    with opened(server.url) as database:
        for number in range(10):
            database.snapshot_order_state(numbered(number), durable=True)
            server.do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        assert numbers(database) == list(range(10))
        assert database.health().away is None
        assert database.health().losses == 0


def test_a_raw_get_shows_every_digit(server: RedisServer) -> None:
    for encoding in ("msgpack", "json"):
        with opened(server.url, trader=encoding, encoding=encoding) as database:
            database.heartbeat(NOW_NS)
            database.add_order(order("O-1"), durable=True)
            assert server.do("GET", f"naive:{encoding}:heartbeat") == b"%d" % NOW_NS
            [entry] = server.do("LRANGE", f"naive:{encoding}:orders:O-1", "0", "-1")
            expected = b"%d" % NOW_NS if encoding == "json" else NOW_NS.to_bytes(8, "big")
            assert expected in entry


def test_the_session_of_a_reader_survives_a_restart(server: RedisServer) -> None:
    with opened(server.url) as database:
        database.add("k", b"1", durable=True)
        assert database.load() == {"k": b"1"}
        server.kill()
        with pytest.raises(CacheAwayError):
            database.load()
        server.start()
        assert database.load() == {"k": b"1"}
