"""What the naive strategy makes of dust and of fees: of what it was given to sell, and of what it can not sell."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from naive_daemon.domain.cycle import Cycle, CycleOutcome
from naive_daemon.domain.order import Leg, Order
from naive_daemon.domain.side import Side
from naive_daemon.strategy.naive import NaiveStrategy
from naive_daemon.strategy.protocol import Decision, Place, Position, Refuse, StrategyEvent, Wake
from naive_daemon.strategy.result import withheld
from tests.unit.test_naive_strategy import (
    ANY,
    CANCELLED,
    CHANGED,
    CYCLE,
    FILLED,
    MARKET,
    REJECTED,
    STARTED,
    TRIGGER,
    buy,
    closed,
    decide,
    finish,
    moved,
    sell,
    trade,
)


def given_dust(amount: str) -> Cycle:
    return msgspec.structs.replace(CYCLE, dust_in=Decimal(amount))


def sell_of(quantity: str) -> tuple[Decision, ...]:
    return (Place(Side.SELL, Decimal("100.19"), Decimal(quantity)), Wake(below=TRIGGER))


@pytest.mark.parametrize(
    ("dust", "sold"), [("0.0009", "0.9"), ("0.001", "1.0"), ("0.1", "1.0"), ("0.101", "1.1"), ("-0.1", "0.8")]
)
def test_what_a_cycle_was_given_is_sold_with_what_it_bought_where_it_completes_a_step(dust: str, sold: str) -> None:
    assert decide(CHANGED, buy(FILLED, "1.0"), cycle=given_dust(dust)) == sell_of(sold)


def test_dust_that_is_sold_along_is_profit_and_what_is_left_is_dust_again() -> None:
    sold = msgspec.structs.replace(sell(FILLED, "1.0"), quantity=Decimal("1.0"))
    result = finish(decide(CHANGED, buy(FILLED, "1.0"), sold, cycle=given_dust("0.05"))).result
    assert result.realised_pnl == Decimal("101.19") * Decimal("0.999") - 99
    assert result.dust_base == Decimal("0.049")


@pytest.mark.parametrize("orders", [(), (buy(REJECTED),), (buy(CANCELLED),)])
def test_a_cycle_that_bought_nothing_sells_no_dust_but_gives_it_back(orders: tuple[Order, ...]) -> None:
    """Also as much of it as would pass the exchange's filters."""
    result = finish(decide(closed(), *orders, cycle=given_dust("0.5"))).result
    assert (result.outcome, result.dust_base, result.realised_pnl) == (CycleOutcome.ABANDONED, Decimal("0.5"), 0)


def test_a_buy_that_was_cancelled_with_too_little_bought_is_sold_with_the_dust() -> None:
    assert finish(decide(CHANGED, buy(CANCELLED, "0.1"), cycle=given_dust("0.00009"))).result.dust_base == Decimal(
        "0.09999"
    )
    assert decide(CHANGED, buy(CANCELLED, "0.1"), cycle=given_dust("0.0101")) == sell_of("0.1")


def refused(attempt: int, quantity: str) -> Order:
    return msgspec.structs.replace(
        sell(REJECTED), leg=Leg(Side.SELL, attempt), quantity=Decimal(quantity), client_order_id=f"s{attempt}"
    )


@pytest.mark.parametrize("event", [CHANGED, STARTED, trade("100")])
def test_a_sell_that_is_refused_with_dust_in_it_leaves_at_once_without(event: StrategyEvent) -> None:
    """Somebody may have taken the dust from the account."""
    orders = (buy(FILLED, "1.0"), refused(1, "1.0"))
    assert decide(event, *orders, cycle=given_dust("0.05"))[0] == sell_of("0.9")[0]


def test_what_is_refused_without_dust_too_waits_until_the_price_has_moved() -> None:
    orders = (buy(FILLED, "1.0"), refused(1, "1.0"), refused(2, "0.9"))
    cycle = given_dust("0.05")
    assert decide(CHANGED, *orders, cycle=cycle) == (ANY,)
    assert decide(trade("100"), *orders, cycle=cycle)[-1] == moved("100")
    assert decide(trade("102.01"), *orders, refused="100", cycle=cycle) == sell_of("0.9")


def test_so_does_one_whose_dust_completed_no_step() -> None:
    orders = (buy(FILLED, "1.0"), refused(1, "0.9"))
    assert decide(CHANGED, *orders, cycle=given_dust("0.0001")) == (ANY,)


def test_a_cycle_whose_dust_was_refused_never_sells_it_again_and_keeps_it_in_its_result() -> None:
    part = msgspec.structs.replace(
        sell(CANCELLED, "0.4"), leg=Leg(Side.SELL, 2), quantity=Decimal("0.9"), client_order_id="s2"
    )
    orders, cycle = (buy(FILLED, "1.0"), refused(1, "1.0"), part), given_dust("0.05")
    assert decide(trade("103"), *orders, refused="100", cycle=cycle)[0] == sell_of("0.5")[0]
    whole = msgspec.structs.replace(part, status=FILLED, filled=Decimal("0.9"))
    assert finish(decide(CHANGED, *orders[:2], whole, cycle=cycle)).result.dust_base == Decimal("0.149")


