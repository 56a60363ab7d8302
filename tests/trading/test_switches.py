"""The switches, row by row: start, stop and shutdown, of what runs and of what does not."""

import random
from decimal import Decimal

import pytest

from naive_daemon import names
from naive_daemon.domain.cycle import CycleOutcome
from naive_daemon.domain.errors import TransientError
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.settings import RestingOrders, TradingStatus
from naive_daemon.domain.side import Side
from tests.trading.plant import Plant, with_trade
from tests.trading.table import ACCOUNT, TableStore

ON, OFF, SHUTDOWN = TradingStatus.ON, TradingStatus.OFF, TradingStatus.SHUTDOWN
KEEP, CANCEL = RestingOrders.KEEP, RestingOrders.CANCEL


@pytest.fixture
def plant() -> Plant:
    return Plant().start()


def bought(plant: Plant) -> Plant:
    """Bring the only trader to where its sell rests."""
    plant.on().trades("100", "99.8")
    assert plant.shown() == ["b1 99.90 filled", "s1 100.19 open"]
    return plant


def test_start_of_what_does_not_run_starts_one_trader(plant: Plant) -> None:
    plant.switch(ON)
    assert (plant.table.status("AAAQ"), plant.table.state("AAAQ")) == (ON, "on")
    assert len(plant.traders()) == 1
    assert plant.journal.cycles()[0].budget == 100
    plant.check()


def test_start_of_what_runs_changes_nothing(plant: Plant) -> None:
    plant.on()
    before = plant.refs_of("AAAQ")
    plant.switch(ON)
    assert plant.refs_of("AAAQ") == before


def test_stop_of_what_runs_ends_it_and_its_orders_rest(plant: Plant) -> None:
    bought(plant).switch(OFF)
    assert plant.table.state("AAAQ") == "off"
    assert plant.system.whereis(names.symbol_supervisor(ACCOUNT, "AAAQ")) is None
    assert plant.system.whereis(names.feed("AAAQ")) is None
    assert plant.shown()[-1] == "s1 100.19 open"
    plant.check()


def test_stop_of_what_does_not_run_leaves_it_off(plant: Plant) -> None:
    plant.switch(OFF)
    plant.check()


def test_a_start_after_a_stop_adopts_the_orders_that_rest(plant: Plant) -> None:
    bought(plant).switch(OFF)
    plant.switch(ON)
    assert [trader._position.latest(Side.SELL).status for trader in plant.traders()] == [OrderStatus.OPEN]
    plant.check()
    plant.trade("100.2")
    assert plant.completed() == 1
    plant.check()


def test_stop_can_cancel_what_rests_and_the_next_start_goes_on_from_there(plant: Plant) -> None:
    bought(plant).switch(OFF, stop=CANCEL)
    assert plant.shown()[-1] == "s1 100.19 cancelled"
    plant.check()
    plant.switch(ON)
    plant.trades("99.8", "99.8", "99.7")
    assert len(plant.orders(side=Side.SELL)) == 1
    plant.trade("99.3")  # the price has moved
    assert plant.shown()[-1] == "s2 100.19 open"
    plant.check()


def test_an_order_that_is_on_its_way_is_cancelled_by_a_stop_too(plant: Plant) -> None:
    plant.on().trade("100")
    plant.table.set("AAAQ", OFF, stop=CANCEL)
    plant.settle()
    assert plant.shown() == ["b1 99.90 cancelled"]
    plant.check()


def test_shutdown_of_what_does_not_run_is_off_at_once(plant: Plant) -> None:
    plant.switch(SHUTDOWN)
    assert (plant.table.status("AAAQ"), plant.table.state("AAAQ")) == (OFF, "off")
    plant.check()


def test_shutdown_finishes_what_is_open_starts_nothing_more_and_is_off_then(plant: Plant) -> None:
    bought(plant).switch(SHUTDOWN)
    assert (plant.table.status("AAAQ"), plant.table.state("AAAQ")) == (SHUTDOWN, "shutdown")
    plant.trades("99.3", "99")  # a rebuy is due and is not heeded
    assert len(plant.traders()) == 1
    plant.check()
    plant.trade("100.2")
    assert (plant.table.status("AAAQ"), plant.table.state("AAAQ")) == (OFF, "off")
    assert len(plant.journal.cycles()) == 1
    plant.check()


def test_shutdown_ends_a_trader_that_has_nothing_on_the_book(plant: Plant) -> None:
    plant.on().switch(SHUTDOWN)
    assert plant.table.status("AAAQ") is OFF
    assert plant.journal.cycles()[0].result is not None
    plant.check()


