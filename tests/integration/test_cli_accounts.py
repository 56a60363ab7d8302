"""account add|list|disable|enable, and --account everywhere: against a real database, with and without a daemon."""

import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import psycopg
import pytest

from naive_daemon.domain.account import AccountCondition, AccountSettings
from naive_daemon.storage.postgres.accounts import AccountSaid, OperatorAccounts
from naive_daemon.storage.postgres.desired_state import PostgresDesiredState
from tests.claimed_venue import claim_venue
from tests.integration.standing_daemon import StandingDaemon

KEY, OTHER_KEY, SECRET = "k3y-vmPUZE6mv9SD5VNHk4HlWF", "k3y-of-another-account", "s3cr3t-NhqPtmdSJYdKjVHjA7"
PATIENCE_S = 10.0
BAD_NAMES = ("a b", "-", "a/b", "../a", "a';DROP TABLE accounts;--", "ä", "a\n", "", "a" * 33, ".a", "a%")

Answer = Callable[[AccountSettings], AccountCondition | None]


def obey(row: AccountSettings) -> AccountCondition:
    return AccountCondition(account=row.name, state="up" if row.is_enabled else "off", revision=row.revision)


def refuse(row: AccountSettings) -> AccountCondition:
    said = {"state": "down", "reason": "its key was revoked", "retry_at_ns": 10**18}
    return AccountCondition(account=row.name, revision=row.revision, **said)


class Keeper(StandingDaemon):
    """Says of each account but the configured one what `answer` makes of its row."""

    def __init__(self, url: str, answer: Answer = obey, account: str = "main") -> None:
        def record(store: PostgresDesiredState) -> None:
            said = [answer(row) for row in store.load_accounts()]
            store.record_account_conditions([one for one in said if one is not None])

        super().__init__(url, "naive_accounts", record, account)


