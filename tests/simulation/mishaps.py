"""Several things that go wrong at once, and that hardly ever meet when each of them is drawn by itself."""

from collections.abc import Callable, Hashable
from decimal import Decimal

import msgspec

from naive_daemon import names
from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.limits import KillCancel
from naive_daemon.domain.order import Order
from naive_daemon.domain.settings import RestingOrders, TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.client import SEND_WITHIN_S
from naive_daemon.otp import Ref
from tests.simulation.market import TICK
from tests.simulation.stores.outages import POSTGRES
from tests.simulation.world import World

Befall = Callable[[World, str, str, float], None]
"""Lets something befall a world: an account of it, a symbol of it, how badly."""

AWAY_MAX_S = 20.0
EVEN = 0.5
SOON_S = 0.05
HALTED_S = 90.0
PULLED_S = 15.0
SLOW_MAX_S = 10.0
RISES_AFTER_MAX_S = 40.0
UNHEARD_S = 60.0
LOOK_S, LOOKS = 0.5, 60
DYING_S = 2.0
ENDING_S = 1.0
OUTLIVING_S = 4.0
PIECES = 8
DEATHS = 8
DECIDES_S = 1.0
BUSY_MAX_S = 4.0
PIECE, LOT = Decimal("0.25"), Decimal("0.001")


def _cancel_is_lost(world: World, account: str, symbol: str, size: float) -> None:
    """Let the exchange be out of reach as an operator wants orders cancelled, and who knows of it perhaps be killed.

    Nothing is traded for long after that, so that what rests is not filled.
    """
    away_s = 1.0 + size * AWAY_MAX_S
    world.exchange.go_away(away_s, is_down=True)
    world.exchange.halt(symbol, HALTED_S)
    world.table.set(symbol, TradingStatus.OFF, stop=RestingOrders.CANCEL, account=account)
    if size < EVEN:
        _kill_after(world, away_s * size, names.execution_manager(account))


def _nobody_reads(world: World, account: str, _: str, size: float) -> None:
    """Let an account be killed twice while the journal can not be read: whoever follows its orders asks each time.

    Meanwhile the market falls, so that they have something to do once they know.
    """
    away_s = 2.0 + size * AWAY_MAX_S
    world.outages.take_away(POSTGRES, away_s)
    for share in (0.3, 0.6):
        _kill_after(world, away_s * share, names.account(account))
    world.print(world.market.crash(size, world.clock.now_ns()))


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
            _kill(world, names.execution_manager(account))

    world.exchange.network.hold_up_next_entry(size * SEND_WITHIN_S, pull_and_kill)


def _answered_after_its_cancel(world: World, _: str, __: str, size: float) -> None:
    """Have the next entry cancelled as soon as it is there; that it was accepted comes later than that it is over."""
    world.exchange.network.slow_down_next_entry(_pull(world, KillCancel.ENTRIES), back_s=1.0 + size * SLOW_MAX_S)


def _cancelled_behind_a_lost_fill(world: World, account: str, _: str, __: float) -> None:
    """Let an operator have a buy cancelled of which some has just been filled, and nobody has been told."""
    buys = _open_buys(world, account)
    if not buys:
        return
    symbol = buys[-1].symbol
    world.exchange.network.lose_next(OrderFilled)
    _fill_a_piece(world, account, symbol)
    world.table.set(symbol, TradingStatus.OFF, stop=RestingOrders.CANCEL, account=account)


def _dies_again_and_again(world: World, account: str, _: str, __: float) -> None:
    """Kill an account's client until its supervisor gives up."""
    for number in range(DEATHS):
        _kill_after(world, number * LOOK_S, names.client(account))


def _killed_as_an_entry_is_decided(world: World, account: str, symbol: str, size: float) -> None:
    """Kill the execution manager while a trader decides: its entry is committed as the next one reads the journal."""
    trader = names.trader(account, symbol, 1)

    def die(_: Ref) -> None:
        world.actor_faults.hold_up(names.JOURNAL, 2 * DECIDES_S)
        _kill(world, names.execution_manager(account))

    world.actor_faults.busy(trader, DECIDES_S * size, die)


