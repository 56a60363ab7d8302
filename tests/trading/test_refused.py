"""A leg that the exchange refuses again and again is tried more and more seldom, in the market's time."""

from decimal import Decimal
from itertools import pairwise

from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.side import Side
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
