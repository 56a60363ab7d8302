"""python-binance trades on the local exchange: by REST, by the WebSocket API, and with its sockets for events."""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.exchange.local_exchange import LocalExchange

# It is written for an older `websockets`, which says so when it is imported.
pytestmark = pytest.mark.filterwarnings("ignore:websockets.* is deprecated:DeprecationWarning")

SYMBOL = "BTCUSDT"
PATIENCE_S = 10.0
UNKNOWN_KEY = "a" * 64
RESTING = {"symbol": SYMBOL, "quantity": "0.01", "price": "49000"}


@pytest.fixture(scope="module")
def binance() -> Any:
    return importlib.import_module("binance")


@asynccontextmanager
async def client(binance: Any, exchange: LocalExchange, api_key: str | None = None) -> AsyncIterator[Any]:
    places = {"API_URL": f"{exchange.rest_url}/api", "WS_API_URL": exchange.ws_api_url}
    made = await type("LocalClient", (binance.AsyncClient,), places).create(
        api_key or exchange.api_key, exchange.api_secret
    )
    try:
        yield made
    finally:
        if made.ws_api.ws is not None:
            tell_reader_to_end(made.ws_api)
            await made.ws_api.ws.send('{"id": "end", "method": "ping"}')
        await made.close_connection()


def tell_reader_to_end(socket: Any) -> None:
    """Let a socket's reader end with its next message; it would look up only after ten seconds of silence."""
    socket.ws_state = importlib.import_module("binance.ws.constants").WSListenerState.EXITING


def sockets(binance: Any, client: Any, exchange: LocalExchange) -> Any:
    place = {"STREAM_URL": f"{exchange.stream_url}/"}
    return type("LocalSockets", (binance.BinanceSocketManager,), place)(client)


