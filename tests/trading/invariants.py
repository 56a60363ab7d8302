"""What holds at every moment, and what holds once everything has come to rest."""

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from naive_daemon import names
from naive_daemon.account.account import AccountQuery, AccountView
from naive_daemon.domain.money import ZERO
from naive_daemon.domain.order import CycleKey, Order, OrderStatus
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.client import balances_after
from naive_daemon.strategy.protocol import Wake

if TYPE_CHECKING:
    from naive_daemon.trading.trader import Trader
    from tests.trading.plant import Plant

ACCOUNT = "main"


def check_safety(plant: "Plant") -> None:
    """No order doubled, none without an intent, every fill once, no dust lost or given twice."""
    known = {order.client_order_id: order for order in plant.journal.orders()}
    if plant.system.whereis(names.client(ACCOUNT)) is not None and hasattr(
        plant.actor(names.client(ACCOUNT)), "_engine"
    ):
        legs: dict[tuple[CycleKey, Side], list[str]] = defaultdict(list)
        for order in plant.engine.open_orders(ACCOUNT):
            assert order.client_order_id in known, f"{order.client_order_id} has no intent"
            legs[order.key, order.side].append(order.client_order_id)
        doubled = [ids for ids in legs.values() if len(ids) > 1]
        assert not doubled, f"live twice: {doubled}"
    _check_attempts(known.values())
    _check_fills(plant, known)
    _check_dust(plant)


def _check_attempts(orders: "object") -> None:
    """Every attempt but a leg's last is over, and none follows one that was filled."""
    legs: dict[tuple[CycleKey, Side], list[Order]] = defaultdict(list)
    for order in orders:  # type: ignore[attr-defined] # any iterable of orders
        legs[order.key, order.side].append(order)
    for attempts in legs.values():
        attempts.sort(key=lambda order: order.leg.attempt)
        assert [order.leg.attempt for order in attempts] == list(range(1, len(attempts) + 1))
        for former in attempts[:-1]:
            assert former.status.is_terminal, former
            assert former.status is not OrderStatus.FILLED, former


def _check_fills(plant: "Plant", known: dict[str, Order]) -> None:
    filled: dict[str, Decimal] = defaultdict(Decimal)
    for _, fill in plant.journal._fills.values():
        filled[fill.client_order_id] += fill.quantity
    for client_order_id, order in known.items():
        assert order.filled == filled[client_order_id], order
        assert order.filled <= order.quantity, order


def _check_dust(plant: "Plant") -> None:
    """See that ended cycles have left what they were given and bought, less what they sold, and no more is given on.

    Here by the fills; in a cycle's result by its orders, as the strategy saw them.
    """
    flows: dict[CycleKey, Decimal] = defaultdict(Decimal)
    keys = {order.client_order_id: order.key for order in plant.journal.orders()}
    for side, fill in plant.journal._fills.values():
        key = keys[fill.client_order_id]
        paid = fill.commission if fill.commission_asset == _base(key) else ZERO
        flows[key] += (fill.quantity if side is Side.BUY else -fill.quantity) - paid
    for symbol in plant.symbols:
        cycles = [cycle for cycle in plant.journal.cycles() if cycle.key.symbol == symbol]
        ended = [(cycle, cycle.result) for cycle in cycles if cycle.result is not None]
        for cycle, result in ended:
            assert result.dust_base == cycle.dust_in + flows[cycle.key], cycle
        open_dust = sum((cycle.dust_in for cycle in cycles if cycle.result is None), ZERO)
        on_books = plant.journal.load_symbol(ACCOUNT, symbol).dust_base
        assert on_books + open_dust == sum((flows[cycle.key] for cycle, _ in ended), ZERO)
        if plant.fee_asset is None or plant.fee_asset.asset != symbol[:-1]:  # else a sell may cost more than is left
            assert on_books >= ZERO


def _base(key: CycleKey) -> str:
    return key.symbol[:-1]


def check_rest(plant: "Plant") -> None:
    """Journal, exchange, account, traders and feeds agree, and every symbol does what is wanted of it."""
    _check_books(plant)
    for (_, symbol), row in plant.table.rows.items():
        wanted = {TradingStatus.ON: {"on"}, TradingStatus.SHUTDOWN: {"shutdown"}, TradingStatus.OFF: {"off"}}
        state = plant.table.state(symbol) if (ACCOUNT, symbol) in plant.table.actual else "off"
        assert state in wanted[row.status], f"{symbol} is {state}, wanted {row.status}"
        assert plant.view(symbol).state == state if state != "off" else True
        _check_traders(plant, symbol, is_running=state != "off")


