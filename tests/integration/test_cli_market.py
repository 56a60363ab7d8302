"""Which market and which exchange, on the command line: what does not fit is refused, what is away is named."""

import socket
from pathlib import Path

import pytest

from tests.integration.conftest import Console

EXAMPLE = Path(__file__).parents[2] / "docs" / "BTCUSDT-trades-generated.csv.gz"


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> str:
    """Give host and port of a Binance that nobody serves; the configuration leads there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setenv("NAIVE_EXCHANGE__BINANCE__REST_URL", f"http://{place}")
    monkeypatch.setenv("NAIVE_EXCHANGE__BINANCE__STREAM_URL", f"ws://{place}")
    monkeypatch.setenv("NAIVE_EXCHANGE__BINANCE__ANSWER_TIMEOUT_S", "0.5")
    return place


@pytest.mark.parametrize("feed", ["generated", str(EXAMPLE)])
def test_orders_on_a_real_exchange_need_its_own_market(console: Console, feed: str) -> None:
    answer = console("run", "--exchange", "binance", "--feed", feed)
    assert answer.code == 78
    assert f"market.feed is {feed}: orders on a real exchange need its own market" in answer.err
    assert "--feed binance" in answer.err


def test_a_live_market_has_its_own_speed(console: Console) -> None:
    answer = console("run", "--feed", "binance", "--speed", "5")
    assert (answer.code, "--speed" in answer.err) == (78, True)


def test_a_real_exchange_brings_its_own_market_and_has_to_be_named(console: Console) -> None:
    answer = console("run", "--exchange", "binance")
    assert answer.code == 78
    assert "exchange.binance.network is not set" in answer.err


@pytest.mark.usefixtures("schema_url")
@pytest.mark.parametrize("command", [("run", "--feed", "binance"), ("seed",), ("start", "BTCUSDT")])
def test_a_market_that_is_away_is_named(
    console: Console, away: str, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("NAIVE_MARKET__FEED", "binance")
    answer = console(*command)
    assert answer.code == 69
    assert f"error: what Binance lists can not be had from {away}: no connection" in answer.err


@pytest.mark.usefixtures("away")
def test_a_backtest_asks_no_exchange(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAIVE_MARKET__FEED", "binance")
    monkeypatch.setenv("NAIVE_EXCHANGE__NAME", "binance")
    assert console("backtest", str(EXAMPLE), "--json").code == 0
