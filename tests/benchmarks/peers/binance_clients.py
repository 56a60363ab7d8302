"""Others that place orders on Binance, each as its documentation wants it: ccxt and the official SDK.

They make floats of prices, and models of answers; that is what they are. Each gives the nanoseconds from the call until
its answer has been returned to the caller.
"""

import asyncio
import importlib
import time
import warnings
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Self

from tests.exchange.local_exchange import LocalExchange

PRICE = 50_000.0
QUANTITY = 0.001
_ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "time_in_force": "GTC"}
_OPTIONS = {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False, "fetchCurrencies": False}

Keys = tuple[str, str]
Place = Callable[[], Awaitable[object]]


class AsyncPeer:
    """A client that lives on a loop of its own, which runs only while it is measured."""

    def __init__(self, connect: Callable[[AsyncExitStack, LocalExchange, Keys], Awaitable[Place]]) -> None:
        self._connect = connect
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()

    def open(self, served: LocalExchange, account: int) -> Self:
        """Connect with the keys of an account, by its place in the exchange's file.

        Raises ImportError when it is not installed.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they are written for older libraries than they run on
            self._place = self._loop.run_until_complete(self._connect(self._stack, served, served.keys_of(account)))
        return self

    def spans_ns(self, count: int) -> list[int]:
        """Place so many orders, one after another."""
        return self._loop.run_until_complete(self._spans_ns(count))

    def close(self) -> None:
        """Let go of everything."""
        self._loop.run_until_complete(self._stack.aclose())
        self._loop.close()

    async def _spans_ns(self, count: int) -> list[int]:
        spans_ns = []
        for _ in range(count):
            began_ns = time.perf_counter_ns()
            await self._place()
            spans_ns.append(time.perf_counter_ns() - began_ns)
        return spans_ns


async def ccxt_rest(stack: AsyncExitStack, served: LocalExchange, keys: Keys) -> Place:
    """Place by ccxt's asynchronous REST client."""
    client = await _ccxt(stack, served, keys)
    return lambda: client.create_order("BTC/USDT", "limit", "buy", QUANTITY, PRICE)


async def ccxt_ws(stack: AsyncExitStack, served: LocalExchange, keys: Keys) -> Place:
    """Place by ccxt.pro, on the WebSocket API."""
    client = await _ccxt(stack, served, keys)
    return lambda: client.create_order_ws("BTC/USDT", "limit", "buy", QUANTITY, PRICE)


async def sdk_rest(stack: AsyncExitStack, served: LocalExchange, keys: Keys) -> Place:
    """Place by the official SDK's REST client, which blocks."""
    sdk: Any = importlib.import_module("binance_sdk_spot.spot")
    config = sdk.ConfigurationRestAPI(api_key=keys[0], api_secret=keys[1], base_path=served.rest_url, timeout=10_000)
    api = sdk.Spot(config_rest_api=config).rest_api
    stack.callback(api._session.close)

    async def place() -> object:
        return api.new_order(**_ORDER, quantity=QUANTITY, price=PRICE).data()

    return place


async def sdk_ws(stack: AsyncExitStack, served: LocalExchange, keys: Keys) -> Place:
    """Place by the official SDK, on the WebSocket API."""
    sdk: Any = importlib.import_module("binance_sdk_spot.spot")
    config = sdk.ConfigurationWebSocketAPI(api_key=keys[0], api_secret=keys[1], stream_url=served.ws_api_url)
    connection = await sdk.Spot(config_ws_api=config).websocket_api.create_connection()
    stack.push_async_callback(connection.close_connection)

    async def place() -> object:
        answer = await connection.order_place(**_ORDER, quantity=QUANTITY, price=PRICE)
        return answer.data()

    return place


PEERS = {
    "ccxt, REST": ccxt_rest,
    "ccxt.pro, WebSocket API": ccxt_ws,
    "official SDK, REST": sdk_rest,
    "official SDK, WebSocket API": sdk_ws,
}


async def _ccxt(stack: AsyncExitStack, served: LocalExchange, keys: Keys) -> Any:
    module: Any = importlib.import_module("ccxt.pro")
    client = module.binance({"apiKey": keys[0], "secret": keys[1], "enableRateLimit": False, "options": _OPTIONS})
    stack.push_async_callback(client.close)
    api = client.urls["api"]
    api["public"] = api["private"] = f"{served.rest_url}/api/v3"
    api["ws"]["spot"] = f"{served.stream_url}/ws"
    api["ws"]["ws-api"]["spot"] = served.ws_api_url
    await client.load_markets()
    return client