async def heard(socket: Any, kind: str) -> dict[str, Any]:
    """Give the next event of a kind."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            event: dict[str, Any] = await socket.recv()
            if event["e"] == kind:
                return event


def test_it_connects_and_reads_symbols_and_balances(binance: Any, exchange: LocalExchange) -> None:
    async def look() -> tuple[Any, Any, Any]:
        async with client(binance, exchange) as ours:
            return await ours.get_exchange_info(), await ours.get_symbol_info(SYMBOL), await ours.get_account()

    information, symbol, account = asyncio.run(look())
    assert {listed["symbol"] for listed in information["symbols"]} == {SYMBOL, "ETHUSDT"}
    filters = {entry["filterType"]: entry for entry in symbol["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    truth = exchange.admin("GET", "/admin/balances")["demo"]
    assert {owned.pop("asset"): owned for owned in account["balances"]} == truth


def test_an_order_that_rests_is_found_by_its_id_and_cancelled(binance: Any, exchange: LocalExchange) -> None:
    async def trade() -> None:
        async with client(binance, exchange) as ours:
            by_id = {"symbol": SYMBOL, "origClientOrderId": "resting"}
            placed = await ours.order_limit_buy(**RESTING, newClientOrderId="resting")
            assert (placed["status"], placed["executedQty"], placed["fills"]) == ("NEW", "0.00000000", [])
            found = await ours.get_order(**by_id)
            assert (found["orderId"], found["price"], found["isWorking"]) == (placed["orderId"], "49000.00000000", True)
            assert await ours.get_open_orders(symbol=SYMBOL) == [found]
            assert await ours.get_asset_balance("USDT") == {
                "asset": "USDT",
                **exchange.admin("GET", "/admin/balances")["demo"]["USDT"],
            }
            cancelled = await ours.cancel_order(**by_id)
            assert (cancelled["origClientOrderId"], cancelled["status"]) == ("resting", "CANCELED")
            assert await ours.get_open_orders() == []
            assert (await ours.get_order(**by_id))["status"] == "CANCELED"

    asyncio.run(trade())


def test_the_user_socket_tells_of_an_order_and_of_each_fill(binance: Any, exchange: LocalExchange) -> None:
    async def trade() -> None:
        async with client(binance, exchange) as ours, sockets(binance, ours, exchange).user_socket() as user:
            await ours.order_limit_buy(**RESTING, newClientOrderId="filling")
            new = await heard(user, "executionReport")
            assert tuple(map(new.get, "cxXqpzt")) == (
                "filling", "NEW", "NEW", "0.01000000", "49000.00000000", "0.00000000", -1,
            )  # fmt: skip
            position = await heard(user, "outboundAccountPosition")
            assert {owned["a"]: owned["l"] for owned in position["B"]}["USDT"] == "490.00000000"
            exchange.trade(SYMBOL, "49000", "0.004")
            first = await heard(user, "executionReport")
            exchange.trade(SYMBOL, "48999", "1")
            second = await heard(user, "executionReport")
            assert [tuple(map(fill.get, "xXlLzZnNm")) for fill in (first, second)] == [
                (
                    "TRADE", "PARTIALLY_FILLED", "0.00400000", "49000.00000000", "0.00400000", "196.00000000",
                    "0.00000400", "BTC", True,
                ),
                (
                    "TRADE", "FILLED", "0.00600000", "49000.00000000", "0.01000000", "490.00000000",
                    "0.00000600", "BTC", True,
                ),
            ]  # fmt: skip
            asked = await ours.get_my_trades(symbol=SYMBOL, orderId=new["i"])
            fields = ("id", "qty", "quoteQty", "commission", "commissionAsset", "time")
            assert [tuple(map(fill.get, fields)) for fill in asked] == [
                tuple(map(fill.get, "tlYnNT")) for fill in (first, second)
            ]

    asyncio.run(trade())


def test_orders_go_by_the_websocket_api_too(binance: Any, exchange: LocalExchange) -> None:
    async def trade() -> None:
        async with client(binance, exchange) as ours:
            by_id = {"symbol": SYMBOL, "origClientOrderId": "by-socket"}
            placed = await ours.ws_create_order(
                **RESTING, side="BUY", type="LIMIT", timeInForce="GTC", newClientOrderId="by-socket"
            )
            assert placed["status"] == "NEW"
            found = await ours.ws_get_order(**by_id)
            assert await ours.ws_get_open_orders(symbol=SYMBOL) == [found]
            assert (await ours.ws_cancel_order(**by_id))["status"] == "CANCELED"
            with pytest.raises(binance.exceptions.BinanceAPIException) as raised:
                await ours.ws_cancel_order(**by_id)
            assert raised.value.code == -2011

    asyncio.run(trade())


def test_a_market_socket_tells_of_trades(binance: Any, exchange: LocalExchange) -> None:
    async def listen() -> dict[str, Any]:
        async with client(binance, exchange) as ours, sockets(binance, ours, exchange).trade_socket(SYMBOL) as trades:
            exchange.trade(SYMBOL, "50000.01", "0.125")
            event = await heard(trades, "trade")
            tell_reader_to_end(trades)
            exchange.trade(SYMBOL, "50000")
            return event

    event = asyncio.run(listen())
    assert (event["s"], event["p"], event["q"], event["m"]) == (SYMBOL, "50000.01000000", "0.12500000", False)


@pytest.mark.parametrize(
    ("method", "wish", "code"),
    [
        ("order_limit_buy", {**RESTING, "price": "49000.001"}, -1013),
        ("order_limit_buy", {**RESTING, "quantity": "100"}, -2010),
        ("get_order", {"symbol": SYMBOL, "origClientOrderId": "nobody"}, -2013),
        ("cancel_order", {"symbol": SYMBOL, "origClientOrderId": "nobody"}, -2011),
        ("get_order", {"symbol": "NOSUCH", "origClientOrderId": "nobody"}, -1121),
    ],
)
def test_a_refusal_has_binance_s_code(
    binance: Any, exchange: LocalExchange, method: str, wish: dict[str, str], code: int
) -> None:
    assert asyncio.run(refusal(binance, exchange, method, wish)) == (code, 400)


@pytest.mark.parametrize(("api_key", "code"), [("bad key!", -2014), (UNKNOWN_KEY, -2015)])
def test_a_bad_key_is_refused(binance: Any, exchange: LocalExchange, api_key: str, code: int) -> None:
    assert asyncio.run(refusal(binance, exchange, "get_account", {}, api_key)) == (code, 401)


async def refusal(
    binance: Any, exchange: LocalExchange, method: str, wish: dict[str, str], api_key: str | None = None
) -> tuple[int, int]:
    async with client(binance, exchange, api_key) as ours:
        with pytest.raises(binance.exceptions.BinanceAPIException) as raised:
            await getattr(ours, method)(**wish)
    return raised.value.code, raised.value.status_code
