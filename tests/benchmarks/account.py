"""The account: orders looked up among 10,000, price events on 500 symbols, and what events cost its actor."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.account.account import Account
from naive_daemon.account.positions import HeldPosition
from naive_daemon.account.store import AccountStateStore
from naive_daemon.clock import VirtualClock
from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.events import OrderAccepted, OrderFilled
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.position import PositionSide
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_messages import CyclesEnded
from naive_daemon.execution.journal_store import OrderRecorded
from naive_daemon.otp import DEFERRED, Actor, ActorSystem, Deferred, SimulatedSystem
from tests.benchmarks.figure import ROUNDS as ROUNDS_OF_FIGURE
from tests.benchmarks.figure import Comparison, Figure, best_rate

ORDERS = 10_000
CYCLES = 5_000
EVENTS_OF_LIFE = 4
SYMBOLS = tuple(f"S{number}USDT" for number in range(500))
ROUNDS = 200
SLOW_ROUNDS = 1
LOOK_UPS_MIN = 150_000
PRICES_MIN = 1_000_000


def figures() -> Iterator[Figure]:
    """Measure a store that holds as much as an account with 500 symbols has."""
    store: AccountStateStore[msgspec.Struct] = AccountStateStore()
    for number in range(ORDERS):
        store.orders.upsert(_order(number))
    for symbol in SYMBOLS:
        store.positions.set(_position(symbol))
    yield Figure(
        name=f"account, a symbol's orders among {ORDERS}",
        value=best_rate(ROUNDS * len(SYMBOLS), lambda: _look_up(store, ROUNDS)),
        unit="look-ups/s",
        limit=LOOK_UPS_MIN,
        peers=(
            Comparison(
                peer="a search through all",
                value=best_rate(SLOW_ROUNDS * len(SYMBOLS), lambda: _search(store, SLOW_ROUNDS)),
            ),
        ),
    )
    yield Figure(
        name=f"account, price events on {len(SYMBOLS)} symbols in position",
        value=best_rate(ROUNDS * len(SYMBOLS), lambda: _take_prices(store, ROUNDS)),
        unit="events/s",
        limit=PRICES_MIN,
    )
    yield Figure(
        name="account, a position's unrealised PnL read",
        value=best_rate(ROUNDS * len(SYMBOLS), lambda: _read_pnl(store, ROUNDS)),
        unit="reads/s",
    )
    yield Figure(
        name="account, an order's new state",
        value=best_rate(ORDERS, lambda: _change(store)),
        unit="orders/s",
    )

    without = _events_per_s(ActorSystem.simulated(VirtualClock()))
    with_cache = ActorSystem.simulated(VirtualClock())
    with_cache.start(_Deaf(), names.CACHE)
    yield Figure(
        name="account, events of orders with fills, the cache told",
        value=_events_per_s(with_cache),
        unit="events/s",
        peers=(Comparison(peer="without a cache", value=without),),
    )


class _Deaf(Actor):
    """Stands for a cache, and has nothing."""

    def on_receive(self, message: Any) -> None:
        pass


def _events_per_s(system: SimulatedSystem) -> float:
    """Give a buy's intent, acceptance and fill to an account, one cycle after the other; then its cycle ends."""
    instruments = {
        symbol: Instrument(
            symbol=symbol,
            base_asset=symbol.removesuffix("USDT"),
            quote_asset="USDT",
            tick_size=Decimal("0.01"),
            step_size=Decimal("0.00001"),
        )
        for symbol in SYMBOLS
    }
    for name in (names.JOURNAL, names.client("bench")):
        system.start(_Silent(), name)
    account = Account("bench", instruments)
    ref = system.start(account, names.account("bench"))
    system.run_until_idle()
    account._knows_positions = True  # the journal is never asked here
    measured = ROUNDS_OF_FIGURE + 1  # once to warm up
    lives = iter([[_life(one * CYCLES + number) for number in range(CYCLES)] for one in range(measured)])

    def work() -> None:
        for life in next(lives):
            for message in life:
                ref.tell(message)
        system.run_until_idle()

    return best_rate(CYCLES * EVENTS_OF_LIFE, work)


class _Silent(Actor):
    """Stands for a journal or an exchange that takes its time."""

    def on_receive(self, message: Any) -> Deferred:
        return DEFERRED


def _life(number: int) -> tuple[Any, ...]:
    order = msgspec.structs.replace(_order(number), status=OrderStatus.IN_FLIGHT, exchange_order_id=None)
    accepted = OrderAccepted(
        account="bench",
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        exchange_order_id=str(number),
        time_ns=1,
    )
    filled = OrderFilled(
        account="bench",
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        exchange_order_id=str(number),
        trade_id=str(number),
        price=order.price,
        quantity=order.quantity,
        commission=Decimal("0.00000123"),
        commission_asset=order.symbol.removesuffix("USDT"),
        time_ns=2,
    )
    resting = order.apply(accepted)
    cycle = Cycle(key=order.key, budget=Decimal(1), fee=Decimal(0), settings=TradeSettings(), started_ns=1)
    return (
        OrderRecorded(order),
        OrderRecorded(resting, accepted),
        OrderRecorded(resting.apply(filled), filled),
        CyclesEnded((cycle,)),
    )


def _look_up(store: AccountStateStore[msgspec.Struct], rounds: int) -> None:
    by_symbol = store.orders.by_symbol
    for _ in range(rounds):
        for symbol in SYMBOLS:
            by_symbol(symbol)


def _search(store: AccountStateStore[msgspec.Struct], rounds: int) -> None:
    orders = store.orders.all()
    for _ in range(rounds):
        for symbol in SYMBOLS:
            tuple(order for order in orders if order.symbol == symbol)


def _take_prices(store: AccountStateStore[msgspec.Struct], rounds: int) -> None:
    take_price, price = store.positions.take_price, Decimal("60000.01")
    for _ in range(rounds):
        for symbol in SYMBOLS:
            take_price(symbol, price)


def _read_pnl(store: AccountStateStore[msgspec.Struct], rounds: int) -> None:
    unrealised_pnl = store.positions.unrealised_pnl
    for _ in range(rounds):
        for symbol in SYMBOLS:
            unrealised_pnl(symbol, PositionSide.LONG)


def _change(store: AccountStateStore[msgspec.Struct]) -> None:
    upsert = store.orders.upsert
    for order in store.orders.all():
        upsert(order)


def _order(number: int) -> Order:
    return Order(
        client_order_id=f"bench-{number}",
        exchange_order_id=str(number),
        key=CycleKey("bench", SYMBOLS[number % len(SYMBOLS)], 1, number),
        leg=Leg(Side.BUY),
        price=Decimal("60000.01"),
        quantity=Decimal("0.00123"),
        created_ns=1_700_000_000 * 10**9 + number,
        status=OrderStatus.OPEN,
    )


def _position(symbol: str) -> HeldPosition:
    return HeldPosition(symbol=symbol, side=PositionSide.LONG, quantity=Decimal("0.00123"), entry_price=Decimal(59000))
