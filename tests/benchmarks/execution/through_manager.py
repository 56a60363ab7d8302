"""Orders a second through the execution manager to the local exchange and back, many on their way at once.

An order counts from OpenOrder, told to the execution manager, until the journal has written that it was accepted. The
tree is the daemon's own without a market; nobody has set any limits. Cancelling in between is not timed.
"""

import queue
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from naive_daemon import names
from naive_daemon.clock import WallClock
from naive_daemon.domain.events import OrderAccepted, OrderCancelled
from naive_daemon.domain.money import affordable, floor_to
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.side import Side
from naive_daemon.exchange.binance.live_accounts import LiveAccounts
from naive_daemon.execution.journal_messages import OpenOrder
from naive_daemon.execution.journal_store import JournalEntry, OrderRecorded
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.execution.messages import CancelOrder
from naive_daemon.execution.order_id import client_order_id
from naive_daemon.market.generated_instruments import GENERATED_INSTRUMENTS, GENERATED_LISTINGS
from naive_daemon.otp import ActorSystem
from naive_daemon.storage.postgres.journal import PostgresJournal
from naive_daemon.tree import Ports, RealExchange, root
from tests.benchmarks.execution.place import ACCOUNT, Place, database, exchange
from tests.benchmarks.figure import Comparison, Figure

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "LTCUSDT")
EACH = 125
ROUNDS = 5
POOL_THREADS = 2
WAIT_S = 60.0
WORTH = Decimal(20)
BELOW_MARKET = Decimal("0.9")

Written = queue.SimpleQueue[Any]
Runner = Callable[[], float]


def figures() -> Iterator[Figure]:
    """Measure with a journal in PostgreSQL and with one in memory, in turn."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="naive-bench-")))
        url = stack.enter_context(database(folder))
        served = stack.enter_context(exchange(folder, *SYMBOLS))
        for symbol in SYMBOLS:
            served.trade(symbol, str(GENERATED_LISTINGS[symbol].start_price), "1")
        durable_s = stack.enter_context(_running(Place.of(served, "pg", url)))
        in_memory_s = stack.enter_context(_running(Place.of(served, "mem")))
        rounds = [(durable_s(), in_memory_s()) for _ in range(1 + ROUNDS)][1:]
    orders = len(SYMBOLS) * EACH
    durable, in_memory = (orders / min(each) for each in zip(*rounds, strict=True))
    yield Figure(
        name=f"orders through the execution manager, {orders} in flight",
        value=durable,
        unit="orders/s",
        peers=(Comparison(peer="journal in memory", value=in_memory),),
    )


@contextmanager
def _running(place: Place) -> Iterator[Runner]:
    """Start the daemon's tree; gives what does a round and says how many seconds it took."""
    written: Written = queue.SimpleQueue()
    accounts = LiveAccounts(place.config(), dict(GENERATED_INSTRUMENTS), WallClock(), random.Random(1))
    account = accounts.open(ACCOUNT, None)
    ports = Ports(
        owner=place.owner,
        account=ACCOUNT,
        instruments=GENERATED_INSTRUMENTS,
        exchange=RealExchange(maker_fee=Decimal("0.001"), make_client=lambda _: account.make_client()),
        open_journal=lambda: _journal(place.database_url, written),
    )
    system = ActorSystem.live(WallClock(), POOL_THREADS)
    numbers = count(1)
    try:
        top = system.start(root(ports), timeout_s=WAIT_S)
        yield lambda: _round_s(system, [_order(place.owner, number) for number in _next(numbers)], written)
        system.terminate(top, WAIT_S)
    finally:
        system.stop()
        accounts.end()


def _round_s(system: ActorSystem, orders: Sequence[Order], written: Written) -> float:
    manager = names.execution_manager(ACCOUNT)
    began_s = time.perf_counter()
    for order in orders:
        system.tell(manager, OpenOrder(order))
    _await(written, OrderAccepted, len(orders))
    spent_s = time.perf_counter() - began_s
    for order in orders:
        system.tell(manager, CancelOrder(order.client_order_id))
    _await(written, OrderCancelled, len(orders))
    return spent_s


def _await(written: Written, kind: type[OrderAccepted | OrderCancelled], orders: int) -> None:
    """Wait until the journal has written an event of the kind for so many orders; raises for any other end."""
    known: set[str] = set()
    while len(known) < orders:
        event = written.get(timeout=WAIT_S)
        if isinstance(event, kind):
            known.add(event.client_order_id)
        elif not isinstance(event, OrderAccepted | OrderCancelled):
            raise TypeError(f"an order came to something else: {event}")


class _Telling:
    """Tells of each event when it is written; goes before a journal's own class."""

    written: Written

    def write(self, entries: Sequence[JournalEntry]) -> None:
        super().write(entries)  # type: ignore[misc] # the journal that stands behind it
        for entry in entries:
            if isinstance(entry, OrderRecorded) and entry.event is not None:
                self.written.put(entry.event)


class _DurableJournal(_Telling, PostgresJournal):
    """A journal on disk."""


class _MemoryJournal(_Telling, MemoryJournal):
    """A journal in memory."""


def _journal(url: str | None, written: Written) -> _DurableJournal | _MemoryJournal:
    journal = _MemoryJournal() if url is None else _DurableJournal(url)
    journal.written = written
    return journal


def _next(numbers: Iterator[int]) -> list[int]:
    return [next(numbers) for _ in range(len(SYMBOLS) * EACH)]


def _order(owner: str, number: int) -> Order:
    listing = GENERATED_LISTINGS[SYMBOLS[number % len(SYMBOLS)]]
    instrument = listing.instrument
    price = floor_to(listing.start_price * BELOW_MARKET, instrument.tick_size)
    key, leg = CycleKey(ACCOUNT, instrument.symbol, 1, number), Leg(Side.BUY)
    return Order(
        client_order_id=client_order_id(owner, key, leg),
        key=key,
        leg=leg,
        price=price,
        quantity=affordable(WORTH, price, instrument.step_size),
        created_ns=0,
    )
