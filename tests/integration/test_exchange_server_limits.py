"""Rate limits of the local exchange: what is counted, refused, and when who does not listen is banned."""

from pathlib import Path

import aiohttp
import pytest

from naive_daemon.exchange.server.limits import RateLimits
from tests.exchange.served import Place
from tests.integration.test_exchange_server_rest import play


def test_used_weight_is_told(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        weights = [
            int((await place.trader.send("GET", f"/api/v3/{what}")).headers["X-MBX-USED-WEIGHT-1M"])
            for what in ("ping", "exchangeInfo", "klines?symbol=BTCUSDT&interval=1m", "nothing")
        ]
        assert weights == [1, 21, 23, 23]
        asked = await place.trader.signed("GET", "/api/v3/openOrders")
        assert asked.headers["X-MBX-USED-WEIGHT-1M"] == "103"

    play(tmp_path, scenario)


def test_too_much_weight_is_429_and_going_on_is_418(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async def ping() -> tuple[int, int, int]:
            answer = await place.trader.send("GET", "/api/v3/ping")
            return answer.status, answer.body.get("code", 0), int(answer.headers.get("Retry-After", "0"))

        async with place.trader.socket() as socket:
            assert [await ping() for _ in range(3)] == [(200, 0, 0)] * 3
            status, code, after = await ping()
            assert (status, code) == (429, -1003)
            assert 0 < after <= 60
            answer = await socket.ask("ping")
            assert (answer["status"], answer["error"]["code"]) == (429, -1003)
            assert answer["error"]["data"]["retryAfter"] > answer["error"]["data"]["serverTime"]
            status, code, after = await ping()
            assert (status, code) == (418, -1003)
            assert 0 < after <= 30
            assert (await socket.ask("ping"))["status"] == 418
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with place.trader.socket("/ws"):
                pass
        assert refused.value.status == 418
        place.server.heal()
        assert (await ping())[0] == 429

    play(tmp_path, scenario, limits=RateLimits(weight_1min=5, ban_after=2, ban_s=30))


def test_orders_are_counted_until_they_fill(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        first = await place.trader.place("BUY", "60000", "0.001", "a")
        assert first.headers["X-MBX-ORDER-COUNT-10S"] == "1"
        second = await place.trader.place("BUY", "50000", "0.001", "b")
        assert second.headers["X-MBX-ORDER-COUNT-1D"] == "2"
        refused = await place.trader.place("BUY", "50000", "0.001", "c")
        assert (refused.status, refused.body["code"]) == (429, -1015)
        assert int(refused.headers["Retry-After"]) > 0
        assert (await place.trader.cancel("b")).status == 200
        assert (await place.trader.place("BUY", "50000", "0.001", "c")).status == 429
        place.print_trade("60000", "1")
        assert (await place.trader.place("BUY", "50000", "0.001", "c")).status == 200
        rows = (await place.trader.signed("GET", "/api/v3/rateLimit/order")).body
        assert [row["count"] for row in rows] == [2, 2]

    play(tmp_path, scenario, limits=RateLimits(orders_10s=0, orders_1day=2))


def test_refused_orders_do_not_count(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        for _ in range(3):
            assert (await place.trader.place("BUY", "60000", "5")).body["code"] == -2010
        assert (await place.trader.place("BUY", "60000", "0.001")).status == 200

    play(tmp_path, scenario, limits=RateLimits(orders_10s=1))


def test_connections_are_counted(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        async with place.trader.socket("/ws"), place.trader.socket():
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with place.trader.socket("/ws"):
                    pass
            assert refused.value.status == 429

    play(tmp_path, scenario, limits=RateLimits(connections_5min=2))
