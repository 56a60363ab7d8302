"""What an operator has said holds until it is done, whoever dies with the message in hand."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from naive_daemon import names
from naive_daemon.domain.errors import TransientError
from naive_daemon.domain.settings import RestingOrders, TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.market.feed import MarketMissing
from naive_daemon.market.player import player_of
from naive_daemon.otp import ChildState, StartChild, TerminateChild
from naive_daemon.trading.guard import Guard
from naive_daemon.trading.switch_messages import ControlStarted
from tests.trading.accounts_plant import AccountsPlant
from tests.trading.plant import Plant, with_trade
from tests.trading.table import ACCOUNT
from tests.trading.test_crashes import ACTORS
from tests.trading.test_quarantine import ruin

ON, OFF, SHUTDOWN = TradingStatus.ON, TradingStatus.OFF, TradingStatus.SHUTDOWN
CANCEL = RestingOrders.CANCEL
STRUCK = ["control", "switches", "journal", "execution", "client", "account", "leader", "symbol", "symbols", "trading"]


def resting() -> Plant:
    """Give a daemon with one exit on the book."""
    plant = Plant().start().on()
    plant.trades("100", "99.8")
    assert len(plant.engine.open_orders(ACCOUNT)) == 1
    return plant


def when(plant: Plant, state: str, do: Callable[[], object]) -> None:
    """Do it once, as soon as the switches have the symbol in this state."""
    done: list[object] = []

    def strike(_: int) -> None:
        switches = plant.system.whereis(names.SWITCHES)
        actor: Any = switches._actor if switches is not None else None
        record = actor._symbols.get((ACCOUNT, "AAAQ")) if actor is not None else None
        if not done and record is not None and record.state == state:
            done.append(do())

    plant.stepper.strike = strike


# stop --orders cancel ------------------------------------------------------------------------------------------------


def test_a_stop_with_cancel_while_the_daemon_is_down_cancels_when_it_is_up() -> None:
    plant = resting()
    plant.die()
    plant.table.set("AAAQ", OFF, stop=CANCEL)
    plant.start()
    assert plant.engine.open_orders(ACCOUNT) == []
    plant.check()


@pytest.mark.parametrize("is_kill", [True, False], ids=["killed", "raising"])
@pytest.mark.parametrize("who", STRUCK)
def test_a_stop_with_cancel_cancels_whoever_is_struck_after_it(who: str, is_kill: bool) -> None:
    for moment in range(1, 70, 5):
        plant = resting()
        due = plant.stepper.steps + moment
        hits: list[int] = []

        def strike(step: int, plant: Plant = plant, due: int = due, hits: list[int] = hits) -> None:
            if step >= due and not hits and (plant.kill(ACTORS[who]) if is_kill else plant.crash(ACTORS[who])):
                hits.append(step)

        plant.stepper.strike = strike
        plant.switch(OFF, stop=CANCEL)
        plant.stepper.strike = None
        plant.wait(70)
        assert (plant.table.state("AAAQ"), plant.shown()[-1]) == ("off", "s1 100.19 cancelled"), moment
        plant.check()
        plant.stop()


def test_an_execution_manager_that_dies_while_the_symbol_stops_cancels_all_the_same() -> None:
    plant = resting()
    when(plant, "stopping", lambda: plant.kill(names.execution_manager(ACCOUNT)))
    plant.switch(OFF, stop=CANCEL)
    plant.stepper.strike = None
    assert plant.engine.open_orders(ACCOUNT) == []
    plant.check()


def test_a_cancel_that_is_asked_for_when_nobody_hears_it_is_done_when_somebody_reads() -> None:
    plant = resting()
    plant.switch(OFF)
    plant.table.deafen()
    plant.table.set("AAAQ", OFF, stop=CANCEL)
    plant.kill(names.CONTROL)
    plant.settle()
    assert plant.engine.open_orders(ACCOUNT) == []
    plant.check()


@pytest.mark.parametrize("delay", range(0, 60, 7))
def test_a_start_right_after_a_stop_with_cancel_trades_on(delay: int) -> None:
    """Whether the exit was cancelled in between depends on who was quicker; it is placed again then."""
    plant = resting()
    due = plant.stepper.steps + delay
    plant.stepper.strike = lambda step: plant.table.set("AAAQ", ON) if step == due else None
    plant.switch(OFF, stop=CANCEL)
    plant.stepper.strike = None
    plant.switch(ON)
    plant.wait(60)
    plant.trades("99.8", "99.8", "99.7", "99.3")  # an exit that was cancelled is placed again when the price moves
    assert [order.side for order in plant.engine.open_orders(ACCOUNT)].count(Side.SELL) == 1
    plant.check()
    plant.trade("100.3")
    assert plant.completed() == 1


# Drains --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["stopping", "drained"])
def test_a_drain_is_written_though_control_died_with_the_message(state: str) -> None:
    plant = resting()
    plant.switch(SHUTDOWN)
    when(plant, state, lambda: plant.kill(names.CONTROL))
    plant.trade("100.3")
    plant.stepper.strike = None
    plant.wait(10)
    assert (plant.table.status("AAAQ"), plant.table.state("AAAQ")) == (OFF, "off")
    plant.check()


def test_a_shutdown_that_is_asked_for_again_before_the_end_of_the_first_is_read_ends_too() -> None:
    plant = resting()
    plant.switch(SHUTDOWN)
    listeners = list(plant.table._listeners)
    plant.table.deafen()
    plant.trade("100.3")
    assert (plant.table.status("AAAQ"), plant.table.state("AAAQ")) == (OFF, "drained")
    plant.table.set("AAAQ", SHUTDOWN)
    for listener in listeners:
        listener.start()
    plant.settle()
    assert (plant.table.status("AAAQ"), plant.table.state("AAAQ")) == (OFF, "off")
    plant.check()


# Starts and stops ----------------------------------------------------------------------------------------------------


def test_a_start_that_took_too_long_is_on_when_it_is_tried_again() -> None:
    """Its leader reported while the symbol was given up."""
    plant = Plant().start()
    symbols = plant.actor(names.SYMBOLS)
    serve = symbols._answer
    late: list[Any] = []

    def hold(call: Any) -> None:
        (late.append if isinstance(call.message, StartChild) else serve)(call)

    symbols._answer = hold
    plant.on().wait(31)
    assert plant.table.state("AAAQ") == "quarantined"
    symbols._answer = serve
    for call in late:
        plant.ref(names.SYMBOLS).tell(call)
    plant.settle()
    assert plant.traders()
    plant.wait(61)
    assert plant.table.state("AAAQ") == "on"
    plant.check()


def test_a_leader_that_reports_before_its_symbol_is_known_to_have_started_is_heard() -> None:
    plant = Plant().start()
    switches = plant.actor(names.SWITCHES)
    take = switches._take_reply
    held: list[Any] = []
    switches._take_reply = held.append
    plant.on()
    assert held
    assert plant.table.state("AAAQ") == "on"
    switches._take_reply = take
    for reply in held:
        plant.ref(names.SWITCHES).tell(reply)
    plant.settle()
    assert plant.table.state("AAAQ") == "on"
    plant.check()


@pytest.mark.parametrize("status", [OFF, ON])
def test_switches_that_start_while_a_symbol_is_being_stopped_wait_for_its_end(status: TradingStatus) -> None:
    plant = Plant().start().on()
    leader = plant.actor(names.leader(ACCOUNT, "AAAQ"))
    signals: list[Any] = []
    leader._handle_signal = signals.append  # it takes its time
    plant.switch(OFF)
    plant.table.set("AAAQ", status)
    plant.kill(names.SWITCHES)
    plant.settle()
    supervisor = plant.actor(names.SYMBOLS)
    assert [child.state for child in supervisor.which_children()] == [ChildState.STOPPING]
    assert plant.table.state("AAAQ") == "stopping"
    del leader._handle_signal
    for signal in signals:
        leader.actor_inbox.put_signal(signal)
    plant.settle()
    assert plant.table.state("AAAQ") == status.value
    plant.check()


def test_what_is_being_stopped_by_somebody_else_is_not_asked_for_again_and_again() -> None:
    plant = Plant().start().on()
    leader = plant.actor(names.leader(ACCOUNT, "AAAQ"))
    signals: list[Any] = []
    leader._handle_signal = signals.append
    switches = plant.actor(names.SWITCHES)
    switches.request(
        plant.ref(names.SYMBOLS), TerminateChild(plant.ref(names.symbol_supervisor(ACCOUNT, "AAAQ"))), lambda _: None
    )
    plant.settle()
    before = plant.stepper.steps
    plant.stepper.strike = lambda step: pytest.fail("it does not come to rest") if step > before + 500 else None
    plant.switch(OFF)
    plant.stepper.strike = None
    del leader._handle_signal
    for signal in signals:
        leader.actor_inbox.put_signal(signal)
    plant.settle()
    assert plant.table.state("AAAQ") == "off"
    plant.check()


def test_what_was_said_while_no_switches_were_there_is_told_to_the_next_ones() -> None:
    plant = Plant().start().on()
    ruin(plant)
    switches = plant.ref(names.SWITCHES)
    whereis = plant.system.registry.whereis
    plant.system.registry.whereis = lambda name: None if name == names.SWITCHES else whereis(name)  # type: ignore[method-assign]  # they are away
    plant.switch(ON)
    plant.system.registry.whereis = whereis  # type: ignore[method-assign]  # as it was
    assert plant.view().state == "quarantined"
    plant.table.notify((ACCOUNT, "BBBQ"))
    plant.settle()
    assert plant.ref(names.SWITCHES) is switches
    assert plant.table.state("AAAQ") == "on"
    plant.check()


def lose_a_while(plant: Plant) -> Callable[[], None]:
    """Take the listener's connection away; gives how it comes back."""
    listeners = list(plant.table._listeners)
    plant.table.deafen()
    for listener in listeners:
        listener.owner.connection_lost(TransientError("gone"))

    def come_back() -> None:
        plant.table._listeners.extend(listeners)
        for listener in listeners:
            listener.owner.listening()
        plant.settle()

    return come_back


