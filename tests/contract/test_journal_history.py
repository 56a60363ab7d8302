"""Any history, in the journal of memory and in that of PostgreSQL: the same answers, also when what is old is purged.

Memory sums everything anew each time; PostgreSQL keeps running totals. So one proves the other.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import count, product
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import (
    REFUSALS_KEPT_MAX,
    Cycle,
    CycleOutcome,
    CycleRecorded,
    CycleResult,
    JournalEntry,
    JournalStore,
    OrderRecorded,
)
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.storage.postgres.journal import PostgresJournal
from naive_daemon.storage.postgres.purge import JournalPurge, Purged

SYMBOLS, TRADERS, CYCLES = ("AAAQ", "BBBQ"), (1, 2), (1, 2, 3)
LATER_CYCLES = (4, 5)
OLD_NS, MOMENT_NS, NEW_NS = 10, 1_000, 2_000
_accounts = (f"account{number}" for number in count())

times = st.sampled_from((OLD_NS, OLD_NS + 1, MOMENT_NS - 1, MOMENT_NS, NEW_NS))
amounts = st.decimals("-10", 10, places=3)
sizes = st.decimals(0, 10, places=3)


@st.composite
def results(draw: st.DrawFn) -> CycleResult:
    return CycleResult(
        outcome=draw(st.sampled_from(CycleOutcome)),
        finished_ns=draw(times),
        bought=Decimal(1),
        sold=Decimal(1),
        buy_price=Decimal(2),
        sell_price=None,
        fees={"AAA": Decimal("0.1")},
        realised_pnl=draw(amounts),
        dust_base=draw(sizes),
    )


@st.composite
def entries(draw: st.DrawFn, cycles: Sequence[int]) -> JournalEntry:
    """Give an entry of an account without a name, which `of_account` gives it."""
    key = CycleKey("", draw(st.sampled_from(SYMBOLS)), draw(st.sampled_from(TRADERS)), draw(st.sampled_from(cycles)))
    if draw(st.booleans()):
        return CycleRecorded(
            Cycle(
                key=key,
                budget=Decimal(100),
                fee=Decimal("0.001"),
                settings=TradeSettings(),
                started_ns=OLD_NS,
                rebuy_reported=draw(st.booleans()),
                dust_in=draw(sizes),
                result=draw(st.none() | results()),
            )
        )
    leg = Leg(draw(st.sampled_from(Side)), draw(st.integers(1, 2 + REFUSALS_KEPT_MAX)))
    order = Order(
        client_order_id=f"{key}/{leg.side}{leg.attempt}",
        key=key,
        leg=leg,
        price=Decimal(2),
        quantity=Decimal(10),
        created_ns=OLD_NS,
        updated_ns=draw(times),
        status=draw(st.sampled_from(OrderStatus)),
        filled=draw(sizes),
    )
    if draw(st.booleans()):
        return OrderRecorded(order)
    fill = OrderFilled(
        account="",
        symbol=key.symbol,
        client_order_id=order.client_order_id,
        exchange_order_id="9",
        trade_id=f"{key.cycle}/{draw(st.integers(1, 9))}",
        price=draw(st.decimals("0.1", 9, places=2)),
        quantity=draw(st.decimals("0.001", 9, places=3)),
        commission=draw(sizes),
        commission_asset=draw(st.sampled_from(("AAA", "BNB"))),
        time_ns=order.updated_ns,
    )
    return OrderRecorded(order, fill)


def of_account(entry: JournalEntry, account: str) -> JournalEntry:
    """Give the same of an account that no other example has."""
    if isinstance(entry, CycleRecorded):
        key = msgspec.structs.replace(entry.cycle.key, account=account)
        return CycleRecorded(msgspec.structs.replace(entry.cycle, key=key))
    key = msgspec.structs.replace(entry.order.key, account=account)
    name = account + entry.order.client_order_id
    event = entry.event and msgspec.structs.replace(entry.event, account=account, client_order_id=name)
    return OrderRecorded(msgspec.structs.replace(entry.order, key=key, client_order_id=name), event)


def histories(cycles: Sequence[int] = CYCLES) -> st.SearchStrategy[list[JournalEntry]]:
    return st.lists(entries(cycles), max_size=25)


@pytest.fixture
def postgres(migrated_url: str) -> Iterator[PostgresJournal]:
    opened = PostgresJournal(migrated_url)
    yield opened
    opened.close()


# One database for all examples of a test: each has an account of its own.
many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def start_of(store: JournalStore, account: str) -> tuple[Any, ...]:
    """Give all that a start reads of an account."""
    return (
        store.load_account(account),
        store.load_symbols([(account, symbol) for symbol in SYMBOLS]),
        store.load_risk(account, MOMENT_NS, MOMENT_NS),
    )


def write(history: Sequence[JournalEntry], size: int, *stores: JournalStore) -> None:
    for batch in [history[at : at + size] for at in range(0, len(history), size)]:
        for store in stores:
            store.write(batch)


@many
@given(history=histories(), size=st.integers(1, 8))
def test_running_totals_are_the_sums(postgres: PostgresJournal, history: list[JournalEntry], size: int) -> None:
    account, memory = next(_accounts), MemoryJournal()
    mine = [of_account(entry, account) for entry in history]
    write(mine, size, postgres, memory)
    assert start_of(postgres, account) == start_of(memory, account)
    write(mine[-size:], size, postgres)  # as after a commit whose answer was lost
    assert start_of(postgres, account) == start_of(memory, account)
    keys = [CycleKey(account, *rest) for rest in product(SYMBOLS, TRADERS, CYCLES)]
    assert postgres.load_cycles(keys) == memory.load_cycles(keys)
    ids = [order.client_order_id for order in memory.orders()]
    assert postgres.load_orders(ids) == memory.load_orders(ids) == memory.orders()


@many
@given(history=histories(), later=histories(LATER_CYCLES), size=st.integers(1, 8))
def test_a_purge_takes_what_is_old_and_over_and_nothing_that_is_counted(
    postgres: PostgresJournal, migrated_url: str, history: list[JournalEntry], later: list[JournalEntry], size: int
) -> None:
    account, memory = next(_accounts), MemoryJournal()
    write([of_account(entry, account) for entry in history], size, postgres, memory)
    purge = JournalPurge(migrated_url, account, MOMENT_NS)
    counted = purge.count()
    gone = list(purge.batches())
    assert Purged(*(sum(numbers) for numbers in zip((0, 0, 0), *map(msgspec.structs.astuple, gone), strict=True))) == (
        counted
    )
    assert list(purge.batches()) == []
    purge.close()
    assert start_of(postgres, account) == start_of(memory, account)
    assert postgres.history(account) == survivors(memory)
    write([of_account(entry, account) for entry in later], size, postgres, memory)
    assert start_of(postgres, account) == start_of(memory, account)


def survivors(memory: MemoryJournal) -> tuple[tuple[Order, ...], tuple[Cycle, ...]]:
    """Give what a purge must leave, by the rule in words: the open, the live, and what was heard of since."""

    def is_fresh(order: Order) -> bool:
        return not order.status.is_terminal or order.updated_ns >= MOMENT_NS

    fresh_keys = {order.key for order in memory.orders() if is_fresh(order)}
    cycles = {cycle.key: cycle for cycle in memory.cycles()}
    kept = {
        key: cycle
        for key, cycle in cycles.items()
        if cycle.result is None or cycle.result.finished_ns >= MOMENT_NS or key in fresh_keys
    }
    orders = (order for order in memory.orders() if order.key in kept or (order.key not in cycles and is_fresh(order)))
    return tuple(orders), tuple(kept.values())
