"""Nothing that the daemon keeps in memory grows with what it has done: caches have bounds, and actors forget.

The whole daemon for an hour: `make memory-soak`.
"""

import gc
import tracemalloc
import types
from collections import deque
from collections.abc import Hashable
from decimal import Decimal
from typing import Any

import msgspec
import structlog

from naive_daemon import names
from naive_daemon.account.live_orders import LiveOrders
from naive_daemon.cache.memory import MemoryCacheDatabase
from naive_daemon.domain.events import AccountEvent, BalanceUpdated, OrderFilled, Trade
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.side import Side
from naive_daemon.exchange.binance.delivery import KEYS_MAX, Delivery
from naive_daemon.exchange.binance.oddity import Oddities
from naive_daemon.exchange.binance.reading import fill_told
from naive_daemon.exchange.paper.engine import HISTORY_LIMIT, PaperEngine
from naive_daemon.exchange.paper.history import History
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.execution.order_books import OVER_KEPT_MAX, OrderBooks
from naive_daemon.otp import Ref
from naive_daemon.otp.process import Process
from tests.trading.plant import Plant, instrument
from tests.trading.table import ACCOUNT, Table

SYMBOL = "AAAQ"
ACCOUNT_BYTES_MAX = 5 * 2**20
CYCLES, ROUNDS = 300, 4
ONE_CYCLE = ("100", "99.8", "100.3")
# What has a bound of its own, with a test of its own; what stands for a server; what is shared by all.
ELSEWHERE = (OrderBooks, History, LiveOrders, MemoryJournal, MemoryCacheDatabase, Table)
SHARED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.FrameType, Ref, Process)


def reached(root: Any, *, aside: tuple[Any, ...]) -> int:
    """Count the objects that `root` keeps alive, but for those of others."""
    seen = {id(thing) for thing in aside}
    todo, count = deque(gc.get_referents(root)), 0
    while todo:
        thing = todo.popleft()
        if id(thing) in seen or isinstance(thing, (*SHARED, *ELSEWHERE)):
            continue
        seen.add(id(thing))
        count += 1
        todo.extend(gc.get_referents(thing))
    return count


def test_what_each_of_a_thousand_accounts_keeps_of_what_is_over_takes_few_bytes() -> None:
    tracemalloc.start()
    try:
        books, delivery = OrderBooks(), Delivery(lambda _: None, Oddities(structlog.get_logger()))
        for number in range(2 * KEYS_MAX):
            order = make_order(number)
            books.put(order)
            fill = fill_of(order, number)
            books.apply(fill)
            delivery.events([fill_told(fill)])
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not books.live
    assert kept < ACCOUNT_BYTES_MAX


def test_the_books_and_the_paper_exchange_keep_so_many_orders_and_no_more() -> None:
    engine = PaperEngine({SYMBOL: instrument(SYMBOL)}, balances={ACCOUNT: {"Q": Decimal(10**9)}})
    books = OrderBooks()
    sizes = []
    for number in range(2 * HISTORY_LIMIT + 2):
        order = make_order(number)
        books.put(order)
        take(books, engine.place(order, number))
        take(books, engine.match(Trade(SYMBOL, Decimal("1.9"), Decimal(1), number, number)))
        if number in (HISTORY_LIMIT + 1, 2 * HISTORY_LIMIT + 1):
            sizes.append(reached(books, aside=()) + reached(engine, aside=()))
    assert engine.order(ACCOUNT, make_order(HISTORY_LIMIT + 1).client_order_id) is None
    assert engine.order(ACCOUNT, make_order(HISTORY_LIMIT + 2).client_order_id) is not None
    assert books.get(make_order(number - OVER_KEPT_MAX).client_order_id) is None
    assert books.get(make_order(number - OVER_KEPT_MAX + 1).client_order_id) is not None
    assert not books.live
    assert sizes[1] <= sizes[0] * 1.01


def test_no_actor_holds_more_however_many_cycles_have_passed() -> None:
    plant = Plant(is_checked=False).start().on()
    plant.trades(*ONE_CYCLE * CYCLES)
    before = held(plant)
    plant.trades(*ONE_CYCLE * CYCLES * ROUNDS)
    assert plant.completed() == CYCLES * (1 + ROUNDS)
    after = held(plant)
    # A trader more or less, a message on its way: no more than that.
    grown = {name: (before[name], count) for name, count in after.items() if count > before[name] + CYCLES / 2}
    assert grown == {}
    plant.die()


def held(plant: Plant) -> dict[Hashable, int]:
    """Count what each actor that stays holds, and what the system itself does."""
    staying = (
        names.JOURNAL,
        names.CACHE,
        names.client(ACCOUNT),
        names.execution_manager(ACCOUNT),
        names.account(ACCOUNT),
        names.STREAM_DESK,
        names.feed(SYMBOL),
        names.SYMBOLS,
        names.SWITCHES,
        names.leader(ACCOUNT, SYMBOL),
        names.traders(ACCOUNT, SYMBOL),
        names.CONTROL,
        names.WATCHMAN,
    )
    aside = plant.system, plant
    counts: dict[Hashable, int] = {name: reached(plant.actor(name), aside=aside) for name in staying}
    counts["system"] = reached(plant.system, aside=(plant,))
    return counts


def make_order(number: int) -> Order:
    return Order(
        client_order_id=f"o{number}",
        key=CycleKey(ACCOUNT, SYMBOL, 1, number),
        leg=Leg(Side.BUY, 1),
        price=Decimal(2),
        quantity=Decimal(10),
        created_ns=number,
        updated_ns=number,
    )


def fill_of(order: Order, number: int) -> OrderFilled:
    return OrderFilled(
        account=ACCOUNT,
        symbol=SYMBOL,
        client_order_id=order.client_order_id,
        exchange_order_id=str(number),
        trade_id=str(number),
        price=order.price,
        quantity=order.quantity,
        commission=Decimal("0.01"),
        commission_asset="AAA",
        time_ns=number,
    )


def take(books: OrderBooks, events: list[AccountEvent]) -> None:
    for event in events:
        if not isinstance(event, BalanceUpdated):
            assert isinstance(books.apply(event), msgspec.Struct)
