"""Which order a journal takes over which: every pair of states, in each journal, and by the rule."""

from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from itertools import product

import msgspec
import pytest

from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import JournalStore, OrderRecorded, is_stale_order
from tests.contract.doubles import journal_of

KEY = CycleKey("main", "BTCUSDT", 1, 1)
PAIRS = [
    (known, written, filled)
    for known, written, filled in product(OrderStatus, OrderStatus, ("3", "4", "5"))  # 4 are known to be filled
]


def order(number: int, status: OrderStatus, filled: str) -> Order:
    return Order(
        client_order_id=f"id{number}",
        key=KEY,
        leg=Leg(Side.BUY, number + 1),
        price=Decimal(2),
        quantity=Decimal(10),
        created_ns=number,
        updated_ns=number,
        status=status,
        exchange_order_id=f"{status.value}{filled}",
        filled=Decimal(filled),
    )


@pytest.fixture(params=["memory", "postgres", "failing"])
def store(request: pytest.FixtureRequest) -> Iterator[JournalStore]:
    with closing(journal_of(request)) as opened:
        yield opened


@pytest.mark.parametrize("commits", [1, 2])
def test_every_pair_of_states_is_written_as_the_rule_says(store: JournalStore, commits: int) -> None:
    known = [order(number, before, "4") for number, (before, _, _) in enumerate(PAIRS)]
    written = [order(number, after, filled) for number, (_, after, filled) in enumerate(PAIRS)]
    former, later = [[OrderRecorded(one) for one in orders] for orders in (known, written)]
    for batch in [former + later] if commits == 1 else [former, later]:
        store.write(batch)
    expected = [old if is_stale_order(new, old) else new for old, new in zip(known, written, strict=True)]
    read = sorted(store.load_cycle(KEY), key=lambda one: one.created_ns)
    assert [(one.status, one.filled) for one in read] == [(one.status, one.filled) for one in expected]


@pytest.mark.parametrize("resting", [OrderStatus.OPEN, OrderStatus.PARTLY_FILLED])
def test_unknown_from_anywhere_is_written_and_so_is_what_comes_after_it(
    store: JournalStore, resting: OrderStatus
) -> None:
    known = order(0, resting, "4")
    for after in (OrderStatus.UNKNOWN, resting, OrderStatus.UNKNOWN, OrderStatus.CANCELLED):
        store.write([OrderRecorded(msgspec.structs.replace(known, status=after))])
        assert [one.status for one in store.load_cycle(KEY)] == [after]
