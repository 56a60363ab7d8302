"""What a review has shown once, and must not come back: each test is the scenario that failed."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from naive_daemon import names
from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.errors import PermanentError
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.settings import TradeSettings, TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import SymbolJournal
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.market.feed import DeliverTrade, TradeArrived
from naive_daemon.strategy.discovery import load_strategy
from naive_daemon.strategy.protocol import Decision, Place, Position, Strategy, StrategyEvent, Wake
from naive_daemon.trading import crew
from tests.trading.plant import TRADE, Plant, with_trade
from tests.trading.table import ACCOUNT
from tests.trading.test_journal_away import Shaky


def print_trade(plant: Plant, price: str, time_ns: int) -> None:
    """Print a trade of a market whose time is its own."""
    plant.trade_id += 1
    trade = Trade("AAAQ", Decimal(price), Decimal(1), plant.trade_id, time_ns)
    for message in (TradeArrived(trade), DeliverTrade()):
        plant.system.tell(names.feed("AAAQ"), message)
        plant.settle()


def test_an_entry_is_not_doubled_when_the_markets_time_goes_back() -> None:
    plant = Plant(is_checked=False)
    store = Shaky(plant.journal)
    plant.open_journal = lambda: store
    plant.start().on()
    store.is_away = True
    print_trade(plant, "100", plant.clock.now_ns() + 3_000 * NS_PER_S)  # refused, in what is the future later
    store.is_away = False
    plant.wait(10)
    plant.stop()
    plant.start()
    now_ns = plant.clock.now_ns()
    print_trade(plant, "100", now_ns)
    print_trade(plant, "101", now_ns + 1)  # the second attempt rests
    plant.kill(names.leader(ACCOUNT, "AAAQ"))  # and is read back from the journal
    plant.settle()
    print_trade(plant, "102", now_ns + 2)
    print_trade(plant, "103.5", now_ns + 3)
    plant.check()
    assert len([order for order in plant.engine.open_orders(ACCOUNT) if order.side is Side.BUY]) == 1


def test_a_fill_is_not_lost_for_a_symbol_that_starts_while_the_manager_restarts() -> None:
    plant = Plant().start().on()
    plant.trade("100")
    plant.switch(TradingStatus.OFF)
    base = plant.stepper.steps

    def strike(step: int) -> None:
        if step == base + 3:
            plant.kill(names.execution_manager(ACCOUNT))
            fill = Trade("AAAQ", Decimal("99.8"), Decimal(1), 9, plant.clock.now_ns())
            plant.ref(names.client(ACCOUNT)).tell(fill)

    plant.stepper.strike = strike
    plant.switch(TradingStatus.ON)
    plant.stepper.strike = None
    plant.wait(3600)
    plant.trades("99.9", "101", "99.9")
    assert any(order.side is Side.SELL for order in plant.journal.orders()), "what was bought is sold"


def test_fewer_chunks_do_not_multiply_the_money_at_risk() -> None:
    plant = Plant(is_checked=False).start()
    plant.on(trade=with_trade(chunks=5, budget=Decimal(500)))
    plant.trades("100", "99.8", "99.3", "99.2", "99.1", "98.7", "98.6", "98.5", "98", "97.9", "97.8", "97.3", "97.1")
    assert plant.view().traders == 5
    plant.switch(TradingStatus.ON, trade=with_trade(chunks=1, budget=Decimal(500)))
    plant.trades("110", "100", "100")
    buys = [order for order in plant.engine.open_orders(ACCOUNT) if order.side is Side.BUY]
    assert sum(order.price * order.quantity for order in buys) <= 500
    assert plant.view().traders == 1


def stop_and_want_less(plant: Plant, less: TradeSettings) -> None:
    plant.switch(TradingStatus.OFF)
    plant.switch(TradingStatus.ON, trade=less)


def die_and_want_less(plant: Plant, less: TradeSettings) -> None:
    plant.die()
    plant.table.set("AAAQ", TradingStatus.ON, less)
    plant.start()


def want_less_as_the_leader_starts_again(plant: Plant, less: TradeSettings) -> None:
    plant.table.set("AAAQ", TradingStatus.ON, less)
    plant.kill(names.leader(ACCOUNT, "AAAQ"))
    plant.settle()


@pytest.mark.parametrize("begin", [stop_and_want_less, die_and_want_less, want_less_as_the_leader_starts_again])
def test_fewer_chunks_at_a_start_take_up_no_more_traders_than_that(
    begin: Callable[[Plant, TradeSettings], None],
) -> None:
    """All three have just sold, and bought nothing since: each would be given the whole budget of the single one."""
    plant = Plant(is_checked=False).start().on(trade=TRADE)
    plant.trades("100", "99.8", "99.4", "99.3", "99.0", "98.9", "98.5", "98.4", "98.0", "98.0", "97.9", "102")
    assert (len(plant.traders()), plant.orders(OrderStatus.OPEN)) == (3, [])
    less = with_trade(chunks=1)
    begin(plant, less)
    plant.wait(2)
    plant.trades("102", "102", "101.95")
    at_risk = sum(order.price * order.quantity for order in plant.orders(OrderStatus.OPEN, side=Side.BUY))
    assert (plant.table.state("AAAQ"), len(plant.traders()), at_risk <= less.budget) == ("on", 1, True)


def test_why_nobody_new_starts_is_told_no_more_once_somebody_does(monkeypatch: pytest.MonkeyPatch) -> None:
    installed: set[str] = set()

    def load(name: str) -> Strategy:
        if name == "later" and name not in installed:
            raise PermanentError("no strategy is called 'later'")
        return load_strategy("naive")

    monkeypatch.setattr(crew, "load_strategy", load)
    plant = Plant(is_checked=False).start().on()
    plant.trades("100", "99.8")
    plant.switch(TradingStatus.ON, trade=with_trade(strategy="later"))
    assert "later" in str(plant.view().last_error)
    installed.add("later")
    plant.trade("100.3")  # the cycle ends, and its successor trades with it
    plant.kill(names.trader(ACCOUNT, "AAAQ", 1))
    plant.settle()
    assert plant.view().last_error == "killed"


def test_a_strategy_that_is_missing_stops_nothing_that_is_open_and_is_mended_by_its_setting() -> None:
    plant = Plant().start().on()
    plant.trades("100", "99.8")
    plant.switch(TradingStatus.ON, trade=with_trade(strategy="nope"))
    plant.trade("100.3")  # the cycle ends, and nothing follows it
    assert plant.completed() == 1
    assert plant.view().state == "on"
    assert "nope" in str(plant.view().last_error)
    plant.switch(TradingStatus.ON, trade=with_trade(strategy="naive"))
    plant.trades("100", "99.8", "100.3")
    assert plant.completed() == 2


def test_a_symbol_that_began_with_a_missing_strategy_trades_once_it_is_set_right() -> None:
    plant = Plant().start()
    plant.switch(TradingStatus.ON, trade=with_trade(strategy="nope"))
    plant.die()
    plant.start()
    plant.switch(TradingStatus.ON, trade=with_trade(strategy="naive"))
    plant.trades("100", "99.8", "100.3")
    assert plant.completed() == 1


def test_a_cycle_that_has_bought_nothing_takes_changed_settings() -> None:
    plant = Plant().start()
    plant.on(trade=with_trade(budget=Decimal("0.1")))
    plant.trades("100", "101")
    assert plant.journal.orders() == ()
    plant.switch(TradingStatus.ON, trade=TRADE)
    plant.trades("100", "99.8", "100.3")
    assert plant.completed() == 1


class TwoEntries:
    """A plug-in that buys again once its first buy is filled, which ours never does."""

    def decide(self, event: StrategyEvent, position: Position, instrument: Instrument) -> tuple[Decision, ...]:
        del instrument
        buys = position.orders_of(Side.BUY)
        wait = Wake(every_trade=True)
        if not isinstance(event, Trade) or len(buys) > 1 or not all(buy.filled for buy in buys):
            return (wait,)
        return (Place(Side.BUY, event.price - 1, Decimal("0.1")), wait)


@pytest.mark.parametrize("after", ["filled", "shutdown taken back"])
def test_settings_that_change_as_a_cycle_begins_to_buy_close_it_for_no_further_entry(
    monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    monkeypatch.setattr(crew, "load_strategy", lambda _: TwoEntries())
    plant = Plant(is_checked=False).start().on()
    plant.system.suspend(plant.ref(names.leader(ACCOUNT, "AAAQ")), 5.0)
    plant.switch(TradingStatus.ON, trade=with_trade(profit_interval=Decimal("0.002")))
    plant.trade("100")
    plant.wait(6)
    if after == "shutdown taken back":
        plant.switch(TradingStatus.SHUTDOWN)
        plant.trade("98")
        assert plant.shown() == ["b1 99 filled"]
        plant.switch(TradingStatus.ON)
    plant.trades("98", "97")
    assert plant.shown() == ["b1 99 filled", "b2 97 open"]
    plant.trade("96")
    assert plant.shown() == ["b1 99 filled", "b2 97 filled"]


class Nonsense:
    """A plug-in that wants what no exchange takes."""

    def decide(self, event: StrategyEvent, position: Position, instrument: Instrument) -> tuple[Decision, ...]:
        del position, instrument
        if not isinstance(event, Trade):
            return (Wake(next_trade=True),)
        return (Place(Side.BUY, Decimal("NaN"), Decimal(0)), Wake(next_trade=True))


def test_an_order_that_no_exchange_takes_reaches_neither_journal_nor_another_symbol(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load = crew.load_strategy
    monkeypatch.setattr(crew, "load_strategy", lambda name: Nonsense() if name == "bad" else load(name))
    plant = Plant("AAAQ", "BBBQ").start().on()
    plant.switch(TradingStatus.ON, "AAAQ", trade=with_trade(strategy="bad"))
    for price in ("100", "99.8", "100.3"):
        for symbol in plant.symbols:
            plant.trade(price, symbol)
    assert {order.symbol for order in plant.journal.orders()} == {"BBBQ"}
    assert plant.top.is_alive()


class Unreadable(MemoryJournal):
    """A journal with a row of one symbol that can not be read."""

    def load_symbol(self, account: str, symbol: str) -> SymbolJournal:
        if symbol == "AAAQ":
            raise msgspec.ValidationError("settings: expected int, got str")
        return super().load_symbol(account, symbol)


def test_a_row_that_can_not_be_read_costs_its_own_symbol_only() -> None:
    plant = Plant("AAAQ", "BBBQ", is_checked=False)
    store = Unreadable()
    plant.open_journal = lambda: store
    plant.start().on()
    for price in ("100", "99.8", "100.3"):
        plant.trade(price, "BBBQ")
    states: dict[str, Any] = {symbol: plant.table.state(symbol) for symbol in plant.symbols}
    assert states == {"AAAQ": "quarantined", "BBBQ": "on"}
    assert [order.status for order in store.orders()].count(OrderStatus.FILLED) == 2
