"""What the local exchange itself can do: orders placed and cancelled a second, and events delivered, to few and many.

One process serves on one core; the clients, which do next to nothing, share another. Each order is placed and cancelled
again, which is two requests, two commits of its state, and four events for each connection that hears its account.
"""

import asyncio
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.benchmarks.execution.placing import SYMBOL
from tests.benchmarks.execution.raw_client import RawClient
from tests.benchmarks.figure import Figure, best_rate
from tests.exchange.local_exchange import LocalExchange

CLIENTS = (1, 10, 100)
ORDERS = 1_000
IN_FLIGHT = 100
"""Orders on their way or resting at a time, of all clients together; the exchange takes 200 of a symbol."""
EVENTS_EACH_ORDER = 4
USER_ORDERS = 200
TRADES = 1_000
STEPS = 5


def figures() -> Iterator[Figure]:
    """Measure, with more clients each time."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="naive-bench-")))
        served = stack.enter_context(LocalExchange(folder, "--fill-model", "through", "--symbol", SYMBOL))
        served.pause()
        served.trade(SYMBOL, "65000", "0.001")
        for clients in CLIENTS:
            yield _figure("orders placed and cancelled", clients, ORDERS, "orders/s", _trade(served, clients))
        for clients in CLIENTS:
            events = clients * USER_ORDERS * EVENTS_EACH_ORDER
            yield _figure("user events delivered", clients, events, "events/s", _hear_account(served, clients))
        for clients in CLIENTS:
            events = clients * TRADES * STEPS
            yield _figure("market events delivered", clients, events, "events/s", _hear_market(served, clients))


Work = Callable[[], Coroutine[Any, Any, None]]


def _figure(what: str, clients: int, count: int, unit: str, work: Work) -> Figure:
    rate = best_rate(count, lambda: asyncio.run(work()))
    return Figure(name=f"local exchange, {what}, {clients} client{'s' * (clients > 1)}", value=rate, unit=unit)


def _trade(served: LocalExchange, clients: int) -> Work:
    async def work() -> None:
        traders = [await RawClient(served).open(served.ws_api_url) for _ in range(clients)]
        try:
            await asyncio.gather(*(_place(trader, ORDERS // clients, IN_FLIGHT // clients) for trader in traders))
        finally:
            _close(traders)

    return work


def _hear_account(served: LocalExchange, clients: int) -> Work:
    async def work() -> None:
        trader = await RawClient(served).open(served.ws_api_url)
        hearers = [await RawClient(served).open(served.ws_api_url) for _ in range(clients)]
        try:
            for hearer in hearers:
                hearer.say_signed("userDataStream.subscribe.signature")
                await hearer.until(lambda hearer=hearer: hearer.answers == 1)  # type: ignore[misc] # no default is inferred
            await _place(trader, USER_ORDERS, IN_FLIGHT)
            for hearer in hearers:
                await hearer.until(lambda hearer=hearer: hearer.events >= USER_ORDERS * EVENTS_EACH_ORDER)  # type: ignore[misc] # the same
        finally:
            _close([trader, *hearers])

    return work


def _hear_market(served: LocalExchange, clients: int) -> Work:
    async def work() -> None:
        url = f"{served.stream_url}/ws/{SYMBOL.lower()}@trade"
        hearers = [await RawClient(served).open(url) for _ in range(clients)]
        try:
            for step in range(1, 1 + STEPS):
                wish = {"advance": TRADES, "symbol": SYMBOL}
                await asyncio.to_thread(served.admin, "POST", "/admin/market", wish)
                for hearer in hearers:
                    await hearer.until(lambda hearer=hearer, step=step: hearer.events >= step * TRADES)  # type: ignore[misc] # the same
        finally:
            _close(hearers)

    return work


async def _place(trader: RawClient, orders: int, in_flight: int) -> None:
    """Place and cancel so many orders, a few at a time; each is answered twice."""
    sent = 0

    def send() -> None:
        nonlocal sent
        while sent < orders and 2 * sent - trader.answers < 2 * in_flight:
            sent += 1
            order_id = f"o{sent}x{id(trader)}"
            trader.say_signed(
                "order.place",
                symbol=SYMBOL,
                side="BUY",
                type="LIMIT",
                timeInForce="GTC",
                quantity="0.001",
                price="50000",
                newClientOrderId=order_id,
                newOrderRespType="ACK",
            )
            trader.say_signed("order.cancel", symbol=SYMBOL, origClientOrderId=order_id)

    trader.on_answer = send
    send()
    await trader.until(lambda: trader.answers >= 2 * orders)


def _close(clients: list[RawClient]) -> None:
    for client in clients:
        client.close()
