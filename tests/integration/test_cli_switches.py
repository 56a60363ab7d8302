"""start, stop, shutdown: against a real database, with and without a daemon that obeys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from naive_daemon.cli import switching
from naive_daemon.domain.settings import RestingOrders
from naive_daemon.trading.desired_state import ActualState
from tests.integration.standing_daemon import StandingDaemon, live_without_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from naive_daemon.domain.settings import SymbolSettings
    from naive_daemon.storage.postgres.desired_state import PostgresDesiredState


class Obedience(StandingDaemon):
    """Says of each symbol what `answer` makes of its settings."""

    def __init__(self, url: str, answer: Callable[[SymbolSettings], str | None] = lambda row: row.status.value) -> None:
        def record(store: PostgresDesiredState) -> None:
            answers = [(row, answer(row)) for row in store.load_settings()]
            store.record_actual(
                [
                    ActualState(
                        account=row.account,
                        symbol=row.symbol,
                        state=state,
                        last_error="it crashed",
                        revision=row.revision,
                    )
                    for row, state in answers
                    if state is not None
                ]
            )

        super().__init__(url, "naive_settings", record)


@pytest.fixture
def unreachable_binance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the market be Binance's, at an address where nobody answers."""
    monkeypatch.setenv("NAIVE_MARKET__FEED", "binance")
    monkeypatch.setenv("NAIVE_EXCHANGE__BINANCE__REST_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("NAIVE_EXCHANGE__BINANCE__STREAM_URL", "ws://127.0.0.1:9")


def statuses(url: str) -> dict[str, str]:
    with psycopg.connect(url) as connection:
        return dict(connection.execute("SELECT symbol, status::text FROM settings ORDER BY symbol").fetchall())


@pytest.mark.parametrize(
    ("before", "command", "message", "after"),
    [
        (None, "start", "started", "on"),
        ("off", "start", "started", "on"),
        ("on", "start", "already started", "on"),
        ("shutdown", "start", "started again, its shutdown is taken back", "on"),
        (None, "stop", "already stopped", None),
        ("off", "stop", "already stopped", "off"),
        ("on", "stop", "stopped", "off"),
        ("shutdown", "stop", "stopped", "off"),
        (None, "shutdown", "already stopped", None),
        ("off", "shutdown", "already stopped", "off"),
        ("on", "shutdown", "shutting down, it finishes what is open", "shutdown"),
        ("shutdown", "shutdown", "already shutting down", "shutdown"),
    ],
)
def test_each_switch_says_what_its_table_says(
    console: Any, schema_url: str, *, before: str | None, command: str, message: str, after: str | None
) -> None:
    if before is not None:
        with psycopg.connect(schema_url) as connection:
            connection.execute("INSERT INTO settings (symbol, status) VALUES ('BTCUSDT', %s)", (before,))
    answer = console(command, "btcusdt")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines() == [
        f"BTCUSDT  {message}",
        "the daemon is not running; it will do so when it starts",
    ]
    assert statuses(schema_url) == ({} if after is None else {"BTCUSDT": after})


def test_json_is_one_object(console: Any, schema_url: str) -> None:
    data = console("start", "BTCUSDT", "btcusdt", "--json").data
    assert data == {
        "daemon_running": False,
        "symbols": [
            {
                "account": "main",
                "symbol": "BTCUSDT",
                "before": "off",
                "desired": "on",
                "message": "started",
                "confirmed": None,
                "actual": None,
                "last_error": None,
            }
        ],
    }
    assert statuses(schema_url) == {"BTCUSDT": "on"}


def test_the_daemon_confirms(console: Any, schema_url: str) -> None:
    with Obedience(schema_url):
        for command in ("start", "shutdown", "start", "stop"):
            (row,) = console(command, "BTCUSDT", "--json").data["symbols"]
            assert row["confirmed"] is True
        assert console("stop", "BTCUSDT").out == "BTCUSDT  already stopped\n"


@pytest.mark.parametrize(
    ("former", "meanwhile", "command"),
    [("stop", "start", "stop"), ("start", "stop", "start"), ("stop", "start", "shutdown")],
)
def test_what_the_daemon_said_of_a_former_wish_is_no_answer(
    console: Any, schema_url: str, former: str, meanwhile: str, command: str
) -> None:
    console("start", "BTCUSDT", "--no-wait")
    with Obedience(schema_url):
        assert console(former, "BTCUSDT").code == 0
    with Obedience(schema_url, lambda _: None):
        assert console(meanwhile, "BTCUSDT", "--no-wait").code == 0
        answer = console(command, "BTCUSDT", "--timeout", "0.3")
    assert answer.code == 1
    assert "error: the daemon has not confirmed within 0.3 s: BTCUSDT\n" in answer.err


def test_a_first_start_that_the_daemon_has_not_spoken_of_is_not_stopped_yet(console: Any, schema_url: str) -> None:
    with Obedience(schema_url, lambda _: None):
        console("start", "BTCUSDT", "--no-wait")
        assert console("stop", "BTCUSDT", "--timeout", "0.3").code == 1


def test_a_daemon_that_does_not_answer_in_time(console: Any, schema_url: str) -> None:
    with Obedience(schema_url, lambda row: "on" if row.symbol == "BTCUSDT" else None):
        answer = console("start", "BTCUSDT", "ETHUSDT", "XRPUSDT", "--timeout", "0.3")
    assert answer.code == 1
    assert "error: the daemon has not confirmed within 0.3 s: ETHUSDT, XRPUSDT\n" in answer.err
    assert answer.out.splitlines()[:2] == ["BTCUSDT  started", "ETHUSDT  started (not confirmed: it is off)"]
    assert set(statuses(schema_url).values()) == {"on"}


def test_a_daemon_that_has_no_lock_for_a_moment_is_waited_for(console: Any, schema_url: str) -> None:
    live_without_lock(schema_url)
    answer = console("start", "BTCUSDT", "--timeout", "0.1", "--json")
    assert answer.code == 1
    assert json.loads(answer.out)["daemon_running"] is True


def test_a_symbol_that_is_quarantined_instead(console: Any, schema_url: str) -> None:
    with Obedience(schema_url, lambda _: "quarantined"):
        answer = console("start", "BTCUSDT", "--json")
    assert answer.code == 1
    assert json.loads(answer.err)["error"]["message"] == "BTCUSDT is quarantined: it crashed"
    assert json.loads(answer.out)["symbols"][0]["last_error"] == "it crashed"


def test_a_quarantine_from_before_a_start_is_no_answer(console: Any, schema_url: str) -> None:
    """It crashed right before the daemon read that it shall start, which has it tried again at once."""

    def crash(row: SymbolSettings) -> None:
        with psycopg.connect(schema_url) as connection:
            connection.execute(
                "INSERT INTO actual_states (account, symbol, state, revision) "
                "VALUES (%s, %s, 'quarantined', %s) ON CONFLICT DO NOTHING",
                (row.account, row.symbol, row.revision - 1),
            )

    with Obedience(schema_url, crash):
        answer = console("start", "BTCUSDT", "--timeout", "0.5")
    assert "error: the daemon has not confirmed within 0.5 s: BTCUSDT\n" in answer.err


@pytest.mark.parametrize(("command", "by_another"), [("start", "off"), ("start", "shutdown"), ("stop", "on")])
def test_a_wish_that_another_command_overtakes_is_given_up_at_once(
    console: Any, schema_url: str, command: str, by_another: str
) -> None:
    if command == "stop":
        assert console("start", "BTCUSDT").code == 0
        with psycopg.connect(schema_url) as connection:
            connection.execute("INSERT INTO actual_states (account, symbol, state) VALUES ('main', 'BTCUSDT', 'on')")

    def overtake(_: SymbolSettings) -> None:
        with psycopg.connect(schema_url) as connection:
            connection.execute("UPDATE settings SET status = %s WHERE status <> %s", (by_another, by_another))

    with Obedience(schema_url, overtake):
        answer = console(command, "BTCUSDT", "--timeout", "100")
    assert answer.code == 1
    assert f"error: BTCUSDT was set to {by_another} by another command meanwhile\n" in answer.err


@pytest.mark.parametrize(
    ("words", "column", "said"),
    [
        (("stop", "--orders"), "stop_orders", "set to off, --orders keep,"),
        (("shutdown", "--entries"), "shutdown_entries", "set to shutdown, --entries keep,"),
    ],
)
def test_another_command_that_wants_other_of_the_orders_is_told(
    console: Any, schema_url: str, words: tuple[str, ...], column: str, said: str
) -> None:
    assert console("start", "BTCUSDT").code == 0

    def overtake(row: SymbolSettings) -> str | None:
        if getattr(row, column) is RestingOrders.CANCEL:
            with psycopg.connect(schema_url) as connection:
                connection.execute(f"UPDATE settings SET status = status, {column} = 'keep'")
            return None
        return row.status.value

    with Obedience(schema_url, overtake):
        answer = console(*words, "cancel", "BTCUSDT")
    assert answer.code == 1
    assert f"error: BTCUSDT was {said} by another command meanwhile\n" in answer.err


def test_a_shutdown_does_not_overtake_a_stop_of_another_operator(
    console: Any, schema_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert console("start", "BTCUSDT").code == 0

    def stop_meanwhile(symbols: Sequence[str], *_: object) -> list[str]:
        with psycopg.connect(schema_url) as connection:
            connection.execute("UPDATE settings SET status = 'off'")
        return list(symbols)

    monkeypatch.setattr(switching, "check_settled_or_listed", stop_meanwhile)
    answer = console("shutdown", "BTCUSDT", "--entries", "cancel")
    assert (answer.code, answer.out.splitlines()[0]) == (0, "BTCUSDT  already stopped")
    assert statuses(schema_url) == {"BTCUSDT": "off"}


@pytest.mark.parametrize("option", [("--no-wait",), ("--timeout", "0")])
def test_nobody_waits_who_does_not_want_to(console: Any, schema_url: str, option: tuple[str, ...]) -> None:
    with Obedience(schema_url, lambda _: None):
        (row,) = console("start", "BTCUSDT", "--json", *option).data["symbols"]
    assert row["confirmed"] is None


@pytest.mark.parametrize(
    ("command", "column", "value"),
    [
        (("stop", "--orders", "cancel"), "stop_orders", "cancel"),
        (("stop",), "stop_orders", "keep"),
        (("shutdown", "--entries", "cancel"), "shutdown_entries", "cancel"),
        (("shutdown",), "shutdown_entries", "keep"),
    ],
)
def test_what_becomes_of_resting_orders_is_written_down(
    console: Any, schema_url: str, command: tuple[str, ...], column: str, value: str
) -> None:
    assert console("start", "BTCUSDT").code == 0
    assert console(*command, "BTCUSDT").code == 0
    with psycopg.connect(schema_url) as connection:
        assert connection.execute(f"SELECT {column} FROM settings").fetchall() == [(value,)]


@pytest.mark.parametrize("command", ["start", "stop", "shutdown"])
def test_unknown_symbols_change_nothing(console: Any, schema_url: str, command: str) -> None:
    answer = console(command, "BTCUSDT", "BTCUSD", "NOSUCH")
    assert answer.code == 2
    assert answer.err.startswith("error: 2 unknown symbols: BTCUSD, NOSUCH\nhint: did you mean BTCUSDT")
    assert statuses(schema_url) == {}


@pytest.mark.parametrize("command", ["start", "stop", "shutdown", "status", "settings list", "orders"])
@pytest.mark.usefixtures("unreachable_binance")
def test_symbols_with_settings_are_known_without_the_exchange(console: Any, schema_url: str, command: str) -> None:
    with psycopg.connect(schema_url) as connection:
        connection.execute("INSERT INTO settings (symbol, status) VALUES ('BTCUSDT', 'on')")
    assert console(*command.split(), "BTCUSDT").code == 0


@pytest.mark.usefixtures("unreachable_binance")
def test_settings_are_set_without_the_exchange(console: Any, schema_url: str) -> None:
    with psycopg.connect(schema_url) as connection:
        connection.execute("INSERT INTO settings (symbol, status) VALUES ('BTCUSDT', 'on')")
    assert console("settings", "set", "BTCUSDT", "budget=500").code == 0


@pytest.mark.usefixtures("unreachable_binance")
@pytest.mark.parametrize(("command", "code"), [("start", 69), ("stop", 2), ("shutdown", 2)])
def test_what_has_no_settings_is_ended_by_nobody_and_started_as_the_exchange_lists_it(
    console: Any, schema_url: str, command: str, code: int
) -> None:
    with psycopg.connect(schema_url) as connection:
        connection.execute("INSERT INTO settings (symbol, status) VALUES ('BTCUSDT', 'on')")
    answer = console(command, "BTCUSDT", "ETHUSDT")
    assert answer.code == code
    assert answer.err.startswith("error: unknown symbol ETHUSDT\n") == (command != "start")
    assert statuses(schema_url) == {"BTCUSDT": "on"}


@pytest.mark.parametrize("symbol", ["", " ", "BTC USDT", "'; DROP TABLE settings; --", "BTC\x00"])
def test_what_is_no_symbol_is_refused(console: Any, schema_url: str, symbol: str) -> None:
    assert console("start", symbol).code == 2
    assert statuses(schema_url) == {}


def test_a_thousand_symbols_at_once(console: Any, schema_url: str) -> None:
    names = [f"S{number:04}USDT" for number in range(1_000)]
    with psycopg.connect(schema_url) as connection:
        connection.cursor().executemany("INSERT INTO settings (symbol) VALUES (%s)", [(name,) for name in names])
    with Obedience(schema_url):
        data = console("start", *names, "--json").data
    assert [row["symbol"] for row in data["symbols"]] == names
    assert all(row["confirmed"] for row in data["symbols"])
    assert set(statuses(schema_url).values()) == {"on"}


def test_another_account(console: Any, schema_url: str) -> None:
    assert console("start", "BTCUSDT", "--account", "second").err.splitlines()[0] == "error: unknown account second"
    console("account", "add", "second")
    assert console("start", "BTCUSDT", "--account", "second").code == 0
    assert console("stop", "BTCUSDT").out.startswith("BTCUSDT  already stopped")
    with psycopg.connect(schema_url) as connection:
        assert connection.execute("SELECT account, status FROM settings").fetchall() == [("second", "on")]
    assert console("start", "BTCUSDT", "--account", "a/b").code == 2
