"""The order's life as a table: every status × every event."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.events import (
    OrderAccepted,
    OrderCancelled,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus, Side

KEY = CycleKey("main", "AAAQ", 1, 1)
SAME = "same"

IN_FLIGHT, UNKNOWN, OPEN, PARTLY = (
    OrderStatus.IN_FLIGHT,
    OrderStatus.UNKNOWN,
    OrderStatus.OPEN,
    OrderStatus.PARTLY_FILLED,
)
FILLED, CANCELLED, EXPIRED, REJECTED = (
    OrderStatus.FILLED,
    OrderStatus.CANCELLED,
    OrderStatus.EXPIRED,
    OrderStatus.REJECTED,
)


def order(status: OrderStatus = IN_FLIGHT, filled: str = "0") -> Order:
    """Give an order of 10 that has come to this status in the ordinary way."""
    is_known = status not in (IN_FLIGHT, UNKNOWN, REJECTED)
    return Order(
        client_order_id="id",
        key=KEY,
        leg=Leg(Side.BUY),
        price=Decimal(2),
        quantity=Decimal(10),
        created_ns=1,
        status=status,
        exchange_order_id="900" if is_known else None,
        filled=Decimal(filled),
        filled_quote=2 * Decimal(filled),
        trade_ids=frozenset({"0"}) if filled != "0" else frozenset(),
    )


def accepted() -> OrderAccepted:
    return OrderAccepted(account="main", symbol="AAAQ", client_order_id="id", exchange_order_id="900", time_ns=5)


def filled(quantity: str, trade_id: str = "1") -> OrderFilled:
    return OrderFilled(
        account="main",
        symbol="AAAQ",
        client_order_id="id",
        exchange_order_id="900",
        trade_id=trade_id,
        price=Decimal(2),
        quantity=Decimal(quantity),
        commission=Decimal("0.01"),
        commission_asset="AAA",
        time_ns=5,
    )


EVENTS: dict[str, OrderEvent] = {
    "accepted": accepted(),
    "part": filled("4"),
    "rest": filled("10"),
    "cancelled": OrderCancelled(account="main", symbol="AAAQ", client_order_id="id", time_ns=5),
    "expired": OrderExpired(account="main", symbol="AAAQ", client_order_id="id", time_ns=5),
    "rejected": OrderRejected(account="main", symbol="AAAQ", client_order_id="id", time_ns=5, reason="no"),
    "unknown": OrderUnknown(account="main", symbol="AAAQ", client_order_id="id", time_ns=5),
}

# status: what accepted, part, rest, cancelled, expired, rejected and unknown make of it
LIFE: dict[OrderStatus, tuple[OrderStatus | str, ...]] = {
    IN_FLIGHT: (OPEN, PARTLY, FILLED, CANCELLED, EXPIRED, REJECTED, UNKNOWN),
    UNKNOWN: (OPEN, PARTLY, FILLED, CANCELLED, EXPIRED, REJECTED, SAME),
    OPEN: (SAME, PARTLY, FILLED, CANCELLED, EXPIRED, REJECTED, UNKNOWN),
    PARTLY: (SAME, PARTLY, FILLED, CANCELLED, EXPIRED, REJECTED, UNKNOWN),
    FILLED: (SAME, FILLED, FILLED, SAME, SAME, SAME, SAME),
    CANCELLED: (SAME, CANCELLED, FILLED, SAME, SAME, SAME, SAME),
    EXPIRED: (SAME, EXPIRED, FILLED, SAME, SAME, SAME, SAME),
    REJECTED: (SAME, REJECTED, FILLED, SAME, SAME, SAME, SAME),
}
FILLED_BEFORE = {PARTLY: "3", FILLED: "10"}


@pytest.mark.parametrize(
    ("status", "name", "expected"),
    [(status, name, row[place]) for status, row in LIFE.items() for place, name in enumerate(EVENTS)],
)
def test_what_each_event_makes_of_each_status(status: OrderStatus, name: str, expected: OrderStatus | str) -> None:
    before = order(status, FILLED_BEFORE.get(status, "0"))
    after = before.apply(EVENTS[name])
    if expected is SAME:
        assert after is before
    else:
        assert after.status is expected
        assert after is not before


def test_the_table_names_every_status_and_the_terminal_ones_never_reopen() -> None:
    assert set(LIFE) == set(OrderStatus)
    terminal = {status for status in OrderStatus if status.is_terminal}
    assert terminal == {FILLED, CANCELLED, EXPIRED, REJECTED}
    for status in terminal:
        assert all(after is SAME or after in terminal for after in LIFE[status])


def test_a_reason_goes_with_what_it_was_the_reason_of() -> None:
    unknown = order(PARTLY, "3").apply(order().event(OrderUnknown, 5, "the exchange does not find it"))
    assert [unknown.apply(filled(quantity)).reason for quantity in ("4", "7")] == [None, None]
    cancelled = unknown.apply(order().event(OrderCancelled, 5, "asked"))
    assert [cancelled.apply(filled(quantity)).reason for quantity in ("4", "7")] == ["asked", None]


def test_a_fill_counts_once_by_its_trade_id() -> None:
    once = order(OPEN).apply(filled("4", "7"))
    assert once.apply(filled("4", "7")) is once
    assert once.apply(filled("4", "8")).filled == 8


def test_a_fill_before_the_accept_counts_and_the_accept_does_not_take_it_back() -> None:
    early = order().apply(filled("4"))
    assert (early.status, early.exchange_order_id) == (PARTLY, "900")
    assert early.apply(accepted()) is early


@pytest.mark.parametrize(("filled_before", "again"), [("0", OPEN), ("4", PARTLY)])
def test_unknown_from_anywhere_and_back_keeps_what_is_known(filled_before: str, again: OrderStatus) -> None:
    before = order(again, filled_before)
    lost = before.apply(EVENTS["unknown"])
    assert (lost.status, lost.exchange_order_id, lost.filled) == (UNKNOWN, "900", Decimal(filled_before))
    assert lost.apply(filled("4", "9")).status is PARTLY
    found = lost.apply(accepted())
    assert (found.status, found.filled) == (again, Decimal(filled_before))


def test_an_unknown_that_ends_keeps_its_fills() -> None:
    ended = order(PARTLY, "4").apply(EVENTS["unknown"]).apply(EVENTS["cancelled"])
    assert (ended.status, ended.filled) == (CANCELLED, Decimal(4))


def test_a_fill_after_the_cancel_counts_without_reopening() -> None:
    cancelled = order(OPEN).apply(EVENTS["cancelled"])
    late = cancelled.apply(filled("4"))
    assert (late.status, late.filled, late.remaining) == (CANCELLED, Decimal(4), Decimal(6))
    assert late.apply(filled("6", "2")).status is FILLED


def test_a_fill_adds_up_quantity_quote_and_commission() -> None:
    whole = order(OPEN).apply(filled("4", "1")).apply(filled("6", "2"))
    assert (whole.filled, whole.filled_quote, whole.average_price) == (Decimal(10), Decimal(20), Decimal(2))
    assert whole.commission("AAA") == Decimal("0.02")
    assert whole.commission("BNB") == 0
    assert order().average_price is None


def test_an_answer_with_the_rest_filled_is_a_full_fill_whatever_came_before() -> None:
    assert order(UNKNOWN).apply(filled("10")).status is FILLED


fills = st.builds(filled, st.integers(1, 9).map(str), st.integers(1, 4).map(str))


@given(st.lists(st.sampled_from(sorted(set(EVENTS) - {"part", "rest"})).map(EVENTS.__getitem__) | fills, max_size=12))
def test_whatever_comes_each_trade_counts_once_and_the_end_is_the_end(events: list[OrderEvent]) -> None:
    one, end = order(), None
    counted: dict[str, Decimal] = {}
    for event in events:
        one = one.apply(event)
        if isinstance(event, OrderFilled):
            counted.setdefault(event.trade_id, event.quantity)
        assert end is None or one.status in (end, FILLED)
        end = end or (one.status if one.status.is_terminal else None)
        assert one.filled == sum(counted.values())
        assert one.trade_ids == counted.keys()
