"""Positions of open cycles: by fills or by orders the same, summed by symbol, without the dust of what has ended."""

from decimal import Decimal
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.account.cycle_positions import CyclePositions
from naive_daemon.account.positions import HeldPosition
from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.money import EXACT
from naive_daemon.domain.order import Order
from naive_daemon.domain.position import Position, PositionFill, PositionSide
from naive_daemon.domain.side import Side
from tests.unit.account_desk import ACCOUNT, INSTRUMENTS, cycle, order


def fill(
    number: int,
    quantity: str,
    price: str = "10",
    *,
    commission: str = "0",
    asset: str = "BNB",
    time_ns: int = 1,
    of: str = "id1",
) -> OrderFilled:
    return OrderFilled(
        account=ACCOUNT,
        symbol="AAAQ",
        client_order_id=of,
        exchange_order_id="9",
        trade_id=f"t{number}",
        price=Decimal(price),
        quantity=Decimal(quantity),
        commission=Decimal(commission),
        commission_asset=asset,
        time_ns=time_ns,
    )


def take(positions: CyclePositions, of: Order, event: OrderFilled) -> Position | None:
    return positions.take(of.key, PositionFill(of.side, event))


def held(positions: CyclePositions) -> tuple[Decimal, Decimal]:
    found = positions.held("AAAQ")
    return found.quantity, found.entry_price


@pytest.fixture
def positions() -> CyclePositions:
    return CyclePositions(INSTRUMENTS)


def test_a_symbols_position_is_the_sum_over_its_cycles(positions: CyclePositions) -> None:
    first, second = order(trader=1), order(trader=2)
    assert (position := take(positions, first, fill(1, "2", "10"))) is not None
    assert (position.position_id, position.quantity) == (str(first.key), 2)
    take(positions, second, fill(2, "2", "8", time_ns=7))
    assert positions.held("AAAQ") == HeldPosition(
        symbol="AAAQ",
        side=PositionSide.LONG,
        quantity=Decimal(4),
        entry_price=Decimal(9),
        base_asset="AAA",
        quote_asset="Q",
        time_ns=7,
    )
    assert positions.symbols() == ("AAAQ",)


def test_a_fill_counts_once(positions: CyclePositions) -> None:
    buy = order()
    take(positions, buy, fill(1, "2"))
    assert take(positions, buy, fill(1, "2")) is None
    assert held(positions) == (2, 10)


def test_commission_in_the_base_asset_is_not_held(positions: CyclePositions) -> None:
    take(positions, order(), fill(1, "2", commission="0.002", asset="AAA"))
    take(positions, order(), fill(2, "2", commission="0.5", asset="BNB"))
    assert held(positions) == (Decimal("3.998"), 10)


def test_a_fill_that_was_missed_does_not_make_the_position_older(positions: CyclePositions) -> None:
    take(positions, order(), fill(2, "1", time_ns=9))
    take(positions, order(), fill(1, "1", time_ns=4))
    assert positions.held("AAAQ").time_ns == 9


def test_a_cycle_that_has_ended_leaves_its_dust_out(positions: CyclePositions) -> None:
    buy, sell, other = order(), order(2, Side.SELL), order(3, trader=2)
    take(positions, buy, fill(1, "2.0005"))
    take(positions, sell, fill(2, "2", "11"))
    take(positions, other, fill(3, "1"))
    assert held(positions)[0] == Decimal("1.0005")
    ended = positions.end(cycle(buy.key))
    assert ended is not None
    assert (ended.quantity, ended.entry_price, ended.realised_pnl) == (0, 0, 2)
    assert held(positions) == (1, 10)
    assert [position.position_id for position in positions.all()] == [str(other.key)]


def test_an_end_without_dust_is_no_news(positions: CyclePositions) -> None:
    take(positions, order(), fill(1, "2"))
    take(positions, order(2, Side.SELL), fill(2, "2"))
    assert positions.end(cycle(order().key)) is None
    assert positions.end(cycle(order().key)) is None
    assert positions.all() == ()