def _check_books(plant: "Plant") -> None:
    live = {order.client_order_id: order for order in plant.journal.orders() if not order.status.is_terminal}
    open_orders = {order.client_order_id: order for order in plant.engine.open_orders(ACCOUNT)}
    assert live.keys() == open_orders.keys()
    for client_order_id, order in live.items():
        there = open_orders[client_order_id]
        assert (order.price, order.quantity, order.filled, order.status) == (
            there.price,
            there.quantity,
            there.filled,
            there.status,
        )
    expected = balances_after(plant.opening, plant.journal.load_account(ACCOUNT), plant._make_ports().instruments)
    balances = plant.engine.balances(ACCOUNT)
    assert {asset: each.free + each.locked for asset, each in balances.items() if each.free + each.locked} == {
        asset: amount for asset, amount in expected.items() if amount
    }
    view: AccountView = plant.system.ask(names.account(ACCOUNT), AccountQuery())
    assert {order.client_order_id for order in view.orders} == live.keys()
    assert {asset: (each.free, each.locked) for asset, each in view.balances.items() if each.free or each.locked} == {
        asset: (each.free, each.locked) for asset, each in balances.items() if each.free or each.locked
    }
    assert {one.symbol: one.quantity for one in view.positions} == _positions(plant)
    assert set(plant.actor(names.execution_manager(ACCOUNT))._books.live) == live.keys()


def _positions(plant: "Plant") -> dict[str, Decimal]:
    """Give what open cycles hold of each symbol by their fills, as the account must know it."""
    keys = {order.client_order_id: order.key for order in plant.journal.orders()}
    held: dict[CycleKey, Decimal] = {cycle.key: ZERO for cycle in plant.journal.cycles() if cycle.result is None}
    for side, fill in plant.journal._fills.values():
        key = keys[fill.client_order_id]
        if key in held and side is Side.BUY:
            held[key] += fill.quantity - (fill.commission if fill.commission_asset == _base(key) else ZERO)
        elif key in held:
            held[key] -= fill.quantity
    positions: dict[str, Decimal] = defaultdict(Decimal)
    for key, quantity in held.items():
        positions[key.symbol] += max(quantity, ZERO)  # beyond its own a cycle sells what others had left
    return {symbol: quantity for symbol, quantity in positions.items() if quantity}


def _check_traders(plant: "Plant", symbol: str, *, is_running: bool) -> None:
    journal = plant.journal.load_symbol(ACCOUNT, symbol)
    traders = {trader._position.cycle.key: trader for trader in plant.traders(symbol)}
    if not is_running:
        assert not traders
        assert plant.system.whereis(names.symbol_supervisor(ACCOUNT, symbol)) is None
        return
    feed = plant.actor(names.feed(symbol))
    assert plant.actor(names.leader(ACCOUNT, symbol))._book.dust == journal.dust_base
    assert {opened.cycle.key: opened.cycle for opened in journal.open_cycles} == {
        key: trader._position.cycle for key, trader in traders.items()
    }
    assert len(traders) >= 1
    for opened in journal.open_cycles:
        trader = traders[opened.cycle.key]
        assert trader._is_confirmed
        assert trader._position.orders == opened.orders
        wake = trader._wake
        waiting = feed._alerts._wakes.get(trader.ref, (0, Wake()))[1]
        assert waiting == wake
        moves = _moves(trader._position.orders, wake) or _hears(plant, trader)
        assert moves, f"{opened.cycle.key} waits for nothing"
        slot = plant.actor(names.leader(ACCOUNT, symbol))._crew.slots[opened.cycle.key.trader]
        assert (slot.position.cycle, slot.position.orders) == (trader._position.cycle, opened.orders)
        assert slot.ref is trader.ref
    # Only of traders: candles, and signals of every trade, wait there as well.
    waiting = {owner for owner in feed._alerts._wakes if owner.name is not None and owner.name[0] == "trader"}
    assert waiting == {trader.ref for trader in traders.values() if trader._wake != Wake()}


def _hears(plant: "Plant", trader: "Trader") -> bool:
    """Say whether somebody computes signals for a trader."""
    topic = trader._hearing._topic
    return topic is not None and plant.system.whereis(topic) is not None


def _moves(orders: tuple[Order, ...], wake: Wake) -> bool:
    """Say whether something can still happen to a trader: an order of it rests, or it waits for a price."""
    return wake != Wake() or any(order.status.is_resting and order.remaining > ZERO for order in orders)
