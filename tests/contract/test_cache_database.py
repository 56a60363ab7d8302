"""What every cache database does, in both encodings: the laws of `naive_daemon/cache/database.py`, one test a law."""

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from naive_daemon.cache.database import (
    CacheClosedError,
    CacheDatabase,
    CacheHealth,
    Integrity,
)
from naive_daemon.domain.currency import Currency
from naive_daemon.domain.synthetic import SyntheticInstrument
from tests.contract.cache_objects import (
    LONG,
    NOW_NS,
    accepted,
    account_state,
    bought,
    cancelled,
    filled,
    instrument,
    order,
    position,
    sold,
)

ODD_KEYS = ("", ":", "a:b:c", "with blanks and\nlines", "*?[x]\\", "ключ", "🔑", "general:", "\0")


def add_filled_order(database: CacheDatabase, name: str) -> Any:
    """Store an order that is filled in three parts; gives it as it is then."""
    made = order(name)
    database.add_order(made)
    for event in (accepted(name), filled(name, 1), filled(name, 2), filled(name, 3)):
        made = made.apply(event)
        database.update_order(made, event)
    return made


# General objects ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ODD_KEYS)
@pytest.mark.parametrize("value", [b"", b"\x00\xff\r\n$-1", b"12345678901234567890"])
def test_bytes_come_back_as_they_went_in(database: CacheDatabase, key: str, value: bytes) -> None:
    database.add(key, value)
    assert database.load() == {key: value}
    assert database.load_object(key) == value
    assert database.keys() == [f"general:{key}"]


def test_an_add_takes_the_place_of_what_was_there(database: CacheDatabase) -> None:
    database.add("k", b"1")
    database.add("k", b"2")
    assert database.load() == {"k": b"2"}
    assert database.load_object("k", previous=True) is None


def test_a_replacement_keeps_what_was_there(database: CacheDatabase) -> None:
    database.replace("k", b"1")
    assert database.load_object("k", previous=True) is None
    database.replace("k", b"2")
    database.replace("k", b"3")
    assert (database.load_object("k"), database.load_object("k", previous=True)) == (b"3", b"2")
    assert database.load() == {"k": b"3"}


def test_a_deleted_object_is_gone_with_what_was_kept_of_it(database: CacheDatabase) -> None:
    database.replace("k", b"1")
    database.replace("k", b"2")
    database.delete("k")
    database.delete("k")
    assert database.load() == {}
    assert database.load_object("k") is None
    assert database.load_object("k", previous=True) is None


