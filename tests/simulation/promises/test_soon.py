"""What has to be so soon can be late, and what is said to be written can be missing: both are caught, by name."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from naive_daemon import names
from naive_daemon.account.metadata_document import encode, key_of
from naive_daemon.cache import layout
from naive_daemon.cache.store import Put
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.limits import RiskLimits
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.execution.messages import AccountFailed
from naive_daemon.trading.account_stage import Stage
from tests.simulation.odds import Fault
from tests.simulation.promises.soon import ANSWERED_WITHIN_S, CLOSED_WITHIN_S, CONFIRMED_WITHIN_S
from tests.simulation.run import Violation, come_to_rest
from tests.simulation.world import World

SEED = 3
"""Two accounts, one symbol; without faults."""
KEY = ("main", "AAAQ")


@pytest.fixture
def world() -> Any:
    world = World(SEED, [])
    world.witness.listen()
    world.start()
    come_to_rest(world)
    yield world
    world.close()


def write_unheard(world: World) -> None:
    row = world.table.rows[KEY]
    world.table.rows[KEY] = msgspec.structs.replace(row, trade=msgspec.structs.replace(row.trade, chunks=9))


def pull_the_kill_switch_unheard(world: World) -> None:
    switch = msgspec.structs.replace(world.table.safeguards.kill_switch, is_on=True)
    world.table.safeguards = msgspec.structs.replace(world.table.safeguards, kill_switch=switch)


def show_something_else(world: World) -> None:
    world.table.actual[KEY] = msgspec.structs.replace(world.table.actual[KEY], state="starting")


def drain_without_a_word(world: World) -> None:
    known = world.actor(names.SWITCHES)._symbols.get(KEY)
    known.settings = msgspec.structs.replace(known.settings, status=TradingStatus.SHUTDOWN)
    known.state, world.table.rows[KEY] = "drained", known.settings


def hide_how_an_account_is(world: World) -> None:
    world.table.conditions["main"] = msgspec.structs.replace(world.table.conditions["main"], state="down")


def lose_a_confirmation(world: World) -> None:
    world.table.kill_switch_seen["main"] -= 1


def hold_to_other_limits(world: World) -> None:
    world.actor(names.execution_manager("main"))._gate._risk.limits = RiskLimits(max_open_orders=1)


def trade_on_without_an_account(world: World) -> None:
    world.actor(names.ACCOUNT_DESK)._lives["second"].stage = Stage.OFF
    world.exchange.close_gateway("second")


def hear_nothing_unheard(world: World) -> None:
    world.market_health = msgspec.structs.replace(world.market_health, connected=False)


def lose_what_befell_an_order(world: World) -> None:
    trader = world.actor(names.trader(*KEY, 1))
    while not trader._position.orders:
        world.print(world.market.prints())
    order = msgspec.structs.replace(trader._position.orders[-1], status=OrderStatus.IN_FLIGHT)
    trader._position = msgspec.structs.replace(trader._position, orders=(order,))


def remember_an_ended_cycle(world: World) -> None:
    ended = next(one.key for one in world.books.cycles() if one.key.account == "main" and one.result is not None)
    world.actor(names.account("main"))._positions._positions[ended] = None


def wait_for_an_answer_for_ever(world: World) -> None:
    world.actor(names.execution_manager("main"))._reconciler._is_snapshot_asked = True


LATE: dict[Callable[[World], None], str] = {
    write_unheard: "what an operator writes is known soon",
    pull_the_kill_switch_unheard: "what an operator writes is known soon",
    show_something_else: "what a symbol does is shown soon",
    drain_without_a_word: "a symbol that has drained is off soon",
    hide_how_an_account_is: "how an account is is shown soon",
    lose_a_confirmation: "a kill switch is confirmed soon",
    hold_to_other_limits: "an account is held to its limits soon",
    trade_on_without_an_account: "a symbol stops soon when its account is down",
    hear_nothing_unheard: "a manager knows soon that the market is not heard",
    lose_what_befell_an_order: "a trader hears soon what became of its order",
    remember_an_ended_cycle: "an account forgets soon what has ended",
    wait_for_an_answer_for_ever: "a question what rests has an end",
}


@pytest.mark.parametrize("befall", LATE, ids=lambda befall: befall.__name__)
def test_what_is_late_is_caught_once_its_time_is_over_and_not_before(
    world: World, befall: Callable[[World], None]
) -> None:
    befall(world)
    world.check()
    world.pass_time(20.0)
    world.check()
    world.odds.befallen.append(Fault("crash", "root", 1, 1.0))  # from then on there is time again
    world.check()
    world.pass_time(20.0)
    world.check()
    world.pass_time(ANSWERED_WITHIN_S)
    with pytest.raises(Violation) as caught:
        world.check()
    assert caught.value.promise == LATE[befall]


def test_a_connection_that_is_open_though_its_account_is_down_is_caught(world: World) -> None:
    world.table.set_account(AccountSettings(name="second", is_enabled=False))
    world.pass_time(20.0)
    world.check()
    world.exchange._gateways["second"]._is_ended = False
    world.check()
    world.pass_time(CLOSED_WITHIN_S + 1.0)
    with pytest.raises(Violation, match="a connection ends soon when its account is down"):
        world.check()


def test_a_kill_switch_that_is_not_confirmed_for_an_account_that_nobody_trades_is_caught(world: World) -> None:
    assert world.system is not None
    world.exchange.revoked.add("second")
    world.system.tell(names.ACCOUNT_DESK, AccountFailed("second", "its key is refused"))
    world.pass_time(10.0)
    assert world.actor(names.execution_manager("second")) is None
    for _ in range(round(CONFIRMED_WITHIN_S) + 1):  # it is confirmed again whenever the account is tried again
        world.table.kill_switch_seen.pop("second", None)
        world.check()
        world.pass_time(1.0)
    world.table.kill_switch_seen.pop("second", None)
    with pytest.raises(Violation, match="a kill switch is confirmed for an account that nobody trades"):
        world.check()


def test_an_account_that_remembers_what_has_ended_is_caught_at_rest(world: World) -> None:
    remember_an_ended_cycle(world)
    with pytest.raises(Violation, match="an account forgets what has ended"):
        world.promises.check_rest(world)


def test_metadata_that_is_said_to_be_written_and_is_not_is_caught(world: World) -> None:
    world.check()
    world.actor(names.account("main"))._keeper._table._by_symbol.clear()
    with pytest.raises(Violation, match="metadata that is said to be written is in Redis"):
        world.check()


def test_metadata_that_is_overwritten_with_less_is_caught_unless_redis_was_emptied(world: World) -> None:
    world.check()
    world.store.write(Put(layout.key_of(layout.GENERAL, key_of("main")), encode("main", {})))
    world.odds.befallen.append(Fault("emptied", "redis", 1, 1.0))
    world.check()
    world.store.write(Put(layout.key_of(layout.GENERAL, key_of("second")), encode("second", {})))
    world.check()
    kept = world.actor(names.account("main"))._keeper._table.all()
    for symbols in (kept, {}):
        world.store.write(Put(layout.key_of(layout.GENERAL, key_of("main")), encode("main", symbols)))
        if symbols:
            world.check()
    with pytest.raises(Violation, match="metadata is not forgotten"):
        world.check()


def test_a_watchdog_that_is_not_fed_is_caught_unless_somebody_was_struck_who_feeds_it(world: World) -> None:
    assert world.process is not None
    world.actor(names.WATCHMAN)._notifier = _Mute()
    world.actor_faults.struck.append(("stall", "watchman"))
    world.pass_time(60.0)
    assert world.deaths == ["its watchdog was not fed"]
    world.actor(names.WATCHMAN)._notifier = _Mute()
    with pytest.raises(Violation, match="a daemon that is well feeds its watchdog"):
        world.pass_time(60.0)


def test_a_symbol_that_is_quarantined_though_it_may_crash_once_more_is_caught(world: World) -> None:
    world.check()
    world.actor(names.SWITCHES)._symbols.get(KEY).state = "quarantined"
    with pytest.raises(Violation, match="a symbol starts again before it is quarantined"):
        world.check()


class _Mute:
    """Tells the service manager nothing."""

    def ready(self) -> None: ...
    def alive(self) -> None: ...
    def status(self, text: str) -> None: ...
