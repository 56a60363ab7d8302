"""The WebSocket API of the local exchange: orders, sessions, the user data stream, and bad requests."""

import base64
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from naive_daemon.exchange.server.accounts import ed25519_path, read_accounts
from tests.exchange.served import Place, until
from tests.exchange.trader import now_ms, signed
from tests.integration.test_exchange_server_rest import play

_ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "price": "60000",
    "quantity": "0.5",
}
_BY_ID = {"symbol": "BTCUSDT", "origClientOrderId": "w-1"}


def test_orders_are_those_of_rest(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket() as socket:
            placed = await socket.ask_signed("order.place", **_ORDER, newClientOrderId="w-1", newOrderRespType="RESULT")
            assert (placed["status"], placed["result"]["status"]) == (200, "NEW")
            limits = {(row["rateLimitType"], row["interval"]): row["count"] for row in placed["rateLimits"]}
            assert limits[("ORDERS", "SECOND")] == limits[("ORDERS", "DAY")] == 1
            assert (await place.trader.order("w-1")).body == (await socket.ask_signed("order.status", **_BY_ID))[
                "result"
            ]
            (resting,) = (await socket.ask_signed("openOrders.status"))["result"]
            assert resting["clientOrderId"] == "w-1"
            again = await socket.ask_signed("order.place", **_ORDER, newClientOrderId="w-1")
            assert (again["status"], again["error"]) == (400, {"code": -2010, "msg": "Duplicate order sent."})
            cancelled = await socket.ask_signed("order.cancel", **_BY_ID)
            assert cancelled["result"]["status"] == "CANCELED"
            assert (await socket.ask_signed("order.cancel", **_BY_ID))["error"]["code"] == -2011
            assert (await socket.ask_signed("openOrders.cancelAll", symbol="BTCUSDT"))["error"]["code"] == -2011
            assert len((await socket.ask_signed("allOrders", symbol="BTCUSDT"))["result"]) == 1
            assert (await socket.ask_signed("myTrades", symbol="BTCUSDT"))["result"] == []
            assert (await socket.ask_signed("account.status"))["result"]["canTrade"] is True
            assert (await socket.ask("time"))["result"]["serverTime"] > 0
            assert (await socket.ask("ping"))["result"] == {}
            assert (await socket.ask("exchangeInfo", symbols=["BTCUSDT"]))["result"]["symbols"][0][
                "symbol"
            ] == "BTCUSDT"

    play(tmp_path, scenario)


def test_numbers_in_json_are_read_as_they_were_written(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket() as socket:
            # 0.1 + 0.2 in floats would be something else.
            wish = signed({**_ORDER, "quantity": "0.30"}, place.trader.key, place.trader.secret)
            text = _request("order.place", wish).replace('"quantity":"0.30"', '"quantity":0.30')
            await socket.response.send_str(text)
            answer = await socket.next()
            assert answer["result"]["origQty"] == "0.30000000"

    play(tmp_path, scenario)


def test_user_events_tell_the_life_of_an_order(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.user_events() as socket:
            await place.trader.place("BUY", "60000", "0.5", "w-1")
            place.print_trade("60000", "0.2")
            await place.trader.cancel("w-1")
            kinds = []
            events = []
            for _ in range(6):
                events.append(await socket.event())
                kinds.append((events[-1]["e"], events[-1].get("x"), events[-1].get("X")))
        assert kinds == [
            ("executionReport", "NEW", "NEW"),
            ("outboundAccountPosition", None, None),
            ("executionReport", "TRADE", "PARTIALLY_FILLED"),
            ("outboundAccountPosition", None, None),
            ("executionReport", "CANCELED", "CANCELED"),
            ("outboundAccountPosition", None, None),
        ]
        new, locked, trade, _, cancelled, freed = events
        fields = "e E s c S o f q p P F g C x X r i l z L n N T t I w m M O Z Y Q W V"
        assert set(new) == set(fields.split())
        assert (new["c"], new["C"], new["w"], new["t"], new["N"]) == ("w-1", "", True, -1, None)
        assert locked["B"] == [{"a": "USDT", "f": "70000.00000000", "l": "30000.00000000"}]
        assert (trade["l"], trade["L"], trade["z"], trade["n"], trade["N"], trade["m"], trade["Y"]) == (
            "0.20000000", "60000.00000000", "0.20000000", "0.00020000", "BTC", True, "12000.00000000",
        )  # fmt: skip
        assert (cancelled["C"], cancelled["w"], cancelled["z"]) == ("w-1", False, "0.20000000")
        assert cancelled["c"] != "w-1"
        assert freed["B"] == [{"a": "USDT", "f": "88000.00000000", "l": "0.00000000"}]
        numbers = [event["I"] for event in events if "I" in event]
        assert numbers == sorted(set(numbers))

    play(tmp_path, scenario)


def test_both_sides_of_a_trade_are_told(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.other.place("SELL", "65000", "0.5", "s-1")
        async with place.trader.user_events() as taker, place.other.user_events() as maker:
            await place.trader.place("BUY", "65000", "0.5", "b-1")
            took = [await taker.event() for _ in range(3)]
            made = await maker.event()
        assert [event.get("x") for event in took] == ["NEW", "TRADE", None]
        assert (took[1]["X"], took[1]["m"]) == ("FILLED", False)
        assert (made["c"], made["X"], made["m"], made["t"]) == ("s-1", "FILLED", True, took[1]["t"])

    play(tmp_path, scenario, between_clients=True)


def test_one_subscription_a_connection(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.user_events() as socket:
            repeated = await socket.ask_signed("userDataStream.subscribe.signature")
            assert (repeated["status"], repeated["error"]["code"]) == (400, -2035)
            assert (await socket.ask("session.subscriptions"))["result"] == [{"subscriptionId": 0}]
            assert (await socket.ask("userDataStream.unsubscribe", subscriptionId=9))["error"]["code"] == -2036
            assert (await socket.ask("userDataStream.unsubscribe", subscriptionId=0))["result"] == {}
            assert (await socket.ask("session.subscriptions"))["result"] == []
            assert (await socket.ask_signed("userDataStream.subscribe.signature"))["result"] == {"subscriptionId": 1}
            # Another account's events are another subscription.
            other = signed({}, place.other.key, place.other.secret)
            assert (await socket.ask("userDataStream.subscribe.signature", **other))["result"] == {"subscriptionId": 2}
            await place.other.place("SELL", "65000", "0.5")
            message = await socket.next()
            assert message["subscriptionId"] == 2
        await until(lambda: not place.server.exchange.users.counts())

    play(tmp_path, scenario, between_clients=True)


def test_a_session_is_for_ed25519(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket() as socket:
            assert (await socket.ask_signed("session.logon"))["error"]["code"] == -4056
            assert (await socket.ask("userDataStream.subscribe"))["error"]["code"] == -2015
            key, private = _ed25519(tmp_path)
            params: dict[str, Any] = {"apiKey": key, "timestamp": now_ms()}
            payload = f"apiKey={key}&timestamp={params['timestamp']}"
            params["signature"] = base64.b64encode(private.sign(payload.encode())).decode()
            assert (await socket.ask("session.logon", **params))["result"]["apiKey"] == key
            assert (await socket.ask("userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
            status = (await socket.ask("session.status"))["result"]
            assert (status["apiKey"], status["userDataStream"]) == (key, True)
            placed = await socket.ask("order.place", **_ORDER, timestamp=now_ms())
            assert placed["status"] == 200
            assert (await socket.ask("order.place", **_ORDER))["error"]["code"] == -1102
            assert (await socket.event())["x"] == "NEW"
            assert (await socket.ask("session.logout"))["result"]["apiKey"] is None
            assert (await socket.ask("order.place", **_ORDER, timestamp=now_ms()))["error"]["code"] == -2014

    play(tmp_path, scenario)


def _ed25519(folder: Path) -> tuple[str, Ed25519PrivateKey]:
    (record,) = read_accounts(folder / "accounts.json")
    key = next(key.api_key for key in record.keys if key.public_key is not None)
    private = load_pem_private_key(ed25519_path(folder, record.name).read_bytes(), None)
    assert isinstance(private, Ed25519PrivateKey)
    return key, private


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("{", 400, -1135),
        ("[]", 400, -1135),
        ("7", 400, -1135),
        ('{"id": 1}', 400, -1102),
        ('{"id": 1.5, "method": "ping"}', 400, -1100),
        ('{"id": 1, "method": "ping", "params": []}', 400, -1135),
        ('{"id": 1, "method": "ping", "params": {"a": "\\ud800"}}', 400, -1135),
        ('{"id": 1, "method": "guess"}', 400, -1020),
        ('{"id": 1, "method": "order.place", "params": {}}', 401, -2014),
        ('{"id": 1, "method": "ping", "params": {"a": ' + "[" * 50_000, 400, -1135),
    ],
)
def test_bad_requests_are_answered(tmp_path: Path, text: str, status: int, code: int) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket() as socket:
            await socket.response.send_str(text)
            answer = await socket.next()
            assert (answer["status"], answer["error"]["code"]) == (status, code), answer
            assert (await socket.ask("ping"))["result"] == {}

    play(tmp_path, scenario)


def test_a_binary_request_ends_the_connection(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket() as socket:
            await socket.response.send_bytes(b"\x00")
            assert await socket.ended() == 1003

    play(tmp_path, scenario)


def _request(method: str, params: dict[str, Any]) -> str:
    return msgspec.json.encode({"id": 1, "method": method, "params": params}).decode()
