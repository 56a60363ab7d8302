"""Mishaps of orders on their way: cancels that are lost, the kill switch as an entry leaves, exits that are refused."""

from collections.abc import Callable

from naive_daemon import names
from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.limits import KillCancel
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.settings import RestingOrders, TradingStatus
from naive_daemon.execution.client import SEND_WITHIN_S
from tests.simulation.mishaps.befalling import (
    EVEN,
    Befall,
    after,
    fill_a_piece,
    kill,
    kill_after,
    open_buys,
    swing,
)
from tests.simulation.stores.outages import POSTGRES
from tests.simulation.world import World

AWAY_MAX_S = 20.0
SOON_S = 0.05
HALTED_S = 90.0
PULLED_S = 45.0
SLOW_MAX_S = 10.0
REFUSES_S = 12.0
AHEAD_MIN_S = 3_600.0


def _cancel_is_lost(world: World, account: str, symbol: str, size: float) -> None:
    """Let the exchange be out of reach as an operator wants orders cancelled, and who knows of it perhaps be killed.

    Nothing is traded for long after that, so that what rests is not filled.
    """
    away_s = 1.0 + size * AWAY_MAX_S
    world.exchange.go_away(away_s, is_down=True)
    world.exchange.halt(symbol, HALTED_S)
    world.table.set(symbol, TradingStatus.OFF, stop=RestingOrders.CANCEL, account=account)
    if size < EVEN:
        kill_after(world, away_s * size, names.execution_manager(account))


def _nobody_reads(world: World, account: str, _: str, size: float) -> None:
    """Let an account be killed twice while the journal can not be read: whoever follows its orders asks each time.

    Meanwhile the market falls, so that they have something to do once they know.
    """
    away_s = 2.0 + size * AWAY_MAX_S
    world.outages.take_away(POSTGRES, away_s)
    for share in (0.3, 0.6):
        kill_after(world, away_s * share, names.account(account))
    world.print(world.market.crash(size))


def _switch_as_an_entry_leaves(world: World, _: str, __: str, size: float) -> None:
    """Pull the kill switch when the next entry is on its way, and slow; once it is there, nothing is traded."""
    cancel = KillCancel.ENTRIES if size < EVEN else KillCancel.NOTHING
    pull, there_s = _pull(world, cancel), size * SLOW_MAX_S

    def pull_then_halt() -> None:
        pull()
        world.agenda.after(there_s + SOON_S, halt)

    def halt() -> None:
        if world.odds.is_healed:
            return
        for symbol in world.plan.symbols:
            world.exchange.halt(symbol, HALTED_S)

    world.exchange.network.slow_down_next_entry(pull_then_halt, there_s=there_s)


def _switch_while_an_entry_waits(world: World, _: str, __: str, size: float) -> None:
    """Pull the kill switch while the next entry waits to be sent, and kill who waits for it; its client lives on."""
    pull = _pull(world, KillCancel.NOTHING)

    def pull_and_kill() -> None:
        pull()
        for account in world.plan.accounts:
            kill(world, names.execution_manager(account))

    world.exchange.network.hold_up_next_entry(size * SEND_WITHIN_S, pull_and_kill)


def _answered_after_its_cancel(world: World, _: str, __: str, size: float) -> None:
    """Have the next entry cancelled as soon as it is there; that it was accepted comes later than that it is over."""
    world.exchange.network.slow_down_next_entry(_pull(world, KillCancel.ENTRIES), back_s=1.0 + size * SLOW_MAX_S)


def _cancelled_behind_a_lost_fill(world: World, account: str, _: str, __: float) -> None:
    """Let an operator have a buy cancelled of which some has just been filled, and nobody has been told."""
    buys = open_buys(world, account)
    if not buys:
        return
    symbol = buys[-1].symbol
    world.exchange.network.lose_next(OrderFilled)
    fill_a_piece(world, account, symbol)
    world.table.set(symbol, TradingStatus.OFF, stop=RestingOrders.CANCEL, account=account)


def _refused_while_the_clock_is_ahead(world: World, _: str, __: str, size: float) -> None:
    """Let an exit be refused twice while the clock is ahead, and the clock be set back afterwards.

    Only an exit that has dust with it is tried again at once, when the clock says so and not the market. So that there
    is dust, the market goes up and down until then.
    """

    def refuse(fill: OrderFilled) -> None:
        buy = world.exchange.engine.order(fill.account, fill.client_order_id)
        cycle = None if buy is None else world.books._cycles.get(buy.key)
        if buy is None or cycle is None or buy.status is not OrderStatus.FILLED or cycle.dust_in <= 0:
            return
        world.moments.order_is_filled = lambda _: None
        world.shown.set_ahead(AHEAD_MIN_S + size * AHEAD_MIN_S)
        world.exchange.halt(buy.symbol, REFUSES_S)
        after(world, REFUSES_S, lambda: world.shown.set_ahead(0.0))

    world.moments.order_is_filled = refuse
    swing(world)


def _pull(world: World, cancel: KillCancel) -> Callable[[], None]:
    """Give what pulls the switch, and releases it after a while, or not."""

    def pull() -> None:
        if world.odds.is_healed:
            return
        world.table.set_kill_switch(is_on=True, cancel=cancel)
        if world.exchange.network.draw.random() < EVEN:
            world.agenda.after(PULLED_S, lambda: world.table.set_kill_switch(is_on=False))

    return pull


OF_ORDERS: dict[tuple[str, str], Befall] = {
    ("mishap", "a cancel is lost"): _cancel_is_lost,
    ("mishap", "an answer after a cancel"): _answered_after_its_cancel,
    ("mishap", "nobody reads"): _nobody_reads,
    ("mishap", "the switch as an entry leaves"): _switch_as_an_entry_leaves,
    ("mishap", "the switch while an entry waits"): _switch_while_an_entry_waits,
    ("mishap", "cancelled behind a lost fill"): _cancelled_behind_a_lost_fill,
    ("mishap", "refused while the clock is ahead"): _refused_while_the_clock_is_ahead,
}
