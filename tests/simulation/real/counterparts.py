"""What each kind of fault of the simulation becomes in the real world, or why it has no counterpart there.

Where a simulated fault takes a certain message, its counterpart takes the next one of its place, at its place in time.
"""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

import redis

from tests.exchange.trader import Trader
from tests.simulation.odds import Fault
from tests.simulation.real.stage import NotMadeError, Stage

Strike = Callable[[Stage, Fault], None]

POSTGRES, REDIS = "postgres", "redis-server"
AWAY_MAX_S = 4.0
STALL_MAX_S = 3.0
STUCK_S = 4.0
"""Longer than it may last before a stuck actor is killed."""
FAULT_WITHIN_S = 20.0
"""A fault of a request waits so long for its request."""
LATE_MAX_MS = 4_000
SKEW_MAX_MS = 3_000
CRASH_MAX = Decimal("0.3")
GAP_MAX = Decimal("0.05")
TICK = Decimal("0.01")
NO_LIMITS = ("limits", "set", "max_open_orders=none", "max_orders_per_min=none")
CHANGED_MAX_S = 4.0
"""What stops trading is taken back after so long at most: else there would soon be nothing left to strike."""
HASTE = 4
"""Every fourth kill is not waited for: what comes next strikes a daemon that starts."""

OURS = "application_name LIKE 'naive-daemon%' AND pid <> pg_backend_pid()"
END_SESSIONS = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS}"
END_LISTENERS = f"{END_SESSIONS} AND query ILIKE 'LISTEN%'"

WHERE = {
    "order": "order.place",
    "cancel": "order.cancel",
    "question": "order.status",
    "snapshot": "account",
    "balances": "account",
    "account.open": "account",
}
"""Where the local exchange has the requests that the simulated one calls so; all others are its "all"."""


OWNERS = {"settings": "control"}
"""Whose a store is, where the actor is not called as it is."""


class Counterpart(NamedTuple):
    """What is done in its place, in words; `strike` is None where nothing is, and then they say why."""

    words: str
    strike: Strike | None = None


# The process and its actors -------------------------------------------------------------------------------------------


def _kill(stage: Stage, fault: Fault) -> None:
    stage.kill_daemon(is_hasty=int(fault.size * 1_000_003) % HASTE == 0)


def _crash(stage: Stage, fault: Fault) -> None:
    stage.strike_actor("crash", fault.place, fault.size)


def _kill_actor(stage: Stage, fault: Fault) -> None:
    stage.strike_actor("kill", fault.place, fault.size)


def _kill_owner(stage: Stage, fault: Fault) -> None:
    """Kill the actor whose store the place is of."""
    store = fault.place.split(".")[0]
    stage.strike_actor("kill", OWNERS.get(store, store), fault.size)


def _stall(stage: Stage, fault: Fault) -> None:
    stage.suspend(stage.strike_actor("name", fault.place, fault.size), fault.size * STALL_MAX_S)


def _fall_behind(stage: Stage, fault: Fault) -> None:
    stage.suspend(stage.strike_actor("name", "execution", fault.size), fault.size * STALL_MAX_S)


def _stick(stage: Stage, fault: Fault) -> None:
    stage.strike_actor("stuck", fault.place, fault.size, STUCK_S)


# The exchange ---------------------------------------------------------------------------------------------------------


def _of_requests(kind: str, value: Callable[[float], str | None] = lambda _: None) -> Strike:
    def strike(stage: Stage, fault: Fault) -> None:
        where = WHERE.get(fault.place, "all")
        stage.fault(kind, where=where, count=1, seconds=FAULT_WITHIN_S, value=value(fault.size))

    return strike


def _of_events(kind: str, value: Callable[[float], str | None] = lambda _: None) -> Strike:
    def strike(stage: Stage, fault: Fault) -> None:
        if fault.place == "notice":
            raise NotMadeError("PostgreSQL tells each change once, and in order")
        where = "stream" if fault.place == "trade" else "user"
        stage.fault(kind, where=where, count=1, seconds=FAULT_WITHIN_S, value=value(fault.size))

    return strike


def _hide(stage: Stage, fault: Fault) -> None:
    stage.fault("not-found", where="order.status", count=1, seconds=FAULT_WITHIN_S, value=f"{1 + fault.size * 14:.1f}")


def _late(size: float) -> str:
    return str(1 + int(size * LATE_MAX_MS))


def _disconnect(stage: Stage, _: Fault) -> None:
    stage.fault("cut", where="user")


