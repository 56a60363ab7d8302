"""Market streams of the local exchange: raw, combined, subscribed while connected; and clients that do not behave."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from naive_daemon.exchange.server import channel, connection
from naive_daemon.exchange.server.limits import RateLimits
from tests.exchange.served import Place, until
from tests.integration.test_exchange_server_rest import play


def test_raw_trades(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket("/ws/btcusdt@trade") as stream:
            place.print_trade("65001", "0.25")
            trade = await stream.next()
        assert set(trade) == {"e", "E", "s", "t", "p", "q", "T", "m", "M"}
        assert (trade["e"], trade["s"], trade["p"], trade["q"]) == ("trade", "BTCUSDT", "65001.00000000", "0.25000000")

    play(tmp_path, scenario)


def test_combined_streams_in_microseconds(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        path = "/stream?streams=btcusdt@aggTrade/btcusdt@bookTicker&timeUnit=MICROSECOND"
        async with place.trader.socket(path) as stream:
            place.print_trade("65001", "0.25")
            first, second = await stream.next(), await stream.next()
        assert (first["stream"], second["stream"]) == ("btcusdt@aggTrade", "btcusdt@bookTicker")
        assert first["data"]["T"] > 10**15
        assert second["data"]["b"] == "65000.99000000"
        assert set(second["data"]) == {"u", "s", "b", "B", "a", "A"}

    play(tmp_path, scenario)


def test_candles_and_tickers_come_once_a_second(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        streams = "btcusdt@kline_1m/btcusdt@miniTicker/btcusdt@ticker"
        async with place.trader.socket(f"/stream?streams={streams}") as stream:
            place.print_trade("65001", "0.25")
            seen: dict[str, Any] = {}
            while len(seen) < 3:
                message = await stream.next()
                seen[message["stream"]] = message["data"]
        candle = seen["btcusdt@kline_1m"]["k"]
        assert (candle["c"], candle["i"], candle["s"]) == ("65001.00000000", "1m", "BTCUSDT")
        assert seen["btcusdt@miniTicker"]["c"] == "65001.00000000"
        assert seen["btcusdt@ticker"]["n"] == 2

    play(tmp_path, scenario)


def test_candles_that_close_are_told_once_in_order_and_as_rest_has_them(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket("/ws/btcusdt@kline_1m") as stream:
            place.print_trade("65001", "0.25")
            first = (await stream.next())["k"]
            assert not first["x"]
            place.act("clock-skew", "120000")
            told = [(await stream.next())["k"]]
            while told[-1]["x"] or not any(candle["x"] for candle in told):
                told.append((await stream.next())["k"])
        closed = [candle for candle in told if candle["x"]]
        assert len(closed) >= 2
        assert [candle["t"] for candle in closed] == [first["t"] + 60_000 * place for place in range(len(closed))]
        assert [(candle["n"], candle["v"]) for candle in closed[1:]] == [(0, "0.00000000")] * (len(closed) - 1)
        rows = {
            row[0]: row for row in (await place.trader.send("GET", "/api/v3/klines?symbol=BTCUSDT&interval=1m")).body
        }
        for candle in closed:
            assert rows[candle["t"]][1:7] == [candle[letter] for letter in "ohlcvT"]

    play(tmp_path, scenario)


def test_subscribing_while_connected(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket("/ws") as stream:
            assert await stream.say("SUBSCRIBE", ["btcusdt@trade", "ethusdt@trade"], 7) == {"result": None, "id": 7}
            assert (await stream.say("LIST_SUBSCRIPTIONS"))["result"] == ["btcusdt@trade", "ethusdt@trade"]
            await stream.say("UNSUBSCRIBE", ["btcusdt@trade"])
            assert (await stream.say("GET_PROPERTY", ["combined"]))["result"] is False
            await stream.say("SET_PROPERTY", ["combined", True])
            place.print_trade("65001", "0.25")
            place.print_trade("3000", "0.25", "ETHUSDT")
            assert (await stream.next())["stream"] == "ethusdt@trade"

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", 3),
        ("[1,2]", 2),
        ('{"id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1.5}', 2),
        ('{"method": "SUBSCRIBE", "params": [1], "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": [], "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": "btcusdt@trade", "id": 1}', 2),
        ('{"method": "GUESS", "id": 1}', 2),
        ('{"method": "SET_PROPERTY", "params": ["colour", 1], "id": 1}', 0),
        ('{"method": "SUBSCRIBE", "params": [' + "[" * 50_000, 3),
    ],
)
def test_bad_messages_are_answered(tmp_path: Path, text: str, code: int) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket("/ws") as stream:
            await stream.response.send_str(text)
            assert (await stream.next())["code"] == code
            assert (await stream.say("LIST_SUBSCRIPTIONS"))["result"] == []

    play(tmp_path, scenario)


@pytest.mark.parametrize("kind", ["binary", "huge"])
def test_what_can_be_no_message_ends_the_connection(tmp_path: Path, kind: str) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket("/ws/btcusdt@trade") as stream:
            if kind == "binary":
                await stream.response.send_bytes(b"\x00\xff")
            else:
                await stream.response.send_str("x" * (2 << 20))
            assert await stream.ended() == (1003 if kind == "binary" else 1009)

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    "path",
    ["/ws/btc usdt", "/stream?streams=" + "/".join(f"s{number}@trade" for number in range(1_025)), "/ws?timeUnit=DAY"],
)
def test_bad_paths_are_refused(tmp_path: Path, path: str) -> None:
    async def scenario(place: Place) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with place.trader.socket(path):
                pass
        assert refused.value.status == 400

    play(tmp_path, scenario)


def test_no_more_than_1024_streams(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket("/ws") as stream:
            names = [f"s{number}@trade" for number in range(1_024)]
            assert (await stream.say("SUBSCRIBE", names))["result"] is None
            assert (await stream.say("SUBSCRIBE", ["btcusdt@trade"]))["code"] == 2

    play(tmp_path, scenario)


def test_more_than_five_messages_a_second_end_the_connection(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket("/ws") as stream:
            for _ in range(6):
                await stream.response.send_str('{"method": "LIST_SUBSCRIPTIONS", "id": 1}')
            assert await stream.ended() == 1008

    play(tmp_path, scenario, limits=RateLimits())


def test_a_ping_is_answered_with_its_payload(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket("/ws/btcusdt@trade", autoping=False) as stream:
            await stream.response.ping(b"abc")
            message = await stream.response.receive()
            assert (message.type, message.data) == (aiohttp.WSMsgType.PONG, b"abc")

    play(tmp_path, scenario)


def test_the_server_pings_and_cuts_who_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket("/ws/btcusdt@trade", autoping=False) as stream:
            await place.server.sockets.ping(b"1795829280887")
            message = await stream.response.receive()
            assert (message.type, message.data) == (aiohttp.WSMsgType.PING, b"1795829280887")
            monkeypatch.setattr(connection, "SILENT_FOR_S", -1.0)
            await place.server.sockets.ping(b"2")
            assert await stream.ended() is None

    play(tmp_path, scenario)


def test_who_is_connected_for_too_long_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket("/ws/btcusdt@trade") as stream:
            monkeypatch.setattr(connection, "LIFE_S", -1.0)
            pinging = asyncio.ensure_future(place.server.sockets.ping(b"1"))
            assert await stream.ended() == 1001
            await pinging

    play(tmp_path, scenario)


def test_who_does_not_read_is_cut_off_and_nobody_else(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket("/ws/btcusdt@trade") as deaf:
            (to_deaf,) = place.server.sockets.channels()
            near = deaf.response._response.connection
            assert near is not None
            assert near.transport is not None
            near.transport.pause_reading()
            async with place.trader.socket("/ws/btcusdt@trade") as reader:
                data = channel.frame(b" " * 1_000_000)
                for _ in range(100):
                    to_deaf.send(data)
                    to_deaf.flush()
                assert to_deaf.was_too_slow
                place.print_trade("65001", "0.25")
                assert (await reader.next())["p"] == "65001.00000000"
                await until(lambda: len(place.server.sockets) == 1)
            near.transport.abort()

    play(tmp_path, scenario)


def test_streams_of_nothing_are_silent_and_streams_end_with_their_connection(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        streams = place.server.exchange.streams
        async with place.trader.socket("/ws/nosuch@trade") as stream:
            assert streams.has("nosuch@trade")
            await stream.response.close()
        await until(lambda: not streams.has("nosuch@trade"))

    play(tmp_path, scenario)
