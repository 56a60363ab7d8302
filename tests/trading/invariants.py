"""What holds at every moment, and what holds once everything has come to rest, of any daemon that stands in a test."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from naive_daemon import names
from naive_daemon.account.account import AccountQuery, AccountView
from naive_daemon.domain.money import ZERO
from naive_daemon.domain.order import CycleKey, Order, OrderStatus
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.client import balances_after
from naive_daemon.exchange.paper.fee_asset import FeeAsset
from naive_daemon.strategy.protocol import Wake
from naive_daemon.trading.switch_messages import AskSymbols

if TYPE_CHECKING:
    from naive_daemon.domain.instrument import Instrument
    from naive_daemon.exchange.paper.ledger import Balance
    from naive_daemon.execution.memory_journal import MemoryJournal
    from naive_daemon.otp import SimulatedSystem
    from naive_daemon.trading.trader import Trader
    from tests.trading.table import Table


class Standing(Protocol):
    """A daemon and what stands around it. `opening` is what each account owned in the beginning."""

    @property
    def accounts(self) -> tuple[str, ...]: ...
    @property
    def symbols(self) -> tuple[str, ...]: ...
    @property
    def journal(self) -> "MemoryJournal": ...
    @property
    def table(self) -> "Table": ...
    @property
    def system(self) -> "SimulatedSystem": ...
    @property
    def opening(self) -> Mapping[str, Decimal]: ...
    @property
    def instruments(self) -> "Mapping[str, Instrument]": ...
    @property
    def fee_asset(self) -> FeeAsset | None: ...

    def open_orders(self, account: str) -> Sequence[Order] | None:
        """Give what rests on the exchange of ours; None while nobody can look there."""

    def balances(self, account: str) -> "Mapping[str, Balance]":
        """Give what the exchange says that an account owns."""

    def foreign(self, account: str) -> Mapping[str, Decimal]:
        """Give by how much others than the daemon have changed what an account owns."""

    def actor(self, name: Hashable) -> Any: ...

    def traders_of(self, account: str, symbol: str) -> "list[Trader]": ...


def check_safety(standing: Standing) -> None:
    """No order doubled, none without an intent, every fill once, no dust lost or given twice."""
    orders = standing.journal.orders()
    known = {order.client_order_id: order for order in orders}
    for account in standing.accounts:
        legs: dict[tuple[CycleKey, Side], list[str]] = defaultdict(list)
        for order in standing.open_orders(account) or ():
            assert order.client_order_id in known, f"{order.client_order_id} has no intent"
            legs[known[order.client_order_id].key, order.side].append(order.client_order_id)
        doubled = [ids for ids in legs.values() if len(ids) > 1]
        assert not doubled, f"live twice: {doubled}"
    _check_attempts(orders)
    _check_fills(standing, known)
    _check_dust(standing, known)


def _check_attempts(orders: Iterable[Order]) -> None:
    """Every attempt but a leg's last is over, and none follows one that was filled."""
    legs: dict[tuple[CycleKey, Side], list[Order]] = defaultdict(list)
    for order in orders:
        legs[order.key, order.side].append(order)
    for attempts in legs.values():
        attempts.sort(key=lambda order: order.leg.attempt)
        assert [order.leg.attempt for order in attempts] == list(range(1, len(attempts) + 1))
        for former in attempts[:-1]:
            assert former.status.is_terminal, former
            assert former.status is not OrderStatus.FILLED, former


def _check_fills(standing: Standing, known: dict[str, Order]) -> None:
    filled: dict[str, Decimal] = defaultdict(Decimal)
    for _, fill in standing.journal._fills.values():
        filled[fill.client_order_id] += fill.quantity
    for client_order_id, order in known.items():
        assert order.filled == filled[client_order_id], order
        assert order.filled <= order.quantity, order


def _check_dust(standing: Standing, known: dict[str, Order]) -> None:
    """See that ended cycles have left what they were given and bought, less what they sold, and no more is given on.

    Here by the fills; in a cycle's result by its orders, as the strategy saw them.
    """
    flows: dict[CycleKey, Decimal] = defaultdict(Decimal)
    for side, fill in standing.journal._fills.values():
        key = known[fill.client_order_id].key
        paid = fill.commission if fill.commission_asset == _base(key) else ZERO
        flows[key] += (fill.quantity if side is Side.BUY else -fill.quantity) - paid
    by_symbol: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for cycle in standing.journal.cycles():
        by_symbol[cycle.key.account, cycle.key.symbol].append(cycle)
    for (account, symbol), cycles in by_symbol.items():
        ended = [(cycle, cycle.result) for cycle in cycles if cycle.result is not None]
        for cycle, result in ended:
            assert result.dust_base == cycle.dust_in + flows[cycle.key], cycle
        open_dust = sum((cycle.dust_in for cycle in cycles if cycle.result is None), ZERO)
        on_books = standing.journal.load_symbol(account, symbol).dust_base
        assert on_books + open_dust == sum((flows[cycle.key] for cycle, _ in ended), ZERO)
        # Where commission is paid in the base asset, a sell may cost more than is left.
        if standing.fee_asset is None or standing.fee_asset.asset != symbol[:-1]:
            assert on_books >= ZERO


def _base(key: CycleKey) -> str:
    return key.symbol[:-1]


