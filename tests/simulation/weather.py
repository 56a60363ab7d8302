"""What befalls the world as a whole, once a beat: servers away, an operator's commands, halts and crashes."""

import random
from collections.abc import Callable
from decimal import Decimal

import msgspec

from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.limits import KillCancel, RiskLimits
from naive_daemon.domain.settings import RestingOrders, TradeSettings, TradingStatus
from tests.simulation.mishaps.befalling import Befall
from tests.simulation.mishaps.mishaps import MISHAPS
from tests.simulation.stores.outages import POSTGRES, REDIS
from tests.simulation.world import World

AWAY_MAX_S = 60.0
GAP_MAX_S = 45.0
GAP_LOOKS = 9
CLOCK_MAX_S = 7_200.0
EMPTIED_AFTER_S = 1.0
LIMIT_IS_SET = 0.5


def befall(world: World) -> None:
    """Draw everything that may befall the world in this beat."""
    for (kind, place), act in FAULTS.items():
        size = world.odds.strikes(kind, place)
        if size is not None:
            share = int(size * 1_000_003)
            accounts, symbols = world.plan.accounts, world.plan.symbols
            act(world, accounts[share % len(accounts)], symbols[share // 7 % len(symbols)], size)


# Servers and the process ---------------------------------------------------------------------------------------------


def _away(server: str) -> Befall:
    return lambda world, _, __, size: world.outages.take_away(server, size * AWAY_MAX_S)


def _exchange_away(world: World, _: str, __: str, size: float) -> None:
    world.exchange.go_away(size * AWAY_MAX_S)


def _empty_redis(world: World, _: str, __: str, size: float) -> None:
    """Start Redis again without anything in it."""
    world.outages.take_away(REDIS, EMPTIED_AFTER_S * size)
    world.store.flush(())


def _stop_in_order(world: World, _: str, __: str, ___: float) -> None:
    if world.process is not None and world.is_up:
        world.process.stop()


def _kill(world: World, _: str, __: str, ___: float) -> None:
    world.end_process("killed between two messages")


def _set_clock(world: World, _: str, __: str, size: float) -> None:
    world.shown.set_ahead((2 * size - 1) * CLOCK_MAX_S)


# The operator --------------------------------------------------------------------------------------------------------


def _switch(
    status: TradingStatus, *, stop: RestingOrders | None = None, entries: RestingOrders | None = None
) -> Befall:
    return lambda world, account, symbol, _: world.table.set(
        symbol, status, stop=stop, entries=entries, account=account
    )


def _setting(change: Callable[[TradeSettings, float], TradeSettings]) -> Befall:
    def act(world: World, account: str, symbol: str, size: float) -> None:
        row = world.table.rows[account, symbol]
        world.table.set(symbol, row.status, change(row.trade, size), account=account)

    return act


def _budget(trade: TradeSettings, size: float) -> TradeSettings:
    return msgspec.structs.replace(trade, budget=Decimal(20 + int(size * 2_000)))


def _chunks(trade: TradeSettings, size: float) -> TradeSettings:
    return msgspec.structs.replace(trade, chunks=1 + int(size * 5))


def _profit(trade: TradeSettings, size: float) -> TradeSettings:
    return msgspec.structs.replace(trade, profit_interval=Decimal(1 + int(size * 30)) / 10_000)


def _account(*, is_enabled: bool) -> Befall:
    def act(world: World, account: str, _: str, __: float) -> None:
        if account != world.plan.accounts[0]:
            world.table.set_account(AccountSettings(name=account, is_enabled=is_enabled))

    return act


def _kill_switch(*, is_on: bool, cancel: KillCancel = KillCancel.NOTHING) -> Befall:
    return lambda world, _, __, ___: world.table.set_kill_switch(is_on=is_on, cancel=cancel)


def _limits(world: World, account: str, _: str, size: float) -> None:
    """Set some of the limits: where all are set, the tightest hides the others."""
    draw = random.Random(f"{size}/limits")
    drawn = {
        "max_open_orders": draw.randint(1, 8),
        "max_symbol_at_risk": Decimal(draw.randint(50, 950)),
        "max_account_at_risk": Decimal(draw.randint(100, 1_300)),
        "max_orders_per_min": draw.randint(1, 16),
        "max_daily_loss": Decimal(draw.choice(("0.001", "0.01", "0.1"))),
    }
    kept = {name: limit for name, limit in drawn.items() if draw.random() < LIMIT_IS_SET}
    world.table.set_limits(RiskLimits(**kept), account)


def _no_limits(world: World, account: str, _: str, __: float) -> None:
    world.table.set_limits(RiskLimits(), account)


# The market ----------------------------------------------------------------------------------------------------------


def _halt(world: World, _: str, symbol: str, size: float) -> None:
    world.exchange.halt(symbol, size * AWAY_MAX_S)


def _stranger(world: World, account: str, symbol: str, _: float) -> None:
    world.exchange.place_stranger(account, symbol)


def _silence(world: World, _: str, __: str, size: float) -> None:
    """Lose the market's connection: no prices come, and the daemon is told; later both is over."""
    world.silence(size * AWAY_MAX_S)


def _silence_of_a_part(world: World, _: str, symbol: str, size: float) -> None:
    """Lose one of the market's connections: a symbol's, or that of candles alone. The prints of others still come."""
    symbols = frozenset(world.plan.symbols)
    world.silence(size * AWAY_MAX_S, symbols - {symbol} or symbols)


def _gap(world: World, _: str, __: str, size: float) -> None:
    """Let most of a minute pass without a print, and go on elsewhere."""
    world.market.jump(size)
    for _ in range(GAP_LOOKS):
        world.pass_time(size * GAP_MAX_S / GAP_LOOKS)
        world.check()


def _flash_crash(world: World, _: str, __: str, size: float) -> None:
    world.print(world.market.crash(size))


CANCEL = RestingOrders.CANCEL
FAULTS: dict[tuple[str, str], Befall] = {
    ("away", POSTGRES): _away(POSTGRES),
    ("away", REDIS): _away(REDIS),
    ("away", "exchange"): _exchange_away,
    ("emptied", REDIS): _empty_redis,
    ("stop in order", "process"): _stop_in_order,
    ("death", "process"): _kill,
    ("clock jump", "process"): _set_clock,
    ("switch", "start"): _switch(TradingStatus.ON),
    ("switch", "stop"): _switch(TradingStatus.OFF, stop=RestingOrders.KEEP),
    ("switch", "stop --orders cancel"): _switch(TradingStatus.OFF, stop=CANCEL),
    ("switch", "shutdown"): _switch(TradingStatus.SHUTDOWN, entries=RestingOrders.KEEP),
    ("switch", "shutdown --entries cancel"): _switch(TradingStatus.SHUTDOWN, entries=CANCEL),
    ("switch", "account disable"): _account(is_enabled=False),
    ("switch", "account enable"): _account(is_enabled=True),
    ("setting", "budget"): _setting(_budget),
    ("setting", "chunks"): _setting(_chunks),
    ("setting", "profit_interval"): _setting(_profit),
    ("safeguard", "kill-switch on"): _kill_switch(is_on=True),
    ("safeguard", "kill-switch on --cancel entries"): _kill_switch(is_on=True, cancel=KillCancel.ENTRIES),
    ("safeguard", "kill-switch off"): _kill_switch(is_on=False),
    ("safeguard", "limits"): _limits,
    ("safeguard", "no limits"): _no_limits,
    ("halt", "symbol"): _halt,
    ("stranger", "account"): _stranger,
    ("silence", "market"): _silence,
    ("silence", "part of the market"): _silence_of_a_part,
    ("gap", "market"): _gap,
    ("flash crash", "market"): _flash_crash,
    **MISHAPS,
}
"""Kind and place of each, and how it befalls. An operator says `start` and `off` again as often as the opposite."""
