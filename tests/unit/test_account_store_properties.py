"""The account's state store against a model without any index: whatever is told, both give the same."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from naive_daemon.account.live_orders import LiveOrders, OrderSort
from naive_daemon.account.positions import HeldPosition, PositionCounts, Positions
from naive_daemon.account.store import AccountStateStore, Balance
from naive_daemon.domain.events import BalanceUpdated
from naive_daemon.domain.money import EXACT
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus, OrderType
from naive_daemon.domain.position import PositionSide
from naive_daemon.domain.side import Side

SYMBOLS = ("AQ", "BQ", "CQ")
LIVE = [status for status in OrderStatus if not status.is_terminal]
OVER = [status for status in OrderStatus if status.is_terminal]

amounts = st.decimals(0, 10**12, places=8)
prices = st.decimals("0.00000001", 10**9, places=8)
times = st.integers(0, 5)
sides = st.sampled_from(PositionSide)


@st.composite
def positions(draw: st.DrawFn) -> HeldPosition:
    side = draw(sides)
    quantity = draw(st.just(Decimal(0)) | amounts)
    return HeldPosition(
        symbol=draw(st.sampled_from(SYMBOLS)),
        side=side,
        quantity=quantity if side is PositionSide.LONG else EXACT.minus(quantity),
        entry_price=draw(prices),
        quote_asset=draw(st.sampled_from(["Q", "E"])),
        time_ns=draw(times),
    )


@given(st.lists(st.builds(BalanceUpdated, account=st.just("main"), asset=st.sampled_from("QE"), free=amounts,
                          locked=amounts, time_ns=times)))  # fmt: skip
def test_a_balance_is_the_last_of_the_newest(events: list[BalanceUpdated]) -> None:
    store: AccountStateStore[msgspec.Struct] = AccountStateStore()
    for event in events:
        store.balances.set(event)
    for asset in {event.asset for event in events}:
        told = [event for event in events if event.asset == asset]
        newest = max(event.time_ns for event in told)
        last = [event for event in told if event.time_ns == newest][-1]
        assert store.balances.get(asset) == Balance(last.free, last.locked, last.time_ns)


@given(st.lists(positions()), st.dictionaries(st.sampled_from(SYMBOLS), prices))
def test_positions_are_the_last_of_the_newest_on_each_side(
    told: list[HeldPosition], last_prices: dict[str, Decimal]
) -> None:
    held = Positions()
    model: dict[tuple[str, PositionSide], HeldPosition] = {}
    for position in told:
        key = position.symbol, position.side
        is_newer = key not in model or position.time_ns >= model[key].time_ns
        assert held.set(position) is is_newer
        if is_newer:
            model[key] = position
    for symbol, price in last_prices.items():
        held.take_price(symbol, price)
    opened = {key: position for key, position in model.items() if position.quantity}
    assert sorted(held.all(), key=lambda one: (one.symbol, one.side)) == [opened[key] for key in sorted(opened)]
    hedged = sum(all((symbol, side) in opened for side in PositionSide) for symbol in SYMBOLS)
    assert held.counts() == PositionCounts(len(opened), hedged)
    for symbol in SYMBOLS:
        for side in PositionSide:
            position = opened.get((symbol, side))
            assert held.is_symbol_side_in_position(symbol, side) is (position is not None)
            if position is None:
                assert held.unrealised_pnl(symbol, side) == 0
            elif symbol in last_prices:
                gain = EXACT.subtract(last_prices[symbol], position.entry_price)
                assert held.unrealised_pnl(symbol, side) == EXACT.multiply(position.quantity, gain)
            else:
                assert held.unrealised_pnl(symbol, side) is None


@given(st.lists(positions()), st.dictionaries(st.sampled_from(SYMBOLS), prices), amounts, amounts, st.booleans())
def test_a_session_adds_up(
    told: list[HeldPosition], last_prices: dict[str, Decimal], balance: Decimal, starting: Decimal, is_spot: bool
) -> None:
    store: AccountStateStore[msgspec.Struct] = AccountStateStore(is_spot=is_spot)
    store.balances.set(BalanceUpdated(account="main", asset="Q", free=balance, locked=Decimal(0), time_ns=0))
    for position in told:
        store.positions.set(position)
    for symbol, price in last_prices.items():
        store.positions.take_price(symbol, price)
    summary = store.session_summary("Q", starting)
    gained = EXACT.subtract(summary.balance_if_closed, starting)
    assert gained == EXACT.add(summary.realised_pnl, summary.totals.unrealised_pnl)
    assert all(one.quote_asset == "Q" for one in summary.positions)
    if is_spot:
        spent = EXACT.subtract(EXACT.add(balance, summary.totals.value), starting)
        assert summary.realised_pnl == spent
    else:
        assert summary.realised_pnl == EXACT.subtract(balance, starting)


class OrdersAsModelled(RuleBasedStateMachine):
    """Tells orders as they come, late ones too, and looks everything up both ways."""

    def __init__(self) -> None:
        super().__init__()
        self.orders = LiveOrders()
        self.live: dict[str, Order] = {}
        self.over: set[str] = set()

    @rule(
        number=st.integers(0, 7),
        status=st.sampled_from(LIVE),
        side=st.sampled_from(Side),
        price=st.integers(1, 3),
        has_id=st.booleans(),
    )
    def begin(self, number: int, status: OrderStatus, side: Side, price: int, has_id: bool) -> None:
        name = f"id{number}"
        if name in self.live:
            return
        order = Order(
            client_order_id=name,
            exchange_order_id=str(number) if has_id else None,
            key=CycleKey("main", SYMBOLS[number % 3], 1, 1),
            leg=Leg(side),
            price=Decimal(price),
            quantity=Decimal(10),
            created_ns=number % 2,
            status=status,
        )
        assert self.orders.upsert(order) is (name not in self.over)
        if name not in self.over:
            self.live[name] = order

    @rule(data=st.data(), filled=st.integers(0, 3), status=st.sampled_from(list(OrderStatus)), time=times)
    def change(self, data: st.DataObject, filled: int, status: OrderStatus, time: int) -> None:
        if not self.live:
            return
        known = self.live[data.draw(st.sampled_from(sorted(self.live)))]
        order = msgspec.structs.replace(known, status=status, filled=Decimal(filled), updated_ns=time)
        is_newer = not is_older(order, known)
        assert self.orders.upsert(order) is is_newer
        if is_newer:
            self.live.pop(order.client_order_id)
            if status.is_terminal:
                self.over.add(order.client_order_id)
            else:
                self.live[order.client_order_id] = order

    @rule(number=st.integers(0, 7))
    def delete(self, number: int) -> None:
        order = self.live.get(f"id{number}")
        there = order is not None and order.exchange_order_id is not None
        assert self.orders.delete(SYMBOLS[number % 3], str(number)) is there
        if there:
            del self.live[f"id{number}"]

    @invariant()
    def everything_is_found(self) -> None:
        orders, live = self.orders, self.live.values()
        assert unordered(orders.all()) == unordered(live)
        assert unordered(orders.by_type(OrderType.LIMIT)) == unordered(live)
        assert unordered(orders.active()) == unordered(order for order in live if order.status.is_resting)
        for status in OrderStatus:
            assert unordered(orders.by_status(status)) == unordered(o for o in live if o.status is status)
        for symbol in SYMBOLS:
            assert unordered(orders.by_symbol(symbol)) == unordered(o for o in live if o.symbol == symbol)
            for side in Side:
                of_side = [o for o in live if o.symbol == symbol and o.side is side]
                assert unordered(orders.by_symbol_side(symbol, side)) == unordered(of_side)
                by_price = [order.price for order in orders.sorted_by_price(symbol, side)]
                assert by_price == sorted(order.price for order in of_side)
        for order in live:
            assert orders.get_ours(order.client_order_id) == order
            if order.exchange_order_id is not None:
                assert orders.get(order.symbol, order.exchange_order_id) == order

    @invariant()
    def falling_is_rising_turned_round(self) -> None:
        for by in OrderSort:
            assert self.orders.sorted(by) == self.orders.sorted(by, descending=True)[::-1]


def is_older(order: Order, known: Order) -> bool:
    """Say it in the order in which one would explain it, rather than as the store reckons it."""
    if order.filled < known.filled:
        return True
    if order.filled > known.filled or order.status.is_terminal:
        return False
    if order.status is OrderStatus.IN_FLIGHT and known.status is not OrderStatus.IN_FLIGHT:
        return True
    both_told = order.status.is_resting and known.status.is_resting
    return both_told and order.updated_ns < known.updated_ns


def unordered(orders: Iterable[Order]) -> list[Order]:
    return sorted(orders, key=lambda order: order.client_order_id)


TestOrdersAsModelled = OrdersAsModelled.TestCase
