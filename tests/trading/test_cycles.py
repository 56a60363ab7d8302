"""Trade cycles on the whole tree: one event, one order of things; rebuys; and reports that nobody should send."""

from typing import Any

from naive_daemon import names
from naive_daemon.domain.order import CycleKey
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.strategy.protocol import Position
from naive_daemon.trading.reports import CycleFinished, PositionReported, RebuyReported
from tests.trading.plant import Plant, with_trade
from tests.trading.table import ACCOUNT


def test_a_trader_acts_from_the_event_after_the_one_that_started_it() -> None:
    plant = Plant().start().on()
    plant.trade("100")
    assert plant.shown() == ["b1 99.90 open"]
    plant.trade("99.8")  # fills the buy; the sell rests; nothing else
    assert plant.shown() == ["b1 99.90 filled", "s1 100.19 open"]
    plant.trade("100.2")  # fills the sell; the fresh trader waits
    assert plant.shown() == ["b1 99.90 filled", "s1 100.19 filled"]
    plant.trade("100.1")
    assert plant.shown()[-1] == "b1 99.99 open"
    assert [str(cycle.key) for cycle in plant.journal.cycles()] == ["main/AAAQ/1/1", "main/AAAQ/1/2"]
    plant.check()


def test_an_order_never_fills_at_the_trade_that_placed_it_nor_at_its_own_price() -> None:
    plant = Plant().start().on()
    plant.trades("100", "99.90")
    assert plant.shown() == ["b1 99.90 open"]
    plant.trade("99.89")
    assert plant.shown()[0] == "b1 99.90 filled"
    plant.check()


def test_rebuys_come_up_to_chunks_and_say_so_at_the_limit(logs: list[Any]) -> None:
    plant = Plant().start().on(trade=with_trade(chunks=2))
    plant.trades("100", "99.8", "99.4", "99.3", "98.8", "98.7", "98", "97")
    assert len(plant.traders()) == 2
    assert [order.key.trader for order in plant.orders()] == [1, 1, 2, 2]
    limits = [entry for entry in logs if entry["event"] == "rebuy at the limit of chunks"]
    assert [entry["trader"] for entry in limits] == [2]
    plant.check()


def test_each_trader_has_its_share_of_the_budget_and_a_number_of_its_own() -> None:
    plant = Plant().start().on()
    plant.trades("100", "99.8", "99.4", "99.3", "98.8", "98.7")
    assert sorted(cycle.key.trader for cycle in plant.journal.cycles()) == [1, 2, 3]
    assert {cycle.budget for cycle in plant.journal.cycles()} == {100}
    plant.check()


def test_reports_of_an_unknown_trader_are_logged_and_ignored(logs: list[Any]) -> None:
    plant = Plant().start().on()
    known = plant.journal.cycles()[0]
    stranger = Position(cycle=type(known)(**{**_fields(known), "key": CycleKey(ACCOUNT, "AAAQ", 1, 99)}))
    before = plant.refs_of("AAAQ")
    for report in (PositionReported(stranger), RebuyReported(stranger, known.budget), CycleFinished(stranger)):
        plant.system.tell(names.leader(ACCOUNT, "AAAQ"), report)
        plant.settle()
    assert plant.refs_of("AAAQ") == before
    unknown = [entry["report"] for entry in logs if entry["event"] == "report of an unknown trader ignored"]
    assert unknown == ["position", "rebuy", "cycle finished"]
    plant.check()


def test_a_rejected_entry_is_not_tried_again_at_every_trade() -> None:
    plant = Plant()
    plant.opening["Q"] *= 0
    plant.start().on()
    plant.trades("100", *["100.01", "99.99"] * 20)
    assert plant.shown() == ["b1 99.90 rejected"]
    plant.trades("101", *["101.01", "100.99"] * 20)
    assert plant.shown() == ["b1 99.90 rejected", "b2 100.89 rejected"]
    plant.check()


def test_two_symbols_trade_each_on_its_own_market() -> None:
    plant = Plant("AAAQ", "BBBQ").start().on()
    plant.trades("100", "99.8")
    plant.trade("50", "BBBQ")
    assert plant.shown() == ["b1 99.90 filled", "s1 100.19 open", "b1 49.95 open"]
    plant.switch(TradingStatus.OFF, "AAAQ")
    plant.trade("49.9", "BBBQ")
    assert plant.shown()[-1] == "s1 50.09 open"
    plant.check()


def test_a_thousand_symbols_start_at_once_trade_and_drain() -> None:
    symbols = [f"S{number:03}Q" for number in range(1000)]
    plant = Plant(*symbols, is_checked=False).start()
    for symbol in symbols:
        plant.table.set(symbol, TradingStatus.ON, with_trade())
    plant.settle()
    assert {plant.table.state(symbol) for symbol in symbols} == {"on"}
    assert plant.table.reads <= len(symbols)
    for symbol in symbols:
        plant.trade("100", symbol)
    assert len(plant.orders()) == 1000
    plant.check()


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}