def _stopped_as_it_starts(world: World, account: str, symbol: str, size: float) -> None:
    """Let an operator stop a symbol that is being started, when those who start it have just been started again."""
    world.table.set(symbol, TradingStatus.ON, account=account)
    world.actor_faults.hold_up(names.leader(account, symbol), OUTLIVING_S)
    _kill_after(world, LOOK_S, names.symbol_supervisor(account, symbol))
    _kill_after(world, 2 * LOOK_S, names.SWITCHES)
    world.agenda.after(LOOK_S * (1.0 + 4 * size), lambda: _stop(world, account, symbol))


def _stop(world: World, account: str, symbol: str) -> None:
    if not world.odds.is_healed:
        world.table.set(symbol, TradingStatus.OFF, account=account)


def _nobody_knows_what_is_wanted(world: World, _: str, __: str, size: float) -> None:
    """Kill the switches while the settings can not be read: those that come know of nobody what is wanted."""
    world.outages.take_away(POSTGRES, 1.0 + size * SLOW_MAX_S)
    _kill_after(world, LOOK_S, names.SWITCHES)


def _pull(world: World, cancel: KillCancel) -> Callable[[], None]:
    """Give what pulls the switch, and releases it after a while, or not."""

    def pull() -> None:
        if world.odds.is_healed:
            return
        world.table.set_kill_switch(is_on=True, cancel=cancel)
        if world.exchange.network.draw.random() < EVEN:
            world.agenda.after(PULLED_S, lambda: world.table.set_kill_switch(is_on=False))

    return pull


def _fewer_then_more(world: World, account: str, symbol: str, size: float) -> None:
    """Let an operator want one trader, and after a while many."""

    def set_chunks(chunks: int) -> None:
        if world.odds.is_healed:
            return
        row = world.table.rows[account, symbol]
        trade = msgspec.structs.replace(row.trade, chunks=chunks, budget=Decimal(100 * chunks))
        if trade != row.trade:  # `settings set` writes no row that has its values already
            world.table.set(symbol, row.status, trade, account=account)

    set_chunks(1 + int(size * 2))
    world.agenda.after(1.0 + size * RISES_AFTER_MAX_S, lambda: set_chunks(5))


def _killed_as_a_cycle_ends(world: World, account: str, _: str, __: float) -> None:
    """Kill the execution manager when the end of a cycle has been committed, and before it is told."""

    def end() -> None:
        world.cycle_ends = lambda: None
        _kill(world, names.execution_manager(account))

    world.cycle_ends = end


def _away_as_a_drain_ends(world: World, account: str, symbol: str, size: float) -> None:
    """Let an operator want a symbol drained, and Postgres go away when a cycle has ended, perhaps its last."""

    def end() -> None:
        world.cycle_ends = lambda: None
        if world.odds.is_healed:
            return
        world.outages.take_away(POSTGRES, 1.0 + size * AWAY_MAX_S)

    world.table.set(symbol, TradingStatus.SHUTDOWN, entries=RestingOrders.CANCEL, account=account)
    world.cycle_ends = end


def _outlive_their_journal(world: World, _: str, __: str, size: float, looks: int = LOOKS) -> None:
    """Let the journal die of what it has not written, and a supervisor while the root ends what stands behind it.

    Who stood below that supervisor lives on until its successor finds them, beside the next journal. What rests is
    filled in pieces meanwhile, so that each journal has something to write. It begins when a buy rests.
    """
    buys = [order for account in world.plan.accounts for order in _open_buys(world, account)]
    if not buys or world.odds.is_healed:
        if looks:
            world.agenda.after(LOOK_S, lambda: _outlive_their_journal(world, "", "", size, looks - 1))
        return
    key = buys[int(size * len(buys)) - 1].key
    is_of_accounts = world.exchange.network.draw.random() < EVEN
    slow = names.account(key.account) if is_of_accounts else names.trader(key.account, key.symbol, key.trader)
    supervisor = "all accounts" if is_of_accounts else "trading"

    def die() -> None:
        world.actor_faults.hold_up(names.CONTROL, ENDING_S)
        world.actor_faults.hold_up(slow, OUTLIVING_S)
        _kill(world, names.JOURNAL)
        _kill_after(world, ENDING_S / 2, supervisor)
        for number in range(PIECES):
            at_s = number * OUTLIVING_S / PIECES
            world.agenda.after(at_s, lambda: _fill_a_piece(world, key.account, key.symbol))

    world.actor_faults.hold_up(names.JOURNAL, DYING_S)
    world.agenda.after(DYING_S / 2, die)