def test_dust_of_others_that_is_sold_along_is_no_short_position(positions: CyclePositions) -> None:
    take(positions, order(trader=2), fill(3, "1"))
    take(positions, order(), fill(1, "2"))
    take(positions, order(2, Side.SELL), fill(2, "2.5", "11"))
    assert held(positions) == (1, 10)


def test_what_comes_late_of_a_cycle_that_has_ended_is_no_position(positions: CyclePositions) -> None:
    positions.end(cycle(order(cycle=5).key))
    assert take(positions, order(cycle=5), fill(1, "2")) is None
    assert take(positions, order(cycle=4), fill(2, "2")) is None
    assert take(positions, order(cycle=6), fill(3, "2")) is not None


def test_a_symbol_without_an_instrument_has_no_position(positions: CyclePositions) -> None:
    unknown = order(symbol="GONEQ")
    assert take(positions, unknown, fill(1, "2")) is None
    positions.open([unknown.apply(fill(1, "2"))])
    assert positions.all() == ()


@given(
    st.lists(
        st.tuples(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(0, 10), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 3),
)
def test_orders_give_the_position_that_their_fills_have_made(
    bought: list[tuple[int, int, int, bool]], sold: int
) -> None:
    """The entry price may differ in its last digits: an order tells its average only, in 28 digits."""
    by_fills, by_orders = CyclePositions(INSTRUMENTS), CyclePositions(INSTRUMENTS)
    orders = []
    for number, (quantity, price, commission, in_base) in enumerate(bought):
        event = fill(
            number,
            str(Decimal(quantity) / 1000),
            str(Decimal(price) / 100),
            commission=str(Decimal(quantity * commission) / 100_000),
            asset="AAA" if in_base else "BNB",
            time_ns=number + 1,
            of=f"id{number}",
        )
        buy = order(number, quantity=str(event.quantity), created_ns=number + 1)
        by_fills.take(buy.key, PositionFill(Side.BUY, event))
        orders.append(buy.apply(event))
    if sold:
        part = Decimal(bought[0][0]) * sold / 10_000
        sell = order(99, Side.SELL, quantity=str(part), created_ns=99)
        event = fill(0, str(part), "12", time_ns=99, of="id99")
        by_fills.take(sell.key, PositionFill(Side.SELL, event))
        orders.append(sell.apply(event))
    by_orders.open(reversed(orders))
    (expected,), (found,) = by_fills.all(), by_orders.all()
    assert found.quantity == expected.quantity
    assert found.fill_ids == expected.fill_ids
    assert (found.opened_ns, found.updated_ns) == (expected.opened_ns, expected.updated_ns)
    for exact, near in ((expected.entry_price, found.entry_price), (expected.realised_pnl, found.realised_pnl)):
        assert abs(exact - near) <= abs(exact) * Decimal("1e-24")


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(1, 10**9), st.integers(1, 10**9), st.booleans()), max_size=20))
def test_sums_are_what_adding_up_anew_gives(steps: list[tuple[int, int, int, bool]]) -> None:
    positions = CyclePositions(INSTRUMENTS)
    for number, (trader, quantity, price, ends) in enumerate(steps):
        buy = order(number, trader=trader, cycle=number + 1 if ends else 1)
        positions.take(buy.key, PositionFill(Side.BUY, fill(number, str(quantity), str(price))))
        if ends:
            positions.end(cycle(buy.key))
    quantity = sum((one.quantity for one in positions.all()), Decimal(0))
    values = (EXACT.multiply(one.quantity, one.entry_price) for one in positions.all())
    value = reduce(EXACT.add, values, Decimal(0))
    found = positions.held("AAAQ") if positions.symbols() else None
    if found is not None:
        assert found.quantity == quantity
        assert found.entry_price == (value / quantity if quantity else 0)