def test_a_shutdown_is_confirmed_only_when_a_trader_that_is_just_being_started_knows_of_it(plant: Plant) -> None:
    bought(plant)
    plant.system.suspend(plant.ref(names.traders(ACCOUNT, "AAAQ")), 5.0)
    plant.trade("99.3")  # a rebuy is due: a second trader is being started
    plant.switch(SHUTDOWN)
    assert plant.table.state("AAAQ") == "on"
    plant.wait(5.0)
    assert plant.table.state("AAAQ") == "shutdown"
    plant.trades("99.3", "99")
    assert plant.shown() == ["b1 99.90 filled", "s1 100.19 open"]
    plant.check()


def test_shutdown_keeps_an_entry_that_rests(plant: Plant) -> None:
    plant.on().trade("100")
    plant.switch(SHUTDOWN)
    plant.trades("101", "102")
    assert plant.shown() == ["b1 99.90 open"]
    plant.trades("99.8", "100.2")
    assert plant.shown() == ["b1 99.90 filled", "s1 100.19 filled"]
    assert plant.table.status("AAAQ") is OFF
    plant.check()


def test_shutdown_can_cancel_entries_without_a_fill(plant: Plant) -> None:
    plant.on().trades("100", "99.8", "99.3", "99.3")
    assert plant.shown() == ["b1 99.90 filled", "s1 100.19 open", "b1 99.20 open"]
    plant.switch(SHUTDOWN, entries=CANCEL)
    assert plant.shown() == ["b1 99.90 filled", "s1 100.19 open", "b1 99.20 cancelled"]
    assert len(plant.traders()) == 1
    plant.check()
    plant.trade("100.2")
    assert plant.table.status("AAAQ") is OFF
    plant.check()


def test_cancel_may_be_asked_for_later(plant: Plant) -> None:
    plant.on().trade("100")
    plant.switch(SHUTDOWN)
    plant.switch(SHUTDOWN, entries=CANCEL)
    assert plant.shown() == ["b1 99.90 cancelled"]
    assert plant.table.status("AAAQ") is OFF
    plant.check()


def test_start_during_shutdown_takes_the_drain_back(plant: Plant) -> None:
    bought(plant).switch(SHUTDOWN)
    plant.switch(ON)
    assert plant.table.state("AAAQ") == "on"
    plant.trades("100.2", "100", "99.8")
    assert len(plant.journal.cycles()) == 2
    plant.check()


def test_a_drain_that_was_taken_back_is_forgotten_by_the_traders_too(plant: Plant) -> None:
    plant.on().trade("100")
    plant.switch(SHUTDOWN)
    plant.switch(ON, entries=CANCEL)
    plant.kill(names.account(ACCOUNT))  # its start makes every trader decide anew
    plant.settle()
    assert plant.shown() == ["b1 99.90 open"]
    plant.check()


@pytest.mark.parametrize("has_order", [True, False])
def test_a_drain_goes_on_after_a_restart_of_the_daemon(plant: Plant, has_order: bool) -> None:
    plant.on()
    if has_order:
        plant.trades("100", "99.8")
    plant.die()
    plant.table.set("AAAQ", SHUTDOWN)
    plant.start()
    assert plant.table.status("AAAQ") is (SHUTDOWN if has_order else OFF)
    plant.check()
    if has_order:
        plant.trade("100.2")
        assert plant.table.status("AAAQ") is OFF
        plant.check()


def test_no_entry_is_placed_while_draining_even_when_one_is_rejected() -> None:
    poor = Plant()
    poor.opening["Q"] = poor.opening["Q"] * 0
    poor.start().on().trade("100")
    assert poor.shown() == ["b1 99.90 rejected"]
    poor.switch(SHUTDOWN)
    poor.trades("90", "80", "120")
    assert len(poor.orders()) == 1
    assert poor.table.status("AAAQ") is OFF
    result = poor.journal.cycles()[0].result
    assert result is not None
    assert result.outcome is CycleOutcome.ABANDONED
    poor.check()


def test_a_symbol_that_the_exchange_does_not_list_is_quarantined_and_says_why(plant: Plant) -> None:
    plant.switch(ON, "NONEQ")
    assert plant.table.state("NONEQ") == "quarantined"
    assert plant.table.actual[ACCOUNT, "NONEQ"].last_error == "the exchange does not list NONEQ"
    plant.switch(OFF, "NONEQ")
    assert plant.table.state("NONEQ") == "off"


