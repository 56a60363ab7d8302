"""The account's state store: orders looked up among 10,000, price events on 500 symbols."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from naive_daemon.account.positions import HeldPosition
from naive_daemon.account.store import AccountStateStore
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.position import PositionSide
from naive_daemon.domain.side import Side
from tests.benchmarks.figure import Comparison, Figure, best_rate

ORDERS = 10_000
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
