"""REST of the local exchange, as Binance documents it: orders, questions, refusals, and the market's data."""

import asyncio
import hashlib
import hmac
import io
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from naive_daemon.exchange.paper.fee_asset import FeeAsset
from naive_daemon.exchange.server.server import ServerOptions
from tests.exchange.served import Place, served
from tests.exchange.trader import now_ms

Scenario = Callable[[Place], Awaitable[None]]


def play(folder: Path, scenario: Scenario, **options: Any) -> None:
    async def run() -> None:
        async with served(folder, **options) as place:
            await scenario(place)

    asyncio.run(run())


def test_commission_is_paid_in_a_third_asset_until_that_runs_out(tmp_path: Path) -> None:
    """As BNB does on Binance: the fills of one order are paid for in one asset and then in another."""
    third = FeeAsset("BNB", Decimal("0.02"))  # so cheap that the thousand of them are gone at once

    def change(options: ServerOptions) -> ServerOptions:
        return options._replace(rules=msgspec.structs.replace(options.rules, fee_asset=third))

    async def scenario(place: Place) -> None:
        await place.trader.place("BUY", "60000", "0.5", "a-1")
        for _ in range(2):
            place.print_trade("60000", "0.2")
        fills = (await place.trader.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT")).body
        paid = [(fill["commission"], fill["commissionAsset"]) for fill in fills]
        assert paid == [("600.00000000", "BNB"), ("0.00020000", "BTC")]
        assert await place.trader.balance("BNB") == ("400.00000000", "0.00000000")
        assert await place.trader.balance("BTC") == ("10.39980000", "0.00000000")
        told = (await place.trader.signed("GET", "/api/v3/account/commission", symbol="BTCUSDT")).body["discount"]
        assert (told["enabledForAccount"], told["discountAsset"]) == (True, "BNB")

    play(tmp_path, scenario, change=change)


def test_an_order_rests_fills_by_volume_and_is_cancelled(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        trader = place.trader
        placed = await trader.place("BUY", "60000", "0.5", "a-1")
        assert placed.status == 200
        assert placed.body["status"] == "NEW"
        assert placed.body["price"] == "60000.00000000"
        assert placed.body["fills"] == []
        assert await trader.balance("USDT") == ("70000.00000000", "30000.00000000")
        place.print_trade("60000", "0.2")
        found = (await trader.order("a-1")).body
        assert (found["status"], found["executedQty"]) == ("PARTIALLY_FILLED", "0.20000000")
        assert found["cummulativeQuoteQty"] == "12000.00000000"
        (fill,) = (await trader.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT")).body
        assert (fill["qty"], fill["commission"], fill["commissionAsset"]) == ("0.20000000", "0.00020000", "BTC")
        assert (fill["isBuyer"], fill["isMaker"], fill["orderId"]) == (True, True, found["orderId"])
        cancelled = (await trader.cancel("a-1")).body
        assert (cancelled["status"], cancelled["origClientOrderId"]) == ("CANCELED", "a-1")
        assert cancelled["clientOrderId"] != "a-1"
        assert (await trader.order("a-1")).body["clientOrderId"] == "a-1"
        assert await trader.balance("USDT") == ("88000.00000000", "0.00000000")
        assert (await trader.signed("GET", "/api/v3/openOrders")).body == []

    play(tmp_path, scenario)


def test_a_client_order_id_is_unique_among_live_orders_only(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        trader = place.trader
        first = (await trader.place("BUY", "60000", "0.001", "same")).body["orderId"]
        again = await trader.place("BUY", "60000", "0.001", "same")
        assert (again.status, again.body) == (400, {"code": -2010, "msg": "Duplicate order sent."})
        await trader.cancel("same")
        second = (await trader.place("BUY", "59000", "0.001", "same")).body["orderId"]
        assert second > first
        assert (await trader.order("same")).body["orderId"] == second
        former = await trader.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=first)
        assert former.body["status"] == "CANCELED"
        orders = (await trader.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT")).body
        assert [order["orderId"] for order in orders] == [first, second]
        newest = (await trader.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT", limit=1)).body
        assert [order["orderId"] for order in newest] == [second]
        oldest = (await trader.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT", orderId=first, limit=1)).body
        assert [order["orderId"] for order in oldest] == [first]

    play(tmp_path, scenario)


def test_answers_are_as_long_as_they_are_asked_for(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        answers = {
            kind: (await place.trader.place("BUY", "60000", "0.001", newOrderRespType=kind)).body
            for kind in ("ACK", "RESULT", "FULL")
        }
        assert set(answers["ACK"]) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
        assert "fills" not in answers["RESULT"]
        assert answers["RESULT"]["status"] == "NEW"
        assert answers["FULL"]["fills"] == []

    play(tmp_path, scenario)


_ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "price": "60000",
    "quantity": "0.001",
}
_MANDATORY = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        ({"symbol": "NOSUCH"}, -1121, "Invalid symbol."),
        ({"symbol": None}, -1102, _MANDATORY.format("symbol")),
        ({"side": None}, -1102, _MANDATORY.format("side")),
        ({"price": None}, -1102, _MANDATORY.format("price")),
        ({"quantity": None}, -1102, _MANDATORY.format("quantity")),
        ({"timeInForce": None}, -1102, _MANDATORY.format("timeInForce")),
        ({"price": ""}, -1105, "Parameter 'price' was empty."),
        ({"side": "HOLD"}, -1117, "Invalid side."),
        ({"type": "GUESS"}, -1116, "Invalid orderType."),
        ({"type": "STOP_LOSS"}, -2010, "Stop loss orders are not supported for this symbol."),
        ({"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
        ({"price": "1e5"}, -1100, None),
        ({"price": "-1"}, -1100, None),
        ({"price": "NaN"}, -1100, None),
        ({"price": "٣"}, -1100, None),
        ({"newClientOrderId": "a b"}, -1100, None),
        ({"newClientOrderId": "a" * 37}, -1100, None),
        ({"icebergQty": "1"}, -2010, None),
        ({"quoteOrderQty": "1"}, -1106, "Parameter 'quoteOrderQty' sent when not required."),
        ({"type": "MARKET"}, -1106, "Parameter 'price' sent when not required."),
        ({"price": "0"}, -1013, "Invalid price."),
        ({"quantity": "0.0"}, -1013, "Invalid quantity."),
        ({"quantity": "0.000000001"}, -1111, "Parameter 'quantity' has too much precision."),
        ({"price": "60000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"price": "1000000.01"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"quantity": "0.0000001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "9001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "0.00001"}, -1013, "Filter failure: NOTIONAL"),
        ({"price": "12000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        ({"quantity": "5"}, -2010, "Account has insufficient balance for requested action."),
    ],
)
def test_a_bad_order_is_refused_in_binances_words(
    tmp_path: Path, change: dict[str, Any], code: int, message: str | None
) -> None:
    async def scenario(place: Place) -> None:
        wish = {name: value for name, value in {**_ORDER, **change}.items() if value is not None}
        for path in ("/api/v3/order", "/api/v3/order/test"):
            answer = await place.trader.signed("POST", path, **wish)
            assert (answer.status, answer.body["code"]) == (400, code), answer.body
            assert message in (None, answer.body["msg"])
        assert (await place.trader.signed("GET", "/api/v3/openOrders")).body == []

    play(tmp_path, scenario)


def test_the_number_of_open_orders_is_the_engines_business(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        for _ in range(200):
            assert (await place.trader.place("BUY", "50000", "0.0002")).status == 200
        refused = await place.trader.place("BUY", "50000", "0.0002")
        assert refused.body == {"code": -2010, "msg": "Filter failure: MAX_NUM_ORDERS"}
        assert len((await place.trader.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")).body) == 200
        nothing = await place.trader.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")
        assert nothing.body == {"code": -2011, "msg": "Unknown order sent."}

    play(tmp_path, scenario)


def test_a_test_order_places_nothing(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        assert (await place.trader.signed("POST", "/api/v3/order/test", **_ORDER)).body == {}
        assert (await place.trader.signed("GET", "/api/v3/openOrders")).body == []

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("GET", {"symbol": "BTCUSDT", "origClientOrderId": "never"}, -2013),
        ("GET", {"symbol": "BTCUSDT", "orderId": 77}, -2013),
        ("GET", {"symbol": "BTCUSDT"}, -1102),
        ("GET", {"symbol": "NOSUCH", "orderId": 1}, -1121),
        ("GET", {"symbol": "BTCUSDT", "orderId": "x"}, -1100),
        ("DELETE", {"symbol": "BTCUSDT", "origClientOrderId": "never"}, -2011),
    ],
)
def test_questions_for_what_is_not_there(tmp_path: Path, method: str, params: dict[str, Any], code: int) -> None:
    async def scenario(place: Place) -> None:
        answer = await place.trader.signed(method, "/api/v3/order", **params)
        assert (answer.status, answer.body["code"]) == (400, code)

    play(tmp_path, scenario)


def test_an_order_of_another_account_is_not_found(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        number = (await place.trader.place("BUY", "60000", "0.001", "mine")).body["orderId"]
        assert (await place.other.order("mine")).body["code"] == -2013
        asked = await place.other.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=number)
        assert asked.body["code"] == -2011

    play(tmp_path, scenario, between_clients=True)


@pytest.mark.parametrize(
    ("key", "change", "status", "code"),
    [
        (None, {}, 401, -2014),
        ("with space", {}, 401, -2014),
        ("0" * 64, {}, 401, -2015),
        ("own", {"signature": "0" * 64}, 400, -1022),
        ("own", {"signature": None}, 400, -1102),
        ("own", {"timestamp": None}, 400, -1102),
        ("own", {"timestamp": "soon"}, 400, -1100),
        ("own", {"timestamp": "-5000"}, 400, -1100),
        ("own", {"ago_ms": 6_000}, 400, -1021),
        ("own", {"ago_ms": 6_000, "recvWindow": 7_000}, 200, None),
        ("own", {"ago_ms": -2_000}, 400, -1021),
        ("own", {"recvWindow": 60_001}, 400, -1131),
    ],
)
def test_who_may_ask(tmp_path: Path, key: str | None, change: dict[str, Any], status: int, code: int | None) -> None:
    async def scenario(place: Place) -> None:
        wish = {"timestamp": now_ms() - change.get("ago_ms", 0), **change}
        wish = {
            name: value for name, value in wish.items() if name not in ("ago_ms", "signature") and value is not None
        }
        query = urlencode(wish)
        mac = hmac.new(place.trader.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        signature = change.get("signature", mac)
        target = f"/api/v3/account?{query}" + ("" if signature is None else f"&signature={signature}")
        headers = {} if key is None else {"X-MBX-APIKEY": place.trader.key if key == "own" else key}
        answer = await place.trader.send("GET", target, headers=headers)
        assert answer.status == status
        assert code in (None, answer.body.get("code"))

    play(tmp_path, scenario)


def test_parameters_may_be_in_the_body_and_times_in_microseconds(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        body = urlencode({**_ORDER, "timestamp": now_ms() * 1_000})
        mac = hmac.new(place.trader.secret.encode(), body.encode(), hashlib.sha256).hexdigest()
        headers = {
            "X-MBX-APIKEY": place.trader.key,
            "X-MBX-TIME-UNIT": "MICROSECOND",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = await place.trader.send("POST", "/api/v3/order", data=f"{body}&signature={mac}", headers=headers)
        assert answer.status == 200
        assert answer.body["transactTime"] > 10**15

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("method", "target", "data", "status"),
    [
        ("GET", "/api/v3/nothing", None, 404),
        ("GET", "/fapi/v1/order", None, 404),
        ("PUT", "/api/v3/order", None, 405),
        ("POST", "/api/v3/order", b"\xff\xfe", 400),
        ("POST", "/api/v3/order", b"a=%ff", 400),
        ("POST", "/api/v3/order", b"&".join(b"a%d=1" % number for number in range(100)), 400),
        ("POST", "/api/v3/order", b"a=1&a=2", 400),
        ("POST", "/api/v3/order", b"a" * (2 << 20), 413),
        ("GET", "/api/v3/klines?symbol=BTCUSDT&interval=7m", None, 400),
        ("GET", "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=0", None, 400),
        ("GET", "/api/v3/exchangeInfo?symbols=BTCUSDT", None, 400),
        ("GET", "/api/v3/depth", None, 400),
    ],
)
def test_bad_requests_get_an_answer(tmp_path: Path, method: str, target: str, data: bytes | None, status: int) -> None:
    async def scenario(place: Place) -> None:
        # A file, since aiohttp warns of so much at once.
        assert (await place.trader.send(method, target, data=data and io.BytesIO(data))).status == status
        assert (await place.trader.send("GET", "/api/v3/ping")).body == {}

    play(tmp_path, scenario)


def test_keys_have_permissions(tmp_path: Path) -> None:
    accounts = tmp_path / "accounts.json"
    accounts.write_text(
        '{"accounts": [{"name": "reader", "can_withdraw": true,'
        ' "keys": [{"api_key": "abc", "secret": "def", "can_trade": false}]}]}'
    )
    accounts.chmod(0o600)

    async def scenario(place: Place) -> None:
        trader = place.trader
        assert (await trader.place("BUY", "60000", "0.001")).body["code"] == -2015
        account = (await trader.signed("GET", "/api/v3/account")).body
        assert (account["canTrade"], account["canWithdraw"]) == (True, True)
        rights = (await trader.signed("GET", "/sapi/v1/account/apiRestrictions")).body
        assert (rights["enableSpotAndMarginTrading"], rights["enableWithdrawals"]) == (False, True)

    play(tmp_path / "home", scenario, change=lambda options: options._replace(accounts=accounts))


def test_orders_of_clients_meet_each_other(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.other.place("SELL", "65000", "0.3", "s1")
        await place.other.place("SELL", "65001", "0.3", "s2")
        bought = (await place.trader.place("BUY", "65001", "0.4", "b1")).body
        assert bought["status"] == "FILLED"
        assert [(fill["price"], fill["qty"]) for fill in bought["fills"]] == [
            ("65000.00000000", "0.30000000"),
            ("65001.00000000", "0.10000000"),
        ]
        assert bought["cummulativeQuoteQty"] == "26000.10000000"
        assert (await place.other.order("s2")).body["status"] == "PARTIALLY_FILLED"
        depth = (await place.trader.send("GET", "/api/v3/depth?symbol=BTCUSDT")).body
        assert (depth["bids"], depth["asks"]) == ([], [["65001.00000000", "0.20000000"]])
        trades = (await place.trader.send("GET", "/api/v3/trades?symbol=BTCUSDT")).body
        assert [trade["id"] for trade in trades] == [fill["tradeId"] for fill in bought["fills"]]
        makers = (await place.other.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT")).body
        assert [(fill["id"], fill["isMaker"]) for fill in makers] == [(trade["id"], True) for trade in trades]
        after = (await place.other.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", fromId=makers[1]["id"])).body
        assert after == makers[1:]

    play(tmp_path, scenario, between_clients=True)


@pytest.mark.parametrize(
    ("kind", "status", "filled"),
    [
        ({"type": "MARKET", "price": None}, "FILLED", "0.20000000"),
        ({"timeInForce": "IOC"}, "FILLED", "0.20000000"),
        ({"timeInForce": "FOK"}, "FILLED", "0.20000000"),
        ({"timeInForce": "IOC", "quantity": "0.5"}, "EXPIRED", "0.30000000"),
        ({"timeInForce": "FOK", "quantity": "0.5"}, "EXPIRED", "0.00000000"),
        ({"type": "MARKET", "price": None, "quantity": "0.5"}, "EXPIRED", "0.30000000"),
    ],
)
def test_orders_that_do_not_rest(tmp_path: Path, kind: dict[str, Any], status: str, filled: str) -> None:
    async def scenario(place: Place) -> None:
        await place.other.place("SELL", "65000", "0.3")
        wish = {**_ORDER, "price": "65000", "quantity": "0.2", **kind}
        wish = {name: value for name, value in wish.items() if value is not None}
        if wish["type"] == "MARKET":
            del wish["timeInForce"]
        answer = (await place.trader.signed("POST", "/api/v3/order", **wish)).body
        assert (answer["status"], answer["executedQty"]) == (status, filled)
        assert (await place.trader.balance("USDT"))[1] == "0.00000000"

    play(tmp_path, scenario, between_clients=True)


def test_what_the_market_is_like(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async def ask(what: str) -> Any:
            answer = await place.trader.send("GET", f"/api/v3/{what}")
            assert answer.status == 200, answer.body
            return answer.body

        place.print_trade("65010", "0.5")
        place.print_trade("64990", "1")
        assert abs((await ask("time"))["serverTime"] - now_ms()) < 60_000
        (symbol,) = (await ask("exchangeInfo?symbol=BTCUSDT"))["symbols"]
        assert symbol["filters"][0]["tickSize"] == "0.01000000"
        both = await ask('exchangeInfo?symbols=["BTCUSDT","ETHUSDT"]')
        assert [entry["symbol"] for entry in both["symbols"]] == ["BTCUSDT", "ETHUSDT"]
        assert {row["rateLimitType"] for row in both["rateLimits"]} >= {"REQUEST_WEIGHT", "ORDERS"}
        assert [trade["price"] for trade in await ask("trades?symbol=BTCUSDT&limit=2")] == [
            "65010.00000000",
            "64990.00000000",
        ]
        (last,) = await ask("aggTrades?symbol=BTCUSDT&limit=1")
        assert (last["a"], last["p"]) == (last["l"], "64990.00000000")
        for interval in ("1s", "1m", "1h", "1d", "1w", "1M"):
            rows = await ask(f"klines?symbol=BTCUSDT&interval={interval}")
            assert sum(row[8] for row in rows) == 3
            assert {len(row) for row in rows} == {12}
        assert (await ask("ticker/price?symbol=BTCUSDT"))["price"] == "64990.00000000"
        assert len(await ask("ticker/price")) == 2
        quote = await ask("ticker/bookTicker?symbol=BTCUSDT")
        assert (quote["bidPrice"], quote["askPrice"]) == ("64989.99000000", "64990.01000000")
        day = await ask("ticker/24hr?symbol=BTCUSDT")
        assert (day["highPrice"], day["lowPrice"], day["count"]) == ("65010.00000000", "64990.00000000", 3)
        assert (await ask("ticker/24hr?symbol=ETHUSDT"))["count"] == 0
        assert (await ask("avgPrice?symbol=BTCUSDT"))["price"] == "64997.50000000"

    play(tmp_path, scenario)