def _killed_above_the_busy(world: World, account: str, symbol: str, size: float) -> None:
    """Let somebody be busy as its supervisor is killed: what it does then it does beside those who have begun anew."""

    def die(ref: Ref) -> None:
        supervisor = ref._actor.parent
        if ref.is_alive() and supervisor is not None and supervisor.is_alive() and not world.odds.is_healed:
            world.actor_faults.kill(supervisor)

    draw = world.exchange.network.draw
    busy_s = BUSY_MAX_S * (1.0 - draw.random())
    kinds = (
        names.trader(account, symbol, 1),
        names.leader(account, symbol),
        names.symbol_supervisor(account, symbol),
        names.execution_manager(account),
        names.account(account),
        names.client(account),
        names.account_supervisor(account),
        names.ACCOUNT_DESK,
        names.SWITCHES,
    )
    name = kinds[0] if draw.random() < EVEN else kinds[int(size * len(kinds)) % len(kinds)]
    world.actor_faults.busy(name, busy_s, lambda ref: world.agenda.after(busy_s / 2, lambda: die(ref)))


def _fill_a_piece(world: World, account: str, symbol: str) -> None:
    """Print just below the best buy of an account, and so little that it is filled only a little more."""
    buys = [order for order in _open_buys(world, account) if order.symbol == symbol]
    if buys and not world.odds.is_healed:
        best = max(buys, key=lambda order: order.price)
        piece = (best.quantity * PIECE).quantize(LOT)
        world.print_now(world.market.trade(symbol, best.price - TICK, str(piece), world.clock.now_ns()))


def _open_buys(world: World, account: str) -> list[Order]:
    return [order for order in world.exchange.engine.open_orders(account) if order.side is Side.BUY]


def _starts_while_nothing_is_heard(world: World, account: str, symbol: str, _: float) -> None:
    """Lose a part of the market's connections for long, and kill who holds entries back for it."""
    symbols = frozenset(world.plan.symbols)
    world.silence(UNHEARD_S, symbols - {symbol} or symbols)
    _kill_after(world, ENDING_S, names.execution_manager(account))


def _kill_after(world: World, seconds: float, name: Hashable) -> None:
    world.agenda.after(seconds, lambda: _kill(world, name))


def _kill(world: World, name: Hashable) -> None:
    if world.odds.is_healed:
        return
    ref = None if world.system is None else world.system.whereis(name)
    if ref is not None and ref.is_alive():
        world.actor_faults.kill(ref)


MISHAPS: dict[tuple[str, str], Befall] = {
    ("mishap", "a cancel is lost"): _cancel_is_lost,
    ("mishap", "an answer after a cancel"): _answered_after_its_cancel,
    ("mishap", "nobody reads"): _nobody_reads,
    ("mishap", "the switch as an entry leaves"): _switch_as_an_entry_leaves,
    ("mishap", "the switch while an entry waits"): _switch_while_an_entry_waits,
    ("mishap", "cancelled behind a lost fill"): _cancelled_behind_a_lost_fill,
    ("mishap", "dies again and again"): _dies_again_and_again,
    ("mishap", "killed as an entry is decided"): _killed_as_an_entry_is_decided,
    ("mishap", "stopped as it starts"): _stopped_as_it_starts,
    ("mishap", "nobody knows what is wanted"): _nobody_knows_what_is_wanted,
    ("mishap", "fewer traders, then more"): _fewer_then_more,
    ("mishap", "killed as a cycle ends"): _killed_as_a_cycle_ends,
    ("mishap", "away as a drain ends"): _away_as_a_drain_ends,
    ("mishap", "starts while nothing is heard"): _starts_while_nothing_is_heard,
    ("mishap", "outlive their journal"): _outlive_their_journal,
    ("mishap", "killed above the busy"): _killed_above_the_busy,
}
"""Kind and place of each, and how it befalls."""
