"""kill-switch, limits, reconcile, and what status says of them: against a real database, with and without a daemon."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from naive_daemon.cli.confirmation import Wakening
from naive_daemon.console.address import make_socket, socket_address
from naive_daemon.console.protocol import DifferenceShown, Reconciled, encode
from naive_daemon.domain.limits import KillCancel, KillSwitch, RiskLimits
from naive_daemon.storage.postgres.desired_state import PostgresDesiredState
from naive_daemon.storage.postgres.locks import AccountClaim
from naive_daemon.storage.postgres.notify import Listener
from naive_daemon.storage.postgres.session import Session
from naive_daemon.trading.desired_state import ActualState
from tests.integration.standing_daemon import live_without_lock

ON_LINE = "the kill switch is ON: no account places an entry, exits go on; orders that rest stay"
OFF_LINE = "the kill switch is off: entries are placed"
NOBODY = "no daemon is running; one that starts obeys it"

Confirm = Callable[[PostgresDesiredState, KillSwitch], None]


def obey(store: PostgresDesiredState, switch: KillSwitch) -> None:
    store.confirm_kill_switch("main", switch.revision)


@contextmanager
def daemon(url: str, confirm: Confirm = obey, account: str = "main") -> Iterator[None]:
    """Stand for a daemon: hold the account, and answer each change of the kill switch."""
    claim = AccountClaim([account])
    session = Session(url, application_name=claim.application_name, on_connect=claim.bearer().take)
    store = PostgresDesiredState(url)
    wakening, is_over = Wakening(), threading.Event()
    listener = Listener(url, ("naive_safeguards",), wakening)

    def follow() -> None:
        while wakening.wait(60) and not is_over.is_set():
            confirm(store, store.load_safeguards().kill_switch)

    thread = threading.Thread(target=follow)
    session.open()
    listener.start()
    thread.start()
    try:
        yield
    finally:
        listener.stop()
        is_over.set()
        wakening.notified("", "")
        thread.join()
        session.close()
        store.close()


def switch_of(url: str) -> KillSwitch:
    with closing(PostgresDesiredState(url)) as store:
        return store.load_safeguards().kill_switch


def test_the_switch_without_a_daemon(console: Any, schema_url: str) -> None:
    assert console("kill-switch").out.splitlines() == [OFF_LINE, NOBODY]
    assert console("kill-switch", "on").out.splitlines() == [ON_LINE, NOBODY]
    assert console("kill-switch", "on", "--cancel", "entries", "--reason", " it  is\nlate ").out.splitlines() == [
        "the kill switch was on before",
        ON_LINE.replace("ON", "ON (it is late)").replace(
            "orders that rest stay", "buys without any fill are cancelled"
        ),
        NOBODY,
    ]
    assert console("kill-switch", "show", "--json").data == {
        "is_on": True,
        "was_on": True,
        "cancel": "entries",
        "reason": "it is late",
        "accounts": {},
    }
    assert console("kill-switch", "--json").data == console("kill-switch", "show", "--json").data
    assert console("kill-switch", "off", "--json").data["was_on"] is True
    assert console("kill-switch", "off").out.splitlines() == ["the kill switch was off before", OFF_LINE, NOBODY]
    assert (switch_of(schema_url).is_on, switch_of(schema_url).revision) == (False, 4)


def test_a_daemon_confirms(console: Any, schema_url: str) -> None:
    with daemon(schema_url):
        for command in ("on", "off", "on"):
            assert console("kill-switch", command, "--json").data["accounts"] == {"main": True}
        assert console("kill-switch").out.splitlines() == [ON_LINE, "account main: the daemon obeys"]


def test_every_account_that_is_traded_has_to_obey(console: Any, schema_url: str) -> None:
    with psycopg.connect(schema_url) as connection:
        connection.execute("INSERT INTO settings (account, symbol) VALUES ('two', 'A'), ('idle', 'A')")
    with daemon(schema_url), daemon(schema_url, lambda *_: None, "two"):
        answer = console("kill-switch", "on", "--timeout", "0.3")
        assert answer.code == 1
        assert answer.out.splitlines() == [
            ON_LINE,
            "account main: the daemon obeys",
            "account two: the daemon has not confirmed that it obeys",
        ]
        assert answer.err.splitlines() == [
            "error: the daemon has not confirmed within 0.3 s: two",
            "hint: the switch is set, and the daemon will obey it; naive-daemon kill-switch shows whether it does",
        ]
    assert switch_of(schema_url).is_on


def test_what_a_former_switch_was_told_does_not_count(console: Any, schema_url: str) -> None:
    with closing(PostgresDesiredState(schema_url)) as store:
        store.confirm_kill_switch("main", 0)
    with daemon(schema_url, lambda *_: None):
        assert console("kill-switch", "--json").data["accounts"] == {"main": True}
        answer = console("kill-switch", "on", "--json", "--timeout", "0.1")
        assert (answer.code, json.loads(answer.out)["accounts"]) == (1, {"main": False})


def test_nobody_is_waited_for_with_a_timeout_of_0(console: Any, schema_url: str) -> None:
    with daemon(schema_url, lambda *_: None):
        assert console("kill-switch", "on", "--timeout", "0", "--json").data["accounts"] == {"main": False}


def test_a_daemon_that_has_no_lock_for_a_moment_is_waited_for_while_it_says_that_it_lives(
    console: Any, schema_url: str
) -> None:
    live_without_lock(schema_url)
    answer = console("kill-switch", "on", "--timeout", "0.1")
    assert answer.code == 1
    assert "error: the daemon has not confirmed within 0.1 s: main\n" in answer.err
    assert console("limits", "set", "max_open_orders=5").out.splitlines()[-1] == (
        "the running daemon takes this at once"
    )
    with psycopg.connect(schema_url) as connection:
        connection.execute("UPDATE daemons SET heartbeat_at = now() - interval '1 minute'")
    assert console("kill-switch", "on").out.splitlines()[-1] == NOBODY
    live_without_lock(schema_url)
    with psycopg.connect(schema_url) as connection:
        connection.execute("UPDATE daemons SET state = 'stopped'")
    assert console("kill-switch", "on").out.splitlines()[-1] == NOBODY


def test_another_command_that_overtakes_is_told(console: Any, schema_url: str) -> None:
    def overtake(store: PostgresDesiredState, switch: KillSwitch) -> None:
        if switch.is_on:
            with psycopg.connect(schema_url) as connection:
                connection.execute("UPDATE kill_switch SET is_on = false")
        else:
            obey(store, switch)

    with daemon(schema_url, overtake):
        answer = console("kill-switch", "on")
    assert answer.code == 1
    assert "error: the kill switch was set off by another command meanwhile\n" in answer.err


def test_another_command_that_asks_for_another_cancel_is_told(console: Any, schema_url: str) -> None:
    def overtake(store: PostgresDesiredState, switch: KillSwitch) -> None:
        if switch.cancel is KillCancel.ENTRIES:
            with psycopg.connect(schema_url) as connection:
                connection.execute("UPDATE kill_switch SET cancel = 'nothing'")
        else:
            obey(store, switch)

    with daemon(schema_url, overtake):
        answer = console("kill-switch", "on", "--cancel", "entries")
    assert answer.code == 1
    assert "error: the kill switch was set on, --cancel nothing, by another command meanwhile\n" in answer.err


@pytest.mark.usefixtures("schema_url")
def test_who_asks_for_no_cancel_leaves_that_of_another_operator(console: Any) -> None:
    console("kill-switch", "on", "--cancel", "entries")
    assert console("kill-switch", "on", "--json").data["cancel"] == "entries"
    assert console("kill-switch", "on", "--cancel", "nothing", "--json").data["cancel"] == "nothing"
    console("kill-switch", "on", "--cancel", "entries")
    assert console("kill-switch", "off", "--json").data["cancel"] == "nothing"
    assert console("kill-switch", "on", "--json").data["cancel"] == "nothing"


@pytest.mark.parametrize(
    "words",
    [("on", "--cancel", "some"), ("on", "--timeout", "nan"), ("on", "--reason", "x" * 201), ("up",), ("off", "now")],
)
def test_what_makes_no_sense_switches_nothing(console: Any, schema_url: str, words: tuple[str, ...]) -> None:
    assert console("kill-switch", *words).code == 2
    assert switch_of(schema_url) == KillSwitch()


def test_limits_are_set_listed_and_taken_away(console: Any, schema_url: str) -> None:
    assert console("limits", "list").out.startswith("no limits; naive-daemon limits set ")
    words = ("max_open_orders=0", "Max_Daily_Loss=5e1", "max_symbol_at_risk=100.50")
    data = console("limits", "set", *words, "--json").data
    everything = {
        "account": "main",
        "max_open_orders": 0,
        "max_symbol_at_risk": "100.5",
        "max_account_at_risk": None,
        "max_orders_per_min": None,
        "max_daily_loss": "50",
    }
    assert data == everything
    console("account", "add", "second")
    answer = console("limits", "set", "max_daily_loss=none", "max_orders_per_min=7", "--account", "second")
    assert answer.out.splitlines()[-1] == "the daemon is not running; it obeys when it starts"
    assert console("limits", "list", "--json").data == [
        everything,
        {**dict.fromkeys(everything), "account": "second", "max_orders_per_min": 7},
    ]
    assert console("limits", "list", "--account", "main", "--json").data == [everything]
    with daemon(schema_url):
        answer = console("limits", "set", "max_symbol_at_risk=none")
    assert answer.out.splitlines()[-1] == "the running daemon takes this at once"
    with closing(PostgresDesiredState(schema_url)) as store:
        limits = store.load_safeguards().limits
    assert limits["main"] == RiskLimits(max_open_orders=0, max_daily_loss=Decimal(50))
    assert limits["second"] == RiskLimits(max_orders_per_min=7)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("max_open_orders=-1",), "max_open_orders=-1 is refused: max_open_orders is a whole number from 0 to 1000000"),
        (("max_orders_per_min=0",), "max_orders_per_min is a whole number from 1 to 1000000, or none"),
        (
            ("max_daily_loss=NaN",),
            "max_daily_loss is an amount of quote asset, more than 0 and at most 1",
        ),
        (("max_leverage=3",), "max_leverage is not a limit; there are max_open_orders, max_symbol_at_risk"),
        (("max_open_orders",), "max_open_orders is refused: a limit is written as KEY=VALUE"),
        (("max_open_orders=1", "max_open_orders=2"), "max_open_orders is given twice"),
        (
            ("max_open_orders=1", "max_daily_loss=0", "x=1"),
            "2 limits are wrong, nothing was changed:\n  max_daily",
        ),
        ((), "Missing argument"),
    ],
)
def test_a_bad_limit_is_told_and_nothing_changes(
    console: Any, schema_url: str, words: tuple[str, ...], told: str
) -> None:
    answer = console("limits", "set", *words)
    assert answer.code == 2
    assert told in answer.err
    with closing(PostgresDesiredState(schema_url)) as store:
        assert store.load_safeguards().limits == {}


def test_another_name_of_an_account_is_refused(console: Any, schema_url: str) -> None:
    assert console("limits", "set", "max_open_orders=1", "--account", "a/b").code == 2
    assert console("limits", "list", "--account", "a/b").code == 2
    with closing(PostgresDesiredState(schema_url)) as store:
        assert store.load_safeguards().limits == {}


def test_status_says_why_entries_wait(console: Any, schema_url: str) -> None:
    many = [f"S{number:02}USDT" for number in range(12)]
    with closing(PostgresDesiredState(schema_url)) as store:
        store.record_actual(
            [ActualState(account="main", symbol=symbol, state="on", held="kill switch") for symbol in many]
        )
        store.record_actual(
            [
                ActualState(account="main", symbol="BTCUSDT", state="on", held="max_open_orders is 1 \x1b[2J"),
                ActualState(account="main", symbol="ETHUSDT", state="on"),
            ]
        )
    console("kill-switch", "on", "--reason", "late")
    lines = console("status").out.splitlines()
    assert lines[1] == ON_LINE.replace("ON:", "ON (late):")
    assert all(len(line) <= 100 for line in lines[2:])
    rows = {line.split()[0]: line for line in lines[2:] if "USDT " in line}
    assert " on, held " in rows["BTCUSDT"]
    assert " on " in rows["ETHUSDT"]
    assert lines[-2:] == [
        "held: max_open_orders is 1 \\x1b[2J (1 symbol: BTCUSDT)",
        f"held: kill switch (12 symbols: {', '.join(many[:6])} …)",
    ]
    data = console("status", "--json").data
    assert data["kill_switch"] == {"is_on": True, "cancel": "nothing", "reason": "late", "revision": 1}
    assert {row["symbol"]: row["held"] for row in data["symbols"]}["ETHUSDT"] is None


def test_reconcile_needs_a_daemon(console: Any) -> None:
    answer = console("reconcile")
    assert answer.code == 69
    assert answer.err.startswith("error: no daemon runs in ")
    assert console("reconcile", "--account", "a/b").code == 2


@contextmanager
def answering(home: Path, found: Reconciled) -> Iterator[list[Any]]:
    """Stand for a daemon's console that gives one answer; gives what it was asked."""
    asked: list[Any] = []

    def answer() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            asked.append(json.loads(lines.readline())["body"])
            connection.sendall(encode(found))

    with make_socket() as listener:
        with socket_address(home) as address:
            listener.bind(address)
        listener.listen()
        thread = threading.Thread(target=answer)
        thread.start()
        yield asked
        thread.join(60)
    (home / "console.sock").unlink()


