"""Binance's official SDK trades on the local exchange: REST, WebSocket API and market streams.

Its models hold what is told to Binance's own description: a field that they do not know, or of another type, is found.
"""

import asyncio
import importlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from tests.exchange.local_exchange import LocalExchange

# The SDK tells aiohttp its patience in an older way.
pytestmark = pytest.mark.filterwarnings("ignore:parameter 'timeout' of type 'float' is deprecated:DeprecationWarning")

SYMBOL = "BTCUSDT"
PATIENCE_S = 10.0
UNKNOWN_KEY = "a" * 64
RESTING = {
    "symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC", "quantity": 0.01, "price": 49000,
}  # fmt: skip


@pytest.fixture(scope="module")
def sdk() -> Any:
    return importlib.import_module("binance_sdk_spot.spot")


@contextmanager
def rest(sdk: Any, exchange: LocalExchange, **key: str) -> Iterator[Any]:
    key = key or {"api_key": exchange.api_key, "api_secret": exchange.api_secret}
    config = sdk.ConfigurationRestAPI(**key, base_path=exchange.rest_url, retries=0, timeout=PATIENCE_S * 1000)
    api = sdk.Spot(config_rest_api=config).rest_api
    try:
        yield api
    finally:
        api._session.close()


@asynccontextmanager
async def ws_api(sdk: Any, exchange: LocalExchange, **key: str) -> AsyncIterator[Any]:
    key = key or {"api_key": exchange.api_key, "api_secret": exchange.api_secret}
    config = sdk.ConfigurationWebSocketAPI(**key, stream_url=exchange.ws_api_url)
    connection = await sdk.Spot(config_ws_api=config).websocket_api.create_connection()
    try:
        yield connection
    finally:
        await connection.close_connection()


def ed25519(exchange: LocalExchange) -> dict[str, str]:
    api_key, path = exchange.ed25519_key()
    return {"api_key": api_key, "private_key": str(path)}


def known(model: Any) -> Any:
    """Give what the SDK read, provided that it knows every field of it."""
    for part in model if isinstance(model, list) else [model]:
        assert not part.additional_properties, f"{type(part).__name__} does not know {part.additional_properties}"
    return model


async def heard(events: asyncio.Queue[Any]) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        return known((await events.get()).actual_instance)


def test_it_connects_and_reads_symbols_and_balances(sdk: Any, exchange: LocalExchange) -> None:
    with rest(sdk, exchange) as ours:
        information = known(ours.exchange_info(symbol=SYMBOL).data())
        (symbol,) = known(information.symbols)
        account = known(ours.get_account().data())
    filters = {entry.actual_instance.filter_type: known(entry.actual_instance) for entry in symbol.filters}
    assert filters["PRICE_FILTER"].tick_size == "0.01000000"
    assert filters["NOTIONAL"].min_notional == "5.00000000"
    truth = exchange.admin("GET", "/admin/balances")["demo"]
    assert {told.asset: {"free": told.free, "locked": told.locked} for told in known(account.balances)} == truth
    assert (account.can_trade, known(account.commission_rates).maker) == (True, "0.00100000")


def test_an_order_that_rests_is_found_by_its_id_and_cancelled(sdk: Any, exchange: LocalExchange) -> None:
    with rest(sdk, exchange) as ours:
        placed = known(ours.new_order(**RESTING, new_client_order_id="resting").data())
        assert (placed.status, placed.executed_qty, placed.cummulative_quote_qty, placed.fills) == (
            "NEW", "0.00000000", "0.00000000", [],
        )  # fmt: skip
        assert placed.working_time == placed.transact_time
        found = known(ours.get_order(SYMBOL, orig_client_order_id="resting").data())
        assert (found.order_id, found.price) == (placed.order_id, "49000.00000000")
        assert (found.is_working, found.working_time) == (True, placed.working_time)
        assert found.self_trade_prevention_mode == placed.self_trade_prevention_mode
        (resting,) = known(ours.get_open_orders(SYMBOL).data())
        assert resting.model_dump() == found.model_dump()
        cancelled = ours.delete_order(SYMBOL, orig_client_order_id="resting").data()
        assert (cancelled.orig_client_order_id, cancelled.status) == ("resting", "CANCELED")
        assert ours.get_open_orders().data() == []
        assert known(ours.get_order(SYMBOL, orig_client_order_id="resting").data()).status == "CANCELED"


