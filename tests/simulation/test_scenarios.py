"""What readers found in the whole daemon, each as it happened: no fault is drawn here."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import msgspec
import pytest

from naive_daemon import names
from naive_daemon.domain.limits import RiskLimits
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.settings import RestingOrders, TradeSettings, TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.messages import AccountFailed
from naive_daemon.trading.account_stage import Stage
from tests.simulation.scene import SYMBOL, Scene


@pytest.fixture
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    """Give a world, on paper where a test says so."""
    scene = Scene(on_paper=getattr(request, "param", "") == "on paper")
    scene.witness.listen()
    scene.start()
    scene.pass_time(2.0)
    yield scene
    scene.close()


def test_a_symbol_that_a_limit_holds_trades_again_when_less_is_wanted(scene: Scene) -> None:
    scene.table.set_limits(RiskLimits(max_symbol_at_risk=Decimal(500)))
    scene.trade(20)
    assert scene.held is not None
    assert "max_symbol_at_risk" in scene.held
    row = scene.table.rows["main", SYMBOL]
    scene.table.set(SYMBOL, TradingStatus.ON, msgspec.structs.replace(row.trade, budget=Decimal(400)))
    scene.trade(40)
    assert (scene.held, len(scene.books._fills) > 0) == (None, True)


def test_an_account_whose_key_was_refused_while_its_manager_started_is_closed_by_the_next_desk(scene: Scene) -> None:
    scene.exchange.go_away(25.0)
    scene.kill(names.execution_manager("main"))
    scene.pass_time(1.0)
    assert scene.system is not None
    scene.system.tell(names.ACCOUNT_DESK, AccountFailed("main", "the exchange refuses its key"))
    scene.pass_time(0.5)
    scene.kill(names.ACCOUNT_DESK)
    scene.trade(120)
    life, manager = scene.actor(names.ACCOUNT_DESK)._lives["main"], scene.actor(names.execution_manager("main"))
    assert (life.stage, manager._sending.is_draining) == (Stage.UP, False)


def test_what_is_to_be_cancelled_is_though_the_symbol_failed_to_start(scene: Scene) -> None:
    scene.print(scene.market.prints())
    scene.pass_time(1.0)
    resting = scene.exchange.engine.open_orders("main")
    assert resting
    scene.table.set(SYMBOL, TradingStatus.OFF, stop=RestingOrders.KEEP)
    scene.pass_time(1.0)
    scene.actor_faults.hold_up(names.leader("main", SYMBOL), 3.0)
    scene.table.set(SYMBOL, TradingStatus.ON)
    scene.pass_time(0.5)
    scene.table.set(SYMBOL, TradingStatus.OFF, stop=RestingOrders.CANCEL)
    scene.pass_time(0.5)
    scene.kill(names.leader("main", SYMBOL))
    scene.pass_time(5.0)
    assert (scene.state, scene.exchange.engine.open_orders("main")) == ("off", [])


TRADER, DRAINED, OFF = names.trader("main", SYMBOL, 1), TradingStatus.SHUTDOWN, TradingStatus.OFF


@pytest.mark.parametrize(
    ("slow", "wish", "killed"),
    [(TRADER, DRAINED, None), (names.JOURNAL, OFF, None), (names.JOURNAL, OFF, names.SWITCHES)],
    ids=["a trader decides late", "the journal writes late", "the journal writes late, and the switches die"],
)
def test_an_entry_leaves_before_its_symbol_is_shown_as_closed_or_not_at_all(
    scene: Scene, slow: names.Name, wish: TradingStatus, killed: names.Name | None
) -> None:
    scene.actor_faults.hold_up(slow, 20.0)
    scene.print(scene.market.prints())
    scene.table.set(SYMBOL, wish)
    scene.pass_time(1.0)
    if killed is not None:
        scene.kill(killed)
    scene.pass_time(9.0)
    assert scene.state not in ("off", "shutdown")
    scene.pass_time(30.0)
    assert scene.state in ("off", "shutdown")
    assert scene.entries in ([], [True])


def stop_quarantined(scene: Scene) -> None:
    scene.kill(names.symbol_supervisor("main", SYMBOL))
    scene.pass_time(0.5)
    assert scene.state == "quarantined"


def stop_unknown(scene: Scene) -> None:
    scene.actor_faults.hold_up(names.ACCOUNT_DESK, 15.0)
    scene.kill(names.SYMBOLS)
    scene.pass_time(1.0)


def stop_ended_unheard(scene: Scene) -> None:
    scene.kill(names.SWITCHES)
    scene.pass_time(0.001)
    scene.kill(names.symbol_supervisor("main", SYMBOL))


@pytest.mark.parametrize("end", [stop_quarantined, stop_unknown, stop_ended_unheard])
def test_what_is_stopped_when_its_tree_is_down_is_off_once_nothing_of_it_waits(
    scene: Scene, end: Callable[[Scene], None]
) -> None:
    scene.actor_faults.hold_up(names.JOURNAL, 20.0)
    scene.print(scene.market.prints())
    scene.pass_time(0.5)
    end(scene)
    scene.table.set(SYMBOL, OFF)
    scene.pass_time(5.0)
    assert scene.state != "off"
    scene.pass_time(40.0)
    assert scene.state == "off"
    assert scene.entries in ([], [True])


def kill_symbol(scene: Scene) -> None:
    scene.kill(names.symbol_supervisor("main", SYMBOL))


def kill_symbols(scene: Scene) -> None:
    scene.kill(names.SYMBOLS)


@pytest.mark.parametrize("end", [kill_symbol, kill_symbols])
def test_a_leader_that_hangs_and_outlives_its_symbol_journals_nothing_once_that_is_off(
    scene: Scene, end: Callable[[Scene], None]
) -> None:
    scene.table.set(SYMBOL, DRAINED)  # it has nothing, and begins a fresh cycle when it starts
    scene.pass_time(2.0)
    assert scene.state == "off"
    scene.actor_faults.hold_up(names.JOURNAL, 1.0)
    scene.table.set(SYMBOL, TradingStatus.ON)
    scene.pass_time(0.5)
    begins: list[object] = []
    scene.actor_faults.busy(names.leader("main", SYMBOL), 4.0, begins.append)  # as it hears what the journal has
    scene.pass_time(1.0)
    assert begins
    end(scene)
    scene.table.set(SYMBOL, OFF)
    scene.pass_time(2.0)
    assert scene.state == "off"
    cycles = dict(scene.books._cycles)
    scene.pass_time(10.0)
    assert scene.books._cycles == cycles


MANAGER, CLIENT = names.execution_manager("main"), names.client("main")


@pytest.mark.parametrize(
    ("scene", "slow"),
    [("on an exchange", MANAGER), ("on paper", MANAGER), ("on paper", CLIENT)],
    indirect=["scene"],
    ids=["manager", "manager, on paper", "client, on paper"],
)
def test_an_entry_that_is_read_late_does_not_leave(scene: Scene, slow: names.Name) -> None:
    scene.actor_faults.hold_up(slow, 20.0)
    scene.print(scene.market.prints())
    scene.table.set(SYMBOL, OFF)
    scene.pass_time(10.0)
    assert scene.state == "off"
    scene.pass_time(30.0)
    orders = scene.books._orders.values()
    assert [(order.side, order.status) for order in orders] == [(Side.BUY, OrderStatus.REJECTED)]
    assert scene.entries == []


def test_an_entry_that_is_read_late_is_no_order_of_the_minute(scene: Scene) -> None:
    scene.table.set_limits(RiskLimits(max_orders_per_min=1))
    scene.pass_time(1.0)
    scene.actor_faults.hold_up(MANAGER, 3.0)
    scene.print(scene.market.prints())
    scene.pass_time(4.0)
    assert [order.status for order in scene.books._orders.values()] == [OrderStatus.REJECTED]
    scene.trade(5)
    assert scene.entries == [True]


def test_a_kill_switch_that_was_told_to_a_manager_as_it_ended_is_confirmed(scene: Scene) -> None:
    """Seed 95010627: its account was down before and after, so nobody said it again."""
    assert scene.system is not None
    scene.exchange.revoked.add("main")
    scene.actor_faults.hold_up(names.account("main"), 2.5)
    scene.system.tell(names.ACCOUNT_DESK, AccountFailed("main", "the exchange refuses its key"))
    scene.pass_time(1.0)
    scene.actor_faults.hold_up(MANAGER, 5.0)
    scene.pass_time(2.0)
    scene.table.set_kill_switch(is_on=True)
    scene.pass_time(1.0)
    assert scene.actor(MANAGER) is not None
    scene.pass_time(7.0)
    assert (scene.actor(MANAGER), scene.table.obeys_kill_switch()) == (None, True)


def test_a_symbol_that_hangs_at_its_start_is_quarantined_for_that_and_not_for_what_was_before(scene: Scene) -> None:
    """Seed 96000243: its supervisor was taken for one that runs when its start had not been answered in time."""
    leader = names.leader("main", SYMBOL)
    scene.kill(TRADER)
    scene.pass_time(1.0)
    assert scene.table.actual["main", SYMBOL].last_error == "killed"
    scene.table.set(SYMBOL, OFF)
    scene.pass_time(1.0)
    scene.actor_faults.hold_up(leader, 100.0)
    scene.table.set(SYMBOL, TradingStatus.ON)
    scene.pass_time(31.0)
    scene.kill(leader)
    scene.pass_time(1.0)
    assert scene.state == "quarantined"
    assert str(scene.table.actual["main", SYMBOL].last_error).startswith("did not start: ")


def test_a_drain_that_was_taken_back_turns_nothing_off_that_was_bought_since(scene: Scene) -> None:
    """What the first drain came to lies in the journal, behind it an entry: the second drain is not over with it."""
    scene.actor_faults.hold_up(names.JOURNAL, 20.0)
    for wish in (DRAINED, TradingStatus.ON):
        scene.table.set(SYMBOL, wish)
        scene.pass_time(2.0)
    for _ in range(2):
        scene.print(scene.market.prints())
        scene.pass_time(1.0)
    scene.table.set(SYMBOL, DRAINED)
    scene.pass_time(30.0)
    scene.trade(120)
    bought, sold = (
        sum(order.filled for order in scene.books._orders.values() if order.side is side)
        for side in (Side.BUY, Side.SELL)
    )
    assert (scene.state, bought > 0) == ("off", True)
    assert sold == bought


def test_a_drain_that_crossed_a_start_turns_nothing_off_that_was_bought_since(scene: Scene) -> None:
    """That it had drained is told to control, which hangs, while the switches read that it is wanted again."""
    scene.actor_faults.hold_up(names.JOURNAL, 0.5)
    scene.table.set(SYMBOL, DRAINED)
    scene.pass_time(0.2)
    scene.actor_faults.hold_up(names.SWITCHES, 1.0)
    scene.pass_time(0.6)
    scene.table.set(SYMBOL, TradingStatus.ON)
    scene.pass_time(0.2)
    scene.actor_faults.hold_up(names.CONTROL, 20.0)
    scene.trade(12)
    assert any(scene.entries)
    scene.table.set(SYMBOL, DRAINED)
    scene.pass_time(25.0)
    scene.trade(120)
    orders = list(scene.books._orders.values())
    bought, sold = (sum(order.filled for order in orders if order.side is side) for side in (Side.BUY, Side.SELL))
    assert (scene.state, bought > 0) == ("off", True)
    assert sold == bought


def less(scene: Scene) -> TradeSettings:
    """Give the symbol's settings with a budget that its limit has room for."""
    return msgspec.structs.replace(scene.table.rows["main", SYMBOL].trade, budget=Decimal(400))


