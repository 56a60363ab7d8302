"""A promise is broken in the whole tree: one symbol buys no more, whoever starts again, until its operator says so."""

from decimal import Decimal
from typing import Any

import pytest

from naive_daemon import names
from naive_daemon.domain.events import OrderRejected
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.settings import RestingOrders, TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.asking import NEVER_PLACED
from naive_daemon.execution.journal_messages import PlaceIntent
from naive_daemon.execution.messages import CancelOrder
from naive_daemon.execution.order_id import client_order_id
from naive_daemon.execution.reconciliation import Reconcile
from tests.trading.plant import Plant, with_trade
from tests.trading.table import ACCOUNT

OPEN, REJECTED = OrderStatus.OPEN, OrderStatus.REJECTED
MANAGER = names.execution_manager(ACCOUNT)
KEY = CycleKey(ACCOUNT, "AAAQ", 9, 1)
STRANGER = client_order_id("test", KEY, Leg(Side.BUY))
REASON = f"promise broken: intent first: {STRANGER} belongs to no open cycle"


@pytest.fixture
def plant() -> Plant:
    """Both symbols have bought, and an order with our mark rests that nobody here has placed."""
    plant = Plant("AAAQ", "BBBQ").start().on(trade=with_trade(chunks=1))
    plant.play([Decimal(100), Decimal(99)])
    stranger = Order(
        client_order_id=STRANGER, key=KEY, leg=Leg(Side.BUY), price=Decimal(1), quantity=Decimal(5), created_ns=1
    )
    plant.engine.place(stranger, plant.clock.now_ns())
    plant.system.ask(MANAGER, Reconcile())
    plant.settle()
    return plant


def bought(plant: Plant, symbol: str) -> int:
    """Count the buys that have left for the exchange, without the stranger."""
    buys = plant.orders(side=Side.BUY)
    return sum(order.symbol == symbol and order.key != KEY and order.status is not REJECTED for order in buys)


def sell_and_buy_again(plant: Plant) -> dict[str, int]:
    """Let every symbol sell what it holds; gives how many buys each has sent since."""
    before = {symbol: bought(plant, symbol) for symbol in plant.symbols}
    plant.play([Decimal(101), Decimal(102), Decimal(102)])
    assert [order.symbol for order in plant.orders(OPEN, side=Side.SELL)] == []
    return {symbol: bought(plant, symbol) - before[symbol] for symbol in plant.symbols}


def test_a_trader_that_lives_on_when_its_symbol_is_off_buys_nothing_and_is_told(plant: Plant) -> None:
    """As one would whose thread hangs, and comes back after it was killed."""
    plant.switch(TradingStatus.OFF, "BBBQ")
    key = CycleKey(ACCOUNT, "BBBQ", 9, 1)
    order = Order(
        client_order_id=client_order_id("test", key, Leg(Side.BUY)),
        key=key,
        leg=Leg(Side.BUY),
        price=Decimal(50),
        quantity=Decimal(1),
        created_ns=2,
    )
    plant.system.tell(names.JOURNAL, PlaceIntent(order))
    plant.settle()
    reason = f"promise broken: down buys nothing: {order.client_order_id} though BBBQ is down"
    assert (plant.orders(REJECTED)[-1].reason, plant.view("BBBQ").held) == (reason, reason)
    plant.on("BBBQ")
    plant.play([Decimal(101), Decimal(102), Decimal(102)])
    assert bought(plant, "BBBQ") == 2


def test_its_exit_goes_on_and_so_does_every_other_symbol(plant: Plant) -> None:
    assert (plant.view("AAAQ").held, plant.view("BBBQ").held) == (REASON, None)
    assert plant.table.actual[ACCOUNT, "AAAQ"].held == REASON
    assert sell_and_buy_again(plant) == {"AAAQ": 0, "BBBQ": 1}
    plant.on("AAAQ")
    assert plant.view("AAAQ").held is None
    plant.trade("103", "AAAQ")
    assert bought(plant, "AAAQ") == 2


def test_a_buy_that_is_filled_though_it_was_called_never_placed_and_its_cycle_has_ended_is_told() -> None:
    plant = Plant().start().on(trade=with_trade(chunks=1))
    plant.trade("100")
    (buy,) = plant.orders(OPEN)
    plant.system.tell(MANAGER, buy.event(OrderRejected, plant.clock.now_ns(), NEVER_PLACED))
    plant.switch(TradingStatus.ON, trade=with_trade(chunks=1, budget=Decimal(200)))
    plant.is_checked = False
    plant.trade("99.5")
    reason = f"promise broken: intent first: {buy.client_order_id} filled {buy.quantity} though its cycle has ended"
    assert plant.view().held == reason
    plant.trades("98", "97")
    assert bought(plant, "AAAQ") == 1
    plant.on()
    plant.trade("97")
    assert bought(plant, "AAAQ") == 2


def test_new_settings_are_no_look(plant: Plant) -> None:
    plant.on("AAAQ", trade=with_trade(chunks=2))
    plant.switch(TradingStatus.ON, "AAAQ", entries=RestingOrders.CANCEL)
    assert plant.view("AAAQ").held == REASON


def test_it_is_told_whatever_else_holds_the_whole_account(plant: Plant) -> None:
    plant.table.set_kill_switch(is_on=True)
    plant.settle()
    assert (plant.view("AAAQ").held, plant.view("BBBQ").held) == (REASON, "kill switch")
    plant.switch(TradingStatus.OFF, "AAAQ")
    assert plant.table.actual[ACCOUNT, "AAAQ"].held == REASON


@pytest.mark.parametrize("dies", [MANAGER, names.client(ACCOUNT), names.SWITCHES, names.CONTROL, names.JOURNAL])
def test_it_outlives_whoever_dies_while_the_order_rests(plant: Plant, dies: Any) -> None:
    assert plant.kill(dies)
    plant.settle()
    plant.wait(10)
    assert plant.view("AAAQ").held == REASON
    assert sell_and_buy_again(plant) == {"AAAQ": 0, "BBBQ": 1}


def test_it_outlives_the_daemon_until_the_order_is_gone(plant: Plant) -> None:
    plant.die()
    plant.start()
    assert plant.view("AAAQ").held == REASON
    plant.system.tell(MANAGER, CancelOrder(STRANGER))
    plant.settle()
    assert plant.view("AAAQ").held == REASON, "nobody has looked yet"
    plant.die()
    plant.start()
    assert plant.view("AAAQ").held is None
