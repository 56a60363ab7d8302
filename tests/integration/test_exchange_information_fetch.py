"""What Binance lists: asked, kept, and read back when it can not be asked; one line and an end in time otherwise."""

import asyncio
import json
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web

from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.config import Config, load_config
from naive_daemon.domain.errors import ConfigError, UnreachableError
from naive_daemon.exchange.binance.exchange_info import FILE_NAME, fetch_exchange_information
from naive_daemon.exchange.information import read_exchange_information
from naive_daemon.exchange.listing import check_market, list_instruments
from naive_daemon.market.generated_instruments import GENERATED_INSTRUMENTS

SYMBOL = {"symbol": "AUSDT", "status": "TRADING", "baseAsset": "A", "quoteAsset": "USDT"}
GOOD = json.dumps({"timezone": "UTC", "rateLimits": [], "symbols": [SYMBOL]}).encode()


class Exchange:
    """Answers every request with `status` and `body`, and counts them."""

    def __init__(self) -> None:
        self.status = 200
        self.body = GOOD
        self.url = ""
        self.asked: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="exchange")

    def start(self) -> None:
        self._thread.start()
        port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        self.url = f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _start(self) -> int:
        app = web.Application()
        app.router.add_get("/api/v3/exchangeInfo", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port: int = self._runner.addresses[0][1]
        return port

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        return web.Response(status=self.status, body=self.body)


@pytest.fixture
def exchange() -> Iterator[Exchange]:
    exchange = Exchange()
    exchange.start()
    yield exchange
    exchange.stop()


@pytest.fixture(autouse=True)
def said() -> Iterator[list[Any]]:
    before = structlog.get_config()
    capture = structlog.testing.LogCapture()
    structlog.configure(processors=[capture])
    yield capture.entries
    structlog.configure(**before)


@pytest.fixture
def configured(tmp_path: Path) -> Callable[..., Config]:
    def configure(rest_url: str, **more: str) -> Config:
        environment = {
            "NAIVE_HOME": str(tmp_path / "home"),
            "NAIVE_MARKET__FEED": "binance",
            "NAIVE_EXCHANGE__BINANCE__REST_URL": rest_url,
            "NAIVE_EXCHANGE__BINANCE__STREAM_URL": "ws://127.0.0.1:1",  # never asked for what is listed
            "NAIVE_EXCHANGE__BINANCE__ANSWER_TIMEOUT_S": "0.5",
            **more,
        }
        return load_config(environment=environment)

    return configure


Configured = Callable[..., Config]


def test_it_is_asked_and_kept(exchange: Exchange, configured: Configured, tmp_path: Path) -> None:
    listed = fetch_exchange_information(configured(exchange.url), VirtualClock(5))
    assert list(listed) == ["AUSDT"]
    kept = tmp_path / "home" / FILE_NAME
    assert read_exchange_information(kept) == listed
    assert json.loads(kept.read_bytes())["naiveDaemon"] == {"rest_url": exchange.url, "asked_ns": 5}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in kept.parent.iterdir()] == [FILE_NAME]


def test_what_was_kept_serves_while_it_is_fresh(exchange: Exchange, configured: Configured) -> None:
    config, clock = configured(exchange.url), VirtualClock(NS_PER_S)
    fetch_exchange_information(config, clock)
    for now_s, asked in ((60, 1), (61, 2)):
        clock.advance_to(now_s * NS_PER_S)
        assert list(fetch_exchange_information(config, clock, fresh_s=60)) == ["AUSDT"]
        assert len(exchange.asked) == asked
    fetch_exchange_information(config, clock)
    assert len(exchange.asked) == 3


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (418, b"{}", "it answers HTTP 418"),
        (302, b"", "it answers HTTP 302"),
        (200, b"<html>hello</html>", "exchangeInfo: "),
        (200, b'{"symbols":[]}', "exchangeInfo: lists no symbol"),
    ],
)
def test_another_answer_is_none(  # noqa: PLR0917 - a table's columns and fixtures
    exchange: Exchange, configured: Configured, said: list[Any], status: int, body: bytes, reason: str
) -> None:
    exchange.status, exchange.body = status, body
    config = configured(exchange.url)
    with pytest.raises(UnreachableError, match=reason) as caught:
        fetch_exchange_information(config, VirtualClock())
    assert exchange.url.removeprefix("http://") in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == 69
    exchange.status, exchange.body = 200, GOOD
    fetch_exchange_information(config, VirtualClock())
    exchange.status, exchange.body = status, body
    assert list(fetch_exchange_information(config, VirtualClock())) == ["AUSDT"]
    assert said[-1]["event"] == "what Binance lists is read from the copy kept"
    assert reason in said[-1]["reason"]


