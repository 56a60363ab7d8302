"""Client order ids: short, plain, distinct, and the same for ever."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.order import CycleKey, Leg, Side
from naive_daemon.execution.order_id import LENGTH_MAX, client_order_id, is_ours

owners = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=6, max_size=6)
keys = st.builds(
    CycleKey,
    st.sampled_from(["main", "other"]),
    st.sampled_from(["BTCUSDT", "ETHUSDT", "1000SATSUSDT"]),
    st.integers(1, 10_000),
    st.integers(1, 999_999) | st.integers(60_000_000, 99_999_999),
)
legs = st.builds(Leg, st.sampled_from(Side), st.integers(1, 99) | st.integers(10_000, 10_000_000))


@given(owners, keys, legs)
def test_an_id_is_what_binance_takes(owner: str, key: CycleKey, leg: Leg) -> None:
    made = client_order_id(owner, key, leg)
    assert len(made) <= LENGTH_MAX == 36
    assert re.fullmatch(r"[a-zA-Z0-9\-_]+", made)
    assert is_ours(made, owner)


@given(owners, st.sets(st.tuples(keys, legs), min_size=2, max_size=20))
def test_ids_are_distinct(owner: str, places: set[tuple[CycleKey, Leg]]) -> None:
    assert len({client_order_id(owner, key, leg) for key, leg in places}) == len(places)


def test_an_id_is_the_same_in_every_process() -> None:
    key = CycleKey("main", "BTCUSDT", 2, 15)
    assert client_order_id("3f9a1c", key, Leg(Side.BUY)) == "nd3f9a1c-vuie72vf-2-15-b1"
    assert client_order_id("3f9a1c", key, Leg(Side.SELL, 2)) == "nd3f9a1c-vuie72vf-2-15-s2"


def test_numbers_that_have_outgrown_the_id_are_written_shorter_and_all_others_as_ever() -> None:
    """After a restore cycles go on from 60,000,000; a leg that is refused for days has so many attempts."""
    key = CycleKey("main", "BTCUSDT", 10, 60_000_000)
    assert client_order_id("3f9a1c", key, Leg(Side.SELL, 99_999)) == "nd3f9a1c-vuie72vf-10-60000000-s99999"
    assert client_order_id("3f9a1c", key, Leg(Side.SELL, 100_000)) == "nd3f9a1c-vuie72vf_a_zq0ao_s255s"


def test_another_daemons_id_is_not_ours() -> None:
    made = client_order_id("3f9a1c", CycleKey("main", "BTCUSDT", 1, 1), Leg(Side.BUY))
    assert not is_ours(made, "3f9a1")
    assert not is_ours("web_abc", "3f9a1c")


def test_numbers_that_no_id_holds_are_refused_and_not_cut() -> None:
    with pytest.raises(ValueError, match="longer than 36"):
        client_order_id("3f9a1c", CycleKey("main", "BTCUSDT", 10**12, 10**12), Leg(Side.BUY))