def test_a_start_that_was_said_while_nobody_listened_ends_the_quarantine() -> None:
    plant = Plant().start().on()
    ruin(plant)
    come_back = lose_a_while(plant)
    plant.switch(ON)
    assert plant.view().state == "quarantined"
    come_back()
    assert plant.table.state("AAAQ") == "on"
    plant.check()


def test_an_account_that_was_enabled_again_while_nobody_listened_is_tried_at_once() -> None:
    plant = AccountsPlant(others=("second",))
    plant.opener.refused["second"] = "the exchange refuses the key"
    plant.trade_all()
    plant.opener.refused.clear()
    come_back = lose_a_while(plant)
    plant.set_account("second")
    assert plant.condition("second").state == "down"
    come_back()
    assert plant.condition("second").state == "up"


def test_a_start_that_is_said_beside_a_changed_setting_is_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    plant = Plant().start().on()
    seen: list[Any] = []
    monkeypatch.setattr(Guard, "look", lambda _, key: seen.append(key))
    plant.table.set("AAAQ", ON, with_trade(budget=Decimal(200)))
    plant.settle()
    assert seen == []
    plant.table.set("AAAQ", ON, with_trade(budget=Decimal(300)))
    plant.table.set("AAAQ", ON)
    plant.settle()
    assert seen == [(ACCOUNT, "AAAQ")]