def _halt(stage: Stage, fault: Fault) -> None:
    symbol = stage.symbol(fault.size)
    stage.fault("halt", value=symbol)
    stage.later(fault.size * AWAY_MAX_S, lambda: _again(lambda: stage.fault("resume", value=symbol)))


def _silence(stage: Stage, fault: Fault) -> None:
    stage.ask_exchange(stage.exchange.pause)
    stage.later(fault.size * AWAY_MAX_S, lambda: _again(lambda: stage.ask_exchange(stage.exchange.resume)))


def _jump(stage: Stage, fault: Fault) -> None:
    share = GAP_MAX * Decimal(round(2 * fault.size - 1, 3))
    for symbol in stage.trial.symbols:
        _print(stage, symbol, stage.price(symbol) * (1 + share))


def _flash_crash(stage: Stage, fault: Fault) -> None:
    symbol = stage.symbol(fault.size)
    price = stage.price(symbol)
    _print(stage, symbol, price * (1 - CRASH_MAX * Decimal(round(fault.size, 3))))
    _print(stage, symbol, price)


def _print(stage: Stage, symbol: str, price: Decimal) -> None:
    stage.ask_exchange(lambda: stage.exchange.trade(symbol, f"{max(price.quantize(TICK), TICK):f}"))


def _set_clock(stage: Stage, fault: Fault) -> None:
    stage.fault("clock-skew", value=str(int((2 * fault.size - 1) * SKEW_MAX_MS)))


def _place_stranger(stage: Stage, fault: Fault) -> None:
    """Have somebody else place an order with the account's key, far below the market."""
    symbol = stage.symbol(fault.size)
    price = (stage.price(symbol) / 2).quantize(TICK)
    exchange = stage.exchange

    async def place() -> None:
        async with Trader(f"127.0.0.1:{exchange.port}", exchange.api_key, exchange.api_secret) as trader:
            await trader.place("BUY", f"{price:f}", "1", symbol=symbol)

    stage.ask_exchange(lambda: asyncio.run(asyncio.wait_for(place(), AWAY_MAX_S)))


# Servers --------------------------------------------------------------------------------------------------------------


def _away(stage: Stage, fault: Fault) -> None:
    """Let a server stand still, or kill it; the exchange takes no connection for a while."""
    seconds = 0.3 + fault.size * AWAY_MAX_S
    if fault.place == "exchange":
        stage.fault("restart", value=f"{seconds:.1f}")
        return
    server = POSTGRES if fault.place == "postgres" else REDIS
    (stage.freeze if fault.size < 0.5 else stage.kill_server)(server, seconds)


def _empty(stage: Stage, _: Fault) -> None:
    _ask_redis(stage, lambda client: client.flushall())


def _refuse(stage: Stage, fault: Fault) -> None:
    """End the daemon's sessions: what is under way there is rolled back."""
    if fault.place.startswith("cache"):
        _ask_redis(stage, lambda client: client.execute_command("CLIENT", "KILL", "TYPE", "normal"))
    elif fault.place.startswith("account"):
        stage.fault("error", where="account", count=1, seconds=FAULT_WITHIN_S)
    else:
        stage.ask_database(END_SESSIONS)


def _lose_answer(stage: Stage, _: Fault) -> None:
    stage.lose_answer()


def _lose_notice(stage: Stage, _: Fault) -> None:
    stage.ask_database(END_LISTENERS)


def _ask_redis(stage: Stage, ask: Callable[["redis.Redis"], object]) -> None:
    try:
        with redis.Redis.from_url(stage.redis_url(), socket_timeout=1.0) as client:
            ask(client)
    except redis.RedisError:
        raise NotMadeError("Redis was away") from None


def _again(undo: Callable[[], object]) -> None:
    """Undo, where the exchange is there; where it is not, it forgets by itself, or healing does it."""
    try:
        undo()
    except NotMadeError:
        return


# The operator ---------------------------------------------------------------------------------------------------------


def _switch(stage: Stage, fault: Fault) -> None:
    """Type the command that the place names."""
    verb, *options = fault.place.split()
    if verb == "account":
        raise NotMadeError("the real world has one account")
    symbol = stage.symbol(fault.size)
    stage.command(verb, "--no-wait", symbol, *options)
    if verb != "start":
        stage.command_later(fault.size * CHANGED_MAX_S, "start", "--no-wait", symbol)


