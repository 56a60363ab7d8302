"""A symbol that keeps crashing is put aside, tried again later, and costs nobody else anything."""

from decimal import Decimal

import pytest

from naive_daemon import names
from naive_daemon.domain.settings import RestingOrders, TradingStatus
from naive_daemon.trading.quarantine import Quarantine
from naive_daemon.trading.symbol_runner import AGAIN_S, STOP_TIMEOUT_S
from tests.trading.plant import Plant, instrument
from tests.trading.table import ACCOUNT


def ruin(plant: Plant, symbol: str = "AAAQ") -> None:
    """Kill the symbol's trader until nobody starts another."""
    for _ in range(100):
        if not plant.kill(names.trader(ACCOUNT, symbol, 1)):
            return
        plant.settle()
    raise AssertionError("it never gives up")


@pytest.fixture
def plant() -> Plant:
    plant = Plant("AAAQ", "BBBQ").start().on()
    plant.trades("100", "99.8")
    plant.trades("100", "99.8", symbol="BBBQ")
    return plant


def test_a_trader_that_keeps_crashing_takes_its_symbol_into_quarantine_and_its_exit_rests(plant: Plant) -> None:
    before = plant.refs_of("BBBQ")
    ruin(plant)
    state = plant.table.actual[ACCOUNT, "AAAQ"]
    assert state.state == "quarantined"
    assert state.last_error == "traders keep crashing, the last one with killed"
    assert state.retry_at_ns == plant.clock.now_ns() + 60 * 10**9
    assert plant.engine.open_orders(ACCOUNT, "AAAQ")[0].price == Decimal("100.19")
    assert plant.refs_of("BBBQ") == before
    assert plant.table.state("BBBQ") == "on"


def test_it_is_tried_again_after_a_minute_with_its_orders(plant: Plant) -> None:
    ruin(plant)
    plant.wait(59)
    assert plant.table.state("AAAQ") == "quarantined"
    plant.wait(1)
    assert plant.table.state("AAAQ") == "on"
    assert plant.completed() == 0
    plant.trade("100.2", "AAAQ")
    assert plant.completed() == 1
    plant.check()


def test_the_pause_doubles_up_to_an_hour_and_begins_anew_after_a_good_run(plant: Plant) -> None:
    pauses = []
    for _ in range(8):
        ruin(plant)
        retry_ns = plant.table.actual[ACCOUNT, "AAAQ"].retry_at_ns
        assert retry_ns is not None
        pauses.append((retry_ns - plant.clock.now_ns()) // 10**9)
        plant.wait(pauses[-1])
        assert plant.table.state("AAAQ") == "on"
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    plant.wait(3601)
    ruin(plant)
    assert plant.table.actual[ACCOUNT, "AAAQ"].retry_at_ns == plant.clock.now_ns() + 60 * 10**9
    plant.wait(60)
    plant.check()


def test_the_pause_of_what_is_not_listed_doubles_however_long_ago_it_ran() -> None:
    plant = Plant("AAAQ", "BBBQ", instruments={"BBBQ": instrument("BBBQ")}).start()
    plant.wait(3601)
    plant.on("AAAQ")
    pauses = []
    for _ in range(4):
        state = plant.table.actual[ACCOUNT, "AAAQ"]
        assert (state.state, state.last_error) == ("quarantined", "the exchange does not list AAAQ")
        assert state.retry_at_ns is not None
        pauses.append((state.retry_at_ns - plant.clock.now_ns()) // 10**9)
        plant.wait(pauses[-1])
    assert pauses == [60, 120, 240, 480]


def test_start_ends_it_at_once(plant: Plant) -> None:
    ruin(plant)
    plant.switch(TradingStatus.ON, "AAAQ")
    assert plant.table.state("AAAQ") == "on"
    plant.check()


def test_a_change_of_another_symbol_does_not(plant: Plant) -> None:
    ruin(plant)
    plant.switch(TradingStatus.OFF, "BBBQ")
    assert plant.table.state("AAAQ") == "quarantined"


@pytest.mark.parametrize(("stop", "left"), [(RestingOrders.KEEP, 1), (RestingOrders.CANCEL, 0)])
def test_stop_ends_it_and_decides_about_its_orders(plant: Plant, stop: RestingOrders, left: int) -> None:
    ruin(plant)
    plant.switch(TradingStatus.OFF, "AAAQ", stop=stop)
    assert plant.table.state("AAAQ") == "off"
    assert len(plant.engine.open_orders(ACCOUNT, "AAAQ")) == left
    plant.wait(7200)
    assert plant.table.state("AAAQ") == "off"
    plant.check()


def test_a_few_crashes_are_no_reason(plant: Plant) -> None:
    for _ in range(20):
        plant.kill(names.trader(ACCOUNT, "AAAQ", 1))
        plant.wait(3)
    assert plant.table.state("AAAQ") == "on"
    assert plant.view("AAAQ").restarts == 20
    plant.check()


def test_a_feed_that_keeps_crashing_pauses_and_costs_no_other_symbol_its_feed(plant: Plant) -> None:
    other, desk = plant.ref(names.feed("BBBQ")), plant.ref(names.STREAM_DESK)
    for _ in range(10):
        plant.kill(names.feed("AAAQ"))
        plant.settle()
    assert plant.system.whereis(names.feed("AAAQ")) is None
    assert plant.ref(names.feed("BBBQ")) is other
    assert plant.ref(names.STREAM_DESK) is desk
    plant.wait(5)
    plant.check()


def test_a_pause_that_is_over_before_fresh_switches_know_what_is_wanted_is_not_the_last() -> None:
    plant = Plant(quarantine=Quarantine(first_s=5.0, max_s=5.0)).start().on()
    plant.table.set_kill_switch(is_on=False)  # so that the last thing told is not the symbol's own row
    plant.settle()
    plant.table.is_away = True
    plant.kill(names.SWITCHES)
    plant.settle()
    plant.kill(names.symbol_supervisor("main", "AAAQ"))
    plant.wait(10)
    plant.table.is_away = False
    plant.wait(10)
    assert plant.view().state == "on"
    plant.check()
    plant.stop()


def test_a_stop_that_was_not_answered_in_time_cuts_no_later_pause(plant: Plant) -> None:
    symbols = plant.actor(names.SYMBOLS)
    serve, late = symbols._answer, []
    symbols._answer = late.append
    plant.switch(TradingStatus.OFF, "AAAQ")
    plant.switch(TradingStatus.ON, "AAAQ")
    plant.wait(STOP_TIMEOUT_S + AGAIN_S / 2)
    symbols._answer = serve
    for call in late:
        plant.ref(names.SYMBOLS).tell(call)
    plant.settle()
    assert plant.table.state("AAAQ") == "on"
    ruin(plant)
    plant.wait(59)
    assert plant.table.state("AAAQ") == "quarantined"
    plant.wait(1)
    assert plant.table.state("AAAQ") == "on"
    plant.check()