def held_by_a_limit(scene: Scene) -> None:
    scene.table.set_limits(RiskLimits(max_symbol_at_risk=Decimal(500)))
    scene.trade(20)
    assert scene.held is not None
    assert scene.entries == []


def stop_meanwhile(scene: Scene) -> None:
    scene.table.set(SYMBOL, OFF)
    scene.pass_time(3.0)


def kill_the_leader(scene: Scene) -> None:
    scene.kill(names.leader("main", SYMBOL))


def kill_the_trader(scene: Scene) -> None:
    scene.actor_faults.hold_up(names.traders("main", SYMBOL), 2.0)
    scene.kill(TRADER)
    scene.pass_time(0.5)


@pytest.mark.parametrize("meanwhile", [stop_meanwhile, kill_the_leader, kill_the_trader])
def test_what_was_refused_only_is_begun_anew_with_what_is_wanted_when_it_starts(
    scene: Scene, meanwhile: Callable[[Scene], None]
) -> None:
    held_by_a_limit(scene)
    meanwhile(scene)
    scene.table.set(SYMBOL, TradingStatus.ON, less(scene))
    scene.trade(60)
    assert (scene.held, any(scene.entries)) == (None, True)


def test_what_was_on_its_way_as_settings_were_changed_and_is_refused_is_begun_anew(scene: Scene) -> None:
    scene.table.set_limits(RiskLimits(max_symbol_at_risk=Decimal(500)))
    scene.pass_time(1.0)
    scene.actor_faults.hold_up(names.JOURNAL, 1.5)
    scene.print(scene.market.prints())
    scene.table.set(SYMBOL, TradingStatus.ON, less(scene))
    scene.pass_time(2.0)
    assert scene.entries == []
    scene.trade(60)
    assert (scene.held, any(scene.entries)) == (None, True)