def test_a_value_of_ten_megabytes_comes_back(database: CacheDatabase) -> None:
    value = bytes(range(256)) * (10 * 2**20 // 256)
    database.add("large", value, durable=True)
    assert database.load_object("large") == value


# What is missing ------------------------------------------------------------------------------------------------------


def test_what_is_missing_loads_as_none_and_a_missing_collection_as_empty(database: CacheDatabase) -> None:
    assert database.load_object("x") is None
    assert database.load_currency("X") is None
    assert database.load_instrument("X") is None
    assert database.load_synthetic("X.SYNTH") is None
    assert database.load_account("x") is None
    assert database.load_order("x") is None
    assert database.load_position("x") is None
    assert database.load_heartbeat() is None
    for load in (
        database.load,
        database.load_currencies,
        database.load_instruments,
        database.load_synthetics,
        database.load_accounts,
        database.load_orders,
        database.load_positions,
        database.load_strategies,
        database.load_index_venue_order_id,
        database.load_index_order_position,
        database.load_index_order_client,
        lambda: database.load_actor("x"),
        lambda: database.load_strategy("x"),
    ):
        assert load() == {}
    for index in (
        database.load_index_orders_open,
        database.load_index_orders_closed,
        database.load_index_orders_in_flight,
        database.load_index_positions_open,
        database.load_index_positions_closed,
    ):
        assert index() == frozenset()
    assert database.load_order_snapshots("x") == database.load_position_snapshots("x") == ()
    assert database.check_integrity() == Integrity()
    assert database.purge(NOW_NS) == 0
    assert database.keys() == []


# Definitions ----------------------------------------------------------------------------------------------------------


def test_currencies_and_instruments_come_back_to_the_last_digit(database: CacheDatabase) -> None:
    euro = Currency(code="EUR", precision=2, name="Евро")
    database.add_currency(euro)
    database.add_currency(Currency(code="USDT", precision=8))
    database.add_instrument(instrument())
    database.add_instrument(instrument("ETHUSDT"))
    assert database.load_currency("EUR") == euro
    assert set(database.load_currencies()) == {"EUR", "USDT"}
    assert database.load_instrument("BTCUSDT") == instrument()
    assert str(database.load_instruments()["ETHUSDT"].tick_size) == "0.01000000"


def test_a_synthetic_instrument_is_told_from_others(database: CacheDatabase) -> None:
    made = SyntheticInstrument(symbol="PAIR.SYNTH", weights={"A": LONG, "B": Decimal(-1)}, tick_size=Decimal("0.1"))
    database.add_synthetic(made)
    assert database.load_synthetic("PAIR.SYNTH") == made
    assert database.load_synthetics() == {"PAIR.SYNTH": made}
    with pytest.raises(ValueError, match=r"symbol is 'BTCUSDT', and not a synthetic instrument's"):
        database.load_synthetic("BTCUSDT")


# States ---------------------------------------------------------------------------------------------------------------


def test_a_state_takes_the_place_of_the_one_before_and_can_be_deleted(database: CacheDatabase) -> None:
    database.update_actor("a:1", {"x": b"1", "ключ": b"\xff"})
    database.update_actor("a:1", {"y": b""})
    database.update_actor("a:2", {})
    database.update_strategy("main/BTCUSDT/1", {"state": b"1"})
    database.update_strategy("main/BTCUSDT/2", {"state": b"2"})
    assert database.load_actor("a:1") == {"y": b""}
    assert database.load_actor("a:2") == {}
    assert database.load_strategies() == {"main/BTCUSDT/1": {"state": b"1"}, "main/BTCUSDT/2": {"state": b"2"}}
    database.delete_actor("a:1")
    database.delete_strategy("main/BTCUSDT/1")
    database.delete_strategy("main/BTCUSDT/1")
    assert database.load_actor("a:1") == {}
    assert set(database.load_strategies()) == {"main/BTCUSDT/2"}


# Upkeep ---------------------------------------------------------------------------------------------------------------


def test_a_purge_forgets_what_is_over_for_long_and_never_what_is_open(database: CacheDatabase) -> None:
    old, late = NOW_NS + 100, NOW_NS + 1_000
    for name, at_ns in (("old", old), ("young", late)):
        made = order(name)
        database.add_order(made, "P", "C")
        database.update_order(made.apply(cancelled(name, at_ns)), cancelled(name, at_ns))
        database.snapshot_order_state(made)
    database.add_order(order("open"))
    flat, held = position("flat"), position("held").apply(bought(1))
    database.add_position(flat.apply(bought(1)).apply(sold(2)))
    database.add_position(held)
    for time_ns in (NOW_NS, NOW_NS + 1, late):
        (database.add_account if time_ns == NOW_NS else database.update_account)(account_state(time_ns))
    assert database.purge(old + 1) == 1 + 1 + 2
    assert set(database.load_orders()) == {"young", "open"}
    assert set(database.load_positions()) == {"held"}
    assert database.load_account("main") == account_state(late)
    assert database.load_order_snapshots("old") == ()
    assert database.load_index_order_position() == {"young": "P"}
    assert database.check_integrity() == Integrity()
    assert database.purge(NOW_NS * 2) == 1
    assert database.load_account("main") == account_state(late)
    assert set(database.load_orders()) == {"open"}


def test_the_last_heartbeat_comes_back_with_all_its_digits(database: CacheDatabase) -> None:
    database.heartbeat(NOW_NS)
    database.heartbeat(NOW_NS + 1)
    assert database.load_heartbeat() == NOW_NS + 1


def test_keys_are_found_by_glob_patterns(database: CacheDatabase) -> None:
    for key in ("a", "b", "ab", "a*b", "é", "[x]", "a-b"):
        database.add(key, b"")
    database.add_order(order("O-1"))

    def found(pattern: str) -> list[str]:
        return [key.removeprefix("general:") for key in database.keys(f"general:{pattern}")]

    assert found("?") == ["a", "b", "é"]
    assert found("a*") == ["a", "a*b", "a-b", "ab"]
    assert found(r"a\*b") == ["a*b"]
    assert found("[ab]") == ["a", "b"]
    assert found("[^a]") == ["b", "é"]
    assert found("[a-b]") == ["a", "b"]
    assert found(r"\[x\]") == ["[x]"]
    assert found(r"a[*\-]b") == ["a*b", "a-b"]
    assert database.keys("orders:*") == ["orders:O-1"]
    assert database.keys("nothing*") == []


def test_a_flush_forgets_everything_or_keeps_general_objects(database: CacheDatabase) -> None:
    database.replace("k", b"1")
    database.replace("k", b"2")
    add_filled_order(database, "O-1")
    database.update_strategy("s", {"state": b"1"})
    database.flush(keep_general=True)
    assert database.keys() == ["general:k", "previous:k"]
    database.add_order(order("O-2"))
    database.flush()
    assert database.keys() == []
    database.add("k", b"3")
    assert database.load() == {"k": b"3"}


def test_writes_take_effect_in_their_order(database: CacheDatabase) -> None:
    for number in range(2_000):
        database.add("k", b"%d" % number)
        if number % 3 == 0:
            database.delete("k")
    assert database.load_object("k") == b"1999"


def test_a_notice_comes_once_everything_written_so_far_is_acknowledged(database: CacheDatabase) -> None:
    done = threading.Event()
    for number in range(500):
        database.add(str(number), b"x")
    database.notify(done.set)
    assert done.wait(30)
    assert database.health() == CacheHealth()
    assert len(database.load()) == 500


def test_a_notice_of_nothing_comes_at_once(database: CacheDatabase) -> None:
    done = threading.Event()
    database.notify(done.set)
    assert done.wait(30)


def test_many_threads_may_write_and_none_loses_anything(database: CacheDatabase) -> None:
    def write(thread: int) -> None:
        for number in range(100):
            database.add(f"{thread}:{number}", b"%d" % number, durable=number % 10 == 0)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(database.load()) == 800


def test_a_close_may_come_twice_and_a_write_after_it_is_an_error(
    database: CacheDatabase, open_database: Callable[[], CacheDatabase]
) -> None:
    database.add("k", b"1")
    second = open_database()
    second.add("k", b"2")
    second.close()
    second.close()
    for call in (
        lambda: second.add("k", b"3"),
        second.load,
        second.flush,
        lambda: second.heartbeat(1),
    ):
        with pytest.raises(CacheClosedError):
            call()
