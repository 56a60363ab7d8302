"""The daemon from start to off: cycles, rebuys, switches by command and by SQL, from a second process."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.books import Books, await_rows, await_state, read, write
from tests.e2e.conftest import MakePlace
from tests.e2e.daemon import Daemon
from tests.e2e.place import Place

FAST = {"NAIVE_MARKET__SPEED": "20", "NAIVE_EXCHANGE__MAKER_FEE": "0.0001"}
STATUS_KEYS = [
    "account", "symbol", "desired", "actual", "traders", "open_orders", "cycles", "realised_pnl", "restarts",
    "held", "last_error",
]  # fmt: skip
COMPLETED = "SELECT count(*) FROM cycles WHERE symbol = '{}' AND outcome = 'completed'"


def set_status(symbol: str, status: str) -> str:
    return f"UPDATE settings SET status = '{status}' WHERE symbol = '{symbol}'"


@pytest.fixture(scope="module")
def place(make_place: MakePlace) -> Place:
    return make_place(**FAST)


@pytest.fixture(scope="module")
def daemon(place: Place) -> Daemon:
    """Give a running daemon that trades ETHUSDT; each test has symbols of its own."""
    return place.trade("--start", "ETHUSDT")


def row_of(place: Place, symbol: str) -> Any:
    return next(row for row in place("status", "--all", "--json").data["symbols"] if row["symbol"] == symbol)


def switch(place: Place, *words: str) -> tuple[str, bool]:
    """Run a switch; gives what it said of the symbol, and whether the daemon confirmed."""
    (row,) = place(*words, "--json").data["symbols"]
    return row["message"], row["confirmed"]


def test_from_start_through_cycles_and_a_drain_to_off(place: Place, daemon: Daemon) -> None:
    assert place("settings", "set", "BTCUSDT", "profit_interval=0.0001", "chunks=3").code == 0
    assert switch(place, "start", "btcusdt") == ("started", True)
    daemon.log.await_event("rebuy", symbol="BTCUSDT")
    daemon.log.await_event("cycle finished", symbol="BTCUSDT", count=3)
    data = place("status", "--json").data
    assert list(data) == ["daemon", "kill_switch", "accounts", "symbols"]
    assert data["daemon"]["running"] is True
    assert data["daemon"]["pid"] == daemon.pid
    assert isinstance(data["daemon"]["silent_s"], float)
    assert all(list(row) == STATUS_KEYS for row in data["symbols"])
    row = row_of(place, "BTCUSDT")
    assert (row["desired"], row["actual"], row["last_error"]) == ("on", "on", None)
    assert 1 <= row["traders"] <= 3
    assert row["cycles"] >= 3

    # Down by SQL, taken back by the command line, down again by the command line.
    write(place.url, set_status("BTCUSDT", "shutdown"))
    daemon.log.await_event("drained", symbol="BTCUSDT")
    await_rows(place.url, "SELECT status FROM settings WHERE symbol = 'BTCUSDT'", [("off",)].__eq__)
    await_state(place.url, "BTCUSDT", "off")
    assert row_of(place, "BTCUSDT")["traders"] == 0
    assert row_of(place, "BTCUSDT")["open_orders"] == 0

    write(place.url, set_status("BTCUSDT", "on"))
    done = read(place.url, COMPLETED.format("BTCUSDT"))[0][0]
    await_rows(place.url, COMPLETED.format("BTCUSDT"), lambda rows: rows[0][0] > done)
    assert switch(place, "shutdown", "BTCUSDT", "--entries", "cancel")[1] is True
    await_rows(place.url, "SELECT status FROM settings WHERE symbol = 'BTCUSDT'", [("off",)].__eq__)
    await_state(place.url, "BTCUSDT", "off")
    Books(place.url).check()


def test_the_words_of_the_switches_while_the_daemon_confirms(place: Place, daemon: Daemon) -> None:
    assert daemon.is_running()
    # Far exits and far entries: a drain of it does not end by itself.
    assert place("settings", "set", "BNBUSDT", "profit_interval=0.9", "buy_down_interval=0.5").code == 0
    for command, message, actual in (
        ("shutdown", "already stopped", []),
        ("start", "started", [("on",)]),
        ("start", "already started", [("on",)]),
        ("shutdown", "shutting down, it finishes what is open", [("shutdown",)]),
        ("start", "started again, its shutdown is taken back", [("on",)]),
        ("stop", "stopped", [("off",)]),
    ):
        assert switch(place, command, "BNBUSDT") == (message, True)
        assert read(place.url, "SELECT state FROM actual_states WHERE symbol = 'BNBUSDT'") == actual
    assert place("start", "BTCUSD").code == 2


def test_stop_keeps_or_cancels_what_rests(place: Place, daemon: Daemon) -> None:
    assert daemon.is_running()
    live = "SELECT client_order_id FROM orders WHERE symbol = 'LTCUSDT' AND status = 'open'"
    assert place("settings", "set", "LTCUSDT", "buy_down_interval=0.5").code == 0
    switch(place, "start", "LTCUSDT")
    resting = await_rows(place.url, live, lambda rows: len(rows) == 1)
    switch(place, "stop", "LTCUSDT")
    assert read(place.url, live) == resting
    switch(place, "start", "LTCUSDT")
    daemon.log.await_event("traders taken over from the journal", symbol="LTCUSDT")
    assert read(place.url, live) == resting
    switch(place, "stop", "LTCUSDT", "--orders", "cancel")
    await_rows(place.url, live, [].__eq__)


def test_what_operators_write_is_followed_though_the_listener_was_deaf(
    place: Place, daemon: Daemon, tell: Callable[[str], None]
) -> None:
    def followed(symbol: str, status: str) -> float:
        """Switch by SQL; gives the milliseconds until the daemon's word, by the database's clock."""
        write(place.url, set_status(symbol, status))
        await_state(place.url, symbol, status)
        times = "SELECT extract(epoch FROM a.updated_at - s.updated_at) * 1000 FROM actual_states a"
        ((passed_ms,),) = read(place.url, f"{times} JOIN settings s USING (symbol) WHERE symbol = '{symbol}'")
        return float(passed_ms)

    place("seed")
    figures = [followed("SOLUSDT", status) for status in ("on", "off") * 3]
    start = len(daemon.log)
    listeners = "query LIKE 'LISTEN%' OR query = 'SELECT 1'"
    end = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {listeners}"
    assert read(place.url, end)[0][0] >= 1
    write(place.url, set_status("SOLUSDT", "on"))
    await_state(place.url, "SOLUSDT", "on")
    daemon.log.await_event("settings are not heard", start)
    after = followed("SOLUSDT", "off")
    shown = ", ".join(f"{figure:.0f}" for figure in figures)
    tell(f"followed after {shown} ms; heard again, after {after:.0f} ms")


def test_every_connection_may_be_lost(place: Place, daemon: Daemon) -> None:
    others = "pid <> pg_backend_pid() AND datname = current_database()"
    write(place.url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
    write(place.url, set_status("XRPUSDT", "on"))
    await_rows(place.url, "SELECT symbol FROM orders WHERE symbol = 'XRPUSDT'", bool)
    Books(place.url).check()
    assert daemon.is_running()


def test_the_account_is_held_again_though_nothing_is_written(place: Place, daemon: Daemon) -> None:
    write(place.url, "UPDATE settings SET status = 'off'")
    await_rows(place.url, "SELECT DISTINCT state FROM actual_states", [("off",)].__eq__)
    locked = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
    ((former,),) = await_rows(place.url, locked, lambda rows: len(rows) == 1)
    write(place.url, f"SELECT pg_terminate_backend({former})")
    await_rows(place.url, locked, lambda rows: len(rows) == 1 and rows != [(former,)])
    data = place("status", "--json").data["daemon"]
    assert (data["running"], data["pid"]) == (True, daemon.pid)


def test_an_orderly_end_leaves_nothing(place: Place, daemon: Daemon) -> None:
    Books(place.url).check()
    daemon.stop()
    assert place.servers() == []
    assert place("status", "--json").data["daemon"]["running"] is False


def test_run_starts_what_was_only_seeded_and_leaves_off_what_was_stopped(elsewhere: Place) -> None:
    assert elsewhere("settings", "set", "BTCUSDT", "chunks=2").code == 0
    daemon = elsewhere.trade("--start", "BTCUSDT", **FAST)
    daemon.log.await_event("buy placed", symbol="BTCUSDT")
    assert elsewhere("stop", "BTCUSDT").code == 0
    daemon.stop()
    daemon = elsewhere.trade("--start", "BTCUSDT", **FAST)
    told = daemon.log.await_event("off, as it was left", symbol="BTCUSDT")
    assert told["hint"] == "start it with naive-daemon start BTCUSDT"
    assert row_of(elsewhere, "BTCUSDT")["desired"] == "off"
    daemon.stop()