def set_another_limit(scene: Scene) -> None:
    scene.table.set_limits(RiskLimits(max_symbol_at_risk=Decimal(450)))


def kill_control(scene: Scene) -> None:
    scene.kill(names.CONTROL)


def kill_the_switches(scene: Scene) -> None:
    scene.kill(names.SWITCHES)


@pytest.mark.parametrize("say_again", [set_another_limit, kill_control, kill_the_switches])
def test_a_limit_holds_nobody_for_the_order_of_a_cycle_that_has_ended(
    scene: Scene, say_again: Callable[[Scene], None]
) -> None:
    """What holds is said again to everybody before the next trader has tried."""
    held_by_a_limit(scene)
    scene.table.set(SYMBOL, TradingStatus.ON, less(scene))
    scene.pass_time(1.0)
    say_again(scene)
    scene.pass_time(2.0)
    scene.trade(60)
    assert (scene.held, any(scene.entries)) == (None, True)


@pytest.mark.parametrize("late_s", [33.0, 43.0])
def test_a_symbol_that_starts_late_is_not_shown_as_off_while_it_runs(scene: Scene, late_s: float) -> None:
    scene.table.set(SYMBOL, OFF)
    scene.pass_time(1.0)
    scene.actor_faults.hold_up(names.SYMBOLS, late_s)  # longer than a start is waited for
    scene.table.set(SYMBOL, TradingStatus.ON)
    scene.pass_time(late_s - 2.0)
    scene.table.set(SYMBOL, OFF)
    scene.pass_time(1.0)
    assert scene.state == "starting"
    scene.trade(20)
    assert (scene.state, scene.actor(names.leader("main", SYMBOL))) == ("off", None)