@pytest.mark.parametrize("payload", ["hello", "{}", '{"account": "main", "symbol": "AAAQ"}'])
def test_a_notification_is_a_reason_to_read_and_nothing_else(payload: str) -> None:
    plant = Plant().start().on()
    ruin(plant)
    reads, control = plant.table.reads, plant.ref(names.CONTROL)
    for listener in plant.table._listeners:
        listener.owner.notified("naive_settings", payload)
    plant.settle()
    assert plant.ref(names.CONTROL) is control
    assert plant.table.reads == reads + 1
    assert plant.table.state("AAAQ") == "quarantined"


def test_a_symbol_without_a_market_says_so() -> None:
    plant = Plant("AAAQ", "BBBQ").start().on()
    plant.system.pubsub.publish(names.MARKET_MISSING, MarketMissing("AAAQ"))
    plant.settle()
    assert plant.table.actual[ACCOUNT, "AAAQ"].last_error == "no market data for AAAQ"
    assert plant.table.actual[ACCOUNT, "BBBQ"].last_error is None
    plant.system.tell(names.SWITCHES, ControlStarted())
    plant.settle()
    assert plant.table.actual[ACCOUNT, "AAAQ"].last_error == "no market data for AAAQ"


class Silent:
    """Implements MarketSource: it has no market at all."""

    speed = None

    def trades(self, symbol: str) -> None:
        assert symbol == "AAAQ"

    def save(self) -> None:
        """Nothing to keep."""


def test_a_symbol_of_which_the_source_has_nothing_says_so() -> None:
    plant = Plant(make_player=player_of(Silent())).start().on()
    assert plant.table.state("AAAQ") == "on"
    assert plant.table.actual[ACCOUNT, "AAAQ"].last_error == "no market data for AAAQ"
    assert plant.view().last_error == "no market data for AAAQ"