def test_a_copy_of_another_address_is_not_used(exchange: Exchange, configured: Configured) -> None:
    fetch_exchange_information(configured(exchange.url), VirtualClock())
    elsewhere = configured(exchange.url.replace("127.0.0.1", "localhost"))
    exchange.status = 500
    with pytest.raises(UnreachableError):
        fetch_exchange_information(elsewhere, VirtualClock())


@pytest.mark.parametrize("copy", [b"", b"{", b"null", b'{"naiveDaemon":3}', GOOD])
def test_a_copy_that_is_none_counts_as_none(
    exchange: Exchange, configured: Configured, tmp_path: Path, copy: bytes
) -> None:
    exchange.status = 500
    config = configured(exchange.url)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / FILE_NAME).write_bytes(copy)
    with pytest.raises(UnreachableError):
        fetch_exchange_information(config, VirtualClock(), fresh_s=60)


def test_a_home_that_can_not_be_written_costs_the_copy_only(
    exchange: Exchange, configured: Configured, tmp_path: Path, said: list[Any]
) -> None:
    (tmp_path / "home").write_text("a file", encoding="utf-8")
    assert list(fetch_exchange_information(configured(exchange.url), VirtualClock())) == ["AUSDT"]
    assert said[-1]["event"] == "what Binance lists is not kept"


def test_a_symbol_that_can_not_be_read_is_passed_over(
    exchange: Exchange, configured: Configured, said: list[Any]
) -> None:
    odd = {**SYMBOL, "symbol": "ODD", "filters": [{"filterType": "LOT_SIZE", "stepSize": 0.1}]}
    exchange.body = json.dumps({"symbols": [odd, SYMBOL]}).encode()
    assert list(fetch_exchange_information(configured(exchange.url), VirtualClock())) == ["AUSDT"]
    assert "symbol 'ODD': LOT_SIZE.stepSize: 0.1 is not a decimal in quotes" in said[0]["reason"]


@pytest.fixture
def deaf() -> Iterator[str]:
    """Give host and port of something that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_one_that_accepts_and_never_answers(deaf: str, configured: Configured) -> None:
    for scheme in ("http", "https"):
        with pytest.raises(UnreachableError, match=f"{deaf}: it does not answer"):
            fetch_exchange_information(configured(f"{scheme}://{deaf}"), VirtualClock())


def test_one_that_refuses(configured: Configured) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(UnreachableError, match=f"{place}: no connection"):
        fetch_exchange_information(configured(f"http://{place}"), VirtualClock())


def test_a_name_that_nobody_knows(configured: Configured) -> None:
    with pytest.raises(UnreachableError, match=r"nowhere\.invalid:443: (its name is not known|it does not answer)"):
        fetch_exchange_information(configured("https://nowhere.invalid"), VirtualClock())


def test_one_that_speaks_no_tls(exchange: Exchange, configured: Configured) -> None:
    url = exchange.url.replace("http:", "https:")
    with pytest.raises(UnreachableError, match="TLS failed"):
        fetch_exchange_information(configured(url), VirtualClock())


def test_an_account_is_asked_for_where_it_is_traded_and_nowhere_else(
    exchange: Exchange, configured: Configured
) -> None:
    with pytest.raises(ConfigError, match=r"exchange\.binance\.network is not set"):
        list_instruments(configured(exchange.url, NAIVE_EXCHANGE__NAME="binance"), VirtualClock())
    assert exchange.asked == []


def test_which_list_is_whose(exchange: Exchange, configured: Configured, tmp_path: Path) -> None:
    file = tmp_path / "info.json"
    file.write_bytes(GOOD.replace(b"AUSDT", b"FILEUSDT"))
    assert list(list_instruments(configured(exchange.url), VirtualClock())) == ["AUSDT"]
    named = configured(exchange.url, NAIVE_EXCHANGE__EXCHANGE_INFO=str(file))
    assert list(list_instruments(named, VirtualClock())) == ["FILEUSDT"]
    generated = configured(exchange.url, NAIVE_MARKET__FEED="generated")
    assert list_instruments(generated, VirtualClock()) is GENERATED_INSTRUMENTS
    assert len(exchange.asked) == 1


@pytest.mark.parametrize(
    ("feed", "exchange_name", "is_fine"),
    [
        ("generated", "paper", True),
        ("/day.csv", "paper", True),
        ("binance", "paper", True),
        ("binance", "binance", True),
        ("generated", "binance", False),
        ("/day.csv", "binance", False),
    ],
)
def test_orders_on_a_real_exchange_need_its_own_market(feed: str, exchange_name: str, is_fine: bool) -> None:
    config = load_config(environment={"NAIVE_MARKET__FEED": feed, "NAIVE_EXCHANGE__NAME": exchange_name})
    if is_fine:
        check_market(config)
        return
    with pytest.raises(ConfigError, match=f"market.feed is {feed}: orders on a real exchange need its own market"):
        check_market(config)
