"""What every JournalStore does: the one in memory, the one in PostgreSQL, and the simulation's, also failing."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import msgspec
import pytest

from naive_daemon.domain.events import OrderAccepted, OrderCancelled, OrderEvent, OrderFilled, OrderRejected
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import (
    Cycle,
    CycleOutcome,
    CycleRecorded,
    CycleResult,
    JournalEntry,
    JournalStore,
    OrderRecorded,
    RiskJournal,
    SideTotal,
)
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.storage.postgres.journal import PostgresJournal
from tests.contract.doubles import journals

# Nineteen digits: neither a float nor a JSON reader of JavaScript's kind holds it.
NOW_NS = 1_790_000_000_123_456_789
KEY = CycleKey("main", "BTCUSDT", 1, 1)

Reopen = Callable[[], JournalStore]


@pytest.fixture(params=["memory", "postgres", "simulated", "failing"])
def reopen(request: pytest.FixtureRequest) -> Iterator[Reopen]:
    """Give the store as a fresh process would see it."""
    if request.param == "memory":
        memory = MemoryJournal()

        def same() -> JournalStore:
            return memory

        yield same
        return
    if request.param != "postgres":
        yield journals(request.param)
        return
    url = request.getfixturevalue("migrated_url")
    opened: list[PostgresJournal] = []

    def again() -> JournalStore:
        for former in opened:
            former.close()
        opened.append(PostgresJournal(url))
        return opened[-1]

    yield again
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Reopen) -> JournalStore:
    return reopen()


def cycle(key: CycleKey = KEY, **changes: object) -> Cycle:
    made = Cycle(
        key=key,
        budget=Decimal("200.10"),
        fee=Decimal("0.001"),
        settings=TradeSettings(
            budget=Decimal("1000.5"),
            profit_interval=Decimal("0.0000000000000000001"),
            parameters=(("fast", "9"), ("words", "it's {} %s")),
        ),
        started_ns=NOW_NS,
    )
    return msgspec.structs.replace(made, **changes)


def result(outcome: CycleOutcome = CycleOutcome.COMPLETED, pnl: str = "0.123456789012345678901234") -> CycleResult:
    return CycleResult(
        outcome=outcome,
        finished_ns=NOW_NS + 9,
        bought=Decimal(1),
        sold=Decimal("0.999"),
        buy_price=Decimal("0.4307"),
        sell_price=None,
        fees={"BTC": Decimal("0.001")},
        realised_pnl=Decimal(pnl),
        dust_base=Decimal(0),
    )


def order(client_order_id: str = "nd-1", key: CycleKey = KEY, leg: Leg | None = None, **changes: object) -> Order:
    made = Order(
        client_order_id=client_order_id,
        key=key,
        leg=leg or Leg(Side.BUY),
        price=Decimal("0.43070000"),
        quantity=Decimal(10),
        created_ns=NOW_NS,
    )
    return msgspec.structs.replace(made, **changes)


def accepted(of: Order) -> OrderAccepted:
    return OrderAccepted(
        account=of.key.account,
        symbol=of.symbol,
        client_order_id=of.client_order_id,
        exchange_order_id="900",
        time_ns=NOW_NS + 1,
    )


def filled(of: Order, trade_id: str, quantity: str, commission: str = "0.001", asset: str = "BTC") -> OrderFilled:
    return OrderFilled(
        account=of.key.account,
        symbol=of.symbol,
        client_order_id=of.client_order_id,
        exchange_order_id="900",
        trade_id=trade_id,
        price=Decimal("0.4307"),
        quantity=Decimal(quantity),
        commission=Decimal(commission),
        commission_asset=asset,
        time_ns=NOW_NS + 2,
    )


def ended(of: Order, kind: type[OrderCancelled | OrderRejected] = OrderCancelled, reason: str = "asked") -> OrderEvent:
    return kind(
        account=of.key.account,
        symbol=of.symbol,
        client_order_id=of.client_order_id,
        time_ns=NOW_NS + 3,
        reason=reason,
    )


def after(of: Order, *events: OrderEvent) -> tuple[Order, list[OrderRecorded]]:
    """Give the order after all events, and what was recorded on the way, its intent first."""
    entries = [OrderRecorded(of)]
    for event in events:
        of = of.apply(event)
        entries.append(OrderRecorded(of, event))
    return of, entries


def orders_of(store: JournalStore, key: CycleKey = KEY) -> tuple[Order, ...]:
    cycles = store.load_symbol(key.account, key.symbol).open_cycles
    return next(opened.orders for opened in cycles if opened.cycle.key == key)


def test_an_empty_journal_loads_as_empty(store: JournalStore) -> None:
    symbol = store.load_symbol("main", "BTCUSDT")
    assert (symbol.open_cycles, symbol.last_cycles) == ((), {})
    assert (symbol.completed, symbol.realised_pnl) == (0, Decimal(0))
    account = store.load_account("main")
    assert (account.live_orders, account.totals, account.commissions) == ((), (), {})
    assert (account.orders_count, account.fills_count) == (0, 0)


def test_writing_nothing_is_fine(store: JournalStore) -> None:
    store.write([])
    assert store.load_account("main").orders_count == 0


def test_an_open_cycle_comes_back_whole(reopen: Reopen) -> None:
    buy, entries = after(order(), accepted(order()), filled(order(), "t1", "4"), filled(order(), "t2", "6"))
    sell = order("nd-2", leg=Leg(Side.SELL, 2), created_ns=NOW_NS + 5)
    reopen().write([CycleRecorded(cycle()), *entries, OrderRecorded(sell)])
    (opened,) = reopen().load_symbol("main", "BTCUSDT").open_cycles
    assert opened.cycle == cycle()
    assert opened.orders == (buy, sell)
    assert opened.orders[0].trade_ids == {"t1", "t2"}
    assert opened.orders[0].commissions == {"BTC": Decimal("0.002")}


def test_nanoseconds_and_decimals_survive_exactly(reopen: Reopen) -> None:
    tiny = Decimal("0.000000000000000000000000000123456789")
    huge = Decimal("123456789012345678901234567890.5")
    exact = order(price=tiny, quantity=huge, created_ns=2**63 - 1, updated_ns=1_790_000_000_000_000_001)
    reopen().write([CycleRecorded(cycle()), OrderRecorded(exact)])
    (found,) = orders_of(reopen())
    assert (found.price, found.quantity) == (tiny, huge)
    assert (found.created_ns, found.updated_ns) == (2**63 - 1, 1_790_000_000_000_000_001)


def test_a_reason_of_any_text_does_not_block_the_journal(reopen: Reopen) -> None:
    rejected, entries = after(
        order(), ended(order(), OrderRejected, 'it\'s "bad"; DROP TABLE orders; -- \\ \n ä 币 %s')
    )
    odd, odd_entries = after(order("nd-2", leg=Leg(Side.BUY, 2)), ended(order("nd-2"), reason="nul \0 and \udc80"))
    reopen().write([CycleRecorded(cycle()), *entries, *odd_entries])
    found = orders_of(reopen())
    assert found[0] == rejected
    assert found[1].status is odd.status


def test_symbols_that_look_like_sql_are_only_names(reopen: Reopen) -> None:
    key = CycleKey("a'; DROP TABLE orders; --", 'X"%S\\', 1, 1)
    reopen().write([CycleRecorded(cycle(key)), OrderRecorded(order(key=key))])
    assert orders_of(reopen(), key) == (order(key=key),)
    assert reopen().load_account(key.account).orders_count == 1


def test_the_same_entries_twice_leave_the_same_rows(reopen: Reopen) -> None:
    _, entries = after(order(), accepted(order()), filled(order(), "t1", "4"))
    batch: list[JournalEntry] = [CycleRecorded(cycle()), *entries]
    reopen().write(batch)
    before = reopen().load_symbol("main", "BTCUSDT"), reopen().load_account("main")
    reopen().write(batch)
    assert (reopen().load_symbol("main", "BTCUSDT"), reopen().load_account("main")) == before


def test_a_batch_is_the_same_as_its_entries_one_by_one(reopen: Reopen) -> None:
    other = order("nd-2", leg=Leg(Side.BUY, 2))
    _, entries = after(order(), accepted(order()), filled(order(), "t1", "4"), ended(order()))
    _, others = after(other, accepted(other), filled(other, "t2", "10"))
    store = reopen()
    singles: list[JournalEntry] = [CycleRecorded(cycle()), *entries, *others]
    for entry in singles:
        store.write([entry])
    singly = orders_of(reopen())
    copy = msgspec.structs.replace(KEY, account="copy")
    moved = [
        OrderRecorded(msgspec.structs.replace(entry.order, key=copy, client_order_id=f"c{entry.order.client_order_id}"))
        for entry in [*entries, *others]
    ]
    reopen().write([CycleRecorded(cycle(copy)), *moved])
    assert [(o.status, o.filled) for o in orders_of(reopen(), copy)] == [(o.status, o.filled) for o in singly]


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize(
    "stale",
    [
        order(),
        order(status=OrderStatus.UNKNOWN),
        order(status=OrderStatus.OPEN, filled=Decimal(9)),
        order(status=OrderStatus.PARTLY_FILLED, filled=Decimal(99)),
        order(status=OrderStatus.CANCELLED, filled=Decimal(4)),
        order(status=OrderStatus.FILLED, filled=Decimal(3)),
    ],
    ids=["intent", "unknown", "open", "live with more", "as much", "less"],
)
def test_what_is_over_stays_as_it_ended(reopen: Reopen, stale: Order, batched: bool) -> None:
    final, entries = after(order(), accepted(order()), filled(order(), "t1", "4"), ended(order()))
    batch: list[JournalEntry] = [CycleRecorded(cycle()), *entries]
    if batched:
        reopen().write([*batch, OrderRecorded(stale)])
    else:
        reopen().write(batch)
        reopen().write([OrderRecorded(stale)])
    assert orders_of(reopen()) == (final,)


@pytest.mark.parametrize(
    "stale", [order(), order(status=OrderStatus.OPEN), order(status=OrderStatus.PARTLY_FILLED, filled=Decimal(3))]
)
def test_filled_never_falls(reopen: Reopen, stale: Order) -> None:
    live, entries = after(order(), accepted(order()), filled(order(), "t1", "4"))
    reopen().write([CycleRecorded(cycle()), *entries])
    reopen().write([OrderRecorded(stale)])
    assert orders_of(reopen()) == (live,)


def test_an_intent_written_again_does_not_take_back_the_accept(reopen: Reopen) -> None:
    live, entries = after(order(), accepted(order()))
    reopen().write([CycleRecorded(cycle()), *entries])
    reopen().write([OrderRecorded(order())])
    assert orders_of(reopen()) == (live,)


def test_a_fill_after_the_end_still_counts(reopen: Reopen) -> None:
    final, entries = after(order(), accepted(order()), ended(order()), filled(order(), "late", "4"))
    reopen().write([CycleRecorded(cycle()), *entries[:3]])
    reopen().write(entries[3:])
    assert orders_of(reopen()) == (final,)
    assert final.status is OrderStatus.CANCELLED
    assert reopen().load_account("main").totals == (SideTotal("BTCUSDT", Side.BUY, Decimal(4), Decimal("1.7228")),)


def test_a_fill_counts_once_by_its_trade_id(reopen: Reopen) -> None:
    _, entries = after(order(), filled(order(), "t1", "4"))
    store = reopen()
    store.write([CycleRecorded(cycle()), *entries])
    store.write([OrderRecorded(entries[-1].order, filled(order(), "t1", "5"))])
    books = reopen().load_account("main")
    assert books.fills_count == 1
    assert books.totals[0].filled == Decimal(4)


def test_trade_ids_are_unique_for_each_symbol_and_account_alone(reopen: Reopen) -> None:
    store = reopen()
    for number, (account, symbol) in enumerate([("main", "BTCUSDT"), ("main", "ETHUSDT"), ("two", "BTCUSDT")]):
        key = CycleKey(account, symbol, 1, 1)
        _, entries = after(order(f"nd-{number}", key), filled(order(f"nd-{number}", key), "t1", "1"))
        store.write([CycleRecorded(cycle(key)), *entries])
    assert reopen().load_account("main").fills_count == 2
    assert reopen().load_account("two").fills_count == 1


def test_an_account_sums_its_fills_by_side_and_its_commission_by_asset(reopen: Reopen) -> None:
    buy, buys = after(order(), filled(order(), "t1", "4"), filled(order(), "t2", "6", "0.5", "BNB"))
    sold = order("nd-2", leg=Leg(Side.SELL))
    _, sells = after(sold, filled(sold, "t3", "3", "0"))
    reopen().write([CycleRecorded(cycle()), *buys, *sells])
    books = reopen().load_account("main")
    assert books.totals == (
        SideTotal("BTCUSDT", Side.BUY, Decimal(10), Decimal("4.307")),
        SideTotal("BTCUSDT", Side.SELL, Decimal(3), Decimal("1.2921")),
    )
    assert books.commissions == {"BTC": Decimal("0.001"), "BNB": Decimal("0.5")}
    assert (books.orders_count, books.fills_count) == (2, 3)
    assert buy.status is OrderStatus.FILLED
    assert [live.client_order_id for live in books.live_orders] == ["nd-2"]
    assert books.live_orders[0].trade_ids == {"t3"}


def test_live_orders_are_those_that_are_not_over_oldest_first(reopen: Reopen) -> None:
    entries: list[OrderRecorded] = []
    for number, status in enumerate(OrderStatus):
        made = order(f"nd-{status}", leg=Leg(Side.BUY, number + 1), created_ns=NOW_NS - number, status=status)
        entries.append(OrderRecorded(made))
    reopen().write(entries)
    found = reopen().load_account("main").live_orders
    assert [live.status for live in found] == [
        OrderStatus.PARTLY_FILLED,
        OrderStatus.OPEN,
        OrderStatus.UNKNOWN,
        OrderStatus.IN_FLIGHT,
    ]


def test_an_ended_cycle_counts_and_is_not_loaded(reopen: Reopen) -> None:
    store = reopen()
    store.write([CycleRecorded(cycle()), OrderRecorded(order(status=OrderStatus.FILLED))])
    store.write([CycleRecorded(cycle(result=result()))])
    second, third = msgspec.structs.replace(KEY, cycle=2), msgspec.structs.replace(KEY, trader=2, cycle=7)
    store.write([CycleRecorded(cycle(second, result=result(CycleOutcome.ABANDONED, "-0.1")))])
    store.write([CycleRecorded(cycle(third))])
    found = reopen().load_symbol("main", "BTCUSDT")
    assert [opened.cycle.key for opened in found.open_cycles] == [third]
    assert found.last_cycles == {1: 2, 2: 7}
    assert found.completed == 1
    assert found.realised_pnl == Decimal("0.023456789012345678901234")


def test_an_order_without_a_cycle_still_takes_its_number(reopen: Reopen) -> None:
    orphan = order(key=msgspec.structs.replace(KEY, trader=3, cycle=41))
    reopen().write([OrderRecorded(orphan)])
    found = reopen().load_symbol("main", "BTCUSDT")
    assert (found.open_cycles, found.last_cycles) == ((), {3: 41})


@pytest.mark.parametrize("batched", [True, False])
def test_an_ended_cycle_never_opens_again(reopen: Reopen, batched: bool) -> None:
    entries = [CycleRecorded(cycle(result=result())), CycleRecorded(cycle())]
    for batch in [entries] if batched else [[entry] for entry in entries]:
        reopen().write(batch)
    found = reopen().load_symbol("main", "BTCUSDT")
    assert (found.open_cycles, found.completed) == ((), 1)


@pytest.mark.parametrize("batched", [True, False])
def test_a_reported_rebuy_stays_reported(reopen: Reopen, batched: bool) -> None:
    entries = [CycleRecorded(cycle(rebuy_reported=True)), CycleRecorded(cycle())]
    for batch in [entries] if batched else [[entry] for entry in entries]:
        reopen().write(batch)
    (opened,) = reopen().load_symbol("main", "BTCUSDT").open_cycles
    assert opened.cycle.rebuy_reported


def test_the_orders_of_one_cycle_are_read_whether_it_has_ended_or_not(reopen: Reopen) -> None:
    final, entries = after(order(), accepted(order()), filled(order(), "t1", "10"))
    sell = order("nd-0", leg=Leg(Side.SELL), created_ns=NOW_NS + 1)
    other = order("nd-3", key=msgspec.structs.replace(KEY, cycle=2))
    reopen().write([*entries, OrderRecorded(sell), OrderRecorded(other)])
    assert reopen().load_cycle(KEY) == (final, sell)
    reopen().write([CycleRecorded(cycle(result=result()))])
    assert reopen().load_cycle(KEY) == (final, sell)
    assert reopen().load_cycle(msgspec.structs.replace(KEY, trader=9)) == ()


def test_of_refused_orders_the_latest_of_each_side_are_kept(reopen: Reopen) -> None:
    """Of a cycle, that is, and beside all others; each one is still found by its id."""
    reopen().write([CycleRecorded(cycle())])
    orders: list[Order] = []
    for attempt in range(1, 13):
        for side in Side:
            made = order(f"nd-{side}{attempt}", leg=Leg(side, attempt), created_ns=NOW_NS + attempt)
            kind = OrderCancelled if attempt == 2 else OrderRejected
            told = (filled(made, f"{side}1", "4"), ended(made, kind)) if attempt == 1 else (ended(made, kind),)
            final, entries = after(made, *told)
            orders.append(final)
            reopen().write(entries)
    kept = tuple(order for order in orders if order.leg.attempt not in (3, 4))
    assert orders_of(reopen()) == kept
    assert reopen().load_cycle(KEY) == kept
    assert reopen().load_risk("main", 0, 0).open_cycle_orders == kept
    assert reopen().load_orders([orders[4].client_order_id, "nobody's", orders[0].client_order_id]) == (
        orders[0],
        orders[4],
    )


def test_the_risk_of_an_account_is_all_orders_of_its_open_cycles(reopen: Reopen) -> None:
    opened, ended_key = KEY, msgspec.structs.replace(KEY, cycle=2)
    other_symbol = CycleKey("main", "ETHUSDT", 7, 1)
    other_account = msgspec.structs.replace(KEY, account="two")
    bought, entries = after(order("nd-1", opened, created_ns=NOW_NS + 1), filled(order("nd-1", opened), "t1", "10"))
    sell = order("nd-2", opened, Leg(Side.SELL), created_ns=NOW_NS + 3)
    first = order("nd-3", other_symbol, created_ns=NOW_NS)
    reopen().write(
        [
            *(CycleRecorded(cycle(key)) for key in (opened, ended_key, other_symbol, other_account)),
            *entries,
            OrderRecorded(sell),
            OrderRecorded(first),
            OrderRecorded(order("nd-4", ended_key)),
            OrderRecorded(order("nd-5", other_account)),
            OrderRecorded(order("nd-6", CycleKey("main", "BTCUSDT", 9, 9))),
        ]
    )
    reopen().write([CycleRecorded(cycle(ended_key, result=result()))])
    found = reopen().load_risk("main", 0, 0)
    assert found.open_cycle_orders == (first, bought, sell)
    assert found.open_cycle_orders[1].trade_ids == {"t1"}
    assert reopen().load_risk("nobody", 0, 0) == RiskJournal(open_cycle_orders=(), realised_pnl={})


def test_when_orders_of_an_account_were_made_is_told_from_a_moment_on_whatever_became_of_them(reopen: Reopen) -> None:
    made = {"nd-1": NOW_NS + 2, "nd-2": NOW_NS - 1, "nd-3": NOW_NS}
    other = CycleKey("two", "BTCUSDT", 1, 1)
    ended = msgspec.structs.replace(order("nd-9", created_ns=NOW_NS + 1), status=OrderStatus.REJECTED)
    reopen().write([CycleRecorded(cycle(KEY, result=result())), CycleRecorded(cycle(other))])
    for attempt, (name, created_ns) in enumerate(made.items(), start=2):
        reopen().write([OrderRecorded(order(name, KEY, Leg(Side.BUY, attempt), created_ns=created_ns))])
    reopen().write([OrderRecorded(ended), OrderRecorded(order("nd-8", other, created_ns=NOW_NS + 3))])
    assert reopen().load_risk("main", 0, NOW_NS).sent_ns == (NOW_NS, NOW_NS + 1, NOW_NS + 2)
    assert reopen().load_risk("main", 0, NOW_NS + 3).sent_ns == ()


def test_what_was_realised_since_a_moment_is_summed_by_symbol(reopen: Reopen) -> None:
    def done(key: CycleKey, finished_ns: int, pnl: str) -> CycleRecorded:
        ending = msgspec.structs.replace(result(CycleOutcome.ABANDONED, pnl), finished_ns=finished_ns)
        return CycleRecorded(cycle(key, result=ending))

    tiny = "-0.000000000000000000000000000123456789"
    reopen().write(
        [
            done(msgspec.structs.replace(KEY, cycle=1), NOW_NS - 1, "-1000"),
            done(msgspec.structs.replace(KEY, cycle=2), NOW_NS, tiny),
            done(msgspec.structs.replace(KEY, cycle=3), NOW_NS + 5, "-123456789012345678901234567890"),
            done(CycleKey("main", "ETHUSDT", 1, 1), NOW_NS + 5, "0.5"),
            done(CycleKey("main", "LATEUSDT", 1, 1), NOW_NS - 1, "7"),
            done(CycleKey("two", "BTCUSDT", 1, 1), NOW_NS + 5, "3"),
            CycleRecorded(cycle(CycleKey("main", "OPENUSDT", 1, 1))),
        ]
    )
    assert reopen().load_risk("main", NOW_NS, NOW_NS).realised_pnl == {
        "BTCUSDT": Decimal("-123456789012345678901234567890.000000000000000000000000000123456789"),
        "ETHUSDT": Decimal("0.5"),
    }
    assert reopen().load_risk("main", NOW_NS + 6, NOW_NS).realised_pnl == {}


def test_closing_twice_is_fine(store: JournalStore) -> None:
    store.close()
    store.close()
