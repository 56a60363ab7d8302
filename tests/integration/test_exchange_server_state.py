"""What the local exchange told anybody survives kill -9, and another process can not use its files meanwhile."""

import asyncio
import os
import sqlite3
from pathlib import Path

import aiohttp
import pytest

from naive_daemon.domain.errors import ConfigError, PermanentError
from naive_daemon.exchange.server.server import ServerOptions
from naive_daemon.exchange.server.state import State
from naive_daemon.exchange.server.venue import VenueRules
from tests.exchange.local_exchange import LocalExchange
from tests.exchange.served import served
from tests.exchange.trader import Trader


def test_kill_9_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    async def trade(exchange: LocalExchange, answered: list[str]) -> None:
        async with Trader(exchange.rest_url.removeprefix("http://"), exchange.api_key, exchange.api_secret) as trader:
            while True:
                name = f"o{len(answered)}"
                if (await trader.place("BUY", "60000", "0.001", name)).status == 200:
                    answered.append(name)
                if len(answered) % 20 == 0:
                    exchange.trade("BTCUSDT", "60000", "0.0107")
                if len(answered) == 50:
                    os.kill(exchange.pid, 9)

    answered: list[str] = []
    with LocalExchange(tmp_path, "--symbol", "BTCUSDT") as exchange:
        exchange.pause()
        with pytest.raises(aiohttp.ClientConnectionError):
            asyncio.run(trade(exchange, answered))
        exchange.kill()
        exchange.start()
        exchange.pause()
        orders = {order["clientOrderId"]: order for order in exchange.admin("GET", "/admin/orders")}
        fills = exchange.admin("GET", "/admin/fills")
        balances = exchange.admin("GET", "/admin/balances")["demo"]
    assert orders.keys() >= set(answered)
    assert len(orders) <= len(answered) + 1
    states = [order["status"] for order in orders.values()]
    assert (states.count("FILLED"), states.count("PARTIALLY_FILLED")) == (21, 1)
    assert len({fill["id"] for fill in fills}) == len(fills) == 23
    # 0.0214 bitcoin were bought at 60,000, and the rest of the order in part is locked with those that rest.
    locked = (len(orders) - 21) * 60 - 24
    assert balances["USDT"] == {"free": f"{100_000 - 1_284 - locked}.00000000", "locked": f"{locked}.00000000"}
    assert balances["BTC"]["free"] == "10.02137860"


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    async def run() -> None:
        numbers = []
        for _ in range(2):
            async with served(tmp_path) as place:
                numbers.append((await place.trader.place("BUY", "60000", "0.001")).body["orderId"])
                place.print_trade("60000", "0.001")
                trades = (await place.trader.send("GET", "/api/v3/trades?symbol=BTCUSDT")).body
                fills = (await place.trader.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT")).body
                numbers += [trades[-1]["id"], fills[-1]["id"]]
        first, second = numbers[:3], numbers[3:]
        assert all(after > before for before, after in zip(first, second, strict=True))

    asyncio.run(run())


def test_old_orders_are_forgotten_and_live_ones_never(tmp_path: Path) -> None:
    async def run() -> None:
        def small(options: ServerOptions) -> ServerOptions:
            return options._replace(rules=VenueRules(history_limit=100))

        async with served(tmp_path, change=small) as place:
            venue = place.server.exchange.venue
            await place.trader.place("BUY", "50000", "0.001", "first")
            for _ in range(1_200):
                answer = await place.trader.place("BUY", "60000", "0.001", "x", newOrderRespType="ACK")
                venue.cancel("demo", "BTCUSDT", answer.body["orderId"], None, None)
            assert 100 <= len(list(venue.records.all_orders())) <= 1_101
        async with served(tmp_path, change=small) as place:
            assert len(list(place.server.exchange.venue.records.all_orders())) <= 1_101
            assert (await place.trader.order("first")).body["status"] == "NEW"

    asyncio.run(run())


def test_two_exchanges_do_not_share_a_file(tmp_path: Path) -> None:
    with State(tmp_path / "state.sqlite") as first:
        first.save(numbers=[("a", 1)])
        with pytest.raises(ConfigError, match="another exchange uses"):
            State(tmp_path / "state.sqlite")


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"no database" * 1_000)
    with pytest.raises(PermanentError, match="can not be used"):
        State(tmp_path / "text")
    database = sqlite3.connect(tmp_path / "newer")
    database.execute("PRAGMA user_version = 77")
    database.close()
    with pytest.raises(ConfigError, match="another version"):
        State(tmp_path / "newer")


def test_a_state_that_can_not_be_written_ends_the_exchange(tmp_path: Path) -> None:
    async def run() -> None:
        async with served(tmp_path) as place:
            state = place.server.exchange._state
            state._database.execute("DROP TABLE orders")
            assert (await place.trader.place("BUY", "60000", "0.001")).status == 500
            with pytest.raises(PermanentError):
                await asyncio.wait_for(place.server.failed(), 5)

    asyncio.run(run())