def test_an_order_that_takes_tells_its_fills_at_once(sdk: Any, exchange: LocalExchange) -> None:
    exchange.trade(SYMBOL, "50000")
    with rest(sdk, exchange) as ours:
        placed = known(ours.new_order(symbol=SYMBOL, side="SELL", type="MARKET", quantity=0.02).data())
        (fill,) = known(placed.fills)
        assert (placed.status, placed.cummulative_quote_qty) == ("FILLED", "1000.00000000")
        assert (fill.price, fill.qty, fill.commission, fill.commission_asset) == (
            "50000.00000000", "0.02000000", "1.00000000", "USDT",
        )  # fmt: skip
        (asked,) = known(ours.my_trades(SYMBOL, order_id=placed.order_id).data())
        assert (asked.id, asked.quote_qty, asked.is_maker, asked.is_buyer) == (
            fill.trade_id, "1000.00000000", False, False,
        )  # fmt: skip


def test_an_order_that_finds_nobody_expires_with_its_reason(sdk: Any, exchange: LocalExchange) -> None:
    exchange.trade(SYMBOL, "50000")
    with rest(sdk, exchange) as ours:
        placed = ours.new_order(**RESTING | {"time_in_force": "IOC"}, new_client_order_id="at-once").data()
        assert (placed.status, placed.fills) == ("EXPIRED", [])
        found = known(ours.get_order(SYMBOL, orig_client_order_id="at-once").data())
        assert (found.status, found.expiry_reason) == ("EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED")


@pytest.mark.parametrize("signed_by", ["hmac", "ed25519"])
def test_the_user_stream_tells_of_an_order_and_of_each_fill(sdk: Any, exchange: LocalExchange, signed_by: str) -> None:
    async def trade() -> None:
        key = ed25519(exchange) if signed_by == "ed25519" else {}
        async with ws_api(sdk, exchange, **key) as ours:
            events: asyncio.Queue[Any] = asyncio.Queue()
            (await ours.user_data_stream_subscribe_signature()).stream.on("message", events.put_nowait)
            client_id = f"filling-{signed_by}"
            placed = known(known((await ours.order_place(**RESTING, new_client_order_id=client_id)).data()).result)
            new = await heard(events)
            assert (new.c, new.C, new.x, new.X, new.q, new.z, new.t, new.i) == (
                client_id, "", "NEW", "NEW", "0.01000000", "0.00000000", -1, placed.order_id,
            )  # fmt: skip
            position = await heard(events)
            assert {owned.a: owned.l for owned in known(position.B)}["USDT"] == "490.00000000"
            exchange.trade(SYMBOL, "49000", "0.004")
            first, _ = await heard(events), await heard(events)
            exchange.trade(SYMBOL, "48999", "1")
            second, _ = await heard(events), await heard(events)
            assert [(fill.x, fill.X, fill.l, fill.L, fill.z, fill.Z, fill.n, fill.N) for fill in (first, second)] == [
                (
                    "TRADE", "PARTIALLY_FILLED", "0.00400000", "49000.00000000", "0.00400000", "196.00000000",
                    "0.00000400", "BTC",
                ),
                (
                    "TRADE", "FILLED", "0.00600000", "49000.00000000", "0.01000000", "490.00000000",
                    "0.00000600", "BTC",
                ),
            ]  # fmt: skip
            asked = known((await ours.my_trades(SYMBOL, order_id=placed.order_id)).data()).result
            assert [(fill.id, fill.qty, fill.quote_qty, fill.commission, fill.time) for fill in known(asked)] == [
                (fill.t, fill.l, fill.Y, fill.n, fill.T) for fill in (first, second)
            ]

    asyncio.run(trade())


