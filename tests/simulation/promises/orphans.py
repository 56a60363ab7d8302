"""An order with the daemon's mark that no journal knows, as of one that was lost: adopted, shown, entries stopped.

It comes once all is at rest, so that nothing else explains what is seen. An operator then cancels it, and looks.
"""

import random
from collections.abc import Callable

from naive_daemon import names
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.execution.promises import BROKEN
from tests.simulation.promises.violation import demand
from tests.simulation.world import OWNER, World

WITHIN_S = 60.0
LOOKS_EVERY_S = 1.0
EVEN = 0.5


def meet_orphan(world: World, draw: random.Random) -> None:
    """Let an orphan appear, before a process that runs or one that is about to start, and have it looked after."""
    trading = [key for key, row in sorted(world.table.rows.items()) if row.status is TradingStatus.ON]
    if not trading:  # elsewhere an operator may have wanted all cancelled that rests, and so it is
        return
    account, symbol = draw.choice(trading)
    orphan = world.exchange.place_orphan(OWNER, account, symbol)
    world.expect_orphan(orphan)
    for why in ("killed as an orphan appears", "killed beside an orphan"):
        if draw.random() < EVEN:
            world.end_process(why)
        _wait(world, lambda: _rests(world, orphan), "an orphan is adopted", orphan)
        _wait(world, lambda: _is_held(world, account, symbol), "an orphan stops the entries of its symbol", orphan)
    world.exchange.cancel_by_hand(account, symbol, orphan)
    _wait(world, lambda: not _rests(world, orphan), "an orphan is followed to its end", orphan)
    world.table.set(symbol, TradingStatus.ON, account=account)
    _wait(world, lambda: not _is_held(world, account, symbol), "entries go on once an operator has looked", orphan)


def _rests(world: World, orphan: str) -> bool:
    order = world.books._orders.get(orphan)
    return order is not None and order.status.is_resting


def _is_held(world: World, account: str, symbol: str) -> bool:
    manager = world.actor(names.execution_manager(account))
    held = () if manager is None else manager._view().held
    return any(one.symbol == symbol and (one.reason or "").startswith(BROKEN) for one in held)


def _wait(world: World, is_so: Callable[[], bool], promise: str, orphan: str) -> None:
    until_s = world.passed_s() + WITHIN_S
    while not is_so():
        demand(world.passed_s() < until_s, promise, f"{orphan} for {WITHIN_S:g} s: {world.books._orders.get(orphan)}")
        world.pass_time(LOOKS_EVERY_S)
