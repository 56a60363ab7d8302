"""ccxt trades on the local exchange: REST by its asynchronous client, streams by ccxt.pro, which is built on that.

ccxt makes floats of numbers; figures are compared exactly by the texts that it keeps under `info`.
"""

import asyncio
import copy
import importlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.exchange.local_exchange import LocalExchange

SYMBOL = "BTC/USDT"
PATIENCE_S = 10.0
UNKNOWN_KEY = "a" * 64
# Nothing but exchangeInfo is asked for at the start.
OPTIONS = {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False, "fetchCurrencies": False}


@pytest.fixture(scope="module")
def ccxt() -> Any:
    return importlib.import_module("ccxt.pro")


@asynccontextmanager
async def client(ccxt: Any, exchange: LocalExchange, api_key: str | None = None) -> AsyncIterator[Any]:
    made = ccxt.binance(
        {
            "apiKey": api_key or exchange.api_key,
            "secret": exchange.api_secret,
            "enableRateLimit": False,
            "options": OPTIONS,
        }
    )
    api = made.urls["api"]
    api["public"] = api["private"] = f"{exchange.rest_url}/api/v3"
    api["ws"]["spot"] = f"{exchange.stream_url}/ws"
    api["ws"]["ws-api"]["spot"] = exchange.ws_api_url
    try:
        yield made
    finally:
        await made.close()


class Watch:
    """What one of ccxt's watch methods gives, one by one; whoever looks waits at most PATIENCE_S."""

    def __init__(self, watch: Callable[[str], Awaitable[list[Any]]]) -> None:
        self._queue: asyncio.Queue[Any] = asyncio.Queue()
        self._task = asyncio.create_task(self._collect(watch))

    async def next(self) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            return await self._queue.get()

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _collect(self, watch: Callable[[str], Awaitable[list[Any]]]) -> None:
        while True:
            for found in await watch(SYMBOL):
                # ccxt goes on changing the orders that it gives.
                self._queue.put_nowait(copy.deepcopy(found))


def test_markets_have_the_filters_and_balances_are_exact(ccxt: Any, exchange: LocalExchange) -> None:
    async def look() -> tuple[Any, Any, Any]:
        async with client(ccxt, exchange) as ours:
            markets = await ours.load_markets()
            return markets, await ours.fetch_balance(), await ours.fetch_ticker(SYMBOL)

    markets, balance, ticker = asyncio.run(look())
    assert set(markets) == {SYMBOL, "ETH/USDT"}
    market = markets[SYMBOL]
    assert (market["active"], market["precision"]["price"], market["precision"]["amount"]) == (True, 0.01, 0.000001)
    assert market["limits"]["cost"]["min"] == 5
    truth = exchange.admin("GET", "/admin/balances")["demo"]
    told = {owned.pop("asset"): owned for owned in balance["info"]["balances"]}
    assert told == truth
    assert balance["USDT"]["free"] == float(truth["USDT"]["free"])
    assert ticker["bid"] < ticker["last"] < ticker["ask"]


def test_an_order_that_rests_is_found_by_its_id_and_cancelled(ccxt: Any, exchange: LocalExchange) -> None:
    async def trade() -> None:
        async with client(ccxt, exchange) as ours:
            mine = {"newClientOrderId": "resting"}
            by_id = {"origClientOrderId": "resting"}
            placed = await ours.create_order(SYMBOL, "limit", "buy", 0.01, 49000, mine)
            assert (placed["clientOrderId"], placed["status"], placed["filled"]) == ("resting", "open", 0)
            found = await ours.fetch_order(None, SYMBOL, by_id)
            assert (found["id"], found["price"], found["amount"]) == (placed["id"], 49000, 0.01)
            assert [order["clientOrderId"] for order in await ours.fetch_open_orders(SYMBOL)] == ["resting"]
            assert (await ours.fetch_balance())["USDT"]["used"] == 490
            cancelled = await ours.cancel_order(None, SYMBOL, by_id)
            assert (cancelled["id"], cancelled["status"]) == (placed["id"], "canceled")
            assert await ours.fetch_open_orders(SYMBOL) == []
            assert (await ours.fetch_order(None, SYMBOL, by_id))["status"] == "canceled"

    asyncio.run(trade())