def test_orders_go_by_the_websocket_api_too(sdk: Any, exchange: LocalExchange) -> None:
    async def trade() -> None:
        async with ws_api(sdk, exchange) as ours:
            await ours.order_place(**RESTING, new_client_order_id="by-socket")
            found = known((await ours.order_status(SYMBOL, orig_client_order_id="by-socket")).data().result)
            assert (found.status, found.is_working) == ("NEW", True)
            (resting,) = known((await ours.open_orders_status(symbol=SYMBOL)).data().result)
            assert resting.order_id == found.order_id
            cancelled = known((await ours.order_cancel(SYMBOL, orig_client_order_id="by-socket")).data().result)
            assert cancelled.status == "CANCELED"
            again = (await ours.order_cancel(SYMBOL, orig_client_order_id="by-socket")).data()
            assert again == {"error": {"code": -2011, "msg": "Unknown order sent."}}

    asyncio.run(trade())


def test_a_session_is_logged_on_to_with_an_ed25519_key(sdk: Any, exchange: LocalExchange) -> None:
    async def trade() -> None:
        async with ws_api(sdk, exchange, **ed25519(exchange)) as ours:
            logged_on = known((await ours.session_logon()).data()).result
            assert (logged_on.api_key, logged_on.user_data_stream) == (exchange.ed25519_key()[0], False)
            assert (await ours.account_status()).data().result.can_trade
            await ours.user_data_stream_subscribe()
            assert (await ours.session_status()).data().result.user_data_stream
            logged_out = (await ours.session_logout()).data().result
            assert (logged_out.api_key, logged_out.user_data_stream) == (None, False)

    asyncio.run(trade())


def test_the_market_streams_tell_of_trades(sdk: Any, exchange: LocalExchange) -> None:
    async def listen() -> Any:
        config = sdk.ConfigurationWebSocketStreams(stream_url=exchange.stream_url)
        connection = await sdk.Spot(config_ws_streams=config).websocket_streams.create_connection()
        events: asyncio.Queue[Any] = asyncio.Queue()
        (await connection.trade(SYMBOL)).on("message", events.put_nowait)
        exchange.trade(SYMBOL, "50000.01", "0.125")
        async with asyncio.timeout(PATIENCE_S):
            trade = known(await events.get())
        await connection.close_connection()
        return trade

    trade = asyncio.run(listen())
    assert (trade.s, trade.p, trade.q, trade.m) == (SYMBOL, "50000.01000000", "0.12500000", False)


@pytest.mark.parametrize(
    ("method", "wish", "code"),
    [
        ("new_order", {**RESTING, "price": 49000.001}, -1013),
        ("new_order", {**RESTING, "quantity": 100}, -2010),
        ("new_order", {**RESTING, "quantity": 0.00001}, -1100),  # the SDK sends this float as 1e-05
        ("get_order", {"symbol": SYMBOL, "orig_client_order_id": "nobody"}, -2013),
        ("delete_order", {"symbol": SYMBOL, "orig_client_order_id": "nobody"}, -2011),
    ],
)
def test_a_refusal_is_a_bad_request(
    sdk: Any, exchange: LocalExchange, method: str, wish: dict[str, Any], code: int
) -> None:
    errors = importlib.import_module("binance_common.errors")
    with rest(sdk, exchange) as ours, pytest.raises(errors.BadRequestError) as raised:
        getattr(ours, method)(**wish)
    assert raised.value.status_code == code


@pytest.mark.parametrize(("api_key", "code"), [("bad key!", -2014), (UNKNOWN_KEY, -2015)])
def test_a_bad_key_is_unauthorized(sdk: Any, exchange: LocalExchange, api_key: str, code: int) -> None:
    errors = importlib.import_module("binance_common.errors")
    with (
        rest(sdk, exchange, api_key=api_key, api_secret="none") as ours,  # noqa: S106 - of no account
        pytest.raises(errors.UnauthorizedError) as raised,
    ):
        ours.get_account()
    assert raised.value.status_code == code


def test_a_test_of_an_order_tells_its_commission_when_asked(sdk: Any, exchange: LocalExchange) -> None:
    with rest(sdk, exchange) as ours:
        assert ours.order_test(**RESTING).data().standard_commission_for_order is None
        told = known(ours.order_test(**RESTING, compute_commission_rates=True).data())
        assert known(told.standard_commission_for_order).maker == "0.00100000"
        assert known(told.discount).discount_asset == "BNB"
        assert known(ours.account_commission(SYMBOL).data()).symbol == SYMBOL