def stored(url: str) -> dict[str, tuple[str | None, bool]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT account, credentials, is_enabled FROM accounts ORDER BY account").fetchall()
    return {account: (credentials, is_enabled) for account, credentials, is_enabled in rows}


@pytest.fixture
def keys(tmp_path: Path) -> Callable[[str, str], str]:
    """Write a file with a key, and give the reference to it."""

    def write(name: str, key: str) -> str:
        path = tmp_path / f"{name}.toml"
        path.write_text(f'api_key = "{key}"\napi_secret = "{SECRET}"\n')
        path.chmod(0o600)
        return f"file:{path}"

    return write


def test_accounts_without_a_daemon(console: Any, schema_url: str) -> None:
    answer = console("account", "add", "second", "third")
    assert answer.out.splitlines() == [
        "second  added", "third   added", "the daemon is not running; it will do so when it starts",
    ]  # fmt: skip
    assert console("account", "add", "second", "fourth").out.splitlines()[:2] == [
        "second  already there", "fourth  added",
    ]  # fmt: skip
    assert console("account", "disable", "third").out.splitlines()[0] == "third  disabled"
    assert console("account", "disable", "third").out.splitlines()[0] == "third  already disabled"
    assert stored(schema_url) == {"second": (None, True), "third": (None, False), "fourth": (None, True)}
    console("start", "BTCUSDT", "ETHUSDT", "--account", "second")
    listed = console("account", "list", "--json").data
    assert [(one["account"], one["is_configured"], one["is_enabled"], one["state"]) for one in listed] == [
        ("main", True, True, None), ("fourth", False, True, None), ("second", False, True, None),
        ("third", False, False, None),
    ]  # fmt: skip
    assert [one["symbols_on"] for one in listed] == [0, 0, 2, 0]
    assert "(configured)" in console("account", "list").out


def test_a_daemon_takes_accounts_up_and_lets_them_go(console: Any, schema_url: str) -> None:
    with Keeper(schema_url):
        assert console("account", "add", "second").out == "second  added\n"
        assert console("account", "disable", "second").out == "second  disabled\n"
        (listed,) = [one for one in console("account", "list", "--json").data if one["account"] == "second"]
        assert (listed["state"], listed["is_enabled"]) == ("off", False)
        data = console("account", "enable", "second", "--json").data
        assert data == {
            "daemon_running": True,
            "accounts": [{"account": "second", "message": "enabled", "confirmed": True, "state": None, "reason": None}],
        }
    console("account", "add", "third", "--credentials", "env:THIRD")
    listed = console("account", "list", "--json").data
    assert [one["credentials"] for one in listed] == [None, None, "env:THIRD"]
    assert {one["state"] for one in listed} == {None}  # what a daemon said that is gone counts no more


def test_an_account_that_does_not_come_up_is_an_error_that_says_why(console: Any, schema_url: str) -> None:
    with Keeper(schema_url, refuse):
        answer = console("account", "add", "second")
        assert (answer.code, answer.out) == (1, "second  added (not confirmed: it is down)\n")
        assert answer.err.splitlines() == [
            "error: account second is down: its key was revoked",
            "hint: it is tried again by itself, ever more seldom; naive-daemon account enable tries at once",
        ]
        assert "tried again" in console("account", "list").out
        assert console("account", "add", "third", "--no-wait").code == 0
    with Keeper(schema_url, lambda _: None):
        answer = console("account", "enable", "third", "--timeout", "0.05")
    assert answer.code == 1
    assert "has not confirmed within 0.05 s: third" in answer.err


def test_an_account_that_is_closed_for_its_new_key_has_not_failed(
    console: Any, schema_url: str, keys: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new, is_seen_down = keys("new", OTHER_KEY), threading.Event()
    said = OperatorAccounts.said

    def look(self: OperatorAccounts, daemon: str, names: Collection[str]) -> dict[str, AccountSaid]:
        found = said(self, daemon, names)
        if any(one.condition.state == "down" for one in found.values()):
            is_seen_down.set()
        return found

    def reopen(store: PostgresDesiredState) -> None:
        row = store.load_accounts()[0]
        for state in ("down", "opening", "up") if row.credentials == new else ():
            said = AccountCondition(account="second", state=state, revision=row.revision)
            store.record_account_conditions([said])
            assert state != "down" or is_seen_down.wait(PATIENCE_S)

    with Keeper(schema_url):
        assert console("account", "add", "second", "--credentials", keys("old", KEY)).code == 0
    monkeypatch.setattr(OperatorAccounts, "said", look)
    with StandingDaemon(schema_url, "naive_accounts", reopen):
        answer = console("account", "enable", "second", "--credentials", new)
    assert (answer.code, answer.out, answer.err) == (0, "second  its credentials are set\n", "")


@pytest.mark.parametrize(("command", "state"), [("disable", "off"), ("enable", "up")])
def test_what_was_said_of_a_former_wish_is_no_answer(console: Any, schema_url: str, command: str, state: str) -> None:
    """The daemon has not read yet what was wished last: what it says is of the wish before."""
    assert console("account", "add", "second", "--no-wait").code == 0

    def say_the_former(store: PostgresDesiredState) -> None:
        (row,) = store.load_accounts()
        store.record_account_conditions([AccountCondition(account="second", state=state, revision=row.revision - 1)])

    with StandingDaemon(schema_url, "naive_accounts", say_the_former):
        answer = console("account", command, "second", "--timeout", "0.5")
    assert answer.code == 1
    assert "the daemon has not confirmed within 0.5 s: second" in answer.err


def test_a_thousand_accounts_are_added_in_one_go(console: Any, schema_url: str, tmp_path: Path) -> None:
    file = tmp_path / "accounts.csv"
    text = "name,credentials\n# mine\n\n" + "".join(f"a{n:04}, env:A{n}\n" for n in range(1_000))
    file.write_text(text, encoding="utf-8-sig")  # as a spreadsheet writes it: with a mark before the first line
    with Keeper(schema_url):
        answer = console("account", "add", "--from", str(file))
    assert answer.code == 0, answer.err
    assert answer.out == "1000 accounts  added\n"
    assert "A0_API_KEY is not set (and 999 more)" in answer.err
    assert len(stored(schema_url)) == 1_000
    assert console("account", "add", "--from", str(file)).out.splitlines()[0] == "1000 accounts  already there"


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_is_none_is_refused_everywhere_in_one_line(console: Any, schema_url: str, name: str) -> None:
    commands = (
        ("account", "add", "--", name), ("account", "enable", "--", name), ("account", "show", f"--account={name}"),
        ("start", "BTCUSDT", f"--account={name}"), ("status", f"--account={name}"), ("run", f"--account={name}"),
        ("report", f"--account={name}"), ("db", "purge", "--older-than", "90d", f"--account={name}"),
    )  # fmt: skip
    for command in commands:
        answer = console(*command)
        assert (answer.code, answer.out) == (2, ""), command
        (error, hint) = answer.err.splitlines()
        assert "is no name of an account: 1 to 32 letters" in error
        assert hint.startswith("hint: ")
    assert stored(schema_url) == {}


def test_an_account_that_nobody_knows_is_refused_with_the_nearest(console: Any, schema_url: str) -> None:
    console("account", "add", "second", "third")
    commands = (
        ("start", "BTCUSDT"), ("stop", "BTCUSDT"), ("shutdown", "BTCUSDT"), ("status",), ("orders",), ("report",),
        ("settings", "list"), ("settings", "set", "BTCUSDT", "chunks=3"), ("limits", "list"),
        ("limits", "set", "max_open_orders=1"), ("seed",), ("db", "purge", "--older-than", "90d"),
    )  # fmt: skip
    for command in commands:
        answer = console(*command, "--account", "secnod")
        assert (answer.code, answer.out) == (2, ""), command
        assert answer.err.splitlines() == ["error: unknown account secnod", "hint: did you mean second?"]
    answer = console("start", "BTCUSDT", "--account", "zz")
    assert answer.err.splitlines()[1] == "hint: naive-daemon account add zz adds it, NAIVE_ACCOUNT=zz configures it"
    assert console("account", "disable", "secnod").err.splitlines()[0] == "error: unknown account secnod"
    with psycopg.connect(schema_url) as connection:
        assert connection.execute("SELECT count(*) FROM settings").fetchone() == (0,)


def test_the_configured_account_is_no_one_to_add_or_to_disable(console: Any, schema_url: str) -> None:
    assert "is the configured one: it is always traded" in console("account", "add", "main").err
    answer = console("account", "disable", "main")
    assert answer.code == 2
    assert answer.err.splitlines() == [
        "error: account main is the configured one, which is always traded",
        "hint: naive-daemon stop SYMBOL ends the trading of its symbols; NAIVE_ACCOUNT configures another account",
    ]
    assert stored(schema_url) == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name accounts, or a file with --from"),
        (("a", "--from", "-"), "name accounts, or a file with --from"),
        (("a", "b", "--credentials", "env:A"), "--credentials goes with one account"),
        (("a", "--credentials", KEY), "the credentials given are no reference to credentials"),
        (("a", "--credentials", "env:NAIVE_A"), "NAIVE_* variables are keys of the configuration"),
        (("--from", "/no/such"), "/no/such can not be read: No such file or directory; nothing was added"),
    ],
)
def test_what_can_not_be_added_is_refused_in_one_line(
    console: Any, schema_url: str, arguments: tuple[str, ...], said: str
) -> None:
    answer = console("account", "add", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err.splitlines()[0]
    assert KEY not in answer.err
    assert stored(schema_url) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,env:A\nb,env:A\n", "accounts a and b have the same credentials, env:A; nothing was added"),
        ("a,env:A\na,env:B\n", "account a is given twice, with different credentials; nothing was added"),
        (f"a,env:A\nb;c,env:B\nd,{KEY}\n", "2 lines are wrong, nothing was added:"),
        (f"a,{KEY},{SECRET}\n", "line 1: it has 3 parts, not a name and a reference"),
        ("", "names no account"),
        ('a,"env:A\n', "line 1"),
    ],
)
def test_a_bad_file_adds_nothing_and_shows_no_key(
    console: Any, schema_url: str, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "accounts.csv").write_text(text)
    answer = console("account", "add", "--from", str(tmp_path / "accounts.csv"))
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert KEY not in answer.err
    assert SECRET not in answer.err
    assert stored(schema_url) == {}