def test_what_is_owed_of_the_base_asset_counts_before_an_entry_and_dust_does_not() -> None:
    poor = msgspec.structs.replace(given_dust("0.5"), budget=Decimal(20))
    market = msgspec.structs.replace(MARKET, min_notional=Decimal(15))
    assert isinstance(decide(trade("100"), cycle=poor, market=market)[0], Refuse)
    owing = msgspec.structs.replace(given_dust("-0.9"), budget=Decimal(100))
    assert isinstance(decide(trade("100"), cycle=owing)[0], Refuse)


@pytest.mark.parametrize(
    ("fees", "sold"),
    [
        ({"AAA": "0.001"}, "0.9"),
        ({"BNB": "0.001"}, "1.0"),
        ({"Q": "0.099"}, "1.0"),
        ({"BNB": "0.0005", "AAA": "0.0005"}, "0.9"),
    ],
)
def test_a_sell_is_net_of_the_commission_that_was_paid_in_base_and_of_no_other(fees: dict[str, str], sold: str) -> None:
    paid = {asset: Decimal(amount) for asset, amount in fees.items()}
    bought = msgspec.structs.replace(buy(FILLED, "1.0"), commissions=paid)
    assert decide(CHANGED, bought) == sell_of(sold)


# Short --------------------------------------------------------------------------------------------------------------


def short(attempt: int, quantity: str) -> Order:
    return msgspec.structs.replace(
        refused(attempt, quantity), reason="Account has insufficient balance for requested action."
    )


def cancelled(attempt: int, quantity: str, filled: str) -> Order:
    order = msgspec.structs.replace(refused(attempt, quantity), status=CANCELLED, filled=Decimal(filled))
    return msgspec.structs.replace(order, filled_quote=order.filled * order.price)


def decide_with(free: str | None, event: StrategyEvent, *orders: Order, refused_at: str | None = None) -> Any:
    position = Position(
        cycle=CYCLE,
        orders=(buy(FILLED, "1.0"), *orders),
        refused_price=None if refused_at is None else Decimal(refused_at),
        free=None if free is None else Decimal(free),
    )
    return NaiveStrategy().decide(event, position, MARKET)


@pytest.mark.parametrize("event", [CHANGED, STARTED, trade("100"), trade("105")])
def test_a_sell_that_was_short_is_not_tried_again_before_it_is_known_what_is_free(event: StrategyEvent) -> None:
    assert decide_with(None, event, short(1, "0.9")) == (ANY,)


@pytest.mark.parametrize(("free", "sold"), [("0.899", "0.8"), ("0.8", "0.8"), ("0.79", "0.7"), ("0.1", "0.1")])
def test_what_is_free_is_sold_at_once_floored_to_the_step(free: str, sold: str) -> None:
    assert decide_with(free, STARTED, short(1, "0.9")) == sell_of(sold)
    assert decide_with(free, trade("100"), short(1, "0.9"), refused_at="100") == sell_of(sold)


@pytest.mark.parametrize("free", ["0", "0.0999", "0.9", "0.95", "50"])
def test_with_too_little_free_or_all_of_it_there_again_all_is_tried_again_when_the_price_has_moved(free: str) -> None:
    assert decide_with(free, STARTED, short(1, "0.9")) == (ANY,)
    assert decide_with(free, trade("100"), short(1, "0.9"))[-1] == moved("100")
    assert decide_with(free, trade("102.01"), short(1, "0.9"), refused_at="100") == sell_of("0.9")


def test_one_that_is_short_again_leaves_with_less_again_and_never_with_more_than_before() -> None:
    orders = (short(1, "0.9"), short(2, "0.8"))
    assert decide_with("0.5", STARTED, *orders) == sell_of("0.5")
    assert decide_with("0.85", STARTED, *orders) == (ANY,)


def test_a_cycle_whose_short_sell_is_filled_ends_with_the_lack_in_its_result() -> None:
    sold = msgspec.structs.replace(
        sell(FILLED, "0.5"), leg=Leg(Side.SELL, 2), quantity=Decimal("0.5"), client_order_id="s2"
    )
    result = finish(decide_with(None, CHANGED, short(1, "0.9"), sold)).result
    assert (result.outcome, result.sold, result.dust_base) == (CycleOutcome.COMPLETED, Decimal("0.5"), Decimal("0.499"))
    assert result.realised_pnl == Decimal("0.5") * Decimal("101.19") * Decimal("0.999") - 99


def test_dust_is_left_out_before_anything_else_and_what_is_short_without_it_too_is_sold_as_far_as_it_is_free() -> None:
    cycle = given_dust("0.05")
    assert decide(CHANGED, buy(FILLED, "1.0"), short(1, "1.0"), cycle=cycle)[0] == sell_of("0.9")[0]
    assert decide(CHANGED, buy(FILLED, "1.0"), short(1, "1.0"), short(2, "0.9"), cycle=cycle) == (ANY,)


@pytest.mark.parametrize(
    ("dust", "offers", "lack"),
    [
        ("0.1", (short(1, "1.0"), cancelled(2, "0.9", "0.8")), "0.1"),  # only the dust was not there
        ("0", (short(1, "0.9"), cancelled(2, "0.7", "0.6")), "0.2"),
        ("0", (short(1, "0.9"), cancelled(2, "0.7", "0.6"), short(3, "0.3")), "0.3"),
    ],
)
def test_what_the_exchange_took_an_order_for_is_not_lacking_though_the_order_was_taken_back(
    dust: str, offers: tuple[Order, ...], lack: str
) -> None:
    position = Position(cycle=given_dust(dust), orders=(buy(FILLED, "1.0"), *offers))
    assert withheld(position, MARKET) == Decimal(lack)