def check_rest(standing: Standing) -> None:
    """Journal, exchange, account, traders and feeds agree, and every symbol does what is wanted of it."""
    for account in standing.accounts:
        _check_books(standing, account)
    views = {(view.account, view.symbol): view for view in standing.system.ask(names.SWITCHES, AskSymbols())}
    for key, row in standing.table.rows.items():
        wanted = {TradingStatus.ON: "on", TradingStatus.SHUTDOWN: "shutdown", TradingStatus.OFF: "off"}[row.status]
        state = standing.table.actual[key].state if key in standing.table.actual else "off"
        assert state == wanted, f"{key} is {state}, wanted {row.status}"
        assert state == "off" or (key in views and views[key].state == state), f"{key}: {views.get(key)}, told {state}"
        _check_traders(standing, *key, is_running=state != "off")
    for symbol in standing.symbols:
        _check_waiting(standing, symbol)


def _check_books(standing: Standing, account: str) -> None:
    orders = (order for order in standing.journal.orders() if order.key.account == account)
    live = {order.client_order_id: order for order in orders if not order.status.is_terminal}
    resting = standing.open_orders(account)
    assert resting is not None, f"nobody can look what rests of {account}"
    open_orders = {order.client_order_id: order for order in resting}
    assert live.keys() == open_orders.keys()
    for client_order_id, order in live.items():
        there = open_orders[client_order_id]
        assert (order.price, order.quantity, order.filled, order.status) == (
            there.price,
            there.quantity,
            there.filled,
            there.status,
        )
    balances = standing.balances(account)
    assert {asset: each.free + each.locked for asset, each in balances.items() if each.free + each.locked} == {
        asset: amount for asset, amount in _expected(standing, account).items() if amount
    }
    view: AccountView = standing.system.ask(names.account(account), AccountQuery())
    assert {order.client_order_id for order in view.orders} == live.keys()
    assert {asset: (each.free, each.locked) for asset, each in view.balances.items() if each.free or each.locked} == {
        asset: (each.free, each.locked) for asset, each in balances.items() if each.free or each.locked
    }
    assert {one.symbol: one.quantity for one in view.positions} == _positions(standing, account)
    assert set(standing.actor(names.execution_manager(account))._books.live) == live.keys()


def _expected(standing: Standing, account: str) -> dict[str, Decimal]:
    journal = standing.journal.load_account(account)
    expected: dict[str, Decimal] = defaultdict(Decimal)
    expected.update(balances_after(standing.opening, journal, standing.instruments))
    for asset, change in standing.foreign(account).items():
        expected[asset] += change
    return expected


def _positions(standing: Standing, account: str) -> dict[str, Decimal]:
    """Give what open cycles hold of each symbol by their fills, as the account must know it."""
    keys = {order.client_order_id: order.key for order in standing.journal.orders()}
    cycles = (cycle for cycle in standing.journal.cycles() if cycle.key.account == account)
    held: dict[CycleKey, Decimal] = {cycle.key: ZERO for cycle in cycles if cycle.result is None}
    for side, fill in standing.journal._fills.values():
        key = keys[fill.client_order_id]
        if key in held and side is Side.BUY:
            held[key] += fill.quantity - (fill.commission if fill.commission_asset == _base(key) else ZERO)
        elif key in held:
            held[key] -= fill.quantity
    positions: dict[str, Decimal] = defaultdict(Decimal)
    for key, quantity in held.items():
        positions[key.symbol] += max(quantity, ZERO)  # beyond its own a cycle sells what others had left
    return {symbol: quantity for symbol, quantity in positions.items() if quantity}


def _check_traders(standing: Standing, account: str, symbol: str, *, is_running: bool) -> None:
    journal = standing.journal.load_symbol(account, symbol)
    traders = {trader._position.cycle.key: trader for trader in standing.traders_of(account, symbol)}
    if not is_running:
        assert not traders
        assert standing.system.whereis(names.symbol_supervisor(account, symbol)) is None
        return
    feed, leader = standing.actor(names.feed(symbol)), standing.actor(names.leader(account, symbol))
    assert leader._book.dust == journal.dust_base
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
        moves = _moves(trader._position.orders, wake) or _hears(standing, trader)
        assert moves, f"{opened.cycle.key} waits for nothing"
        slot = leader._crew.slots[opened.cycle.key.trader]
        assert (slot.position.cycle, slot.position.orders) == (trader._position.cycle, opened.orders)
        assert slot.ref is trader.ref


def _check_waiting(standing: Standing, symbol: str) -> None:
    """See that a feed wakes exactly the traders that wait; candles, and signals of every trade, wait there as well."""
    if standing.system.whereis(names.feed(symbol)) is None:
        return
    wakes = standing.actor(names.feed(symbol))._alerts._wakes
    waiting = {owner for owner in wakes if owner.name is not None and owner.name[0] == "trader"}
    traders = [trader for account in standing.accounts for trader in standing.traders_of(account, symbol)]
    assert waiting == {trader.ref for trader in traders if trader._wake != Wake()}


def _hears(standing: Standing, trader: "Trader") -> bool:
    """Say whether somebody computes signals for a trader."""
    topic = trader._hearing._topic
    return topic is not None and standing.system.whereis(topic) is not None


def _moves(orders: tuple[Order, ...], wake: Wake) -> bool:
    """Say whether something can still happen to a trader: an order of it rests, or it waits for a price."""
    return wake != Wake() or any(order.status.is_resting and order.remaining > ZERO for order in orders)