def test_two_accounts_with_one_key_are_refused_wherever_it_can_be_told(
    console: Any, schema_url: str, keys: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, same, other = keys("first", KEY), keys("same", KEY), keys("other", OTHER_KEY)
    assert console("account", "add", "first", "--credentials", first).code == 0
    for reference, said in (
        (first, f"account second was given the credentials of account first: {first}; nothing was added"),
        (same, "accounts first and second have the same API key; nothing was added"),
    ):
        answer = console("account", "add", "second", "--credentials", reference)
        assert answer.code == 2
        assert said in answer.err or "accounts first and second have the same API key" in answer.err
    monkeypatch.setenv("NAIVE_EXCHANGE__BINANCE__API_KEY", OTHER_KEY)
    monkeypatch.setenv("NAIVE_EXCHANGE__BINANCE__API_SECRET", SECRET)
    answer = console("account", "add", "second", "--credentials", other)
    assert answer.code == 2
    assert "accounts main and second have the same API key; nothing was added" in answer.err
    assert KEY not in answer.err
    assert list(stored(schema_url)) == ["first"]


def test_on_binance_an_account_needs_credentials(
    console: Any, schema_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NAIVE_EXCHANGE__NAME", "binance")
    monkeypatch.setenv("NAIVE_EXCHANGE__BINANCE__NETWORK", "testnet")
    answer = console("account", "add", "second")
    assert answer.code == 2
    assert "account second has no credentials, and on Binance it needs a key; nothing was added" in answer.err
    answer = console("account", "add", "second", "--credentials", "env:SECOND")
    assert answer.code == 0
    assert "SECOND_API_KEY is not set" in answer.err
    assert stored(schema_url) == {"second": ("env:SECOND", True)}


def test_all_accounts_are_switched_in_one_go(console: Any, schema_url: str) -> None:
    console("account", "add", "second", "third", "fourth")
    console("account", "disable", "fourth")
    data = console("start", "BTCUSDT", "ETHUSDT", "--all-accounts", "--json").data
    assert [(row["account"], row["symbol"]) for row in data["symbols"]] == [
        (account, symbol) for account in ("main", "second", "third") for symbol in ("BTCUSDT", "ETHUSDT")
    ]
    with psycopg.connect(schema_url) as connection:
        on = "SELECT account FROM settings WHERE status = 'on' GROUP BY account HAVING count(*) = 2 ORDER BY account"
        assert connection.execute(on).fetchall() == [("main",), ("second",), ("third",)]
    assert console("stop", "BTCUSDT", "--all-accounts").out.splitlines() == [
        "main  BTCUSDT    stopped", "second  BTCUSDT  stopped", "third  BTCUSDT   stopped",
        "1 disabled account was left out: fourth", "the daemon is not running; it will do so when it starts",
    ]  # fmt: skip
    shown = console("status").out.splitlines()
    assert shown[1] == "disabled: fourth"
    assert [line.split()[:3] for line in shown[4:]] == [[one, "ETHUSDT", "on"] for one in ("main", "second", "third")]
    assert len(console("status", "--account", "second", "--json").data["symbols"]) == 1
    assert "account" not in console("status", "--account", "second").out.splitlines()[1]


@pytest.mark.usefixtures("schema_url")
def test_all_accounts_get_settings_and_limits_in_one_go(console: Any) -> None:
    console("account", "add", "second")
    assert console("seed", "--symbols", "BTCUSDT", "--all-accounts").out == "2 symbols added, 0 had settings already\n"
    rows = console("settings", "set", "BTCUSDT", "ETHUSDT", "chunks=7", "--all-accounts", "--json").data
    assert [(row["account"], row["symbol"], row["chunks"]) for row in rows] == [
        ("main", "BTCUSDT", 7), ("main", "ETHUSDT", 7), ("second", "BTCUSDT", 7), ("second", "ETHUSDT", 7),
    ]  # fmt: skip
    console("settings", "set", "BTCUSDT", "chunks=2", "--account", "second")
    assert [row["chunks"] for row in console("settings", "list", "BTCUSDT", "--all-accounts", "--json").data] == [7, 2]
    assert console("settings", "list", "--all-accounts").out.splitlines()[0].startswith("account")
    assert [
        one["max_open_orders"] for one in console("limits", "set", "max_open_orders=4", "--all-accounts", "--json").data
    ] == [4, 4]
    assert console("orders", "--all-accounts", "--json").data == []
    console("account", "disable", "second")
    limits = console("limits", "set", "max_open_orders=3", "--all-accounts", "--json").data
    assert [(one["account"], one["max_open_orders"]) for one in limits] == [("main", 3), ("second", 3)]
    left_out = "1 disabled account was left out: second"
    assert left_out in console("settings", "set", "BTCUSDT", "chunks=5", "--all-accounts").out.splitlines()
    assert left_out in console("seed", "--symbols", "BTCUSDT", "--all-accounts").out.splitlines()
    assert len(console("settings", "list", "BTCUSDT", "--all-accounts", "--json").data) == 2
    for command in (
        ("start", "BTCUSDT"),
        ("settings", "list"),
        ("orders",),
        ("status",),
        ("limits", "set", "max_open_orders=1"),
    ):
        answer = console(*command, "--all-accounts", "--account", "second")
        assert (answer.code, answer.err.splitlines()[0]) == (2, "error: --account and --all-accounts are both given")


def test_a_wrong_reference_is_corrected_while_the_account_trades_or_not(
    console: Any, schema_url: str, keys: Callable[[str, str], str]
) -> None:
    wrong, right = keys("wrong", KEY), keys("right", OTHER_KEY)
    console("account", "add", "second", "--credentials", wrong, "--no-wait")
    answer = console("account", "add", "second", "--credentials", right)
    assert (answer.code, answer.err.splitlines()[1]) == (
        2, "hint: naive-daemon account enable second --credentials REFERENCE gives it others",
    )  # fmt: skip
    spoke: list[str | None] = []

    def open_right(row: AccountSettings) -> AccountCondition:
        spoke.append(row.credentials)
        return obey(row) if row.credentials == right or not row.is_enabled else refuse(row)

    with Keeper(schema_url, open_right):
        assert console("account", "disable", "second").code == 0
        assert console("account", "enable", "second").code == 1
        done = console("account", "enable", "second", "--credentials", right)
        assert (done.code, done.out) == (0, "second  its credentials are set\n")
        assert spoke[-1] == right
        same = console("account", "enable", "second", "--credentials", right)
        assert (same.code, "a key that was changed where it is, is read after account disable" in same.out) == (0, True)
        assert "are set" not in same.out
        failed = console("account", "enable", "second", "--credentials", wrong)
        assert (failed.code, failed.err.splitlines()[0]) == (1, "error: account second is down: its key was revoked")
        assert console("account", "disable", "second").code == 0
        done = console("account", "enable", "second", "--credentials", right)
        assert done.out == "second  enabled, its credentials are set\n"
    console("account", "add", "third", "--credentials", keys("third", SECRET), "--no-wait")
    for arguments, said in (
        (("second", "--credentials", KEY), "are no reference to credentials"),
        (("second", "--credentials", keys("copy", SECRET)), "accounts second and third have the same API key"),
        (("second", "third", "--credentials", right), "--credentials goes with one account"),
        (("nobody", "--credentials", "env:NOBODY"), "unknown account nobody"),
        (("main", "--credentials", "env:MAIN"), "account main is the configured one"),
    ):
        answer = console("account", "enable", *arguments)
        assert (answer.code, said in answer.err) == (2, True), answer.err
    assert stored(schema_url)["second"] == (right, True)


def test_an_account_of_another_daemon_is_named_as_such_and_left_out(
    console: Any, schema_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as other:
        other.setenv("NAIVE_ACCOUNT", "live")
        console("account", "add", "alice", "--no-wait")
        console("start", "BTCUSDT", "--all-accounts", "--no-wait")
    console("account", "add", "second", "--no-wait")
    for command in ("add", "disable", "enable"):
        answer = console("account", command, "alice")
        assert (answer.code, answer.err.splitlines()[0]) == (
            2, "error: account alice belongs to the daemon of account live; nothing was changed",
        )  # fmt: skip
    assert [one["account"] for one in console("account", "list", "--json").data] == ["main", "second"]
    started = console("start", "ETHUSDT", "--all-accounts", "--json", "--no-wait").data["symbols"]
    assert {row["account"] for row in started} == {"main", "second"}
    assert {row["account"] for row in console("status", "--json").data["symbols"]} == {"main", "second"}
    claim_venue(schema_url, "far", "binance mainnet")
    for name, said in (
        ("live", "account live is the configured account of another daemon; nothing was added"),
        ("far", "account far trades on binance mainnet, not on paper; nothing was added"),
    ):
        answer = console("account", "add", name)
        assert (answer.code, answer.err.splitlines()[0]) == (2, f"error: {said}")
    monkeypatch.setenv("NAIVE_ACCOUNT", "alice")
    assert "account alice belongs to the daemon of account live" in console("account", "add", "bob").err
    assert set(stored(schema_url)) == {"alice", "second"}


def test_a_daemon_that_runs_for_another_account_is_named(console: Any, schema_url: str) -> None:
    console("account", "add", "second", "--no-wait")
    elsewhere = "no daemon trades account main here; one runs for account live (NAIVE_ACCOUNT or --account)"
    with Keeper(schema_url, account="live"):
        for command in (
            ("start", "BTCUSDT"),
            ("stop", "BTCUSDT", "--account", "second"),
            ("limits", "set", "max_open_orders=3"),
            ("account", "enable", "second"),
            ("status",),
        ):
            assert elsewhere in console(*command).out.splitlines(), command
        assert "the daemon is running" in console("status", "--account", "live").out
        assert "takes this at once" in console("limits", "set", "max_open_orders=3", "--account", "live").out
    assert "the daemon is not running" in console("status").out


def test_what_is_started_on_an_account_that_is_down_waits_and_is_an_error(console: Any, schema_url: str) -> None:
    with Keeper(schema_url, refuse):
        assert "its key was revoked" in console("account", "add", "second").err
        answer = console("start", "BTCUSDT", "--account", "second")
        assert (answer.code, answer.err.splitlines()[0]) == (1, "error: not traded now: second")
        assert answer.out.splitlines()[1].startswith("account second is down: its key was revoked (tried again at ")
        for command, code in (("start", 1), ("shutdown", 0), ("stop", 0)):
            # Nobody waits for what can not come, and all other accounts are waited for.
            assert console(command, "BTCUSDT", "--account", "second", "--timeout", "3600").code == code
        status = console("status", "--account", "second").out.splitlines()
        assert status[0].startswith("account second: the daemon is running (process ")
        assert status[1].startswith("account second is down: its key was revoked (tried again at ")
        assert "2 accounts: 1 up, 1 down" in console("status").out
    console("account", "disable", "second")
    assert "account second is disabled; it will do so after" in console("start", "BTCUSDT", "--account", "second").out
    # Its orders may rest, so it is shown like the others.
    status = console("status").out
    assert "disabled: second" in status.splitlines()
    assert any(line.startswith("second ") for line in status.splitlines())
