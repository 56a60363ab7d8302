"""status, settings, seed, orders, db: what they print and change, on a real database."""

import json
import os
import re
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import Cycle, CycleOutcome, CycleRecorded, CycleResult, OrderRecorded
from naive_daemon.storage.postgres import locks, migrate
from naive_daemon.storage.postgres.desired_state import PostgresDesiredState
from naive_daemon.storage.postgres.journal import PostgresJournal
from naive_daemon.storage.postgres.locks import AccountClaim
from naive_daemon.trading.desired_state import ActualState

START_NS = 1_700_000_000_123_456_789


def order(number: int, symbol: str = "BTCUSDT", created_ns: int = START_NS) -> Order:
    return Order(
        client_order_id=f"id-{number}",
        key=CycleKey("main", symbol, number, 1),
        leg=Leg(Side.BUY),
        price=Decimal("0.00000001"),
        quantity=Decimal("1E+3"),
        created_ns=created_ns,
    )


def cycle(number: int, pnl: str | None) -> Cycle:
    result = None
    if pnl is not None:
        result = CycleResult(
            outcome=CycleOutcome.COMPLETED,
            finished_ns=START_NS,
            bought=Decimal(1),
            sold=Decimal(1),
            buy_price=Decimal(1),
            sell_price=Decimal(1),
            fees={"USDT": Decimal("0.1")},
            realised_pnl=Decimal(pnl),
            dust_base=Decimal(0),
        )
    return Cycle(
        key=CycleKey("main", "BTCUSDT", number, 1),
        budget=Decimal(200),
        fee=Decimal("0.001"),
        settings=TradeSettings(),
        started_ns=START_NS,
        result=result,
    )


@pytest.fixture
def journal(schema_url: str) -> str:
    store = PostgresJournal(schema_url)
    store.write([CycleRecorded(cycle(1, "0.10")), CycleRecorded(cycle(2, "-0.03")), CycleRecorded(cycle(3, None))])
    store.write([OrderRecorded(order(3)), OrderRecorded(order(4, "ETHUSDT", START_NS + 1_000))])
    store.close()
    return schema_url


def test_status_json_is_exactly_what_programs_are_promised(console: Any, journal: str) -> None:
    assert console("start", "BTCUSDT").code == 0
    states = PostgresDesiredState(journal)
    states.record_actual(
        [
            ActualState(
                account="main",
                symbol="BTCUSDT",
                state="on",
                traders=3,
                restarts=2,
                last_error="oops",
                held="max_open_orders is 1",
            )
        ]
    )
    states.close()
    data = console("status", "--json").data
    assert list(data) == ["daemon", "kill_switch", "accounts", "symbols"]
    assert data["daemon"]["running"] is False
    assert data["kill_switch"] == {"is_on": False, "cancel": "nothing", "reason": "", "revision": 0}
    assert data["accounts"] == [
        {
            "account": "main",
            "is_configured": True,
            "is_enabled": True,
            "credentials": None,
            "state": None,
            "reason": None,
            "retry_at": None,
            "symbols_on": 1,
        }
    ]
    assert data["symbols"] == [
        {
            "account": "main",
            "symbol": "BTCUSDT",
            "desired": "on",
            "actual": "on",
            "traders": 3,
            "open_orders": 1,
            "cycles": 2,
            "realised_pnl": "0.07",
            "restarts": 2,
            "held": "max_open_orders is 1",
            "last_error": "oops",
        }
    ]


def test_status_for_people(console: Any, schema_url: str) -> None:
    assert console("status").out.splitlines()[1].startswith("no symbol is on; naive-daemon start SYMBOL")
    console("start", "BTCUSDT")
    out = console("status").out
    assert "the daemon is not running" in out.splitlines()[0]
    assert re.search(r"BTCUSDT +on +- +0 +0 +0 +0 +0 +-", out)
    console("seed")
    assert len(console("status", "--all", "--json").data["symbols"]) == 10
    assert console("status", "BTCUSD").code == 2
    assert console("status", "--watch", "--json").code == 2
    with psycopg.connect(schema_url) as connection:
        connection.execute("DELETE FROM settings")


