"""NautilusTrader's cache database at work, in its own environment: run by its Python, it knows nothing of ours.

For each line on its standard input it writes COUNT orders with three writes each, waits until Redis has the last one,
loads all orders, empties the database, and prints the seconds of both.
"""

import socket
import sys
import time
from typing import Any

import msgspec

# Nautilus is in the environment of its own that runs this program, and never in the one that checks it.
from nautilus_trader.cache.config import CacheConfig  # type: ignore[import-not-found]
from nautilus_trader.cache.database import CacheDatabaseAdapter  # type: ignore[import-not-found]
from nautilus_trader.common.component import TestClock  # type: ignore[import-not-found]
from nautilus_trader.common.config import DatabaseConfig  # type: ignore[import-not-found]
from nautilus_trader.common.factories import OrderFactory  # type: ignore[import-not-found]
from nautilus_trader.core.uuid import UUID4  # type: ignore[import-not-found]
from nautilus_trader.model.enums import OrderSide  # type: ignore[import-not-found]
from nautilus_trader.model.identifiers import (  # type: ignore[import-not-found]
    StrategyId,
    TradeId,
    TraderId,
    VenueOrderId,
)
from nautilus_trader.model.objects import Price, Quantity  # type: ignore[import-not-found]
from nautilus_trader.serialization.serializer import MsgSpecSerializer  # type: ignore[import-not-found]
from nautilus_trader.test_kit.providers import TestInstrumentProvider  # type: ignore[import-not-found]
from nautilus_trader.test_kit.stubs.events import TestEventStubs  # type: ignore[import-not-found]

TRADER = "BENCH-001"
POLL_S = 0.0005
NOW_NS = 1_700_000_000_123_456_789


def main() -> None:
    """Measure once for each line."""
    port, count = int(sys.argv[1]), int(sys.argv[2])
    trader = TraderId(TRADER)
    database = CacheDatabaseAdapter(
        trader_id=trader,
        instance_id=UUID4(),
        # As its TradingNode sets it up.
        serializer=MsgSpecSerializer(encoding=msgspec.msgpack, timestamps_as_str=True),
        config=CacheConfig(database=DatabaseConfig(type="redis", host="127.0.0.1", port=port)),
    )
    factory = OrderFactory(trader, StrategyId("S-001"), TestClock())
    with socket.create_connection(("127.0.0.1", port)) as redis:
        for _ in sys.stdin:
            steps = _steps(factory, count)
            began = time.perf_counter()
            for order, events in steps:
                database.add_order(order)
                for event in events:
                    order.apply(event)
                    database.update_order(order)
            _await_entries(redis, f"trader-{TRADER}:orders:{steps[-1][0].client_order_id}", 3)
            drained_s = time.perf_counter() - began
            began = time.perf_counter()
            found = len(database.load_orders())
            loaded_s = time.perf_counter() - began
            if found != count:
                raise SystemExit(f"{found} orders of {count} were loaded")
            _ask(redis, "FLUSHALL")
            sys.stdout.write(f"{drained_s} {loaded_s}\n")
            sys.stdout.flush()


def _steps(factory: Any, count: int) -> list[tuple[Any, list[Any]]]:
    """Make orders and the events that follow; that is not measured."""
    instrument = TestInstrumentProvider.btcusdt_binance()
    steps = []
    for number in range(count):
        order = factory.limit(instrument.id, OrderSide.BUY, Quantity.from_str("0.001230"), Price.from_str("60000.01"))
        venue_order_id = VenueOrderId(f"E-{number}")
        accepted = TestEventStubs.order_accepted(order, venue_order_id=venue_order_id, ts_event=NOW_NS)
        filled = TestEventStubs.order_filled(
            order,
            instrument,
            venue_order_id=venue_order_id,
            trade_id=TradeId(str(number)),
            last_px=Price.from_str("60000.01"),
            ts_event=NOW_NS,
        )
        steps.append((order, [accepted, filled]))
    return steps


def _await_entries(redis: socket.socket, key: str, count: int) -> None:
    """Look until all is there: the peer acknowledges nothing that could be waited for."""
    while _ask(redis, f"LLEN {key}") != f":{count}":
        time.sleep(POLL_S)


def _ask(redis: socket.socket, command: str) -> str:
    redis.sendall(f"{command}\r\n".encode())
    return redis.recv(4_096).decode().strip()


if __name__ == "__main__":
    main()
