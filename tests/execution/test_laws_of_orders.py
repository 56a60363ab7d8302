"""Laws of the pure parts that hold orders, on drawn histories: books, ids, comparison."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive_daemon.domain.events import FillKey, OrderFilled
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.client import AccountSnapshot, ExchangeOrder
from naive_daemon.execution.order_books import Contradiction, OrderBooks
from naive_daemon.execution.order_id import LENGTH_MAX, client_order_id, is_ours, parse_client_order_id
from naive_daemon.execution.reconciliation import Comparison, compare
from tests.execution.desk import (
    ACCOUNT,
    OWNER,
    SYMBOLS,
    accepted,
    cancelled,
    filled,
    make_order,
    rejected,
    there,
    unknown,
)

# Books ---------------------------------------------------------------------------------------------------------------

number_of_order, number_of_trade = st.integers(1, 4), st.integers(1, 5)
fills = st.builds(
    lambda number, trade, quantity: filled(make_order(number), str(quantity), str(trade)),
    number_of_order,
    number_of_trade,
    st.integers(1, 4),
)
others = st.builds(
    lambda number, kind: kind(make_order(number)),
    number_of_order,
    st.sampled_from([accepted, cancelled, rejected, unknown]),
)


@settings(max_examples=200)
@given(st.lists(fills | others, max_size=40))
def test_in_the_books_each_trade_counts_once_for_each_order_and_what_is_over_never_lives_again(
    events: list[OrderFilled],
) -> None:
    books = OrderBooks()
    for number in range(1, 5):
        books.put(make_order(number))
    first: dict[FillKey, OrderFilled] = {}
    over: set[str] = set()
    for event in events:
        outcome = books.apply(event)
        if isinstance(event, OrderFilled):
            known = first.setdefault(event.key, event)
            assert isinstance(outcome, Contradiction) == (known.quantity != event.quantity)
        over |= {name for number in range(1, 5) if (name := make_order(number).client_order_id) not in books.live}
        assert not over & books.live.keys()
        assert {order.client_order_id: order for order in books.live_of("AAAQ")} == dict(books.live)
        assert bool(books._live_of) == bool(books.live), "nothing is kept of a symbol without live orders"
        for number in range(1, 5):
            order = books.get(make_order(number).client_order_id)
            assert order is not None
            assert order.status.is_terminal == (order.client_order_id not in books.live)
            assert order.filled == sum(
                (fill.quantity for fill in first.values() if fill.client_order_id == order.client_order_id), Decimal(0)
            )


@given(st.lists(st.integers(1, 30), max_size=60), st.integers(1, 5))
def test_of_what_is_over_the_books_keep_only_the_latest(numbers: list[int], most: int) -> None:
    books = OrderBooks(over_max=most, fills_max=most)
    for number in numbers:
        order = make_order(number)
        if books.get(order.client_order_id) is None:
            books.put(order)
        books.apply(filled(order, "1", str(number)))
        books.apply(cancelled(order))
        assert len(books._over) <= most
        assert len(books._fills) <= most
        assert not books.live


# Ids -----------------------------------------------------------------------------------------------------------------

owners = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=4, max_size=6)
keys = st.builds(
    CycleKey,
    st.sampled_from(["main", "other"]),
    st.sampled_from(SYMBOLS),
    st.integers(1, 999),
    st.integers(1, 99_999) | st.integers(60_000_000, 99_999_999),
)
legs = st.builds(Leg, st.sampled_from(Side), st.integers(1, 99) | st.integers(10_000, 10_000_000))


@given(owners, keys, legs)
def test_an_id_can_be_read_back(owner: str, key: CycleKey, leg: Leg) -> None:
    made = client_order_id(owner, key, leg)
    assert is_ours(made, owner)
    assert parse_client_order_id(made, owner, key.account, key.symbol) == (key, leg)
    assert parse_client_order_id(made, owner, key.account + "x", key.symbol) is None
    assert parse_client_order_id(made, owner, key.account, key.symbol + "x") is None
    assert parse_client_order_id(made, owner[:-1], key.account, key.symbol) is None


@given(
    st.text(max_size=LENGTH_MAX)
    | st.from_regex(r"nd\w{4}-\w{8}-[0-9٣]{1,3}-[0-9²]{1,3}-\w{1,3}", fullmatch=True)
    | st.from_regex(r"ndtest-jyruuw54_[0-9a-z]{1,8}_[0-9a-z]{1,8}_[bs][0-9a-z]{1,8}", fullmatch=True)
)
def test_what_was_not_derived_here_is_foreign_whatever_it_looks_like(text: str) -> None:
    read = parse_client_order_id(text, OWNER, ACCOUNT, "AAAQ")
    assert read is None or client_order_id(OWNER, *read) == text


@pytest.mark.parametrize(
    "text",
    [
        "1-12345678901234567-123456789012-b1",  # another program's: ours would be too long
        "ndtest-a-1234567890123-12345678901-b1",  # with our mark, and a place that is none
        "ndtest-" + "1" * 60,
        "ndtest-jyruuw54-1-1-",
        "ndtest-jyruuw54-1-1-x1",
        "ndtest-jyruuw54-01-1-b1",
        "ndtest-jyruuw54_1_1_b1",  # what is short enough is written the other way
        "ndtest-jyruuw54_0a_zq040zz_s255szz",
        "ndtest-jyruuw54_A_ZQ040ZZ_S255SZZ",
        "",
    ],
)
def test_a_foreign_id_is_refused_and_harms_nobody(text: str) -> None:
    assert parse_client_order_id(text, OWNER, ACCOUNT, "AAAQ") is None


# Comparison ----------------------------------------------------------------------------------------------------------

IN_BOOKS = st.dictionaries(
    st.integers(1, 8),
    st.tuples(st.sampled_from([one for one in OrderStatus if not one.is_terminal]), st.integers(0, 9)),
)
ON_BOOK = st.dictionaries(st.integers(1, 12), st.integers(0, 9))


@settings(max_examples=200)
@given(IN_BOOKS, ON_BOOK, st.sets(st.integers(1, 12)))
def test_a_comparison_leaves_no_order_out(
    here: dict[int, tuple[OrderStatus, int]], resting: dict[int, int], theirs: set[int]
) -> None:
    live: dict[str, Order] = {}
    for number, (status, quantity) in here.items():
        order = make_order(number, status=status, filled=Decimal(quantity))
        live[order.client_order_id] = order
    orders: list[ExchangeOrder] = []
    for number, quantity in resting.items():
        placed = there(make_order(number), filled=str(quantity))
        foreign = number in theirs and placed.client_order_id not in live
        orders.append(msgspec.structs.replace(placed, client_order_id=f"web{number}") if foreign else placed)
    found = _compare(live, orders)
    by_id = {order.client_order_id: order for order in orders}
    accepted_ids = {order.client_order_id for order in found.accepted}
    asked_ids = [order.client_order_id for order in found.asked]
    assert len(asked_ids) == len(set(asked_ids))
    for name, order in live.items():
        one = by_id.get(name)
        assert (name in asked_ids) == (one is None or one.filled > order.filled)
        assert (name in accepted_ids) == (one is not None and not order.status.is_resting)
    strangers = {order.client_order_id for order in found.strangers}
    assert strangers == {name for name in by_id if name not in live and is_ours(name, OWNER)}
    assert len(live.keys() & by_id.keys()) + len(strangers) + found.foreign == len(orders)
    agree = {
        name for name, order in live.items() if name in by_id and name not in accepted_ids and name not in asked_ids
    }
    differ = {difference.client_order_id for difference in found.differences}
    in_flight = {name for name, order in live.items() if order.status is OrderStatus.IN_FLIGHT and name not in by_id}
    assert differ | agree | in_flight == live.keys()
    assert not differ & agree


def _compare(live: dict[str, Order], orders: list[ExchangeOrder]) -> Comparison:
    snapshot = AccountSnapshot(account=ACCOUNT, orders=tuple(orders), balances=())
    return compare(live, snapshot, lambda text: is_ours(text, OWNER), lambda _: True)