def test_reconcile_shows_both_sides(console: Any) -> None:
    home = Path(os.environ["NAIVE_HOME"])
    differences = (
        DifferenceShown("filled", "BTCUSDT", "nd-1", "open, 0 of 2", "partly_filled, 1 of 2"),
        DifferenceShown("orphan", "ETHUSDT", "nd-2", "nothing", "open, 0 of 1"),
    )
    found = Reconciled("main", differences, live_here=7, live_there=9, foreign=1, orphans=1)
    with answering(home, found) as asked:
        out = console("reconcile").out
    assert asked == [{"kind": "reconcile", "account": "main"}]
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "what symbol order journal exchange"
    assert lines[2:] == [
        "filled BTCUSDT nd-1 open, 0 of 2 partly_filled, 1 of 2",
        "orphan ETHUSDT nd-2 nothing open, 0 of 1",
        "account main: 7 live orders in the journal, 9 there",
        "1 order adopted as orphans; naive-daemon orders --orphans shows them",
        "1 order of others there, left alone",
    ]
    with answering(home, found) as asked:
        data = console("reconcile", "--account", "main", "--json").data
    assert asked == [{"kind": "reconcile", "account": "main"}]
    assert data["differences"][0] == {
        "kind": "filled",
        "symbol": "BTCUSDT",
        "order": "nd-1",
        "journal": "open, 0 of 2",
        "exchange": "partly_filled, 1 of 2",
    }
    assert (data["live_here"], data["live_there"], data["foreign"], data["orphans"]) == (7, 9, 1, 1)


def test_reconcile_says_that_both_agree(console: Any) -> None:
    agreed = Reconciled("main", (), live_here=12, live_there=12, foreign=0, orphans=0)
    with answering(Path(os.environ["NAIVE_HOME"]), agreed):
        answer = console("reconcile")
    assert (answer.code, answer.out) == (0, "account main: journal and exchange agree: 12 orders\n")
