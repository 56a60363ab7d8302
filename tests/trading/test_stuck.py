"""A symbol whose code hangs holds up nobody else, and comes back by itself: on real threads, in the whole tree."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from naive_daemon import names
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.market.hanging import HANGING_MAX, HANGING_OF_SYMBOL_MAX
from naive_daemon.strategy.discovery import load_strategy
from naive_daemon.strategy.naive import NaiveStrategy
from naive_daemon.trading.leader import LOST_THREADS_MAX
from naive_daemon.trading.switch_messages import AskSymbols
from tests.trading.live_plant import KILL_AFTER_S, PATIENCE_S, STUCK_AFTER_S, Hanging, LivePlant
from tests.trading.plant import TRADE, with_trade
from tests.trading.table import ACCOUNT

LOAD = "naive_daemon.trading.crew.load_strategy"
TRADER = names.trader(ACCOUNT, "AAAQ", 1)


def events(logs: list[Any], event: str) -> list[Any]:
    return [entry for entry in logs.copy() if entry["event"] == event]


@pytest.fixture
def plant() -> Iterator[LivePlant]:
    plant = LivePlant("AAAQ", "BBBQ").start()
    yield plant
    plant.stop()


def hang(plant: LivePlant, monkeypatch: pytest.MonkeyPatch, times: int) -> Hanging:
    """Switch both symbols on, AAAQ with a strategy that hangs."""
    hanging = Hanging(NaiveStrategy(), times)
    monkeypatch.setattr(LOAD, lambda name: hanging if name == "hanging" else load_strategy(name))
    plant.switch(TradingStatus.ON, "AAAQ", with_trade(strategy="hanging"))
    plant.switch(TradingStatus.ON, "BBBQ", TRADE)
    return hanging


def enter(plant: LivePlant, hanging: Hanging) -> None:
    """Let a trader of AAAQ go into the decision that hangs."""
    plant.send("100", "AAAQ")
    assert hanging.entered.acquire(timeout=PATIENCE_S)
    plant.hung += 1
    plant.settle()


def let_go(plant: LivePlant, hanging: Hanging) -> None:
    hanging.go_on.set()
    plant.hung = 0
    plant.settle()


def test_a_trader_that_hangs_is_replaced_and_what_it_decides_too_late_is_nobodys(
    plant: LivePlant, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    hanging = hang(plant, monkeypatch, times=1)
    before = plant.ref(TRADER)
    enter(plant, hanging)
    plant.pass_time(STUCK_AFTER_S + 1)
    (told,) = events(logs, "actor stuck")
    assert (told["actor"], told["symbol"], told["is_replaced"]) == ("trader:main:AAAQ:1", "AAAQ", True)
    assert "self.go_on.wait" in told["stack"]
    health = plant.system.pool_health()
    assert (health.threads, health.replaced, [one.ref for one in health.stuck]) == (2, 1, [before])
    plant.trades("100", "99.8", "100.3", symbol="BBBQ")
    assert plant.completed() == 1
    assert before.is_alive()
    plant.pass_time(KILL_AFTER_S - STUCK_AFTER_S)
    plant.settle()
    (told,) = events(logs, "actor killed: it was stuck")
    assert (told["actor"], told["symbol"]) == ("trader:main:AAAQ:1", "AAAQ")
    assert told["for_s"] >= KILL_AFTER_S
    assert not before.is_alive()
    assert plant.ref(TRADER) is not before
    assert (plant.view("AAAQ").state, plant.view("AAAQ").restarts) == ("on", 1)
    plant.trades("50", "49", symbol="AAAQ")
    shown = plant.shown()
    assert any(order.startswith("b1 49.95 filled") for order in shown)
    let_go(plant, hanging)
    assert plant.shown() == shown
    assert [entry["decisions"] for entry in events(logs, "decided too late")] == [2]
    assert [entry["lost"] for entry in events(logs, "stuck thread is back")] == [True]
    assert (plant.system.pool_health().stuck, plant.system.pool_health().lost) == ((), 0)
    assert len({order.client_order_id for order in plant.orders()}) == len(plant.orders())


def test_a_symbol_that_hangs_again_and_again_is_quarantined_before_it_takes_all_threads(
    plant: LivePlant, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = hang(plant, monkeypatch, times=LOST_THREADS_MAX + 1)
    for _ in range(LOST_THREADS_MAX):
        enter(plant, hanging)
        plant.pass_time(KILL_AFTER_S + 1)
        plant.settle()
    assert plant.view("AAAQ").state == "quarantined"
    assert (
        plant.view("AAAQ").last_error
        == "3 threads hang in what was killed of this symbol: does its strategy come back?"
    )
    plant.switch(TradingStatus.ON, "AAAQ")  # tried at once, and given up at once: no thread more is lost
    assert plant.view("AAAQ").state == "quarantined"
    health = plant.system.pool_health()
    assert health.replaced == health.lost == LOST_THREADS_MAX
    plant.trades("100", "99.8", "100.3", symbol="BBBQ")
    assert plant.completed() == 1
    let_go(plant, hanging)
    hanging._times = 0
    plant.switch(TradingStatus.ON, "AAAQ")
    plant.trades("50", "49", symbol="AAAQ")
    assert plant.view("AAAQ").state == "on"
    assert any(order.startswith("b1 49.95 filled") for order in plant.shown())


def hang_all(plant: LivePlant, hanging: Hanging, count: int, enough: int) -> None:
    """Let traders go into the decision that hangs, as many as a thread takes up, until enough do."""
    threads = plant.system.pool_health().threads
    while plant.hung < enough:
        taken = min(threads, count - plant.hung)
        assert all(hanging.entered.acquire(timeout=PATIENCE_S) for _ in range(taken))
        plant.hung += taken
        plant.pass_time(STUCK_AFTER_S + 1)
    plant.settle()


def test_a_strategy_that_hangs_on_one_symbol_for_many_accounts_is_given_up_there_and_trades_all_others(
    plant: LivePlant, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = [f"a{number}" for number in range(15)]
    hanging = Hanging(NaiveStrategy(), len(accounts) + 1, "AAAQ")
    monkeypatch.setattr(LOAD, lambda _: hanging)
    for account in accounts:
        plant.table.set_account(AccountSettings(name=account))
        plant.table.set("AAAQ", TradingStatus.ON, with_trade(strategy="hanging"), account=account)
    plant.switch(TradingStatus.ON, "AAAQ", with_trade(strategy="hanging"))
    plant.switch(TradingStatus.ON, "BBBQ", with_trade(strategy="hanging"))
    plant.send("100", "AAAQ")
    hang_all(plant, hanging, len(accounts) + 1, HANGING_OF_SYMBOL_MAX)
    hung = plant.hung
    assert hung < HANGING_MAX
    views = [view for view in plant.system.ask(names.SWITCHES, AskSymbols()) if view.symbol == "AAAQ"]
    assert Counter(view.state for view in views) == {"on": hung, "quarantined": len(accounts) + 1 - hung}
    (told,) = {view.last_error for view in views if view.state == "quarantined"}
    assert f"Hanging is not asked for AAAQ: {hung} of its calls hang" in told
    plant.trades("100", "99.8", "100.3", symbol="BBBQ")
    assert plant.completed() == 1
    assert (plant.view("BBBQ").state, plant.view("BBBQ").restarts) == ("on", 0)
    hanging._times = 0
    let_go(plant, hanging)
    for account in accounts:
        plant.table.set("AAAQ", TradingStatus.ON, with_trade(strategy="hanging"), account=account)
    plant.settle()
    plant.trades("50", symbol="AAAQ")
    assert {view.state for view in plant.system.ask(names.SWITCHES, AskSymbols())} == {"on"}


def test_a_strategy_that_hangs_on_every_symbol_is_given_up_before_it_takes_all_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    symbols = [f"S{number}Q" for number in range(HANGING_MAX + 4)]
    plant = LivePlant(*symbols, "BBBQ").start()
    hanging = Hanging(NaiveStrategy(), len(symbols))
    monkeypatch.setattr(LOAD, lambda name: hanging if name == "hanging" else load_strategy(name))
    try:
        for symbol in symbols:
            plant.switch(TradingStatus.ON, symbol, with_trade(strategy="hanging"))
        plant.switch(TradingStatus.ON, "BBBQ", TRADE)
        for symbol in symbols:
            plant.send("100", symbol)
        hang_all(plant, hanging, len(symbols), HANGING_MAX)
        states = Counter(plant.view(symbol).state for symbol in symbols)
        assert states == {"on": HANGING_MAX, "quarantined": len(symbols) - HANGING_MAX}
        (told,) = {plant.view(symbol).last_error for symbol in symbols} - {None}
        assert "Hanging is not asked: 8 of its calls hang" in str(told)
        plant.trades("100", "99.8", "100.3", symbol="BBBQ")
        assert plant.completed() == 1
        hanging._times = 0
        let_go(plant, hanging)
    finally:
        plant.stop()


def test_a_leader_that_hangs_is_replaced_with_its_symbol(
    plant: LivePlant, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    gate = Hanging(NaiveStrategy(), 0)
    hangs = [True]

    def load_once_slowly(name: str) -> Any:
        if name == "slow" and hangs:
            hangs.clear()
            gate.entered.release()
            assert gate.go_on.wait(PATIENCE_S)
        return load_strategy("naive")

    monkeypatch.setattr(LOAD, load_once_slowly)
    plant.hung = 1
    plant.switch(TradingStatus.ON, "AAAQ", with_trade(strategy="slow"))
    assert gate.entered.acquire(timeout=PATIENCE_S)
    plant.switch(TradingStatus.ON, "BBBQ", TRADE)
    plant.pass_time(KILL_AFTER_S + 1)
    plant.settle()
    (told,) = events(logs, "actor killed: it was stuck")
    assert (told["actor"], told["symbol"]) == ("leader:main:AAAQ", "AAAQ")
    assert plant.view("AAAQ").state == "on"
    plant.trades("100", "99.8", "100.3", symbol="AAAQ")
    assert plant.completed() == 1
    let_go(plant, gate)
    assert len(plant.traders("AAAQ")) == 1
