"""Accounts, orders and positions in every cache database: replayed to the last digit, indexed with every write."""

from typing import Any

from naive_daemon.cache.database import (
    CacheDatabase,
    Integrity,
    PositionSnapshot,
)
from tests.contract.cache_objects import (
    LONG,
    NOW_NS,
    accepted,
    account_state,
    bought,
    cancelled,
    filled,
    order,
    position,
    rejected,
    sold,
)


def add_filled_order(database: CacheDatabase, name: str) -> Any:
    """Store an order that is filled in three parts; gives it as it is then."""
    made = order(name)
    database.add_order(made)
    for event in (accepted(name), filled(name, 1), filled(name, 2), filled(name, 3)):
        made = made.apply(event)
        database.update_order(made, event)
    return made


# Accounts -------------------------------------------------------------------------------------------------------------


def test_an_account_is_its_newest_state(database: CacheDatabase) -> None:
    database.add_account(account_state(NOW_NS))
    database.update_account(account_state(NOW_NS + 1))
    database.add_account(account_state(NOW_NS, "spare"))
    assert database.load_account("main") == account_state(NOW_NS + 1)
    assert database.load_accounts() == {
        "main": account_state(NOW_NS + 1),
        "spare": account_state(NOW_NS, "spare"),
    }
    database.add_account(account_state(NOW_NS - 5))
    assert database.load_account("main") == account_state(NOW_NS - 5)


def test_a_state_of_an_account_that_was_never_added_changes_nothing(database: CacheDatabase) -> None:
    database.update_account(account_state())
    assert database.load_accounts() == {}


# Orders ---------------------------------------------------------------------------------------------------------------


def test_an_order_is_replayed_as_it_was_with_every_digit(database: CacheDatabase) -> None:
    made = add_filled_order(database, "O-1")
    found = database.load_order("O-1")
    assert found == made
    assert found is not None
    assert (found.created_ns, found.updated_ns) == (NOW_NS, NOW_NS + 5)
    assert found.commissions == {"BNB": LONG * 3}
    assert database.load_orders() == {"O-1": made}


def test_reasons_that_look_like_other_values_stay_text(database: CacheDatabase) -> None:
    for name, event in (("O-1", cancelled("O-1")), ("O-2", rejected("O-2"))):
        made = order(name)
        database.add_order(made)
        database.update_order(made.apply(event), event)
        assert database.load_order(name) == made.apply(event)


def test_an_order_that_is_added_again_begins_anew(database: CacheDatabase) -> None:
    database.add_order(order("O-1"), position_id="P", client_id="C")
    database.update_order(order("O-1").apply(accepted("O-1")), accepted("O-1"))
    database.add_order(order("O-1"))
    assert database.load_order("O-1") == order("O-1")
    assert database.load_index_orders_in_flight() == {"O-1"}
    assert database.load_index_orders_open() == frozenset()
    assert database.load_index_order_position() == database.load_index_order_client() == {}


def test_an_order_moves_through_the_indexes(database: CacheDatabase) -> None:
    made = order("O-1")
    database.add_order(made)
    assert database.load_index_orders_in_flight() == {"O-1"}
    made = made.apply(accepted("O-1"))
    database.update_order(made, accepted("O-1"))
    assert database.load_index_orders_open() == {"O-1"}
    assert database.load_index_orders_in_flight() == frozenset()
    made = made.apply(cancelled("O-1"))
    database.update_order(made, cancelled("O-1"))
    assert database.load_index_orders_closed() == {"O-1"}
    assert database.load_index_orders_open() == frozenset()
    assert database.check_integrity() == Integrity()


def test_ids_of_exchange_position_and_client_are_noted(database: CacheDatabase) -> None:
    database.add_order(order("O-1"), "P-1", "C-1")
    database.add_order(order("O-2"))
    database.index_venue_order_id("O-1", "V:1")
    database.index_order_position("O-2", "P-2")
    database.index_order_position("O-2", "P-3")
    assert database.load_index_venue_order_id() == {"O-1": "V:1"}
    assert database.load_index_order_position() == {"O-1": "P-1", "O-2": "P-3"}
    assert database.load_index_order_client() == {"O-1": "C-1"}


def test_a_deleted_order_takes_everything_along_and_nothing_brings_it_back(database: CacheDatabase) -> None:
    made = order("O-1")
    database.add_order(made, "P", "C")
    database.index_venue_order_id("O-1", "V")
    database.snapshot_order_state(made)
    database.delete_order("O-1")
    database.delete_order("O-1")
    assert database.keys() == []
    database.update_order(made.apply(accepted("O-1")), accepted("O-1"))
    database.index_venue_order_id("O-1", "V")
    database.index_order_position("O-1", "P")
    assert database.keys() == []
    assert database.check_integrity() == Integrity()


def test_snapshots_of_an_order_can_be_loaded(database: CacheDatabase) -> None:
    made = order("O-1")
    database.snapshot_order_state(made)
    database.snapshot_order_state(made.apply(accepted("O-1")))
    assert database.load_order_snapshots("O-1") == (made, made.apply(accepted("O-1")))


# Positions ------------------------------------------------------------------------------------------------------------


def test_a_position_is_replayed_and_moves_through_the_indexes(database: CacheDatabase) -> None:
    held = position("P-1")
    database.add_position(held)
    assert database.load_index_positions_closed() == {"P-1"}
    for fill in (bought(1), bought(2), sold(3)):
        held = held.apply(fill)
        database.update_position(held, fill)
    assert database.load_position("P-1") == held
    assert database.load_positions() == {"P-1": held}
    assert database.load_index_positions_open() == {"P-1"}
    assert database.load_index_positions_closed() == frozenset()
    held = held.apply(sold(4))
    database.update_position(held, sold(4))
    assert database.load_index_positions_closed() == {"P-1"}
    assert database.check_integrity() == Integrity()


def test_a_deleted_position_takes_everything_along_and_nothing_brings_it_back(database: CacheDatabase) -> None:
    held = position("P-1")
    database.add_position(held)
    database.snapshot_position_state(held, NOW_NS)
    database.delete_position("P-1")
    database.delete_position("P-1")
    database.update_position(held.apply(bought(1)), bought(1))
    assert database.keys() == []


def test_snapshots_of_a_position_can_be_loaded(database: CacheDatabase) -> None:
    held = position("P-1").apply(bought(1))
    database.snapshot_position_state(held, NOW_NS, LONG)
    database.snapshot_position_state(held, NOW_NS + 1)
    assert database.load_position_snapshots("P-1") == (
        PositionSnapshot(position=held, ts_snapshot=NOW_NS, unrealized_pnl=LONG),
        PositionSnapshot(position=held, ts_snapshot=NOW_NS + 1),
    )
