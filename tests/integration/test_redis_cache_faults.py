"""A Redis that refuses: what is said of it, that nothing is lost meanwhile, and that it goes on when it is mended."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from naive_daemon.cache.database import CacheAwayError, CacheClosedError, CacheCorruptError, Integrity
from naive_daemon.cache.glob import escape, matcher
from naive_daemon.storage.redis.cache_database import VALUE_BYTES_MAX
from naive_daemon.storage.redis.link import Link
from naive_daemon.storage.redis.writer import WARNINGS_MAX
from tests.contract.cache_objects import NOW_NS, accepted, account_state, bought, order, position
from tests.integration.redis_server import RedisServer, opened, running, until


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running(tmp_path_factory.mktemp("redis") / "data") as server:
        yield server


@pytest.fixture
def server(shared: RedisServer) -> RedisServer:
    """Give the module's server, empty and with its own settings."""
    for name, value in (("maxmemory", "0"), ("maxmemory-policy", "noeviction"), ("requirepass", "")):
        shared.do("CONFIG", "SET", name, value)
    shared.do("REPLICAOF", "NO", "ONE")
    shared.do("FLUSHALL")
    return shared


# The server ---------------------------------------------------------------------------------------------------------


def test_a_password_is_used_and_a_wrong_one_is_told_without_showing_it(tmp_path: Path) -> None:
    with running(tmp_path / "redis", "--requirepass", "right") as server:
        place = f"127.0.0.1:{server.port}"
        with opened(f"redis://:right@{place}/0") as database:
            database.add("k", b"1", durable=True)
            assert database.load() == {"k": b"1"}
        for url, said in ((f"redis://:leaked@{place}/0", "password is wrong"), (f"redis://{place}/0", "a password")):
            with opened(url, wait_s=0.5, close_timeout_s=0.1) as database:
                with pytest.raises(CacheAwayError, match=f"Redis at {place}: .*{said}") as away:
                    database.add("k", b"1", durable=True)
                with pytest.raises(CacheAwayError, match=f"Redis at {place}"):
                    database.load()
                assert "leaked" not in f"{away.value}{database.health()}"


def test_a_user_name_without_a_password_and_one_with_it_are_both_in_order(server: RedisServer) -> None:
    server.do("ACL", "SETUSER", "open", "on", "nopass", "~*", "+@all")
    server.do("ACL", "SETUSER", "closed", "on", ">se:c/ret", "~*", "+@all")
    for user in ("open@", "closed:se%3Ac%2Fret@"):
        with opened(f"redis://{user}127.0.0.1:{server.port}/0") as database:
            database.add("k", b"1", durable=True)
            assert database.load() == {"k": b"1"}


def test_a_user_without_the_rights_is_told_so(server: RedisServer) -> None:
    server.do("ACL", "SETUSER", "reader", "on", "nopass", "~*", "+@read", "+@connection", "+multi", "+discard")
    with (
        opened(f"redis://reader@127.0.0.1:{server.port}/0", wait_s=0.5, close_timeout_s=0.1) as database,
        pytest.raises(CacheAwayError, match="its user may not do what is needed"),
    ):
        database.add("k", b"1", durable=True)


