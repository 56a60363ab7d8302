"""Every kind of fault of the local exchange happens where and as often as it was asked for, and then no more."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from tests.exchange.served import Place, until
from tests.exchange.trader import Answer, signed
from tests.integration.test_exchange_server_rest import play

_PLACE = "order.place"
Ask = Callable[[], Awaitable[Answer]]


async def _orders(place: Place) -> int:
    return len((await place.trader.signed("GET", "/api/v3/openOrders")).body)


@pytest.mark.parametrize(
    ("kind", "status", "code", "resting"),
    [
        ("error", 503, -1000, 0),
        ("error-after", 503, -1007, 1),
        ("429", 429, -1003, 0),
        ("timestamp", 400, -1021, 0),
        ("latency", 200, None, 1),
    ],
)
def test_answers_that_are_wrong_or_late(tmp_path: Path, kind: str, status: int, code: int | None, resting: int) -> None:
    async def scenario(place: Place) -> None:
        place.fault(kind, where=_PLACE, count=1, value="1-2" if kind == "latency" else None)
        answer = await place.trader.place("BUY", "60000", "0.001", "a")
        assert (answer.status, answer.body.get("code")) == (status, code)
        assert await _orders(place) == resting
        assert not place.server.exchange.faults.is_on
        async with place.trader.socket() as socket:
            place.fault(kind, where=_PLACE, count=1, value="1-2" if kind == "latency" else None)
            wish = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
            spoken = await socket.ask_signed(_PLACE, **wish, price="60000", quantity="0.001")
            assert (spoken["status"], spoken.get("error", {}).get("code")) == (status, code)
        assert await _orders(place) == 2 * resting

    play(tmp_path, scenario)


@pytest.mark.parametrize(("kind", "resting"), [("disconnect", 0), ("disconnect-after", 1)])
def test_connections_that_are_cut(tmp_path: Path, kind: str, resting: int) -> None:
    async def scenario(place: Place) -> None:
        place.fault(kind, where=_PLACE, count=2)
        with pytest.raises(aiohttp.ClientConnectionError):
            await place.trader.place("BUY", "60000", "0.001", "a")
        assert await _orders(place) == resting
        async with place.trader.socket() as socket:
            await socket.response.send_str('{"id": 1, "method": "order.place", "params": {}}')
            if kind == "disconnect":
                assert await socket.ended() in (None, 1006)

    play(tmp_path, scenario)


@pytest.mark.parametrize(("kind", "resting"), [("drop", 0), ("lost-answer", 1)])
def test_answers_that_never_come(tmp_path: Path, kind: str, resting: int) -> None:
    async def scenario(place: Place) -> None:
        place.fault(kind, where=_PLACE, count=1)
        waiting = asyncio.ensure_future(place.trader.place("BUY", "60000", "0.001", "a"))
        await until(lambda: not place.server.exchange.faults.is_on)
        assert await _orders(place) == resting
        assert not waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    play(tmp_path, scenario)


def test_what_was_received_is_processed_though_its_sender_has_left(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        requests, faults = place.server.exchange.requests, place.server.exchange.faults
        place.fault("latency", where=_PLACE, value="20")
        leaving = asyncio.ensure_future(place.trader.place("BUY", "60000", "0.001", "a"))
        await until(lambda: bool(requests._tasks))
        leaving.cancel()
        async with place.trader.socket() as socket:
            wish = signed(
                {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "60000",
                 "quantity": "0.001", "newClientOrderId": "b"},
                place.trader.key, place.trader.secret,
            )  # fmt: skip
            request = msgspec.json.encode({"id": 1, "method": _PLACE, "params": wish})
            await socket.response.send_str(request.decode())
            await until(lambda: faults.listed()[0]["happened"] == 2)
        await until(lambda: not requests._tasks)
        assert [(await place.trader.order(name)).status for name in ("a", "b")] == [200, 200]

    play(tmp_path, scenario)


def test_a_session_has_faults_too(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        place.fault("error", where="userDataStream.subscribe.signature", count=1)
        async with place.trader.socket() as socket:
            assert (await socket.ask_signed("userDataStream.subscribe.signature"))["status"] == 503
            assert (await socket.ask_signed("userDataStream.subscribe.signature"))["status"] == 200

    play(tmp_path, scenario)


def test_a_ban(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        place.fault("418", where="market", count=1, value="30")
        assert (await place.trader.send("GET", "/api/v3/ping")).status == 418
        banned = await place.trader.order("a")
        assert (banned.status, banned.headers["Retry-After"]) == (418, "30")
        assert (await place.admin("DELETE", "/admin/faults")).status == 200
        assert (await place.trader.send("GET", "/api/v3/ping")).status == 200

    play(tmp_path, scenario)


def test_a_fault_of_one_account_is_none_of_the_others(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        place.fault("429", where="account:other")
        assert (await place.other.signed("GET", "/api/v3/openOrders")).status == 429
        assert (await place.trader.signed("GET", "/api/v3/openOrders")).status == 200
        async with place.trader.socket() as mine, place.other.socket() as others:
            assert (await others.ask_signed("openOrders.status"))["status"] == 429
            assert (await mine.ask_signed("openOrders.status"))["status"] == 200
        nobody = b'{"kind": "429", "where": "account:nobody"}'
        assert (await place.admin("POST", "/admin/faults", nobody)).status == 400
        known = b'{"kind": "drop", "where": "account:demo"}'
        assert (await place.admin("POST", "/admin/faults", known)).status == 200

    play(tmp_path, scenario, between_clients=True)


def test_an_order_is_not_found_for_a_while(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        place.fault("not-found", where="order.status", value="3600")
        await place.trader.place("BUY", "60000", "0.001", "a")
        assert (await place.trader.order("a")).body["code"] == -2013
        place.server.exchange.faults.clear()
        place.fault("not-found", where="order.status", value="0")
        assert (await place.trader.order("a")).status == 200

    play(tmp_path, scenario)


def test_user_events_twice_late_or_out_of_order(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async def told(count: int) -> list[tuple[str, Any]]:
            return [(event["e"][:3], event.get("c")) for event in [await socket.event() for _ in range(count)]]

        async with place.trader.user_events() as socket:
            place.fault("duplicate", where="user", count=2)
            await place.trader.place("BUY", "60000", "0.001", "a")
            assert await told(4) == [("exe", "a"), ("exe", "a"), ("out", None), ("out", None)]
            place.fault("reorder", where="user", count=1, value="60000")
            await place.trader.place("BUY", "60000", "0.001", "b")
            assert await told(2) == [("out", None), ("exe", "b")]
            place.fault("reorder", where="user", count=1, value="1")
            await place.trader.place("BUY", "60000", "0.001", "c")
            assert sorted(await told(2)) == [("exe", "c"), ("out", None)]
            place.fault("latency", where="user", count=1, value="5")
            await place.trader.place("BUY", "60000", "0.001", "d")
            assert await told(2) == [("exe", "d"), ("out", None)]
            place.fault("drop", where="user", count=1)
            await place.trader.place("BUY", "60000", "0.001", "e")
            assert await told(1) == [("out", None)]

    play(tmp_path, scenario)


def test_a_stalled_stream_stays_open_and_says_nothing(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket("/ws/btcusdt@trade") as socket:
            place.fault("stall", where="stream", count=1, value="3600")
            place.print_trade("65001", "1")
            place.print_trade("65002", "1")
            assert (await socket.say("LIST_SUBSCRIPTIONS"))["result"] == ["btcusdt@trade"]
        async with place.trader.socket("/ws/btcusdt@trade") as socket:
            place.print_trade("65003", "1")
            assert (await socket.next())["p"] == "65003.00000000"

    play(tmp_path, scenario)


def test_a_stream_is_cut(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket("/ws/btcusdt@trade") as socket:
            place.fault("disconnect", where="stream", count=1)
            place.print_trade("65001", "1")
            assert await socket.ended() in (None, 1006)

    play(tmp_path, scenario)


@pytest.mark.parametrize(("where", "cut"), [("stream", [True, False]), ("user", [False, True]), ("all", [True, True])])
def test_connections_are_cut_at_once(tmp_path: Path, where: str, cut: list[bool]) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket("/ws/btcusdt@trade") as stream, place.trader.user_events() as user:
            place.act("cut", where=where)
            await until(lambda: len(place.server.sockets) == cut.count(False))
            for socket, is_cut in zip((stream, user), cut, strict=True):
                if is_cut:
                    assert await socket.ended() is None

    play(tmp_path, scenario)


def test_a_shutdown_is_announced(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with (
            place.trader.socket("/ws/btcusdt@trade") as raw,
            place.trader.socket("/stream?streams=btcusdt@trade") as combined,
            place.trader.user_events() as user,
        ):
            place.act("server-shutdown", "0")
            assert (await raw.next())["e"] == "serverShutdown"
            assert (await combined.next())["stream"] == "!serverShutdown"
            assert (await user.event())["e"] == "serverShutdown"
            assert [await socket.ended() for socket in (raw, combined, user)] == [1001] * 3

    play(tmp_path, scenario)


def test_a_restart_drops_everybody_and_comes_back_with_everything(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await place.trader.place("BUY", "60000", "0.5", "a")
        place.print_trade("60000", "0.2")
        before = (await place.admin("GET", "/admin/orders")).body, (await place.admin("GET", "/admin/fills")).body
        async with place.trader.user_events() as socket:
            assert (await place.admin("POST", "/admin/faults", b'{"kind": "restart", "value": "0.1"}')).status == 200
            await socket.ended()
            with pytest.raises(aiohttp.ClientConnectionError):
                await place.trader.order("a")
        await until(lambda: place.server.is_up)
        assert before == (
            (await place.admin("GET", "/admin/orders")).body,
            (await place.admin("GET", "/admin/fills")).body,
        )
        assert await place.trader.balance("USDT") == ("70000.00000000", "18000.00000000")
        place.print_trade("60000", "1")
        assert (await place.trader.order("a")).body["status"] == "FILLED"

    play(tmp_path, scenario)


def test_a_halted_and_a_delisted_symbol(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.user_events() as socket:
            await place.trader.place("BUY", "60000", "0.001", "a")
            await socket.event()
            await socket.event()
            place.act("halt", "BTCUSDT")
            info = await place.trader.send("GET", "/api/v3/exchangeInfo?symbol=BTCUSDT")
            assert info.body["symbols"][0]["status"] == "HALT"
            refused = await place.trader.place("BUY", "60000", "0.001", "b")
            assert refused.body == {"code": -2010, "msg": "Market is closed."}
            place.print_trade("59000", "1")
            body = b'{"symbol": "BTCUSDT", "price": "59000", "quantity": "1"}'
            assert (await place.admin("POST", "/admin/trades", body)).status == 400
            assert (await place.trader.order("a")).body["status"] == "NEW"
            place.act("delist", "BTCUSDT")
            expired = await socket.event()
            assert (expired["x"], expired["X"], expired["c"]) == ("EXPIRED", "EXPIRED", "a")
            assert (await place.trader.place("BUY", "60000", "0.001", "b")).body["code"] == -1121
            listed = (await place.trader.send("GET", "/api/v3/exchangeInfo")).body["symbols"]
            assert [entry["symbol"] for entry in listed] == ["ETHUSDT"]
            assert (await place.trader.order("a")).body["status"] == "EXPIRED"
            place.server.heal()
            assert (await place.trader.place("BUY", "60000", "0.001", "b")).status == 200

    play(tmp_path, scenario)


def test_filters_that_are_changed_and_healed(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async def tick() -> str:
            info = await place.trader.send("GET", "/api/v3/exchangeInfo?symbol=BTCUSDT")
            return str(info.body["symbols"][0]["filters"][0]["tickSize"])

        await place.trader.place("BUY", "50000.01", "0.001", "a")
        place.act("filters", "BTCUSDT tick_size=0.1 min_notional=60")
        assert await tick() == "0.10000000"
        for price, failed in (("50000.01", "PRICE_FILTER"), ("50000.1", "NOTIONAL")):
            refused = await place.trader.place("BUY", price, "0.001", "b")
            assert refused.body == {"code": -1013, "msg": f"Filter failure: {failed}"}
        assert (await place.trader.order("a")).body["status"] == "NEW"
        place.act("halt", "BTCUSDT")
        place.server.heal()
        assert await tick() == "0.01000000"
        assert (await place.trader.place("BUY", "50000.01", "0.001", "b")).status == 200

    play(tmp_path, scenario)


def test_a_revoked_key(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.user_events() as socket:
            place.act("revoke", "demo")
            assert (await socket.event())["e"] == "eventStreamTerminated"
            answer = await place.trader.order("a")
            assert (answer.status, answer.body["code"]) == (401, -2015)
            place.server.heal()
            assert (await place.trader.order("a")).body["code"] == -2013

    play(tmp_path, scenario)


def test_a_clock_that_is_off(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        before = (await place.trader.send("GET", "/api/v3/time")).body["serverTime"]
        place.act("clock-skew", "3600000")
        assert (await place.trader.send("GET", "/api/v3/time")).body["serverTime"] >= before + 3_600_000
        assert (await place.trader.order("a")).body["code"] == -1021
        place.act("clock-skew", "-3600000")
        assert (await place.trader.order("a")).body["code"] == -1021
        place.server.heal()
        assert (await place.trader.order("a")).body["code"] == -2013

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    "wish",
    [
        {"kind": "gremlins"},
        {"kind": "drop", "probability": 0},
        {"kind": "drop", "probability": 2},
        {"kind": "drop", "count": 0},
        {"kind": "drop", "seconds": -1},
        {"kind": "drop", "where": "nowhere"},
        {"kind": "latency", "value": "soon"},
        {"kind": "latency", "value": "9-3"},
        {"kind": "stall", "value": "-1"},
        {"kind": "halt"},
        {"kind": "halt", "value": "NOSUCH"},
        {"kind": "filters", "value": "NOSUCH tick_size=1"},
        {"kind": "filters", "value": "BTCUSDT"},
        {"kind": "filters", "value": "BTCUSDT tick_size=0"},
        {"kind": "filters", "value": "BTCUSDT tick_size=x"},
        {"kind": "filters", "value": "BTCUSDT min_notional=-1"},
        {"kind": "filters", "value": "BTCUSDT base_asset=1"},
        {"kind": "revoke", "value": "nobody"},
        {"kind": "clock-skew", "value": "x"},
        {"kind": "drop", "colour": "red"},
        ["drop"],
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(tmp_path: Path, wish: Any) -> None:
    async def scenario(place: Place) -> None:
        answer = await place.admin("POST", "/admin/faults", msgspec.json.encode(wish))
        assert answer.status == 400
        assert answer.body["error"]
        assert (await place.admin("GET", "/admin/faults")).body["faults"] == []

    play(tmp_path, scenario)


def test_faults_are_listed_and_cleared(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        for wish in (
            b'{"kind": "drop", "where": "user"}',
            b'{"kind": "error", "where": "klines", "seconds": 0.000001}',
        ):
            assert (await place.admin("POST", "/admin/faults", wish)).status == 200
        await place.admin("POST", "/admin/faults", b'{"kind": "stall", "where": "stream", "probability": 0.5}')
        listed = (await place.admin("GET", "/admin/faults")).body["faults"]
        assert [(fault["id"], fault["kind"]) for fault in listed] == [(1, "drop"), (3, "stall")]
        assert (await place.admin("DELETE", "/admin/faults/1")).body == {"cleared": 1}
        assert (await place.admin("DELETE", "/admin/faults")).body == {"cleared": 1}

    play(tmp_path, scenario)


def test_operators_move_the_market(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        body = b'{"symbol": "BTCUSDT", "price": "64000.01", "quantity": "2"}'
        assert (await place.admin("POST", "/admin/trades", body)).status == 200
        assert (await place.admin("GET", "/admin/market")).body["prices"]["BTCUSDT"] == "64000.01000000"
        moved = await place.admin("POST", "/admin/market", b'{"advance": 5, "symbol": "ETHUSDT"}')
        assert moved.body == {"paused": True, "printed": {"ETHUSDT": 5}}
        assert (await place.admin("POST", "/admin/market", b'{"pause": false}')).body["paused"] is False
        for bad in (b'{"symbol": "NO", "price": "1", "quantity": "1"}', b"{", body.replace(b"64000.01", b"-1")):
            assert (await place.admin("POST", "/admin/trades", bad)).status == 400

    play(tmp_path, scenario)


def test_a_page_of_the_web_may_not_ask(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        answer = await place.trader.send("GET", "/admin/balances", headers={"Origin": "https://example.com"})
        assert answer.status == 403

    play(tmp_path, scenario)
