"""Mishaps of what an operator wants: stopped, drained or disabled at the moment when it can least be done."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from naive_daemon import names
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.order import CycleKey, Order
from naive_daemon.domain.settings import RestingOrders, TradingStatus
from naive_daemon.execution.messages import AccountFailed
from naive_daemon.otp import Ref
from tests.simulation.market import TICK, Print
from tests.simulation.mishaps.befalling import (
    EVEN,
    LOOK_S,
    LOT,
    Befall,
    after,
    fill,
    kill_after,
    once,
    open_sells,
    ours,
)
from tests.simulation.promises.annals import SymbolAnnals
from tests.simulation.stores.outages import POSTGRES
from tests.simulation.world import World
from tests.trading.table import Key

AWAY_MAX_S = 20.0
RISES_AFTER_MAX_S = 40.0
OUTLIVING_S = 4.0
STARTING_S = 1.0
SLOW_TO_HEAR_S = 3.0
CLOSES_S = 2.0
SOON_S = 0.05
ENDS_S = 1.0
STOPS_NOBODY_S = 12.0
REVOKED_S = 60.0
FALLS_BY = Decimal("0.02")


def _stopped_as_it_starts(world: World, account: str, symbol: str, size: float) -> None:
    """Let an operator stop a symbol that is being started, when those who start it have just been started again."""
    world.table.set(symbol, TradingStatus.ON, account=account)
    world.actor_faults.hold_up(names.leader(account, symbol), OUTLIVING_S)
    kill_after(world, LOOK_S, names.symbol_supervisor(account, symbol))
    kill_after(world, 2 * LOOK_S, names.SWITCHES)
    after(world, LOOK_S * (1.0 + 4 * size), lambda: world.table.set(symbol, TradingStatus.OFF, account=account))


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


def _away_as_a_drain_ends(world: World, account: str, symbol: str, size: float) -> None:
    """Let an operator want a symbol drained, and Postgres go away when a cycle has ended, perhaps its last."""

    def end() -> None:
        world.moments.cycle_ends = lambda: None
        if world.odds.is_healed:
            return
        world.outages.take_away(POSTGRES, 1.0 + size * AWAY_MAX_S)

    world.table.set(symbol, TradingStatus.SHUTDOWN, entries=RestingOrders.CANCEL, account=account)
    world.moments.cycle_ends = end


def _drained_as_a_trader_follows(world: World, _: str, __: str, size: float) -> None:
    """Let an operator have a symbol drained while a trader is being started, which its leader has yet to be told."""

    def begin(sell: Order) -> None:
        account, symbol = sell.key.account, sell.symbol
        leader = names.leader(account, symbol)

        def drain(_: Ref) -> None:
            world.table.set(symbol, TradingStatus.SHUTDOWN, entries=RestingOrders.KEEP, account=account)
            after(world, STARTING_S / 2, lambda: world.actor_faults.hold_up(leader, SLOW_TO_HEAR_S * size))

        world.actor_faults.busy(names.traders(account, symbol), STARTING_S, drain)
        fill(world, sell)

    once(world, lambda: next(iter(open_sells(world)), None), begin)


def _drained_wanted_and_drained_again(world: World, _: str, __: str, size: float) -> None:
    """Let an operator have a symbol drained, wanted and drained, all while the journal is slow, and see it trade.

    It has no order at first, so that the first drain has an end, which lies in the journal behind what comes then.
    """

    def has_no_order() -> Key | None:
        trading = ((key, annals.open.values()) for key, annals in _trading(world))
        return next((key for key, cycles in trading if not any(cycle.all_orders for cycle in cycles)), None)

    def begin(key: Key) -> None:
        account, symbol = key
        world.actor_faults.hold_up(names.JOURNAL, OUTLIVING_S * (1.0 + size))

        def wish(status: TradingStatus) -> None:
            world.table.set(symbol, status, account=account)

        def trade() -> None:
            price = world.exchange.engine.last_price(symbol)
            if price is not None:
                world.print_now(Print(symbol, price, LOT))

        wish(TradingStatus.SHUTDOWN)
        after(world, ENDS_S, lambda: wish(TradingStatus.ON))
        after(world, 2 * ENDS_S, trade)
        after(world, 2 * ENDS_S + SOON_S, lambda: wish(TradingStatus.SHUTDOWN))

    once(world, has_no_order, begin)


def _closed_as_it_decides(world: World, _: str, __: str, size: float) -> None:
    """Let an operator have a symbol drained whose trader is slow to decide, or turned off as its order is on its way.

    The journal is slow then, and perhaps the switches die that would wait for it, or the symbol has just died; or the
    execution manager is slow.
    """

    def decides() -> CycleKey | None:
        cycles = (cycle for _, annals in _trading(world) for cycle in annals.open.values())
        return next((cycle.terms.key for cycle in cycles if not cycle.all_orders), None)

    def close(key: CycleKey) -> None:
        price = world.exchange.engine.last_price(key.symbol)
        if price is None:
            return
        draw = world.exchange.network.draw
        is_drained = draw.random() < EVEN
        on_its_way = draw.choice((names.JOURNAL, names.execution_manager(key.account)))
        slow = names.trader(key.account, key.symbol, key.trader) if is_drained else on_its_way
        world.actor_faults.hold_up(slow, OUTLIVING_S * (1.0 + size))
        world.print_now(Print(key.symbol, price, LOT))
        wish = TradingStatus.SHUTDOWN if is_drained else TradingStatus.OFF
        after(world, 2 * SOON_S, lambda: world.table.set(key.symbol, wish, account=key.account))
        if not is_drained:
            dies, at_s = draw.choice(
                ((names.SWITCHES, ENDS_S), (names.symbol_supervisor(key.account, key.symbol), SOON_S), (None, 0.0))
            )
            kill_after(world, at_s, dies)

    once(world, decides, close)


def _closed_as_it_starts(world: World, _: str, __: str, size: float) -> None:
    """Let an operator disable an account that is being started, when those who start it have just been started."""
    account = world.plan.accounts[-1]
    _set_account(world, account, is_enabled=False)

    def start() -> None:
        world.actor_faults.hold_up(names.account(account), OUTLIVING_S)
        _set_account(world, account, is_enabled=True)

    after(world, CLOSES_S, start)
    kill_after(world, CLOSES_S + LOOK_S, names.ACCOUNT_DESK)
    after(world, CLOSES_S + LOOK_S * (2.0 + 4 * size), lambda: _set_account(world, account, is_enabled=False))
    after(world, CLOSES_S + 2 * OUTLIVING_S, lambda: _set_account(world, account, is_enabled=True))


def _given_back_while_it_trades(world: World, _: str, symbol: str, size: float) -> None:
    """Let an operator disable an account whose symbols nobody stops, see the market fall, and enable it again.

    Those who would have stopped its symbols are killed before they could, so these trade on. The journal reads what
    they did together with the claim for the account, and with what they do then.
    """
    account = world.plan.accounts[-1]

    def give_back(_: Order) -> None:
        world.actor_faults.hold_up(names.SWITCHES, STOPS_NOBODY_S)
        _set_account(world, account, is_enabled=False)
        after(world, CLOSES_S, lambda: world.actor_faults.hold_up(names.JOURNAL, LOOK_S))
        after(world, CLOSES_S + SOON_S, fall)
        after(world, CLOSES_S + 2 * SOON_S, lambda: _set_account(world, account, is_enabled=True))
        after(world, CLOSES_S + 3 * SOON_S, fall)
        kill_after(world, STOPS_NOBODY_S - LOOK_S, names.SWITCHES)

    def fall() -> None:
        price = world.exchange.engine.last_price(symbol)
        if price is not None:
            lower = (price * (1 - FALLS_BY * Decimal(round(size, 3)))).quantize(TICK)
            world.print_now(Print(symbol, lower, LOT))

    once(world, lambda: next((order for order in ours(world, account) if order.symbol == symbol), None), give_back)


def _switch_while_an_account_is_down(world: World, account: str, _: str, size: float) -> None:
    """Let an operator pull the kill switch for an account whose key the exchange has refused, and refuses for long."""
    if world.system is None:
        return
    world.exchange.revoked.add(account)
    world.agenda.after(REVOKED_S, lambda: world.exchange.revoked.discard(account))
    world.system.tell(names.ACCOUNT_DESK, AccountFailed(account, "the exchange refuses its key"))
    after(world, CLOSES_S + size * CLOSES_S, lambda: world.table.set_kill_switch(is_on=True))
    after(world, REVOKED_S, lambda: world.table.set_kill_switch(is_on=False))


def _trading(world: World) -> Iterator[tuple[Key, SymbolAnnals]]:
    """Give the symbols that trade, as far as operators are shown, with what has happened in them."""
    for key, annals in world.promises.annals.symbols.items():
        shown = world.table.actual.get(key)
        is_wanted = world.table.rows[key].status is TradingStatus.ON
        if is_wanted and shown is not None and shown.state == "on" and shown.held is None:
            yield key, annals


def _set_account(world: World, account: str, *, is_enabled: bool) -> None:
    if account != world.plan.accounts[0]:  # the configured one is traded whatever is set
        world.table.set_account(AccountSettings(name=account, is_enabled=is_enabled))


OF_OPERATORS: dict[tuple[str, str], Befall] = {
    ("mishap", "stopped as it starts"): _stopped_as_it_starts,
    ("mishap", "fewer traders, then more"): _fewer_then_more,
    ("mishap", "away as a drain ends"): _away_as_a_drain_ends,
    ("mishap", "drained as a trader follows"): _drained_as_a_trader_follows,
    ("mishap", "closed as it decides"): _closed_as_it_decides,
    ("mishap", "drained, wanted, and drained again"): _drained_wanted_and_drained_again,
    ("mishap", "closed as it starts"): _closed_as_it_starts,
    ("mishap", "given back while it trades"): _given_back_while_it_trades,
    ("mishap", "the switch while an account is down"): _switch_while_an_account_is_down,
}
