"""A maker fee that changes while the daemon runs: cycles that have bought nothing yet reckon with it."""

from decimal import Decimal

import msgspec
import pytest

from naive_daemon import names
from naive_daemon.execution.client import AskSnapshot
from tests.trading.plant import FEE, Plant, with_trade
from tests.trading.table import ACCOUNT

RISEN = Decimal("0.002")


def tell_fee(plant: Plant, maker_fee: Decimal | None) -> None:
    """Have the exchange say it, as after a connection that was lost."""
    snapshot = plant.system.ask(names.client(ACCOUNT), AskSnapshot())
    plant.system.tell(names.execution_manager(ACCOUNT), msgspec.structs.replace(snapshot, maker_fee=maker_fee))
    plant.settle()


def fees(plant: Plant) -> list[Decimal]:
    return [cycle.fee for cycle in plant.journal.cycles()]


@pytest.fixture
def plant() -> Plant:
    """Give one whose only cycle has bought, and its sell rests."""
    plant = Plant().start().on(trade=with_trade(chunks=1))
    plant.trades("100", "99.8")
    return plant


def test_a_cycle_that_begins_after_the_fee_has_risen_sells_for_more_and_a_running_one_keeps_its_own(
    plant: Plant,
) -> None:
    tell_fee(plant, RISEN)
    plant.trades("100.2", "100", "99.8")
    assert plant.shown() == ["b1 99.90 filled", "s1 100.19 filled", "b1 99.90 filled", "s1 100.40 open"]
    assert fees(plant) == [FEE, RISEN]
    plant.check()


@pytest.mark.parametrize("maker_fee", [None, FEE])
def test_an_exchange_that_says_nothing_new_changes_nothing(plant: Plant, maker_fee: Decimal | None) -> None:
    tell_fee(plant, maker_fee)
    plant.trade("100.2")
    assert fees(plant) == [FEE, FEE]


@pytest.mark.parametrize("victim", [names.leader(ACCOUNT, "AAAQ"), names.SWITCHES, names.SYMBOLS, names.ACCOUNT_DESK])
def test_who_starts_again_after_the_fee_has_risen_knows_it(plant: Plant, victim: names.Name) -> None:
    tell_fee(plant, RISEN)
    plant.kill(victim)
    plant.wait(1)
    plant.trade("100.2")
    assert fees(plant) == [FEE, RISEN]
    plant.check()


def test_a_fee_that_has_risen_while_there_were_no_switches_is_known_to_those_that_come(plant: Plant) -> None:
    plant.kill(names.SWITCHES)
    tell_fee(plant, RISEN)
    plant.wait(1)
    plant.trade("100.2")
    assert fees(plant) == [FEE, RISEN]


def test_a_cycle_that_has_placed_nothing_before_a_restart_takes_the_fee_of_now(plant: Plant) -> None:
    plant.trade("100.2")
    plant.system.suspend(plant.ref(names.leader(ACCOUNT, "AAAQ")), 5.0)
    tell_fee(plant, RISEN)
    plant.kill(names.leader(ACCOUNT, "AAAQ"))
    plant.wait(1)
    assert fees(plant) == [FEE, RISEN]


def test_a_cycle_that_waits_to_buy_as_the_fee_rises_sells_for_more() -> None:
    plant = Plant().start()
    plant.table.set_kill_switch(is_on=True)
    plant.settle()
    plant.on(trade=with_trade(chunks=1))
    plant.trade("100")
    tell_fee(plant, RISEN)
    plant.table.set_kill_switch(is_on=False)
    plant.settle()
    plant.trades("101", "101", "100.8")
    assert plant.shown() == ["b1 99.90 rejected", "b1 100.89 filled", "s1 101.39 open"]
    assert fees(plant) == [FEE, RISEN]
    plant.check()


def test_an_entry_that_crosses_the_rise_and_is_refused_is_not_tried_again_with_the_former_fee() -> None:
    plant = Plant().start().on(trade=with_trade(chunks=1))
    plant.table.set_kill_switch(is_on=True)
    plant.settle()
    plant.system.suspend(plant.ref(names.leader(ACCOUNT, "AAAQ")), 5.0)
    tell_fee(plant, RISEN)
    plant.trade("100")
    plant.wait(6)
    plant.table.set_kill_switch(is_on=False)
    plant.settle()
    plant.trades("101", "101", "100.8")
    assert fees(plant) == [FEE, RISEN]
    plant.check()
