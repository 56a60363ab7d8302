"""What a journal knows a fill by: an exchange may give one trade id to two orders of an account and symbol.

Both do when an account trades with itself; and a network that was reset numbers its trades anew.
"""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import CycleRecorded, JournalEntry, JournalStore, OrderRecorded
from tests.contract.doubles import journal_of
from tests.contract.test_journal_store import KEY, cycle, filled, order

BUY, SELL = order("nd-buy"), order("nd-sell", leg=Leg(Side.SELL))
LATER = order("nd-later", CycleKey("main", "BTCUSDT", 1, 2))


@pytest.fixture(params=["memory", "postgres", "simulated", "failing"])
def store(request: pytest.FixtureRequest) -> Iterator[JournalStore]:
    with closing(journal_of(request)) as opened:
        yield opened


def traded(of: Order, *quantities: str) -> list[JournalEntry]:
    """Give what is written of an order whose trades have the numbers 1, 2, …."""
    entries: list[JournalEntry] = [OrderRecorded(of)]
    for number, quantity in enumerate(quantities, 1):
        fill = filled(of, str(number), quantity)
        of = of.apply(fill)
        entries.append(OrderRecorded(of, fill))
    return entries


def at_once(store: JournalStore, *parts: list[JournalEntry]) -> None:
    store.write([entry for part in parts for entry in part])


def one_by_one(store: JournalStore, *parts: list[JournalEntry]) -> None:
    for part in parts:
        store.write(part)


@pytest.mark.parametrize("write", [at_once, one_by_one])
@pytest.mark.parametrize("other", [SELL, LATER], ids=["a trade with oneself", "numbers anew"])
def test_one_trade_id_of_two_orders_is_two_fills(store: JournalStore, write: Callable[..., None], other: Order) -> None:
    write(store, [CycleRecorded(cycle()), CycleRecorded(cycle(LATER.key))], traded(BUY, "4"), traded(other, "3", "2"))
    found = store.load_account("main")
    assert found.fills_count == 3
    assert sum(total.filled for total in found.totals) == 9
    orders = {one.client_order_id: one for one in store.load_orders([BUY.client_order_id, other.client_order_id])}
    assert orders[BUY.client_order_id].trade_ids == {"1"}
    assert orders[other.client_order_id].trade_ids == {"1", "2"}


@pytest.mark.parametrize("write", [at_once, one_by_one])
def test_what_is_told_again_after_a_restart_changes_neither_order(
    store: JournalStore, write: Callable[..., None]
) -> None:
    write(store, [CycleRecorded(cycle())], traded(BUY, "4"), traded(SELL, "4"))
    for one in store.load_cycle(KEY):
        assert one.apply(filled(one, "1", "4")) is one
    write(store, traded(BUY, "4"), traded(SELL, "4"))
    assert store.load_account("main").fills_count == 2