def test_watching_goes_on_until_it_is_interrupted(schema_url: str) -> None:
    environment = {**os.environ, "NAIVE_DATABASE_URL": schema_url}
    with subprocess.Popen(
        [Path(sys.executable).with_name("naive-daemon"), "status", "--watch"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for _ in range(2):
            assert "the daemon is not running" in process.stdout.readline()
            assert "no symbol is on" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert told.strip() == "error: interrupted"


def test_settings_are_changed_and_listed(console: Any, schema_url: str) -> None:
    data = console("settings", "set", "btcusdt", "ETHUSDT", "budget=1e2", "chunks=3", "--json").data
    assert [(row["symbol"], row["budget"], row["chunks"], row["status"]) for row in data] == [
        ("BTCUSDT", "100", 3, "off"),
        ("ETHUSDT", "100", 3, "off"),
    ]
    console("start", "BTCUSDT")
    answer = console("settings", "set", "BTCUSDT", "rebuy_interval=0.5")
    assert answer.out.endswith("at their next cycle; orders that rest stay as they are\n")
    assert console("settings", "list", "BTCUSDT", "--json").data == [
        {
            "account": "main",
            "symbol": "BTCUSDT",
            "status": "on",
            "chunks": 3,
            "budget": "100",
            "buy_down_interval": "0.0001",
            "profit_interval": "0.001",
            "rebuy_interval": "0.5",
            "strategy": "naive",
            "dust": "sweep",
            "parameters": {},
            "stop_orders": "keep",
            "shutdown_entries": "keep",
        }
    ]
    head, _, *rows = console("settings", "list").out.splitlines()
    assert head.split()[-2:] == ["dust", "parameters"]
    assert [row.split()[0] for row in rows] == ["BTCUSDT", "ETHUSDT"]
    with psycopg.connect(schema_url) as connection:
        assert connection.execute("SELECT count(*) FROM settings").fetchone() == (2,)


@pytest.mark.parametrize("command", [("settings", "list"), ("status",), ("orders",)])
def test_parameters_nested_beyond_any_decoder_are_shown_as_text(
    console: Any, schema_url: str, command: tuple[str, ...]
) -> None:
    deep = "[" * 2_000 + "]" * 2_000
    with psycopg.connect(schema_url, autocommit=True) as connection:
        connection.execute("INSERT INTO settings (symbol, parameters) VALUES ('DEEP', %s)", (f'{{"fast": {deep}}}',))
    answer = console(*command)
    assert (answer.code, answer.err) == (0, "")


def test_all_bad_settings_are_told_at_once_and_nothing_changes(console: Any, schema_url: str) -> None:
    words = [
        "budget=-1",
        "chunks=0",
        "profit_interval=NaN",
        "rebuy_interval=1",
        "strategy=none",
        "color=red",
        "chunks=1",
    ]
    answer = console("settings", "set", "BTCUSDT", *words)
    assert answer.code == 2
    assert answer.err.startswith("error: 7 settings are wrong, nothing was changed:\n")
    for key in ("budget=-1", "chunks=0", "profit_interval=NaN", "rebuy_interval=1", "strategy=none", "color=red"):
        assert f"\n  {key} is refused: " in answer.err
    assert "chunks is given twice" in answer.err
    assert console("settings", "list", "--json").data == []
    with psycopg.connect(schema_url) as connection:
        assert connection.execute("SELECT count(*) FROM settings").fetchone() == (0,)


def test_a_strategys_own_settings_are_set_and_shown_with_the_others(console: Any, schema_url: str) -> None:
    words = ("strategy=ema_cross", "interval=5m", "fast=5", "stop_loss=0.030", "chunks=1")
    (row,) = console("settings", "set", "BTCUSDT", *words, "--json").data
    assert row["parameters"] == {"fast": "5", "interval": "5m", "stop_loss": "0.03"}
    assert "fast=5 interval=5m stop_loss=0.03" in console("settings", "list", "BTCUSDT").out
    answer = console("settings", "set", "BTCUSDT", "ETHUSDT", "fast=many", "slow=1", "colour=red")
    assert answer.code == 2
    for line in (
        "fast=many is refused: fast is a whole number from 1 to 200",
        "slow=1 is refused: slow is a whole number from 2 to 200",
        "ema_cross has fast, interval, order_size, slow, stop_loss",
        "naive has no parameters",  # of ETHUSDT, which has no row yet
    ):
        assert line in answer.err
    with psycopg.connect(schema_url) as connection:
        assert connection.execute("SELECT count(*) FROM settings").fetchone() == (1,)
    answer = console("settings", "set", "BTCUSDT", "fast=30")
    assert (
        answer.err == "error: 1 setting is wrong, nothing was changed:\n  fast=30 is refused: fast is less than "
        "slow, which is 21\n"
    )
    assert console("settings", "set", "BTCUSDT", "strategy=naive", "--json").data[0]["parameters"] == {}


@pytest.mark.parametrize("words", [("BTCUSDT",), ("budget=1",), ("BTCUSD", "budget=1"), ("", "budget=1")])
def test_settings_need_known_symbols_and_values(console: Any, schema_url: str, words: tuple[str, ...]) -> None:
    assert console("settings", "set", *words).code == 2
    with psycopg.connect(schema_url) as connection:
        assert connection.execute("SELECT count(*) FROM settings").fetchone() == (0,)


def test_seed_leaves_rows_alone(console: Any, schema_url: str) -> None:
    console("settings", "set", "BTCUSDT", "budget=7")
    console("start", "BTCUSDT")
    assert console("seed", "--symbols", "ethusdt,BTCUSDT", "--json").data == {
        "account": "main",
        "listed": 2,
        "added": 1,
        "untouched": 1,
    }
    assert console("seed").out == "8 symbols added, 2 had settings already\n"
    assert console("seed").out == "0 symbols added, 10 had settings already\n"
    with psycopg.connect(schema_url) as connection:
        assert connection.execute("SELECT status, budget FROM settings WHERE symbol = 'BTCUSDT'").fetchall() == [
            ("on", Decimal(7))
        ]
        assert connection.execute("SELECT count(*) FROM streaming_settings WHERE status = 'off'").fetchone() == (10,)
    assert console("seed", "--symbols", "NOSUCH").code == 2


def test_the_exchanges_own_list(console: Any, schema_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "9", "tickSize": "0.1"},
        {"filterType": "LOT_SIZE", "minQty": "1", "maxQty": "9", "stepSize": "1"},
    ]
    symbol = {"symbol": "AAABBB", "status": "TRADING", "baseAsset": "AAA", "quoteAsset": "BBB", "filters": filters}
    path = tmp_path / "exchange_info.json"
    path.write_text(json.dumps({"symbols": [symbol]}), encoding="utf-8")
    monkeypatch.setenv("NAIVE_EXCHANGE__EXCHANGE_INFO", str(path))
    assert console("start", "AAABBB").code == 0
    assert console("start", "BTCUSDT").code == 2
    path.write_text("{", encoding="utf-8")
    assert console("seed").code == 78
    with psycopg.connect(schema_url) as connection:
        assert connection.execute("SELECT symbol FROM settings").fetchall() == [("AAABBB",)]


def test_orders(console: Any, journal: str) -> None:
    data = console("orders", "--json").data
    assert [row["client_order_id"] for row in data] == ["id-4", "id-3"]
    assert data[1]["price"] == "0.00000001"
    assert data[1]["quantity"] == "1000"
    assert data[1]["created_at"] == "2023-11-14T22:13:20.123456+00:00"
    assert data[1]["status"] == OrderStatus.IN_FLIGHT
    assert [row["client_order_id"] for row in console("orders", "BTCUSDT", "--open", "--json").data] == ["id-3"]
    assert len(console("orders", "--limit", "1", "--json").data) == 1
    assert console("orders", "--since", "24h", "--json").data == []
    assert len(console("orders", "--since", "2023-11-14T22:13:20Z", "--json").data) == 2
    assert console("orders", "--since", "24h").out == "no orders\n"
    assert "0.00000001" in console("orders").out
    with psycopg.connect(journal) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (2,)


def test_orphans(console: Any, journal: str) -> None:
    assert [row["client_order_id"] for row in console("orders", "--orphans", "--json").data] == ["id-4"]
    assert console("orders", "--orphans", "BTCUSDT").out == "no orphans\n"
    with psycopg.connect(journal) as connection:
        connection.execute("UPDATE cycles SET outcome = 'abandoned', finished_ns = 1 WHERE trader = 3")
    assert [row["client_order_id"] for row in console("orders", "--orphans", "--json").data] == ["id-4", "id-3"]
    assert re.search(r"ETHUSDT .* id-4 ", console("orders", "--orphans", "--limit", "1").out)


@pytest.mark.parametrize("option", [("--limit", "0"), ("--since", "yesterday"), ("--limit", "x")])
def test_bad_options_of_orders(console: Any, option: tuple[str, ...]) -> None:
    assert console("orders", *option).code == 2


def test_db_moves_the_schema(console: Any, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAIVE_DATABASE_URL", database_url)
    head = migrate.head()
    assert console("db", "current", "--json").data == {"current": None, "head": head, "up_to_date": False}
    answer = console("status")
    assert (answer.code, "hint: run naive-daemon db upgrade" in answer.err) == (78, True)
    assert console("db", "upgrade", "0001", "--json").data == {"before": None, "after": "0001"}
    assert console("db", "upgrade").out == f"was 0001, is {head}\n"
    assert console("db", "upgrade").out == f"nothing to do: {head}\n"
    assert console("db", "current").out == f"{head} (up to date)\n"
    assert console("db", "upgrade", "nonsense").code == 2
    assert console("db", "downgrade", "nonsense", "--yes").code == 2
    daemon = PostgresJournal(database_url, claim=AccountClaim(["main"]))
    daemon.open()
    for words in (("downgrade", "base", "--yes"), ("upgrade", "0001")):
        answer = console("db", *words)
        assert answer.code == 1
        assert answer.err.startswith(f"error: process {os.getpid()} on ")
        assert "trades with this database" in answer.err
    assert console("db", "upgrade").out == f"nothing to do: {head}\n"
    daemon.close()
    while locks.daemons(database_url):
        pass  # the server takes a moment to see that it has gone
    assert console("db", "downgrade", "base", "--yes").out == f"was {head}, is base\n"


def test_an_unreachable_database_is_told_without_its_password(console: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAIVE_DATABASE_URL", "postgresql://u:sesame@127.0.0.1:1/d")
    for arguments in (("status",), ("start", "BTCUSDT"), ("db", "current"), ("orders", "--json", "--debug")):
        answer = console(*arguments)
        assert answer.code == 69
        assert "127.0.0.1:1" in answer.err
        assert "sesame" not in answer.err
        assert answer.out == ""