def test_the_user_stream_tells_of_an_order_and_of_each_fill(ccxt: Any, exchange: LocalExchange) -> None:
    async def trade() -> None:
        async with client(ccxt, exchange) as ours:
            await ours.load_markets()
            await ours.authenticate({"type": "spot"})
            orders, fills = Watch(ours.watch_orders), Watch(ours.watch_my_trades)
            mine = {"newClientOrderId": "filling"}
            await ours.create_order(SYMBOL, "limit", "buy", 0.01, 49000, mine)
            new = await orders.next()
            assert (new["clientOrderId"], new["status"], new["info"]["x"]) == ("filling", "open", "NEW")
            exchange.trade("BTCUSDT", "49000", "0.004")
            first, partly = await fills.next(), await orders.next()
            exchange.trade("BTCUSDT", "48999", "1")
            second, whole = await fills.next(), await orders.next()
            assert [(told["status"], told["info"]["z"], told["info"]["Z"]) for told in (partly, whole)] == [
                ("open", "0.00400000", "196.00000000"),
                ("closed", "0.01000000", "490.00000000"),
            ]
            expected = [("0.00400000", "196.00000000", "0.00000400"), ("0.00600000", "294.00000000", "0.00000600")]
            assert [tuple(map(fill["info"].get, "lYn")) for fill in (first, second)] == expected
            asked = await ours.fetch_my_trades(SYMBOL, params={"orderId": new["id"]})
            assert [tuple(map(fill["info"].get, ("qty", "quoteQty", "commission"))) for fill in asked] == expected
            assert [unified(fill) for fill in asked] == [unified(first), unified(second)]
            await orders.end()
            await fills.end()

    asyncio.run(trade())


def unified(fill: dict[str, Any]) -> dict[str, Any]:
    assert (fill["price"], fill["takerOrMaker"], fill["fee"]["currency"]) == (49000, "maker", "BTC")
    return {name: fill[name] for name in ("id", "order", "timestamp", "side", "amount", "cost", "fee")}


def test_an_order_that_takes_tells_its_fills_at_once(ccxt: Any, exchange: LocalExchange) -> None:
    async def trade() -> Any:
        async with client(ccxt, exchange) as ours:
            exchange.trade("BTCUSDT", "50000")
            return await ours.create_order(SYMBOL, "market", "sell", 0.02)

    order = asyncio.run(trade())
    assert (order["status"], order["filled"], order["cost"]) == ("closed", 0.02, 1000)
    assert order["fee"] == {"currency": "USDT", "cost": 1}


def test_the_market_streams_tell_of_trades(ccxt: Any, exchange: LocalExchange) -> None:
    async def listen() -> None:
        async with client(ccxt, exchange) as ours:
            await ours.load_markets()
            trades = Watch(ours.watch_trades)
            # The first trades may be printed before the stream listens.
            async with asyncio.timeout(PATIENCE_S):
                while not (heard := await heard_within(trades, 0.1)):
                    exchange.trade("BTCUSDT", "50000.01", "0.125")
            assert (heard["price"], heard["amount"]) == (50000.01, 0.125)
            await trades.end()

    asyncio.run(listen())


async def heard_within(trades: Watch, seconds: float) -> Any:
    try:
        async with asyncio.timeout(seconds):
            return await trades.next()
    except TimeoutError:
        return None


@pytest.mark.parametrize(
    ("wish", "name", "code"),
    [
        (("create_order", SYMBOL, "limit", "buy", 0.00001, 49000), "BadRequest", -1013),
        (("create_order", SYMBOL, "limit", "buy", 100, 49000), "InsufficientFunds", -2010),
        (("fetch_order", None, SYMBOL, {"origClientOrderId": "nobody"}), "OrderNotFound", -2013),
        (("cancel_order", None, SYMBOL, {"origClientOrderId": "nobody"}), "OrderNotFound", -2011),
    ],
)
def test_a_refusal_is_an_exception_of_ccxt(
    ccxt: Any, exchange: LocalExchange, wish: tuple[Any, ...], name: str, code: int
) -> None:
    assert asyncio.run(refusal(ccxt, exchange, *wish)) == (name, code)


@pytest.mark.parametrize(("api_key", "code"), [("bad key!", -2014), (UNKNOWN_KEY, -2015)])
def test_a_bad_key_is_an_authentication_error(ccxt: Any, exchange: LocalExchange, api_key: str, code: int) -> None:
    assert asyncio.run(refusal(ccxt, exchange, "fetch_balance", api_key=api_key)) == ("AuthenticationError", code)


async def refusal(
    ccxt: Any, exchange: LocalExchange, method: str, *wish: Any, api_key: str | None = None
) -> tuple[str, int]:
    """Give the class of what ccxt raises, and Binance's code in the answer that it was raised for."""
    async with client(ccxt, exchange, api_key) as ours:
        with pytest.raises(ccxt.BaseError) as raised:
            await getattr(ours, method)(*wish)
        return type(raised.value).__name__, json.loads(ours.last_http_response)["code"]
