"""A leg that the exchange refuses again and again is tried more and more seldom, in the market's time."""

from decimal import Decimal
from itertools import pairwise

import pytest

from naive_daemon import names
from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.events import OrderFilled, Trade
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import REFUSALS_KEPT_MAX
from naive_daemon.market.feed import DeliverTrade, TradeArrived
from naive_daemon.trading.trader import REFUSED_PAUSE_MAX_S
from tests.trading.plant import Plant


def without_money() -> Plant:
    """Give a daemon whose every buy is refused: insufficient balance."""
    plant = Plant()
    plant.opening = {"Q": Decimal(1)}
    return plant.start().on()


def swing(plant: Plant, count: int) -> None:
    """Let a market move by 1 % with every trade."""
    for number in range(count):
        plant.trade("100" if number % 2 else "101")


def refused_buys(plant: Plant) -> list[int]:
    """Give when each buy was sent, in seconds since the first."""
    sent = [order.created_ns for order in plant.orders(OrderStatus.REJECTED, side=Side.BUY)]
    return [round((at_ns - sent[0]) / NS_PER_S) for at_ns in sent]


def test_refused_orders_pause_longer_and_longer_and_go_on() -> None:
    plant = without_money()
    swing(plant, 3_000)  # five minutes
    at_s = refused_buys(plant)
    pauses = [later - earlier for earlier, later in pairwise(at_s)]
    assert pauses[1:7] == [1, 2, 4, 8, 16, 32]
    assert set(pauses[7:]) == {REFUSED_PAUSE_MAX_S}
    plant.stop()


def test_a_leg_that_is_refused_for_long_is_known_by_its_latest_attempts_only() -> None:
    plant = without_money()
    swing(plant, 4_000)
    refused = plant.orders(OrderStatus.REJECTED)
    (trader,) = plant.traders()
    assert len(refused) > REFUSALS_KEPT_MAX
    assert trader._position.orders == tuple(refused[-REFUSALS_KEPT_MAX:])
    plant.check()


@pytest.mark.parametrize("dies", [True, False], ids=["process", "trader"])
def test_who_takes_over_pauses_as_long_and_numbers_its_attempts_on(dies: bool) -> None:
    plant = without_money()
    swing(plant, 4_000)
    if dies:
        plant.die()
        plant.start()
    else:
        plant.kill(plant.traders()[0].name)
        plant.settle()
    (trader,) = plant.traders()
    assert len(trader._position.orders) == REFUSALS_KEPT_MAX
    swing(plant, 2_000)
    at_s = refused_buys(plant)
    assert {later - earlier for earlier, later in pairwise(at_s[7:])} == {REFUSED_PAUSE_MAX_S}
    assert [order.leg.attempt for order in plant.orders()] == list(range(1, len(at_s) + 1))
    plant.check()


def fill_of(order: Order, plant: Plant) -> OrderFilled:
    """Give the fill of an order that was called never placed, without commission."""
    return OrderFilled(
        account=order.key.account,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        exchange_order_id="9",
        trade_id="9",
        price=order.price,
        quantity=order.quantity,
        commission=Decimal(0),
        commission_asset="Q",
        time_ns=plant.clock.now_ns(),
    )


@pytest.mark.parametrize("place", [0, -1], ids=["not kept", "kept"])
def test_what_was_refused_and_is_filled_after_all_counts(place: int) -> None:
    """An order that was called never placed was, and one that a position has no more is in it again."""
    plant = without_money()
    swing(plant, 4_000)
    plant.is_checked = False  # the paper exchange knows nothing of it
    one = plant.orders(OrderStatus.REJECTED)[place]
    fill = fill_of(one, plant)
    plant.system.tell(names.execution_manager(one.key.account), fill)
    plant.settle()
    (trader,) = plant.traders()
    assert one.apply(fill) in trader._position.orders
    assert trader._is_confirmed
    assert trader._position.orders == plant.journal.load_cycle(one.key)


def test_what_is_accepted_in_the_end_goes_on_as_if_nothing_had_been() -> None:
    plant = without_money()
    swing(plant, 100)
    plant.engine._ledger.receive("main", "Q", Decimal(1_000_000))
    plant.is_checked = False  # money from nowhere is in no journal
    swing(plant, 200)
    plant.trades("103", "104")
    assert plant.completed()
    plant.stop()


def test_a_clock_that_was_ahead_holds_nobody_up_once_it_is_right_again() -> None:
    plant = without_money()
    ahead_ns = plant.clock.now_ns() + 3_600 * NS_PER_S
    for number in range(400):
        trade = Trade("AAAQ", Decimal(100 + number % 2), Decimal(1), number + 1, ahead_ns + number * NS_PER_S)
        for message in (TradeArrived(trade), DeliverTrade()):
            plant.system.tell(names.feed("AAAQ"), message)
            plant.settle()
    refused = len(plant.orders(OrderStatus.REJECTED))
    plant.trade_id = 1_000
    plant.trades("100", "101", "100", "101")
    assert len(plant.orders(OrderStatus.REJECTED)) > refused
    plant.stop()


@pytest.mark.parametrize("place", [0, -1], ids=["not kept", "kept"])
def test_what_was_refused_and_is_filled_after_all_is_sold_and_nothing_more_is_bought(place: int) -> None:
    """Also when later attempts were refused: the money was in the order that was called never placed."""
    plant = without_money()
    swing(plant, 200)
    plant.is_checked = False  # the paper exchange knows nothing of it
    one, tried = plant.orders(OrderStatus.REJECTED)[place], plant.journal.load_cycle(plant.orders()[0].key)
    plant.engine._ledger.receive("main", "AAA", one.quantity)
    plant.system.tell(names.execution_manager(one.key.account), fill_of(one, plant))
    plant.settle()
    swing(plant, 20)
    (sell,) = plant.orders(side=Side.SELL)
    assert (sell.status, sell.quantity) == (OrderStatus.OPEN, one.quantity)
    assert len(plant.journal.load_cycle(one.key)) == len(tried) + 1
    plant.trades("103", "104")
    assert plant.completed()
