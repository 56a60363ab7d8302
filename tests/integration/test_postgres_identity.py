"""The identity of a journal: drawn once for ever, signs of life, a floor that only rises, accounts that are level."""

import random
from collections.abc import Iterator

import psycopg
import pytest

from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.errors import TransientError
from naive_daemon.domain.order import CycleKey, Leg
from naive_daemon.domain.settings import CHUNKS_MAX
from naive_daemon.domain.side import Side
from naive_daemon.execution.order_id import LENGTH_MAX, client_order_id
from naive_daemon.storage.postgres.identity import PostgresIdentity
from tests.claimed_venue import claim_venue

NOW_NS = 1_796_000_000 * NS_PER_S
IN_2020_NS = 1_577_836_800 * NS_PER_S
IN_2055_NS = 2_700_000_000 * NS_PER_S

ORDERS = """
INSERT INTO orders (client_order_id, account, symbol, trader, cycle, side, attempt, price, quantity, status, created_ns,
                    updated_ns)
VALUES ('a', 'main', 'AAAQ', 1, 1, 'BUY', 1, 2, 3, 'filled', 1, 1),
       ('b', 'other', 'AAAQ', 1, 1, 'BUY', 1, 2, 3, 'filled', %(newest_ns)s, 1),
       ('c', 'other', 'AAAQ', 1, 2, 'BUY', 1, 2, 3, 'filled', 1, 1)
"""


@pytest.fixture
def identity(migrated_url: str) -> Iterator[PostgresIdentity]:
    made = PostgresIdentity(migrated_url)
    yield made
    made.close()


def test_the_identity_is_drawn_once_for_ever(migrated_url: str, identity: PostgresIdentity) -> None:
    second, generator = PostgresIdentity(migrated_url), random.Random(1)
    drawn = identity.read(generator)
    assert len(drawn.owner) == 6
    assert (drawn.signs, drawn.cycle_floor) == (0, 0)
    assert second.read(generator) == drawn
    second.close()
    assert second.read(generator) == drawn
    second.close()


def test_signs_of_life_are_counted(identity: PostgresIdentity) -> None:
    identity.read(random.Random(1))
    assert [identity.note_sign(), identity.note_sign()] == [1, 2]
    assert identity.read(random.Random(2)).signs == 2


def test_a_floor_is_the_time_and_rises_also_when_the_clock_went_back(identity: PostgresIdentity) -> None:
    identity.read(random.Random(1))
    floor = identity.raise_floor(NOW_NS, 7)
    assert floor == 60_310_400  # seconds since 2025
    assert identity.read(random.Random(1)).signs == 7
    assert identity.raise_floor(NOW_NS - NS_PER_S) == floor + 1
    assert identity.read(random.Random(1)).signs == 7


def test_no_floor_is_below_the_newest_order(migrated_url: str, identity: PostgresIdentity) -> None:
    identity.read(random.Random(1))
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute(ORDERS, {"newest_ns": NOW_NS})
    assert identity.raise_floor(NOW_NS - 3_600 * NS_PER_S) == 60_310_400
    assert identity.raise_floor(NOW_NS + NS_PER_S) == 60_310_401


def test_while_the_clock_is_not_set_there_is_no_floor(identity: PostgresIdentity) -> None:
    before = identity.read(random.Random(1))
    with pytest.raises(TransientError, match="the clock is not set: it says 2020-01-01 00:00Z"):
        identity.raise_floor(IN_2020_NS, 7)
    assert identity.read(random.Random(1)) == before


def test_a_database_that_no_daemon_ever_used_has_no_floor_to_raise(identity: PostgresIdentity) -> None:
    assert identity.raise_floor(NOW_NS) == 0
    assert identity.is_level("main")


def test_each_account_is_level_by_itself(migrated_url: str, identity: PostgresIdentity) -> None:
    identity.read(random.Random(1))
    claim_venue(migrated_url, "main", "paper")
    claim_venue(migrated_url, "other", "paper")
    assert identity.is_level("main")
    assert identity.is_level("never seen")
    floor = identity.raise_floor(NOW_NS)
    assert not identity.is_level("main")
    assert not identity.is_level("never seen")
    identity.note_level("main", floor)
    assert identity.is_level("main")
    assert not identity.is_level("other")
    identity.raise_floor(NOW_NS)
    assert not identity.is_level("main")


def test_identity_is_one_row(migrated_url: str, identity: PostgresIdentity) -> None:
    identity.read(random.Random(1))
    with (
        psycopg.connect(migrated_url, autocommit=True) as connection,
        pytest.raises(psycopg.errors.CheckViolation),
    ):
        connection.execute("INSERT INTO identity (id, owner) VALUES (2, 'abcdef')")


@pytest.mark.parametrize(("trader", "attempt"), [(CHUNKS_MAX, 9), (1_000, 99), (99, 9_999)])
def test_ids_above_a_floor_are_short_enough_for_thirty_years(
    identity: PostgresIdentity, trader: int, attempt: int
) -> None:
    identity.read(random.Random(1))
    floor = identity.raise_floor(IN_2055_NS)
    key = CycleKey("main", "BTCUSDT", trader, floor)
    assert len(client_order_id("abcdef", key, Leg(Side.SELL, attempt))) <= LENGTH_MAX
