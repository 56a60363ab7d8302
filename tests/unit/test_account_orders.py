"""The account's live orders: found by everything they are indexed by, in every order, and never older than known."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from naive_daemon.account.live_orders import ENDED_MAX, LiveOrders, OrderSort
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus, OrderType
from naive_daemon.domain.side import Side


def order(
    name: str,
    exchange_id: str | None = None,
    *,
    symbol: str = "AQ",
    side: Side = Side.BUY,
    price: str = "1",
    created_ns: int = 1,
    status: OrderStatus = OrderStatus.OPEN,
    filled: str = "0",
    updated_ns: int = 0,
) -> Order:
    return Order(
        client_order_id=name,
        exchange_order_id=exchange_id,
        key=CycleKey("main", symbol, 1, 1),
        leg=Leg(side),
        price=Decimal(price),
        quantity=Decimal(10),
        created_ns=created_ns,
        status=status,
        filled=Decimal(filled),
        updated_ns=updated_ns,
    )


def names(orders: tuple[Order, ...]) -> list[str]:
    return [one.client_order_id for one in orders]


@pytest.fixture
def orders() -> LiveOrders:
    """Six orders: two without an id of the exchange, one partly filled, on two symbols and both sides."""
    orders = LiveOrders()
    for one in (
        order("a", "10", price="5", created_ns=3),
        order("b", "9", side=Side.SELL, price="7", created_ns=2),
        order("c", "11", price="5", created_ns=1, status=OrderStatus.PARTLY_FILLED, filled="1"),
        order("d", "9", symbol="BQ", price="2", created_ns=4),
        order("e", symbol="BQ", price="1", created_ns=5, status=OrderStatus.IN_FLIGHT),
        order("f", symbol="BQ", price="3", created_ns=6, status=OrderStatus.UNKNOWN),
    ):
        assert orders.upsert(one)
    return orders


FOUND: dict[str, tuple[Callable[[LiveOrders], tuple[Order, ...]], str]] = {
    "all": (lambda held: held.all(), "abcdef"),
    "active": (lambda held: held.active(), "abdc"),
    "by symbol": (lambda held: held.by_symbol("AQ"), "abc"),
    "by a symbol without any": (lambda held: held.by_symbol("CQ"), ""),
    "by symbol and side": (lambda held: held.by_symbol_side("AQ", Side.SELL), "b"),
    "by status open": (lambda held: held.by_status(OrderStatus.OPEN), "abd"),
    "by status partly filled": (lambda held: held.by_status(OrderStatus.PARTLY_FILLED), "c"),
    "by status in flight": (lambda held: held.by_status(OrderStatus.IN_FLIGHT), "e"),
    "by status unknown": (lambda held: held.by_status(OrderStatus.UNKNOWN), "f"),
    "by status filled": (lambda held: held.by_status(OrderStatus.FILLED), ""),
    "by type": (lambda held: held.by_type(OrderType.LIMIT), "abcdef"),
    "sorted by id": (lambda held: held.sorted(OrderSort.ID), "bdacef"),
    "sorted by id, falling": (lambda held: held.sorted(OrderSort.ID, descending=True), "fecadb"),
    "sorted by symbol": (lambda held: held.sorted(OrderSort.SYMBOL), "bacdef"),
    "sorted by symbol, falling": (lambda held: held.sorted(OrderSort.SYMBOL, descending=True), "fedcab"),
    "sorted by price": (lambda held: held.sorted(OrderSort.PRICE), "edfacb"),
    "sorted by price, falling": (lambda held: held.sorted(OrderSort.PRICE, descending=True), "bcafde"),
    "sorted by creation": (lambda held: held.sorted(OrderSort.CREATED), "cbadef"),
    "sorted by creation, falling": (lambda held: held.sorted(OrderSort.CREATED, descending=True), "fedabc"),
    "a symbol's by price": (lambda held: held.sorted_by_price("AQ"), "acb"),
    "a symbol's by price, falling": (lambda held: held.sorted_by_price("AQ", descending=True), "bca"),
    "a symbol's buys by price": (lambda held: held.sorted_by_price("AQ", Side.BUY), "ac"),
    "a symbol's buys by price, falling": (lambda held: held.sorted_by_price("AQ", Side.BUY, descending=True), "ca"),
}


@pytest.mark.parametrize(("find", "found"), FOUND.values(), ids=FOUND)
def test_orders_are_found(orders: LiveOrders, find: Callable[[LiveOrders], tuple[Order, ...]], found: str) -> None:
    assert names(find(orders)) == list(found)


def test_an_id_of_the_exchange_counts_with_its_symbol(orders: LiveOrders) -> None:
    assert (one := orders.get("AQ", "9")) is not None
    assert one.client_order_id == "b"
    assert (other := orders.get("BQ", "9")) is not None
    assert other.client_order_id == "d"
    assert orders.get("BQ", "10") is None


def test_an_order_is_found_by_the_exchanges_id_once_it_has_one(orders: LiveOrders) -> None:
    assert orders.get_ours("e") == order("e", symbol="BQ", price="1", created_ns=5, status=OrderStatus.IN_FLIGHT)
    accepted = order("e", "77", symbol="BQ", price="1", created_ns=5)
    assert orders.upsert(accepted)
    assert orders.get("BQ", "77") == orders.get_ours("e") == accepted
    assert orders.by_status(OrderStatus.IN_FLIGHT) == ()


@pytest.mark.parametrize("status", [status for status in OrderStatus if status.is_terminal])
def test_an_order_that_is_over_is_forgotten_and_never_comes_back(orders: LiveOrders, status: OrderStatus) -> None:
    assert orders.upsert(order("a", "10", status=status, filled="2", updated_ns=7))
    assert orders.get("AQ", "10") is orders.get_ours("a") is None
    assert "a" not in names(orders.all() + orders.active() + orders.by_symbol("AQ") + orders.by_type(OrderType.LIMIT))
    assert not orders.upsert(order("a", "10", updated_ns=9))
    assert orders.get("AQ", "10") is None


def test_so_many_that_are_over_are_remembered_and_no_more(orders: LiveOrders) -> None:
    for number in range(ENDED_MAX + 1):
        orders.upsert(order(f"over {number}", status=OrderStatus.CANCELLED))
    assert not orders.upsert(order("over 1"))
    assert orders.upsert(order("over 0"))


OLDER: dict[str, tuple[Order, Order]] = {
    "less filled": (
        order("x", status=OrderStatus.PARTLY_FILLED, filled="2", updated_ns=5),
        order("x", status=OrderStatus.PARTLY_FILLED, filled="1", updated_ns=6),
    ),
    "its end with less filled": (
        order("x", status=OrderStatus.PARTLY_FILLED, filled="2"),
        order("x", status=OrderStatus.CANCELLED, filled="1"),
    ),
    "an intent": (order("x", status=OrderStatus.UNKNOWN), order("x", status=OrderStatus.IN_FLIGHT)),
    "told earlier by the exchange": (order("x", "1", updated_ns=5), order("x", "1", updated_ns=4)),
}
NEWER: dict[str, tuple[Order, Order]] = {
    "a fill that was missed, told late": (
        order("x", status=OrderStatus.PARTLY_FILLED, filled="1", updated_ns=5),
        order("x", status=OrderStatus.PARTLY_FILLED, filled="2", updated_ns=4),
    ),
    "the exchange's word, whose clock is behind ours": (
        order("x", status=OrderStatus.UNKNOWN, updated_ns=9),
        order("x", "1", updated_ns=4),
    ),
    "of the same time": (order("x", "1", updated_ns=5), order("x", "2", updated_ns=5)),
    "the same intent": (order("x", status=OrderStatus.IN_FLIGHT), order("x", status=OrderStatus.IN_FLIGHT)),
}


@pytest.mark.parametrize(("known", "late"), OLDER.values(), ids=OLDER)
def test_what_is_older_is_refused(known: Order, late: Order) -> None:
    orders = LiveOrders()
    orders.upsert(known)
    assert not orders.upsert(late)
    assert orders.all() == (known,)


@pytest.mark.parametrize(("known", "later"), NEWER.values(), ids=NEWER)
def test_what_is_not_older_is_taken(known: Order, later: Order) -> None:
    orders = LiveOrders()
    orders.upsert(known)
    assert orders.upsert(later)
    assert orders.all() == (later,)


def test_a_deleted_order_may_be_told_again(orders: LiveOrders) -> None:
    assert orders.delete("AQ", "10")
    assert not orders.delete("AQ", "10")
    assert orders.get_ours("a") is None
    assert orders.upsert(order("a", "10"))


def test_all_can_be_forgotten(orders: LiveOrders) -> None:
    orders.upsert(order("a", "10", status=OrderStatus.FILLED, filled="10"))
    orders.clear()
    assert orders.all() == orders.active() == orders.by_symbol("AQ") == orders.by_type(OrderType.LIMIT) == ()
    assert orders.get("AQ", "9") is None
    assert orders.upsert(order("a", "10"))


def test_what_is_handed_out_can_not_be_changed_nor_what_was_handed_in() -> None:
    paid = {"BNB": Decimal(1)}
    orders = LiveOrders()
    for name, commissions in (("a", paid), ("b", {})):
        orders.upsert(msgspec.structs.replace(order(name), commissions=commissions))
    paid["BNB"] = Decimal(2)
    first, second = orders.all()
    assert first.commissions == {"BNB": Decimal(1)}
    changes: tuple[Callable[[dict[str, Decimal]], object], ...] = (
        lambda held: held.update(X=Decimal(1)),
        lambda held: held.__setitem__("X", Decimal(1)),
        lambda held: held.__delitem__("BNB"),
        lambda held: held.__ior__({"X": Decimal(1)}),
        lambda held: held.pop("BNB", None),
        lambda held: held.popitem(),
        lambda held: held.setdefault("X", Decimal(1)),
        lambda held: held.clear(),
    )
    for held in (first.commissions, second.commissions):
        for change in changes:
            with pytest.raises(TypeError, match="not to be changed"):
                change(held)
    assert [one.commissions for one in orders.all()] == [{"BNB": Decimal(1)}, {}]
    assert msgspec.json.decode(msgspec.json.encode(first), type=Order) == first