def test_settings_apply_to_a_traders_next_cycle_and_never_to_its_order(plant: Plant) -> None:
    bought(plant).switch(ON, trade=with_trade(chunks=2, budget=Decimal(500), profit_interval=Decimal("0.02")))
    assert plant.shown()[-1] == "s1 100.19 open"
    plant.trade("100.2")
    plant.trades("100", "99.8")
    assert [cycle.budget for cycle in plant.journal.cycles()] == [100, 250]
    assert plant.shown()[-1] == "s1 102.10 open"
    plant.check()


def test_status_changes_while_nobody_listens_are_heeded_when_somebody_does_again(plant: Plant) -> None:
    plant.on()
    plant.table.deafen()
    plant.switch(OFF)
    assert plant.table.state("AAAQ") == "on"
    plant.kill(names.CONTROL)
    plant.settle()
    assert plant.table.state("AAAQ") == "off"
    plant.check()


def test_a_table_that_is_away_stops_no_trading_and_is_written_when_it_is_back(plant: Plant) -> None:
    plant.on()
    plant.table.is_away = True
    plant.switch(SHUTDOWN)
    plant.trades("100", "99.8")
    assert plant.table.state("AAAQ") == "on"
    plant.table.is_away = False
    plant.wait(1)
    assert plant.table.state("AAAQ") == "shutdown"
    plant.check()
    plant.table.is_away = True
    plant.trade("100.2")
    assert plant.table.status("AAAQ") is SHUTDOWN
    plant.table.is_away = False
    plant.wait(1)
    assert plant.table.status("AAAQ") is OFF
    plant.check()


def test_a_leader_that_asks_switches_which_have_read_nothing_yet_waits_for_its_settings(plant: Plant) -> None:
    """Switches that start again adopt what runs before they know what is wanted of it."""
    plant.on()
    plant.table.is_away = True
    plant.kill(names.SWITCHES)
    plant.settle()
    plant.kill(names.leader(ACCOUNT, "AAAQ"))
    plant.settle()
    plant.table.is_away = False
    plant.wait(5)
    plant.trades("100", "99", "101", "101.5")
    assert {cycle.settings for cycle in plant.journal.cycles()} == {plant.table.rows[ACCOUNT, "AAAQ"].trade}
    plant.check()


@pytest.mark.parametrize("seed", range(8))
def test_switches_that_start_again_stop_nothing_before_they_know_what_is_wanted(seed: int) -> None:
    """They may hear of accounts first (seed 34): what runs of one that is up goes on."""
    plant = Plant(order=random.Random(seed)).start().on()
    before = plant.ref(names.symbol_supervisor(ACCOUNT, "AAAQ"))
    plant.table.is_away = True
    plant.kill(names.SWITCHES)
    plant.settle()
    plant.table.is_away = False
    plant.wait(5)
    assert plant.ref(names.symbol_supervisor(ACCOUNT, "AAAQ")) is before
    plant.check()


def test_a_symbol_is_stopped_at_any_moment_of_its_start_though_the_switches_die_at_the_same_moment() -> None:
    """The supervisor of all symbols knows no child by its ref that is starting (seed 34): it is told again."""
    for moment in range(1, 60):
        plant = Plant(order=random.Random(moment)).start()
        at = plant.stepper.steps + moment

        def strike(step: int, plant: Plant = plant, at: int = at) -> None:
            if step == at:
                plant.kill(names.SWITCHES)
                plant.table.set("AAAQ", OFF)

        plant.stepper.strike = strike
        plant.on()
        plant.wait(5)
        plant.check()
        plant.system.stop()


def test_a_drain_that_could_not_be_written_and_was_taken_back_ends_no_later_one(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []

    def refuse(_: TableStore, __: str, symbol: str, ___: int) -> None:
        refused.append(symbol)
        raise TransientError("away")

    plant.on()
    with monkeypatch.context() as patch:
        patch.setattr(TableStore, "drained", refuse)
        plant.switch(SHUTDOWN)
        plant.switch(ON)
        plant.wait(0.6)  # it is read when the writing is tried again
    assert refused
    plant.trades("100", "99.8")
    plant.switch(SHUTDOWN)
    plant.wait(5)
    assert (plant.table.status("AAAQ"), plant.shown()[-1]) == (SHUTDOWN, "s1 100.19 open")
    plant.trade("100.2")
    assert plant.table.status("AAAQ") is OFF
    plant.check()