def _set(stage: Stage, fault: Fault) -> None:
    symbol = stage.symbol(fault.size)
    match fault.place:
        case "budget":
            value = str(20 + int(fault.size * 2_000))
        case "chunks":
            # Never fewer: the audit of the books knows the present number alone, and traders that run go on.
            stage.chunks[symbol] = max(stage.chunks[symbol], 1 + int(fault.size * 5))
            value = str(stage.chunks[symbol])
        case _:
            value = f"{Decimal(1 + int(fault.size * 30)) / 50_000:f}"
    stage.command("settings", "set", symbol, f"{fault.place}={value}")


def _safeguard(stage: Stage, fault: Fault) -> None:
    match fault.place.split():
        case ["kill-switch", *words]:
            stage.command("kill-switch", *words, "--timeout", "0")
            undo = ("kill-switch", "off", "--timeout", "0")
        case ["limits"]:
            stage.command("limits", "set", f"max_open_orders={1 + int(fault.size * 8)}", "max_orders_per_min=60")
            undo = NO_LIMITS
        case _:
            stage.command(*NO_LIMITS)
            return
    stage.command_later(fault.size * CHANGED_MAX_S, *undo)


COUNTERPARTS: dict[str, Counterpart] = {
    "crash": Counterpart("an actor of the role raises at its next message", _crash),
    "kill": Counterpart("an actor of the role is killed", _kill_actor),
    "crash after": Counterpart("the actor whose store it is is killed, wherever its commits are", _kill_owner),
    "stall": Counterpart("an actor of the role is suspended by the console for a while", _stall),
    "stuck": Counterpart("an actor of the role does not come back from a handler", _stick),
    "death": Counterpart("kill -9 of the daemon, and a start", _kill),
    "not sent": Counterpart("the connection is cut before the request is processed", _of_requests("disconnect")),
    "request lost": Counterpart("the request is never processed and never answered", _of_requests("drop")),
    "answer lost": Counterpart("the request is processed and never answered", _of_requests("lost-answer")),
    "error": Counterpart("503 before the request is processed", _of_requests("error")),
    "error after": Counterpart("503 once the request is processed", _of_requests("error-after")),
    "rate limit": Counterpart("429 with a pause", _of_requests("429", lambda size: f"{size * 4:.1f}")),
    "late request": Counterpart(
        "its answer comes late: the exchange holds no request back", _of_requests("latency", _late)
    ),
    "late answer": Counterpart("the answer comes late", _of_requests("latency", _late)),
    "not found": Counterpart("an order is not found for a while after it was placed", _hide),
    "fills lag": Counterpart("none: the local exchange lists a fill at the moment that it happens"),
    "behind": Counterpart("who hears the client is suspended by the console for a while", _fall_behind),
    "late": Counterpart("events come late, in order", _of_events("latency", _late)),
    "lost": Counterpart("an event is lost", _of_events("drop")),
    "duplicate": Counterpart("an event comes twice", _of_events("duplicate")),
    "reordered": Counterpart("an event comes after the one behind it", _of_events("reorder")),
    "disconnect": Counterpart("the account's connections are cut", _disconnect),
    "refused": Counterpart("the server ends the daemon's sessions, and rolls back what is under way", _refuse),
    "commit unanswered": Counterpart(
        "PostgreSQL's next answer is lost on its way, of servers beside the daemon", _lose_answer
    ),
    "death before": Counterpart("kill -9 of the daemon, and a start, wherever its commits are", _kill),
    "death after": Counterpart("kill -9 of the daemon, and a start, wherever its commits are", _kill),
    "away": Counterpart("the server is frozen or killed, and there again after a while", _away),
    "emptied": Counterpart("what Redis holds is flushed", _empty),
    "switch": Counterpart("start, stop and shutdown, as an operator types them, and start after a while", _switch),
    "setting": Counterpart("settings set, as an operator types it", _set),
    "safeguard": Counterpart("kill-switch and limits, as an operator types them, taken back after a while", _safeguard),
    "notice lost": Counterpart("the session that hears of changes is ended by the server", _lose_notice),
    "halt": Counterpart("the exchange takes no orders of a symbol for a while", _halt),
    "silence": Counterpart("the market prints nothing for a while", _silence),
    "gap": Counterpart("one print of each symbol far off; the generated market comes back from there", _jump),
    "flash crash": Counterpart("a print far below and one where it was", _flash_crash),
    "clock jump": Counterpart("the exchange's clock is set against the daemon's", _set_clock),
    "stop in order": Counterpart("SIGTERM, and a start", lambda stage, _: stage.end_daemon()),
    "mishap": Counterpart("none: it needs several things at one moment, which only a world that stands still can give"),
    "stranger": Counterpart("somebody else places an order with the account's key", _place_stranger),
}
"""By kind, each of `odds.USUAL`."""
