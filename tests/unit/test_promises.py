"""The promises as predicates: what keeps them, what breaks them, and that the page tells all of them."""

import re
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.promises import (
    Broken,
    Promise,
    bought_down,
    contradicted,
    filled_late,
    left_out,
    outlived,
    over_budget,
    overfilled,
    second_of_leg,
    sent_before,
)
from tests.execution.desk import make_cycle

ORDER = Order(
    client_order_id="a",
    key=CycleKey("main", "AAAQ", 1, 1),
    leg=Leg(Side.BUY),
    price=Decimal(2),
    quantity=Decimal(10),
    created_ns=0,
)
SECOND = msgspec.structs.replace(ORDER, client_order_id="b", leg=Leg(Side.BUY, 2))
SELL = msgspec.structs.replace(ORDER, client_order_id="c", leg=Leg(Side.SELL))
FILL = OrderFilled(
    account="main",
    symbol="AAAQ",
    client_order_id="a",
    time_ns=1,
    exchange_order_id="x",
    trade_id="7",
    price=Decimal(2),
    quantity=Decimal(4),
    commission=Decimal(0),
    commission_asset="Q",
)


def test_of_a_leg_one_order_lives() -> None:
    unknown = msgspec.structs.replace(ORDER, status=OrderStatus.UNKNOWN)
    assert second_of_leg(ORDER, None) is None
    assert second_of_leg(ORDER, unknown) is None
    assert second_of_leg(SECOND, unknown) == "b while a is unknown"


def test_what_is_known_was_sent() -> None:
    assert sent_before(ORDER, None) is None
    assert sent_before(ORDER, ORDER) == "a again, it is in_flight"


def test_a_symbol_that_is_down_sells_only() -> None:
    assert bought_down(ORDER, is_down=False) is None
    assert bought_down(SELL, is_down=True) is None
    assert bought_down(ORDER, is_down=True) == "a though AAAQ is down"


@pytest.mark.parametrize(("spent", "budget", "seen"), [("0", "20", None), ("5", "25", None), ("5", "24.99", "5 spent")])
def test_a_buy_costs_no_more_than_is_left_of_the_budget(spent: str, budget: str, seen: str | None) -> None:
    found = over_budget(ORDER, Decimal(spent), Decimal(budget))
    assert found == (None if seen is None else f"a for 20 beside {seen} of {budget}")
    assert over_budget(SELL, Decimal(spent), Decimal(0)) is None


@pytest.mark.parametrize(("filled", "seen"), [("0", None), ("10", None), ("10.001", "a filled 10.001 of 10")])
def test_no_more_is_filled_than_was_ordered(filled: str, seen: str | None) -> None:
    assert overfilled(msgspec.structs.replace(ORDER, filled=Decimal(filled))) == seen


def test_nothing_is_filled_of_a_cycle_that_has_ended() -> None:
    filled = msgspec.structs.replace(ORDER, filled=Decimal(3))
    assert filled_late(filled, is_cycle_open=True) is None
    assert filled_late(ORDER, is_cycle_open=False) is None
    assert filled_late(filled, is_cycle_open=False) == "a filled 3 though its cycle has ended"


@pytest.mark.parametrize(
    ("bought", "seen"), [("0", None), ("10", None), ("11", f"{ORDER.key} bought 11, and ended with 10")]
)
def test_the_end_of_a_cycle_leaves_out_nothing_that_was_bought(bought: str, seen: str | None) -> None:
    assert left_out(make_cycle(ORDER, "1"), Decimal(bought)) == seen
    assert left_out(make_cycle(ORDER), Decimal(bought)) is None


def over(status: OrderStatus, exchange_order_id: str | None) -> Order:
    return msgspec.structs.replace(ORDER, status=status, exchange_order_id=exchange_order_id)


def test_what_the_exchange_has_ended_may_be_read_too_late_and_what_it_never_had_or_has_twice_does_not_rest() -> None:
    for status, known_as in ((OrderStatus.CANCELLED, "x"), (OrderStatus.CANCELLED, None), (OrderStatus.EXPIRED, "x")):
        assert outlived(over(status, known_as), "x", was_lost=False) is None
    assert outlived(over(OrderStatus.REJECTED, None), "x", was_lost=False) == "a rests, and is rejected here"
    assert outlived(over(OrderStatus.FILLED, "x"), "y", was_lost=False) == "a rests, and is filled here"
    assert outlived(over(OrderStatus.EXPIRED, "x"), "x", was_lost=True) == "a rests, and is expired here"


def test_a_trade_id_has_one_meaning_for_an_order_whenever_and_for_whatever_commission_it_is_told() -> None:
    assert contradicted(FILL, msgspec.structs.replace(FILL, time_ns=9, commission=Decimal(1))) is None
    for change in ({"quantity": Decimal(5)}, {"price": Decimal(3)}):
        assert contradicted(FILL, msgspec.structs.replace(FILL, **change)) is not None


def test_what_is_broken_is_said_in_one_line() -> None:
    broken = Broken(promise=Promise.SENT_ONCE, symbol="AAAQ", seen="a again, it is open")
    assert str(broken) == "promise broken: sent once: a again, it is open"


def test_the_page_tells_every_promise() -> None:
    page = (Path(__file__).parents[2] / "docs" / "execution.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z ]+) \|", page.partition("## Promises")[2], re.MULTILINE)
    assert rows == ["promise", *Promise]
