"""The leader's books of cycles: numbers, totals, and dust that is neither lost nor given twice."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.cycle import Cycle, CycleOutcome, CycleResult
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import ZERO
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.settings import Dust, TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import CycleRecorded, OpenCycle, SymbolJournal
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.strategy.protocol import Position
from naive_daemon.trading.context import SymbolContext
from naive_daemon.trading.cycle_book import CycleBook, with_cycle

CONTEXT = SymbolContext(
    account="main",
    symbol="AAAQ",
    owner="test",
    instruments={
        "AAAQ": Instrument(
            symbol="AAAQ", base_asset="AAA", quote_asset="Q", tick_size=Decimal("0.01"), step_size=Decimal("0.1")
        )
    },
    fee=Decimal("0.001"),
)
SWEEP, KEEP = TradeSettings(), TradeSettings(dust=Dust.KEEP)


def book(dust: str = "0") -> CycleBook:
    opened = CycleBook(CONTEXT)
    opened.open(
        SymbolJournal(open_cycles=(), last_cycles={1: 7}, completed=3, realised_pnl=Decimal(5), dust_base=Decimal(dust))
    )
    return opened


def ended(cycle: Cycle, dust: str, *orders: Order) -> Position:
    result = CycleResult(
        outcome=CycleOutcome.COMPLETED,
        finished_ns=9,
        bought=Decimal(1),
        sold=Decimal(1),
        buy_price=Decimal(1),
        sell_price=Decimal(1),
        fees={},
        realised_pnl=Decimal(2),
        dust_base=Decimal(dust),
    )
    return with_cycle(Position(cycle=cycle, orders=orders), result=result)


def refused_sell(key: CycleKey) -> Order:
    return Order(
        client_order_id="s",
        key=key,
        leg=Leg(Side.SELL),
        price=Decimal(1),
        quantity=Decimal(1),
        created_ns=1,
        status=OrderStatus.REJECTED,
    )


def test_numbers_and_totals_go_on_where_the_journal_stands() -> None:
    books = book()
    first = books.fresh(1, SWEEP, 4)
    assert (first.key.cycle, books.fresh(1, SWEEP, 4).key.cycle, books.fresh(2, SWEEP, 4).key.cycle) == (8, 9, 1)
    books.end(ended(first, "0"))
    assert (books.completed, books.realised_pnl) == (4, 7)


def test_the_next_fresh_cycle_gets_all_dust_and_the_one_after_it_none() -> None:
    books = book("0.25")
    assert [books.fresh(number, SWEEP, 4).dust_in for number in (1, 2)] == [Decimal("0.25"), ZERO]
    assert books.dust == ZERO


def test_what_is_owed_of_the_base_asset_is_given_on_too() -> None:
    assert book("-0.25").fresh(1, SWEEP, 4).dust_in == Decimal("-0.25")


def test_dust_that_is_kept_stays_on_the_books_until_it_is_swept() -> None:
    books = book("0.25")
    assert books.fresh(1, KEEP, 4).dust_in == ZERO
    assert books.dust == Decimal("0.25")
    assert books.fresh(1, SWEEP, 4).dust_in == Decimal("0.25")


def test_dust_that_the_exchange_would_not_sell_is_not_given_again_before_the_next_start() -> None:
    books = book("0.25")
    first = books.fresh(1, SWEEP, 4)
    books.end(ended(first, "0.28", refused_sell(first.key)))
    second = books.fresh(1, SWEEP, 4)
    assert (second.dust_in, books.dust) == (Decimal("0.03"), Decimal("0.25"))
    books.end(ended(second, "0.05"))
    assert books.fresh(1, SWEEP, 4).dust_in == Decimal("0.05")
    assert book("0.30").fresh(1, SWEEP, 4).dust_in == Decimal("0.30")


@pytest.mark.parametrize(("settings", "given_now", "left"), [(SWEEP, "0.35", "0"), (KEEP, "0", "0.35")])
def test_a_cycle_that_has_placed_nothing_takes_dust_as_the_settings_are_now(
    settings: TradeSettings, given_now: str, left: str
) -> None:
    books = book("0.25")
    cycle = msgspec.structs.replace(books.fresh(1, KEEP, 4), dust_in=Decimal("0.10"))
    resumed = books.resume(OpenCycle(cycle, ()), settings).cycle
    assert (resumed.key, resumed.started_ns, resumed.result) == (cycle.key, 4, None)
    assert (resumed.dust_in, books.dust) == (Decimal(given_now), Decimal(left))


def test_one_that_can_not_be_traded_any_more_ends_and_gives_its_dust_back() -> None:
    books = book("0.25")
    cycle = books.fresh(1, SWEEP, 4)
    result = books.abandon(cycle, 5).result
    assert result is not None
    assert (result.outcome, result.dust_base, books.dust) == (CycleOutcome.ABANDONED, Decimal("0.25"), Decimal("0.25"))


def test_one_with_orders_keeps_the_settings_and_the_dust_that_it_began_with() -> None:
    books = book("0.25")
    cycle = books.fresh(1, SWEEP, 4)
    orders = (refused_sell(cycle.key),)
    assert books.resume(OpenCycle(cycle, orders), KEEP) == Position(cycle=cycle, orders=orders)


@given(
    st.lists(st.tuples(st.integers(1, 4), st.decimals("-0.1", "0.3", places=6), st.booleans(), st.booleans())),
    st.integers(1, 12),
)
def test_the_journal_always_says_what_the_books_say(
    steps: list[tuple[int, Decimal, bool, bool]], restart_each: int
) -> None:
    """Cycles begin and end in any order, with dust swept or kept, refused or not, and the leader starts anew."""
    journal, books = MemoryJournal(), CycleBook(CONTEXT)
    live: dict[int, Cycle] = {}
    for number, (trader, left, is_kept, is_refused) in enumerate(steps, 1):
        cycle = live.pop(trader, None)
        if cycle is not None:
            orders = (refused_sell(cycle.key),) if is_refused else ()
            done = ended(cycle, str(cycle.dust_in + left), *orders)
            books.end(done)
            journal.write([CycleRecorded(done.cycle)])
        live[trader] = books.fresh(trader, KEEP if is_kept else SWEEP, number)
        journal.write([CycleRecorded(live[trader])])
        known = journal.load_symbol("main", "AAAQ")
        assert known.dust_base == books.dust
        if not number % restart_each:
            books = CycleBook(CONTEXT)
            books.open(known)
