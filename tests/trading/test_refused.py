"""A leg that the exchange refuses again and again is tried more and more seldom, in the market's time."""

from decimal import Decimal
from itertools import pairwise

from naive_daemon import names
from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.events import Trade
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.market.feed import DeliverTrade, TradeArrived
from naive_daemon.trading.trader import REFUSED_PAUSE_MAX_S
from tests.trading.plant import Plant


def refused_buys(plant: Plant) -> list[int]:
    """Give when each buy was sent, in seconds since the first."""
    sent = [order.created_ns for order in plant.orders(OrderStatus.REJECTED, side=Side.BUY)]
    return [round((at_ns - sent[0]) / NS_PER_S) for at_ns in sent]


def test_refused_orders_pause_longer_and_longer_and_go_on() -> None:
    plant = Plant()
    plant.opening = {"Q": Decimal(1)}  # every buy is refused: insufficient balance
    plant.start().on()
    for number in range(3_000):  # five minutes of a market that moves by 1 % with every trade
        plant.trade("100" if number % 2 else "101")
    at_s = refused_buys(plant)
    pauses = [later - earlier for earlier, later in pairwise(at_s)]
    assert pauses[1:7] == [1, 2, 4, 8, 16, 32]
    assert set(pauses[7:]) == {REFUSED_PAUSE_MAX_S}
    plant.stop()


def test_what_is_accepted_in_the_end_goes_on_as_if_nothing_had_been() -> None:
    plant = Plant()
    plant.opening = {"Q": Decimal(1)}
    plant.start().on()
    for number in range(100):
        plant.trade("100" if number % 2 else "101")
    plant.engine._ledger.receive("main", "Q", Decimal(1_000_000))
    plant.is_checked = False  # money from nowhere is in no journal
    for number in range(200):
        plant.trade("100" if number % 2 else "101")
    plant.trades("103", "104")
    assert plant.completed()
    plant.stop()


def test_a_clock_that_was_ahead_holds_nobody_up_once_it_is_right_again() -> None:
    plant = Plant()
    plant.opening = {"Q": Decimal(1)}
    plant.start().on()
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