def test_a_user_who_may_not_end_connections_is_warned_of(server: RedisServer) -> None:
    server.do("ACL", "SETUSER", "mild", "on", "nopass", "~*", "+@all", "-client", "+client|id")
    with opened(f"redis://mild@127.0.0.1:{server.port}/0") as database:
        database.add("k", b"1", durable=True)
        [warning] = database.health().warnings
        assert "may not say CLIENT KILL" in warning


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_that_has_crashed_is_told_to_whoever_looks(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError

    with opened(server.url, wait_s=5, close_timeout_s=0.1) as database:
        database.add("k", b"1", durable=True)
        monkeypatch.setattr(Link, "transact", crash)
        with pytest.raises(CacheAwayError, match="its writer has crashed: ZeroDivisionError"):
            database.add("k", b"2", durable=True)
        with pytest.raises(CacheClosedError, match="its writer has crashed: ZeroDivisionError"):
            database.health()


def test_without_memory_everything_waits_whole_and_is_written_when_there_is_some(server: RedisServer) -> None:
    with opened(server.url, trader="x", buffer_interval_ms=200) as database:
        database.add_order(order("O-0"), durable=True)
        server.do("CONFIG", "SET", "maxmemory", "1")
        for number in range(1, 50):
            made = order(f"O-{number}")
            database.add_order(made)
            database.update_order(made.apply(accepted(f"O-{number}")), accepted(f"O-{number}"))
        database.delete_order("O-0")
        until(lambda: database.health().away is not None)
        assert "it has no memory left (maxmemory)" in str(database.health().away)
        assert server.do("EXISTS", "naive:x:orders:O-1") == 0
        assert server.do("EXISTS", "naive:x:orders:O-0") == 1
        server.do("CONFIG", "SET", "maxmemory", "0")
        until(lambda: database.health().waiting == 0)
        assert len(database.load_index_orders_open()) == len(database.load_orders()) == 49
        assert database.health().away is None


def test_a_replica_takes_no_writes_is_warned_of_and_everything_waits(server: RedisServer) -> None:
    server.do("REPLICAOF", "127.0.0.1", "1")
    with opened(server.url) as database:
        database.add("k", b"1")
        until(lambda: database.health().away is not None)
        health = database.health()
        assert "it is a replica, which takes no writes" in str(health.away)
        assert any("it is a replica" in warning for warning in health.warnings)
        server.do("REPLICAOF", "NO", "ONE")
        until(lambda: database.health().waiting == 0)
        assert database.load() == {"k": b"1"}


def test_eviction_is_warned_of(server: RedisServer) -> None:
    server.do("CONFIG", "SET", "maxmemory", "100mb")
    server.do("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    with opened(server.url) as database:
        database.add("k", b"1", durable=True)
        [warning] = database.health().warnings
        assert "maxmemory-policy allkeys-lru" in warning
        assert f"127.0.0.1:{server.port}" in warning


def test_a_sound_server_is_warned_of_nothing(server: RedisServer) -> None:
    with opened(server.url) as database:
        database.add("k", b"1", durable=True)
        assert database.health().warnings == ()


def test_a_cluster_is_told_to_be_one(tmp_path: Path) -> None:
    with running(tmp_path / "redis", "--cluster-enabled", "yes") as server:
        server.do("CLUSTER", "MEET", "127.0.0.1", server.port)
        with opened(server.url, wait_s=0.5, close_timeout_s=0.1) as database:
            with pytest.raises(CacheAwayError, match=r"Redis Cluster.*give a server of its own"):
                database.add("k", b"1", durable=True)
            assert any("it is a Redis Cluster" in warning for warning in database.health().warnings)


def test_a_redirect_of_a_cluster_is_told_to_be_one(tmp_path: Path) -> None:
    """A node without the key's slot answers MOVED once another one is said to have it."""
    with running(tmp_path / "one", "--cluster-enabled", "yes") as one:
        me = one.do("CLUSTER", "MYID")
        one.do("CLUSTER", "ADDSLOTS", *range(16_384))
        until(lambda: b"cluster_state:ok" in one.do("CLUSTER", "INFO"))
        with running(tmp_path / "two", "--cluster-enabled", "yes") as two:
            two.do("CLUSTER", "MEET", "127.0.0.1", one.port)
            until(lambda: b"cluster_state:ok" in two.do("CLUSTER", "INFO") and me in two.do("CLUSTER", "NODES"))
            with (
                opened(two.url, wait_s=1.0, close_timeout_s=0.1) as database,
                pytest.raises(CacheAwayError, match="it is a Redis Cluster; give a server of its own"),
            ):
                database.add("k", b"1", durable=True)


def test_somebodys_endless_script_is_waited_for(server: RedisServer) -> None:
    server.do("CONFIG", "SET", "lua-time-limit", "10")
    with opened(server.url, answer_timeout_s=0.5) as database:
        database.add("k", b"1", durable=True)

        def loop() -> None:
            with pytest.raises(Exception, match="killed"):
                server.do("EVAL", "while true do end", 0)

        busy = threading.Thread(target=loop)
        busy.start()
        until(lambda: _is_busy(server))
        database.add("k", b"2")
        until(lambda: "busy with somebody's script" in str(database.health().away))
        server.do("SCRIPT", "KILL")
        busy.join()
        until(lambda: database.health().waiting == 0)
        assert database.load() == {"k": b"2"}


def _is_busy(server: RedisServer) -> bool:
    try:
        server.do("GET", "x")
    except Exception as error:  # noqa: BLE001 - whatever is said
        return "BUSY" in str(error)
    return False


# What is stored -----------------------------------------------------------------------------------------------------


def test_a_write_onto_somebody_elses_value_is_told_once_and_holds_up_nothing(server: RedisServer) -> None:
    with opened(server.url, trader="x") as database:
        database.add_order(order("O-2"), durable=True)
        server.do("SET", "naive:x:orders:O-1", "somebody's")
        server.do("SET", "naive:x:order-snapshots:O-2", "somebody's")
        with pytest.raises(CacheCorruptError, match=r"orders:O-1 was not written: .*holds a string and not a list"):
            database.update_order(order("O-1").apply(accepted("O-1")), accepted("O-1"), durable=True)
        server.do("LPUSH", "naive:x:index:orders-open", "somebody's")
        moved = order("O-2").apply(accepted("O-2"))
        with pytest.raises(CacheCorruptError, match="index:orders-open holds a list and not a set"):
            database.update_order(moved, accepted("O-2"), durable=True)
        assert database.load_order("O-2") == order("O-2")
        for _ in range(3):
            database.snapshot_order_state(order("O-2"))
        database.add("k", b"1", durable=True)
        warnings = database.health().warnings
        assert len(warnings) == 3
        assert "order-snapshots:O-2" in warnings[2]
        assert database.health().waiting == 0
        assert database.health().away is None
        assert database.health().refused == 5
        database.flush(keep_general=True)
        assert database.health().warnings == ()
        database.add_order(order("O-1"), durable=True)


def test_what_many_orders_could_not_be_written_onto_is_told_so_often_and_no_more(server: RedisServer) -> None:
    with opened(server.url, trader="x") as database:
        server.do("SET", "naive:x:index:orders-in-flight", "somebody's")
        for number in range(3 * WARNINGS_MAX):
            database.add_order(order(f"O-{number}"))
        database.add("k", b"1", durable=True)
        assert [text.partition(" ")[0] for text in database.health().warnings] == [
            f"orders:O-{number}" for number in range(WARNINGS_MAX)
        ]
        assert database.health().refused == 3 * WARNINGS_MAX


def test_a_foreign_value_under_a_key_of_ours_is_an_error_that_names_it_and_never_nothing(server: RedisServer) -> None:
    with opened(server.url, trader="x") as database:
        server.do("SET", "naive:x:orders:O-1", "somebody's")
        server.do("HSET", "naive:x:general:k", "a", "b")
        server.do("LPUSH", "naive:x:strategies:s", "a")
        server.do("SET", "naive:x:index:orders-open", "a")
        server.do("SADD", "naive:x:heartbeat", "a")
        for load, key in (
            (lambda: database.load_order("O-1"), "orders:O-1"),
            (database.load_orders, "orders:O-1"),
            (database.load, "general:k"),
            (lambda: database.load_object("k"), "general:k"),
            (database.load_strategies, "strategies:s"),
            (database.load_index_orders_open, "index:orders-open"),
            (database.load_heartbeat, "heartbeat"),
            (database.check_integrity, "orders:O-1"),
        ):
            with pytest.raises(CacheCorruptError, match=f"^{key} holds something of another type"):
                load()


@pytest.mark.parametrize("encoding", ["msgpack", "json"])
def test_what_can_not_be_read_is_an_error_that_names_key_and_place(server: RedisServer, encoding: str) -> None:
    with opened(server.url, trader="x", encoding=encoding) as database:
        coding = database.encoding
        made = order("O-1")
        database.add_order(made, durable=True)
        for entry, said in (
            (b"\xff\x00 rubbish", f"orders:O-1, place 1, can not be read as {encoding}"),
            (coding.encode(made), "orders:O-1, place 1, can not be read: "),
            (coding.encode(accepted("O-2")), "place 1, can not be replayed: it is of the order 'O-2'"),
        ):
            server.do("RPUSH", "naive:x:orders:O-1", entry)
            for load in (lambda: database.load_order("O-1"), database.load_orders):
                with pytest.raises(CacheCorruptError, match=said):
                    load()
            server.do("RPOP", "naive:x:orders:O-1")
        event = coding.encode(accepted("O-1"))
        server.do("RPUSH", "naive:x:orders:O-1", event, event)
        with pytest.raises(CacheCorruptError, match=r"orders:O-1, place 2, .*changes nothing: a duplicate"):
            database.load_order("O-1")
        server.do("RENAME", "naive:x:orders:O-1", "naive:x:orders:O-9")
        with pytest.raises(CacheCorruptError, match=r"orders:O-9, place 0, .*it is the order 'O-1'"):
            database.load_order("O-9")
        server.do("RPUSH", "naive:x:accounts:main", *[coding.encode(account_state(NOW_NS))] * 2)
        with pytest.raises(CacheCorruptError, match=r"accounts:main, place 1, .*not newer"):
            database.load_accounts()
        fills = [coding.encode(bought(1))] * 2
        server.do("RPUSH", "naive:x:positions:P", coding.encode(position("P")), *fills)
        with pytest.raises(CacheCorruptError, match=r"positions:P, place 2, .*a duplicate"):
            database.load_positions()
        server.do("SET", "naive:x:currencies:X", b"")
        with pytest.raises(CacheCorruptError, match="currencies:X can not be read"):
            database.load_currencies()
        server.do("SET", "naive:x:heartbeat", "yesterday")
        with pytest.raises(CacheCorruptError, match="heartbeat is b'yesterday'"):
            database.load_heartbeat()
        server.do("SET", b"naive:x:general:\xff", "x")
        with pytest.raises(CacheCorruptError, match="no text"):
            database.keys()


@pytest.mark.parametrize("encoding", ["msgpack", "json"])
def test_a_value_from_another_version_is_told_by_both_versions(server: RedisServer, encoding: str) -> None:
    with opened(server.url, trader="x", encoding=encoding) as database:
        database.add_order(order("O-1"), durable=True)
        [entry] = server.do("LRANGE", "naive:x:orders:O-1", 0, -1)
        later = b"\x92\x02" + entry[2:] if encoding == "msgpack" else b"[2" + entry[2:]
        server.do("LSET", "naive:x:orders:O-1", 0, later)
        said = "orders:O-1, place 0, was written in version 2, and this program reads version 1"
        with pytest.raises(CacheCorruptError, match=said):
            database.load_order("O-1")
        strange = b"\x92\x03\xa3new" if encoding == "msgpack" else b'[3,"new"]'
        server.do("LSET", "naive:x:orders:O-1", 0, strange)
        with pytest.raises(CacheCorruptError, match="version 3"):
            database.load_orders()


def test_integrity_is_checked_both_ways(server: RedisServer) -> None:
    with opened(server.url, trader="x") as database:
        database.add_order(order("O-1"), "P", "C")
        database.add_order(order("O-2"), durable=True)
        server.do("DEL", "naive:x:orders:O-1")
        server.do("SREM", "naive:x:index:orders-in-flight", "O-2")
        server.do("SADD", "naive:x:index:orders-closed", "O-2")
        server.do("SADD", "naive:x:index:positions-open", "gone")
        assert database.check_integrity() == Integrity(
            dangling=(
                "index:orders-closed O-2",
                "index:orders-in-flight O-1",
                "index:positions-open gone",
                "index:order-positions O-1",
                "index:order-clients O-1",
            ),
            unindexed=("orders:O-2",),
        )


def test_a_value_that_no_redis_takes_is_refused_at_the_door(server: RedisServer) -> None:
    with opened(server.url) as database:
        with pytest.raises(ValueError, match=r"^general:k would take \d+ bytes"):
            database.add("k", bytes(VALUE_BYTES_MAX))
        assert database.health().waiting == 0


def test_many_large_values_go_in_batches_that_are_bounded(server: RedisServer) -> None:
    with opened(server.url) as database:
        for number in range(12):
            database.add(str(number), bytes([number]) * (4 * 2**20), durable=number % 4 == 3)
        assert {key: set(value) for key, value in database.load().items()} == {str(n): {n} for n in range(12)}


# Prefixes -----------------------------------------------------------------------------------------------------------


def test_a_flush_at_the_start_comes_before_everything_else(server: RedisServer) -> None:
    with opened(server.url, trader="x") as database:
        database.add("old", b"1")
    with opened(server.url, trader="x", flush_on_start=True) as database:
        database.add("new", b"2")
        assert database.load() == {"new": b"2"}


def test_instances_keep_apart_and_traders_may_share(server: RedisServer) -> None:
    with opened(server.url, trader="x", use_instance_id=True, instance_id="1") as database:
        database.add("k", b"1", durable=True)
    with opened(server.url, trader="x") as database:
        assert database.load() == {}
        database.flush()
    with opened(server.url, trader="x", use_trader_prefix=False) as database:
        database.add("k", b"2", durable=True)
    with opened(server.url, trader="y", use_trader_prefix=False) as database:
        assert database.load() == {"k": b"2"}
    assert sorted(server.do("KEYS", "*")) == [b"naive::general:k", b"naive:x/1:general:k"]


PATTERNS = st.text(st.sampled_from("ab*?[]^-\\:"), max_size=7)
TEXTS = st.text(st.sampled_from("ab*?[]^-\\:"), max_size=5)


@settings(max_examples=300, deadline=None)
@given(pattern=PATTERNS, text=TEXTS)
@example(pattern="[^]", text="a")
@example(pattern="[", text="[")
@example(pattern="a\\", text="a\\")
def test_patterns_mean_what_they_mean_to_redis(shared: RedisServer, pattern: str, text: str) -> None:
    shared.do("FLUSHALL")
    shared.do("SET", text, "x")
    assert (matcher(pattern).fullmatch(text) is not None) == (shared.do("KEYS", pattern) == [text.encode()])
    assert shared.do("KEYS", escape(text)) == [text.encode()]
