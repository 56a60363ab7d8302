"""Bad input and bad places: what is wrong is said in a line, before anything starts, or costs nobody else anything."""

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.books import Books, await_rows, read
from tests.e2e.conftest import MakePlace
from tests.e2e.daemon import Daemon, eventually
from tests.e2e.place import Place

SYMBOLS = 1_000
TRADES_REFUSED_MIN = 500


@pytest.fixture(scope="module")
def place(make_place: MakePlace) -> Place:
    return make_place(NAIVE_MARKET__SPEED="20")


@pytest.fixture(scope="module")
def daemon(place: Place) -> Daemon:
    return place.trade("--start", "BTCUSDT")


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[None]:
    """Mount a disk of this size, for its length."""
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this user may not mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)  # lazy: a test that fails may leave a daemon there


def test_a_budget_below_the_minimum_is_told_once_and_costs_nothing(place: Place, daemon: Daemon) -> None:
    assert place("settings", "set", "DOGEUSDT", "budget=1", "chunks=5").code == 0
    assert place("start", "DOGEUSDT").code == 0
    refused = daemon.log.await_event("no order", symbol="DOGEUSDT")
    assert "NOTIONAL" in refused["reason"]
    for attempt in eventually():
        with attempt:
            market = json.loads((place.home / "market.json").read_text())
            assert market.get("DOGEUSDT", {}).get("next_trade_id", 0) > TRADES_REFUSED_MIN
    assert len(daemon.log.events("no order", symbol="DOGEUSDT")) == 1
    assert read(place.url, "SELECT 1 FROM orders WHERE symbol = 'DOGEUSDT'") == []
    # Enough from the next cycle on: a restart of the symbol begins one.
    assert place("shutdown", "DOGEUSDT").code == 0
    await_rows(place.url, "SELECT status FROM settings WHERE symbol = 'DOGEUSDT'", [("off",)].__eq__)
    assert place("settings", "set", "DOGEUSDT", "budget=1000").code == 0
    assert place("start", "DOGEUSDT").code == 0
    daemon.log.await_event("buy placed", symbol="DOGEUSDT")
    Books(place.url).check()


def test_settings_out_of_range_change_nothing(place: Place, daemon: Daemon) -> None:
    wrong = ("chunks=0", "budget=-1", "profit_interval=nan", "rebuy_interval=1e999", "buy_down_interval=much")
    before = read(place.url, "SELECT * FROM settings ORDER BY id")
    answer = place("settings", "set", "BTCUSDT", *wrong)
    assert answer.code == 2
    assert all(f"{word} is refused" in answer.err for word in wrong)
    assert read(place.url, "SELECT * FROM settings ORDER BY id") == before
    assert daemon.is_running()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--start", "BTCUSD"), 2, "BTCUSDT"),
        (("--start", ""), 2, "symbol"),
        (("--feed", "none.csv"), 1, "none.csv"),
        (("--speed", "fast"), 78, "market.speed"),
        (("--account", "a/b"), 2, "account"),
    ],
)
def test_run_refuses_before_anything_starts(elsewhere: Place, arguments: tuple[str, ...], code: int, told: str) -> None:
    answer = elsewhere("run", *arguments)
    assert answer.code == code, answer.err
    assert answer.err.startswith("error: ")
    assert told in answer.err
    assert not (elsewhere.home / "postgres").exists()


def test_all_mistakes_of_a_configuration_are_told_before_anything_starts(elsewhere: Place) -> None:
    wrong = {
        "NAIVE_MARKET__SPEED": "fast",
        "NAIVE_LOG__LEVEL": "loud",
        "NAIVE_SUPERVISION__POOL_THREADS": "0",
        "NAIVE_DATABASE_URL": "mysql://trader:sesame@localhost/books",
    }
    answer = elsewhere("run", **wrong)
    assert answer.code == 78
    for key in ("market.speed", "log.level", "supervision.pool_threads", "database.url"):
        assert key in answer.err
    assert "sesame" not in answer.err
    assert not elsewhere.home.exists()


def test_a_port_for_metrics_that_is_taken(elsewhere: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = elsewhere("run", NAIVE_METRICS__LISTEN=f"127.0.0.1:{port}")
    assert answer.code == 1
    told, hint = answer.err.splitlines()
    assert told == f"error: metrics can not be served at 127.0.0.1:{port}: Address already in use"
    assert "metrics.listen" in hint
    assert not (elsewhere.home / "postgres").exists()


def test_a_home_that_is_a_file(elsewhere: Place) -> None:
    elsewhere.home.write_text("")
    answer = elsewhere("run")
    assert answer.code == 78
    assert answer.err.splitlines()[0] == f"error: the home {elsewhere.home} is not a directory"
    elsewhere.home.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_full_disk_at_the_start(elsewhere: Place) -> None:
    with small_disk(elsewhere.home, "8m"):
        answer = elsewhere("run")
        assert answer.code == 1
        error = answer.err.splitlines()[0]
        assert error.startswith("error: ")
        assert "No space left" in error or "no space left" in error
        assert elsewhere.servers() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_disk_that_fills_up_and_is_freed(elsewhere: Place) -> None:
    ballast = elsewhere.home / "ballast"
    with small_disk(elsewhere.home, "160m"):
        daemon = elsewhere.trade("--start", "BTCUSDT", "--speed", "20")
        daemon.log.await_event("sell placed")
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(b"x" * 65_536):
                pass
        daemon.log.await_event("journal unavailable")
        daemon.log.await_event("the market's place is not kept")
        start = len(daemon.log)
        ballast.unlink()
        daemon.log.await_event("journal is back", start)
        assert elsewhere("start", "ETHUSDT").code == 0
        daemon.log.await_event("buy filled", symbol="ETHUSDT")
        Books(elsewhere.url).check()
        assert not daemon.log.events("actor crashed")
        daemon.stop()
        assert elsewhere.servers() == []


def test_a_thousand_symbols_at_once(elsewhere: Place, tmp_path: Path, tell: Callable[[str], None]) -> None:
    names = [f"S{number:04}USDT" for number in range(SYMBOLS)]
    listing = tmp_path / "exchange_info.json"
    listing.write_text(json.dumps({"symbols": [listed(name) for name in [*names, "BTCUSDT"]]}))
    elsewhere.environment |= {"NAIVE_EXCHANGE__EXCHANGE_INFO": str(listing)}
    daemon = elsewhere.trade()
    since_s = time.monotonic()
    data = elsewhere("start", *names, "--json").data
    started_s = time.monotonic() - since_s
    assert [row["symbol"] for row in data["symbols"]] == names
    assert all(row["confirmed"] for row in data["symbols"])
    assert elsewhere("start", "BTCUSDT").code == 0
    await_rows(elsewhere.url, "SELECT symbol FROM orders", [("BTCUSDT",)].__le__)
    since_s = time.monotonic()
    assert all(row["confirmed"] for row in elsewhere("stop", *names, "--json").data["symbols"])
    stopped_s = time.monotonic() - since_s
    daemon.stop()
    assert elsewhere.servers() == []
    tell(f"{SYMBOLS} symbols: started in {started_s:.1f} s, stopped in {stopped_s:.1f} s")


def listed(symbol: str) -> dict[str, object]:
    """Give a symbol as Binance lists it."""
    return {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": symbol.removesuffix("USDT"),
        "quoteAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.000001", "maxQty": "9000", "stepSize": "0.000001"},
            {"filterType": "NOTIONAL", "minNotional": "5", "maxNotional": "9000000"},
        ],
    }
