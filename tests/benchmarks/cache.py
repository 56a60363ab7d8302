"""The cache database in Redis: orders written until Redis has them, and loaded; beside NautilusTrader's, in turn."""

import tempfile
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from naive_daemon.domain.events import OrderAccepted, OrderEvent, OrderFilled
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.side import Side
from naive_daemon.storage.redis.cache_database import RedisCacheDatabase
from tests.benchmarks.figure import ROUNDS, Comparison, Figure
from tests.benchmarks.peers import nautilus
from tests.integration.redis_server import opened, running

ORDERS = 3_000
WRITES_EACH = 3
DURABLE = 1_000
GOAL = 4.0

NOW_NS = 1_700_000_000_123_456_789

Step = tuple[Order, list[tuple[Order, OrderEvent]]]


def figures() -> Iterator[Figure]:
    """Measure on one server, over TCP, both in turn."""
    with (
        tempfile.TemporaryDirectory(prefix="naive-bench-") as home,
        running(Path(home) / "redis") as server,
        opened(server.url, trader="bench") as database,
    ):
        if (why := nautilus.missing()) is not None:
            rounds = [_round(database) for _ in range(1 + ROUNDS)][1:]
            yield from _figures(rounds, None, "NautilusTrader", why)
        else:
            with nautilus.running(server.port, ORDERS) as peer:
                both = [(_round(database), peer.round()) for _ in range(1 + ROUNDS)][1:]
                yield from _figures([ours for ours, _ in both], [theirs for _, theirs in both], peer.name, "")
        yield Figure(
            name="cache, durable writes one after the other",
            value=DURABLE / min(_durable_s(database) for _ in range(ROUNDS)),
            unit="writes/s",
        )


def _figures(
    ours: list[tuple[float, float]], theirs: list[tuple[float, float]] | None, peer: str, why: str
) -> Iterator[Figure]:
    for place, (name, count, unit) in enumerate(
        (
            (f"cache, {ORDERS:,} orders × {WRITES_EACH} writes, drained", ORDERS * WRITES_EACH, "writes/s"),
            (f"cache, {ORDERS:,} orders loaded", ORDERS, "orders/s"),
        )
    ):
        value = None if theirs is None else count / min(seconds[place] for seconds in theirs)
        yield Figure(
            name=name,
            value=count / min(seconds[place] for seconds in ours),
            unit=unit,
            peers=(Comparison(peer=peer, value=value, goal=GOAL, skipped=why),),
        )


def _round(database: RedisCacheDatabase) -> tuple[float, float]:
    """Write, wait until Redis has everything, load, empty; gives the seconds of writing and of loading."""
    steps = _steps()
    drained = threading.Event()
    began = time.perf_counter()
    for order, changes in steps:
        database.add_order(order)
        for changed, event in changes:
            database.update_order(changed, event)
    database.notify(drained.set)
    drained.wait()
    drained_s = time.perf_counter() - began
    began = time.perf_counter()
    found = len(database.load_orders())
    loaded_s = time.perf_counter() - began
    if found != ORDERS:
        raise RuntimeError(f"{found} orders of {ORDERS} were loaded")
    database.flush()
    return drained_s, loaded_s


def _durable_s(database: RedisCacheDatabase) -> float:
    steps = _steps()[:DURABLE]
    began = time.perf_counter()
    for order, _ in steps:
        database.add_order(order, durable=True)
    return time.perf_counter() - began


def _steps() -> list[Step]:
    """Make orders and the events that follow; that is not measured."""
    steps: list[Step] = []
    for number in range(ORDERS):
        name = f"O-20231114-221320-001-{number}"
        order = Order(
            client_order_id=name,
            key=CycleKey("bench", "BTCUSDT", 1, number + 1),
            leg=Leg(Side.BUY),
            price=Decimal("60000.01"),
            quantity=Decimal("0.001230"),
            created_ns=NOW_NS,
        )
        accepted = OrderAccepted(
            account="bench",
            symbol="BTCUSDT",
            client_order_id=name,
            exchange_order_id=f"E-{number}",
            time_ns=NOW_NS + 1,
        )
        filled = OrderFilled(
            account="bench",
            symbol="BTCUSDT",
            client_order_id=name,
            exchange_order_id=f"E-{number}",
            trade_id=str(number),
            price=Decimal("60000.01"),
            quantity=Decimal("0.001230"),
            commission=Decimal("0.0738001"),
            commission_asset="USDT",
            time_ns=NOW_NS + 2,
        )
        resting = order.apply(accepted)
        steps.append((order, [(resting, accepted), (resting.apply(filled), filled)]))
    return steps
