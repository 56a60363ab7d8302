"""What mishaps are made of: looks for a moment at which they can begin, kills, and prints that fill what rests."""

from collections.abc import Callable, Hashable
from decimal import Decimal
from typing import TypeVar

from naive_daemon.domain.order import Order
from naive_daemon.domain.side import Side
from tests.simulation.market import TICK, Print
from tests.simulation.world import World

Befall = Callable[[World, str, str, float], None]
"""Lets something befall a world: an account of it, a symbol of it, how badly."""

EVEN = 0.5
LOOK_S, LOOKS = 0.5, 60
SWINGS, SWING_S = 60, 0.25
PIECE, LOT = Decimal("0.25"), Decimal("0.001")

Found = TypeVar("Found")


def once(world: World, find: Callable[[], Found | None], then: Callable[[Found], None], looks: int = LOOKS) -> None:
    """Go on with what is found, as soon as there is anything; it is looked for over half a minute."""
    if world.odds.is_healed:
        return
    found = find()
    if found is not None:
        then(found)
    elif looks:
        world.agenda.after(LOOK_S, lambda: once(world, find, then, looks - 1))


def after(world: World, seconds: float, act: Callable[[], object]) -> None:
    """Do it then, unless nothing may go wrong any more."""
    world.agenda.after(seconds, lambda: None if world.odds.is_healed else act())


def ours(world: World, account: str) -> list[Order]:
    """Give what the daemon has resting at the exchange for an account; strangers' orders are of no cycle."""
    return [order for order in world.exchange.engine.open_orders(account) if order.key in world.books._cycles]


def open_buys(world: World, account: str) -> list[Order]:
    """Give the buys of an account that rest at the exchange."""
    return [order for order in ours(world, account) if order.side is Side.BUY]


def open_sells(world: World) -> list[Order]:
    """Give the sells that rest at the exchange, of all accounts."""
    return [order for account in world.plan.accounts for order in ours(world, account) if order.side is Side.SELL]


def fill_a_piece(world: World, account: str, symbol: str) -> None:
    """Print just below the best buy of an account, and so little that it is filled only a little more."""
    buys = [order for order in open_buys(world, account) if order.symbol == symbol]
    if buys and not world.odds.is_healed:
        best = max(buys, key=lambda order: order.price)
        _print(world, best, (best.quantity * PIECE).quantize(LOT))


def fill(world: World, order: Order) -> None:
    """Print just beyond an order's price, and enough for it."""
    _print(world, order, order.quantity)


def swing(world: World, swings: int = SWINGS) -> None:
    """Print wherever something of ours rests, one order after the other; where nothing does, the same price again."""
    resting = [order for account in world.plan.accounts for order in ours(world, account)]
    if resting:
        fill(world, resting[0])
    else:
        for symbol in world.plan.symbols:
            price = world.exchange.engine.last_price(symbol)
            if price is not None:
                world.print_now(Print(symbol, price, LOT))
    if swings:
        after(world, SWING_S, lambda: swing(world, swings - 1))


def _print(world: World, order: Order, quantity: Decimal) -> None:
    beyond = order.price - TICK if order.side is Side.BUY else order.price + TICK
    world.print_now(Print(order.symbol, beyond, quantity))


def kill_after(world: World, seconds: float, name: Hashable) -> None:
    """Kill whoever has the name then."""
    world.agenda.after(seconds, lambda: kill(world, name))


def kill(world: World, name: Hashable) -> None:
    """Kill whoever has the name, unless nothing may go wrong any more."""
    if world.odds.is_healed:
        return
    ref = None if world.system is None else world.system.whereis(name)
    if ref is not None and ref.is_alive():
        world.actor_faults.kill(ref)
