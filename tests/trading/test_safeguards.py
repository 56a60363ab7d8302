"""Kill switch and limits through the whole tree: who heeds them, who confirms, and what survives which restart."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from naive_daemon import names
from naive_daemon.domain.errors import TransientError
from naive_daemon.domain.limits import KillCancel, RiskLimits
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.client import MarketStatus, Reconnected, Reconnecting
from naive_daemon.execution.manager import ExecutionConfig
from naive_daemon.trading.control import RETRY_S
from tests.trading.plant import Plant, instrument
from tests.trading.table import ACCOUNT, TableStore

REJECTED, CANCELLED, OPEN = OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.OPEN
MANAGER = names.execution_manager(ACCOUNT)


def plant(*symbols: str) -> Plant:
    return Plant(*symbols, execution=ExecutionConfig(awaits_safeguards=True)).start()


def switch(plant: Plant, *, is_on: bool, cancel: KillCancel = KillCancel.NOTHING) -> None:
    plant.table.set_kill_switch(is_on=is_on, cancel=cancel, reason="drill")
    plant.settle()


def test_the_kill_switch_stops_entries_is_confirmed_and_shown_and_exits_go_on() -> None:
    daemon = plant().on()
    daemon.trades("100", "99")  # bought
    assert [order.side for order in daemon.orders(OPEN)] == [Side.SELL]
    switch(daemon, is_on=True)
    assert daemon.table.obeys_kill_switch()
    assert daemon.view().held == "kill switch: drill"
    daemon.trades("101", "102", "100", "100.1")  # sold, and nothing is bought again
    assert (daemon.completed(), daemon.orders(OPEN)) == (1, [])
    assert [order.status for order in daemon.orders(side=Side.BUY)[1:]] == [REJECTED]
    switch(daemon, is_on=False)
    assert daemon.table.obeys_kill_switch()
    daemon.trade("100.2")
    assert [order.side for order in daemon.orders(OPEN)] == [Side.BUY]


def test_the_kill_switch_is_read_though_what_is_so_can_not_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    daemon = plant().on()

    def locked(*_: object) -> None:
        raise TransientError("somebody holds a lock on a row")

    monkeypatch.setattr(TableStore, "record_actual", locked)
    daemon.trades("100", "99")  # something is to be written from now on
    switch(daemon, is_on=True)
    daemon.wait(RETRY_S)
    assert daemon.view().held == "kill switch: drill"


def test_held_a_trader_journals_at_most_one_refused_attempt_and_goes_on_when_released() -> None:
    daemon = plant()
    switch(daemon, is_on=True)
    daemon.on()  # its traders have come since it was said
    daemon.trades("100", "99", "100", "98", "103")
    assert [order.status for order in daemon.orders()] == [REJECTED]
    switch(daemon, is_on=False)
    daemon.trade("97")
    assert [order.status for order in daemon.orders()] == [REJECTED, OPEN]


def test_entries_are_taken_off_when_the_switch_says_so_and_exits_stay() -> None:
    daemon = plant("AAAQ", "BBBQ").on()
    daemon.trade("100", "AAAQ")
    daemon.trade("100", "BBBQ")
    daemon.trade("99", "BBBQ")  # bought there
    switch(daemon, is_on=True, cancel=KillCancel.ENTRIES)
    assert sorted((order.symbol, order.side, order.status) for order in daemon.orders(OPEN, CANCELLED)) == [
        ("AAAQ", Side.BUY, CANCELLED),
        ("BBBQ", Side.SELL, OPEN),
    ]
    assert daemon.table.obeys_kill_switch()


@pytest.mark.parametrize("dies", [MANAGER, names.client(ACCOUNT), names.SWITCHES, names.CONTROL, names.JOURNAL])
def test_the_kill_switch_survives_the_restart_of_anybody(dies: Any) -> None:
    daemon = plant().on()
    switch(daemon, is_on=True)
    assert daemon.kill(dies)
    daemon.settle()
    daemon.wait(10)
    daemon.trades("100", "99", "100")
    assert daemon.orders(OPEN) == []
    assert daemon.view().held == "kill switch: drill"
    assert daemon.table.obeys_kill_switch()
    switch(daemon, is_on=False)
    assert daemon.table.obeys_kill_switch()
    daemon.trades("98", "98.01")
    assert [order.side for order in daemon.orders(OPEN)] == [Side.BUY]


def test_the_kill_switch_survives_the_daemon() -> None:
    daemon = plant().on()
    switch(daemon, is_on=True)
    daemon.die()
    daemon.start()
    daemon.trades("100", "99")
    assert daemon.orders(OPEN) == []
    assert daemon.table.obeys_kill_switch()


def test_who_obeys_is_told_again_to_a_control_that_died_before_it_had_written_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    daemon = plant().on()

    def refuse(*_: object) -> None:
        raise TransientError("the table is away")

    with monkeypatch.context() as patched:
        patched.setattr(TableStore, "confirm_kill_switch", refuse)
        switch(daemon, is_on=True)
        daemon.kill(names.CONTROL)
    daemon.settle()
    daemon.wait(2 * RETRY_S)
    assert daemon.table.obeys_kill_switch()


def test_without_the_table_no_entry_leaves_after_a_start() -> None:
    daemon = Plant(execution=ExecutionConfig(awaits_safeguards=True))
    daemon.start().on()
    daemon.die()
    daemon.table.is_away = True
    daemon.start()
    daemon.trades("100", "99")
    assert daemon.orders(OPEN) == []
    daemon.table.is_away = False
    daemon.wait(2 * RETRY_S)
    daemon.trades("100", "100.1")
    assert [order.side for order in daemon.orders(OPEN)] == [Side.BUY]


def test_a_limit_holds_one_symbol_and_lets_it_go_by_itself() -> None:
    daemon = plant("AAAQ", "BBBQ")
    daemon.table.set_limits(RiskLimits(max_account_at_risk=Decimal(150)))
    daemon.on()
    daemon.trade("100", "AAAQ")
    daemon.trade("100", "BBBQ")
    assert [order.symbol for order in daemon.orders(OPEN)] == ["AAAQ"]
    held = daemon.view("BBBQ").held
    assert held is not None
    assert held.startswith("limit max_account_at_risk=150: ")
    assert daemon.view("AAAQ").held is None
    daemon.trades("99", "101", "102", symbol="AAAQ")  # bought and sold, so its cycle ends
    daemon.table.set_limits(RiskLimits(max_account_at_risk=Decimal(1_000)))
    daemon.wait(5)
    daemon.trades("101", "102", symbol="BBBQ")
    assert daemon.view("BBBQ").held is None
    assert "BBBQ" in [order.symbol for order in daemon.orders(OPEN)]


def test_a_symbol_that_was_halted_at_the_start_is_bought_once_the_exchange_trades_it() -> None:
    daemon = Plant(instruments={"AAAQ": msgspec.structs.replace(instrument(), is_trading=False)}).start().on()
    daemon.ref(MANAGER).tell(MarketStatus(ACCOUNT, frozenset({"AAAQ"})))
    daemon.trades("100", "99")
    assert (daemon.view().held, daemon.orders(OPEN)) == ("the exchange has halted AAAQ", [])
    daemon.ref(MANAGER).tell(MarketStatus(ACCOUNT, frozenset()))
    daemon.settle()
    daemon.trade("99.1")
    assert [order.side for order in daemon.orders(OPEN)] == [Side.BUY]


@pytest.mark.parametrize("dies", [MANAGER, names.client(ACCOUNT), names.SWITCHES, names.JOURNAL])
def test_nobody_waits_for_ever_for_a_release_that_died_with_its_manager(dies: Any) -> None:
    """Its successor holds nothing, so it has nothing to release: it says what holds, and that is all that does."""
    daemon = plant("AAAQ", "BBBQ").on()
    manager = daemon.ref(MANAGER)
    manager.tell(MarketStatus(ACCOUNT, frozenset({"AAAQ"})))
    manager.tell(Reconnecting(ACCOUNT, "cut"))
    daemon.settle()
    daemon.trade("100", "AAAQ")
    assert daemon.orders() == []
    daemon.kill(dies)
    daemon.settle()
    daemon.wait(10)
    if dies == names.SWITCHES:  # the manager lives, and it is its client that says when it is over
        client = daemon.actor(names.client(ACCOUNT))
        for message in (Reconnected(ACCOUNT), client._snapshot(), MarketStatus(ACCOUNT, frozenset())):
            daemon.ref(MANAGER).tell(message)
        daemon.settle()
    daemon.trades("100", "100.1", symbol="AAAQ")
    assert [order.symbol for order in daemon.orders(OPEN)] == ["AAAQ"]
    assert daemon.view("AAAQ").held is None