def is_confirmed(scene: Scene) -> bool:
    """Say whether a command that waits takes what is shown for the daemon's answer."""
    row, actual = scene.table.rows["main", SYMBOL], scene.table.actual["main", SYMBOL]
    return actual.state == row.status and actual.revision == row.revision


def test_an_off_from_before_a_start_does_not_confirm_the_stop_after_it(scene: Scene) -> None:
    scene.table.set(SYMBOL, OFF)
    scene.pass_time(2.0)
    assert is_confirmed(scene)
    scene.actor_faults.hold_up(names.SWITCHES, 0.5)
    scene.table.set(SYMBOL, TradingStatus.ON)
    scene.pass_time(0.3)
    scene.actor_faults.hold_up(names.CONTROL, 15.0)  # it has told the switches, and can not write what comes of it
    scene.pass_time(2.0)
    scene.table.set(SYMBOL, OFF)
    assert (scene.state, is_confirmed(scene)) == ("off", False)
    scene.trade(30)
    assert (any(scene.entries), all(scene.entries), is_confirmed(scene)) == (True, True, True)


def test_a_shutdown_is_confirmed_by_a_leader_that_has_heard_of_it_and_of_no_former_one(scene: Scene) -> None:
    scene.trade(3)
    scene.table.set(SYMBOL, TradingStatus.SHUTDOWN)
    scene.pass_time(1.0)
    assert is_confirmed(scene)
    scene.actor_faults.hold_up(names.leader("main", SYMBOL), 5.0)
    scene.table.set(SYMBOL, TradingStatus.ON)
    scene.pass_time(1.0)
    scene.table.set(SYMBOL, TradingStatus.SHUTDOWN)
    scene.pass_time(1.0)
    assert (scene.state, is_confirmed(scene)) == ("shutdown", False)
    scene.pass_time(5.0)
    assert (scene.state, is_confirmed(scene)) == ("shutdown", True)


def test_a_manager_that_outlives_its_account_is_not_waited_for_to_confirm_the_kill_switch(scene: Scene) -> None:
    scene.exchange.go_away(60.0)
    scene.actor_faults.hold_up(names.execution_manager("main"), 1.0)
    scene.pass_time(0.1)
    scene.table.set_kill_switch(is_on=True)
    scene.pass_time(0.1)
    scene.kill(names.account_supervisor("main"))
    scene.pass_time(0.2)
    scene.table.set_kill_switch(is_on=True)  # it is told while it hangs, and ends then
    scene.pass_time(12.0)
    assert scene.table.kill_switch_seen.get("main") == scene.table.safeguards.kill_switch.revision
