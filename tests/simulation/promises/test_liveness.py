"""What must be true at rest can be missed: a world at rest that has one thing wrong in it is caught."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from naive_daemon import names
from naive_daemon.domain.events import Trade
from naive_daemon.domain.settings import RestingOrders, TradingStatus
from naive_daemon.otp import KILL, Ref, send_exit
from naive_daemon.strategy.protocol import Wake
from tests.simulation.odds import Fault
from tests.simulation.run import Violation, come_to_rest, heal
from tests.simulation.world import World

SEED = 3
"""Two accounts, one symbol, an exchange of its own; without faults."""
KEY = ("main", "AAAQ")


class _Wishes:
    """Draws as the run does, and has every symbol be on in the end."""

    def choice(self, wishes: Any) -> Any:
        return wishes[0]

    def random(self) -> float:
        return 1.0


@pytest.fixture
def world() -> Any:
    world = World(SEED, [])
    world.witness.listen()
    world.start()
    for _ in range(10):
        world.pass_time(1.0)
        world.print(world.market.prints())
    heal(world, _Wishes())  # type: ignore[arg-type]  # draws what is wanted here
    come_to_rest(world)
    yield world
    world.close()


def _resting(world: World) -> Any:
    return next(order for order in world.books.orders() if order.key.account == "main" and order.status.is_resting)


def lose_a_fill(world: World) -> None:
    del world.promises.annals.fills[next(iter(world.promises.annals.fills))]


def lose_a_cycle(world: World) -> None:
    cycle = next(cycle for cycle in world.books.cycles() if cycle.result is None and cycle.key.account == "main")
    del world.books._cycles[cycle.key]


def orphan_an_order(world: World) -> None:
    order = _resting(world)
    world.books._orders[order.client_order_id] = msgspec.structs.replace(order, status=order.status.CANCELLED)


def cancel_on_the_exchange_only(world: World) -> None:
    order = _resting(world)
    world.exchange.engine.cancel("main", order.symbol, order.client_order_id, world.clock.now_ns())


def forget_who_waits(world: World) -> None:
    alerts = world.actor(names.feed("AAAQ"))._alerts
    for trader in _traders(world):
        alerts.remove(trader.ref)


def wait_for_nothing(world: World) -> None:
    for trader in _traders(world):
        trader._wake = Wake(below=Decimal(1))


def kill_a_trader_for_good(world: World) -> None:
    leader = world.actor(names.leader(*KEY))
    leader._crew.find_ended = lambda _: None
    _kill(_traders(world)[0].ref)
    world.pass_time(1.0)


def forget_an_order_in_the_account(world: World) -> None:
    account = world.actor(names.account("main"))
    account._store = type(account._store)()


def forget_an_order_in_execution(world: World) -> None:
    books = world.actor(names.execution_manager("main"))._books
    books._live.clear()


def leave_a_question(world: World) -> None:
    world.actor(names.execution_manager("main"))._cancels._wanted["x"] = None


def leave_a_message_in_the_journal(world: World) -> None:
    world.actor(names.JOURNAL)._waiting.append(None)


def hold_entries(world: World) -> None:
    actual = world.table.actual[KEY]
    world.table.actual[KEY] = msgspec.structs.replace(actual, held="something")


def say_something_else(world: World) -> None:
    actual = world.table.actual[KEY]
    world.table.actual[KEY] = msgspec.structs.replace(actual, state="quarantined")


def never_end_a_drain(world: World) -> None:
    row = world.table.rows[KEY]
    world.table.rows[KEY] = msgspec.structs.replace(row, status=TradingStatus.SHUTDOWN)
    actual = world.table.actual[KEY]
    world.table.actual[KEY] = msgspec.structs.replace(actual, state="shutdown")
    world.actor(names.SWITCHES)._symbols.get(KEY).state = "shutdown"


def leave_what_was_to_be_cancelled(world: World) -> None:
    world.table.set("AAAQ", TradingStatus.OFF, stop=RestingOrders.KEEP)
    world.pass_time(5.0)
    row = world.table.rows[KEY]
    world.table.rows[KEY] = msgspec.structs.replace(row, stop_orders=RestingOrders.CANCEL)


def forget_what_is_at_risk(world: World) -> None:
    world.actor(names.execution_manager("main"))._gate._risk._by_symbol.clear()


def be_without_an_account(world: World) -> None:
    world.table.accounts["second"] = msgspec.structs.replace(world.table.accounts["second"], is_enabled=False)
    world.table.set_kill_switch(is_on=False)  # has all of it read
    world.pass_time(20.0)


def trade_no_more(world: World) -> None:
    world.promises.annals.symbols[KEY].completed = 0


def keep_old_settings(world: World) -> None:
    row = world.table.rows[KEY]
    world.table.rows[KEY] = msgspec.structs.replace(row, trade=msgspec.structs.replace(row.trade, chunks=9))


def forget_a_rebuy(world: World) -> None:
    for cycle in world.promises.annals.symbols[KEY].open.values():
        cycle.rebuy_reported = False
    world.promises.market_prints(Trade("AAAQ", Decimal(1), Decimal(1), 10**9, world.clock.now_ns()))


def be_down(world: World) -> None:
    assert world.process is not None
    world.process.notifier.is_ready = False


ALL = "at rest all agree"
BROKEN: dict[Callable[[World], None], str] = {
    lose_a_fill: "no fill is lost",
    lose_a_cycle: ALL,
    orphan_an_order: ALL,
    cancel_on_the_exchange_only: ALL,
    forget_who_waits: ALL,
    wait_for_nothing: ALL,
    kill_a_trader_for_good: ALL,
    forget_an_order_in_the_account: ALL,
    forget_an_order_in_execution: ALL,
    leave_a_question: "nothing is left of what was asked or sent",
    leave_a_message_in_the_journal: "everything is written when the journal is back",
    hold_entries: "nothing holds entries back",
    say_something_else: ALL,
    never_end_a_drain: "every drained symbol is off",
    leave_what_was_to_be_cancelled: "what was to be cancelled is",
    forget_what_is_at_risk: "risk is counted",
    trade_no_more: "cycles complete again",
    keep_old_settings: "settings reach the leader",
    forget_a_rebuy: "a rebuy that is due is reported",
    be_without_an_account: "every account is up again",
    be_down: "the daemon comes up",
}


@pytest.mark.parametrize("befall", BROKEN, ids=lambda befall: befall.__name__)
def test_a_world_at_rest_with_one_thing_wrong_is_caught(world: World, befall: Callable[[World], None]) -> None:
    world.promises.check_rest(world)
    befall(world)
    with pytest.raises(Violation) as caught:
        world.promises.check_rest(world)
    assert caught.value.promise == BROKEN[befall]


def test_a_symbols_crash_that_takes_the_other_symbols_with_it_is_caught(world: World) -> None:
    world.check()
    world.odds.befallen.append(Fault("crash", "trader", 1, 1.0))
    world.check()
    ref = world.process.system.whereis(names.SYMBOLS) if world.process is not None else None
    assert ref is not None
    _kill(ref)
    world.pass_time(1.0)
    with pytest.raises(Violation, match="a symbol's crash reaches no other symbol"):
        world.check()


def _traders(world: World) -> list[Any]:
    return [actor for number in range(1, 6) if (actor := world.actor(names.trader(*KEY, number))) is not None]


def _kill(ref: Ref) -> None:
    send_exit(ref, KILL)
