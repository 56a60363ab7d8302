"""The local exchange in the test's own process and loop: `async with served(tmp_path) as place: ...`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from naive_daemon.exchange.server.accounts import read_accounts
from naive_daemon.exchange.server.fault import FaultWish
from naive_daemon.exchange.server.limits import RateLimits
from naive_daemon.exchange.server.market_choice import CLIENTS, GENERATED, MarketChoice
from naive_daemon.exchange.server.server import ExchangeServer, ServerOptions
from naive_daemon.exchange.server.venue import VenueRules
from tests.exchange.trader import PATIENCE_S, Answer, Trader

UNLIMITED = RateLimits(weight_1min=0, orders_10s=0, orders_1day=0, connections_5min=0, messages_1s=0)


class Place:
    """A server whose market stands still until the test moves it, and clients of its accounts."""

    def __init__(self, server: ExchangeServer, traders: list[Trader]) -> None:
        self.server = server
        self.trader = traders[0]
        self.other = traders[-1]

    def print_trade(self, price: str, quantity: str, symbol: str = "BTCUSDT") -> None:
        self.server.exchange.print_trade(symbol, Decimal(price), Decimal(quantity))

    def fault(self, kind: str, **wish: Any) -> None:
        self.server.exchange.faults.add(FaultWish(kind=kind, **wish))

    def act(self, kind: str, value: str | None = None, where: str = "all") -> None:
        self.server.act(FaultWish(kind=kind, value=value, where=where))

    async def admin(self, method: str, path: str, data: bytes | None = None) -> Answer:
        return await self.trader.send(method, path, data=data)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop go on until a condition holds that is inside of the server, and has no event to wait for."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if condition():
                return
            await asyncio.sleep(0)


@asynccontextmanager
async def served(
    folder: Path,
    *,
    between_clients: bool = False,
    limits: RateLimits = UNLIMITED,
    change: Callable[[ServerOptions], ServerOptions] = lambda options: options,
) -> AsyncIterator[Place]:
    """Serve BTCUSDT and ETHUSDT until the block ends; the first price of BTCUSDT is 65000, unless clients make it."""
    market = MarketChoice(CLIENTS if between_clients else GENERATED, symbols=("BTCUSDT", "ETHUSDT"))
    rules = VenueRules(between_clients=between_clients)
    async with AsyncExitStack() as stack:
        options = change(ServerOptions(folder, market=market, rules=rules, limits=limits))
        server = await stack.enter_async_context(ExchangeServer(options))
        if server.player is not None:
            server.player.pause()
        traders = [
            await stack.enter_async_context(Trader(server.address, key.api_key, key.secret))
            for record in read_accounts(options.accounts or folder / "accounts.json")
            for key in record.keys
            if key.secret is not None
        ]
        place = Place(server, traders)
        if not between_clients:
            place.print_trade("65000", "0.5")
        yield place
