"""Looking into a running daemon: tree, top and actor, their errors, and a socket that a killed daemon has left."""

import json
import re
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from tests.e2e.conftest import MakePlace
from tests.e2e.daemon import Daemon, eventually
from tests.e2e.place import Answer, Place
from tests.e2e.test_terminal import CTRL_C, Terminal


@pytest.fixture(scope="module")
def place(make_place: MakePlace) -> Place:
    return make_place(NAIVE_MARKET__SPEED="20")


@pytest.fixture(scope="module")
def daemon(place: Place) -> Daemon:
    return place.trade("--start", "BTCUSDT")


@pytest.fixture
def looked_at(place: Place, daemon: Daemon) -> Place:
    """Give the place once its symbol trades."""
    daemon.log.await_event("cycle finished")
    return place


def nodes(place: Place, *arguments: str) -> dict[str, dict[str, Any]]:
    def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield node
        for child in node["children"]:
            yield from walk(child)

    return {node["name"]: node for root in place("tree", "--json", *arguments).data["roots"] for node in walk(root)}


def error(answer: Answer) -> dict[str, Any]:
    """Give the one error that a command has told as JSON."""
    assert answer.out == ""
    (line,) = answer.err.splitlines()
    told: dict[str, Any] = json.loads(line)["error"]
    assert told["exit_code"] == answer.code
    return told


def test_the_tree(looked_at: Place) -> None:
    seen = nodes(looked_at)
    assert next(iter(seen)) == "root"
    assert {"journal", "switches", "feed:BTCUSDT", "leader:main:BTCUSDT", "watchman"} <= seen.keys()
    assert (seen["symbols"]["type"], seen["journal"]["class"]) == ("supervisor", "Journal")
    assert seen["feed:BTCUSDT"]["handled"] > 0
    assert list(nodes(looked_at, "feeds")) == ["feeds", "feed:BTCUSDT"]
    assert nodes(looked_at, "--depth", "1")["root"]["left_out"] == 7
    text = looked_at("tree", "trading")
    assert text.code == 0
    assert re.search(r"^trading +#\d+ +running +mailbox \d+ +handled \d+$", text.out, re.MULTILINE)
    assert re.search(r"^[│├└─\s]+leader:main:BTCUSDT +#\d+ +running", text.out, re.MULTILINE)


def test_flow(looked_at: Place) -> None:
    graph = looked_at("flow", "--json").data
    (stream,) = graph["clusters"]
    assert (stream["level"], stream["id"], stream["sources"]) == ("stream", "paper:BTCUSDT", 1)
    assert stream["data"] == {"what": "", "state": "open", "reason": None}
    (decision,) = stream["clusters"]
    assert decision["data"]["what"].startswith("naive chunks=")
    assert [(below["level"], below["id"]) for below in decision["clusters"]] == [("account", "main")]
    text = looked_at("flow", "--symbol", "btcusdt")
    assert text.code == 0
    first, second, *_, last = text.out.splitlines()
    assert first == "stream paper:BTCUSDT · 1 source · open"
    assert re.match(rf"└─ decision {decision['id']} · 1 source · naive chunks=\d+ budget=", second)
    assert last.startswith("1 source; stream 1 (decision 1 (account 1), candles 0 ")
    told = error(looked_at("flow", "--symbol", "BTCUSD", "--json"))
    assert (told["exit_code"], told["hint"]) == (2, "did you mean BTCUSDT?")
    assert looked_at("flow", "--depth", "0").code == 2


def test_top(looked_at: Place) -> None:
    shown = looked_at("top", "--once", "--json", "--interval", "0.5", "--count", "3").data
    assert shown.keys() == {"load", "rss_bytes"}
    assert shown["rss_bytes"] > 10_000_000
    load = shown["load"]
    assert (load["stuck"], load["replaced"], len(load["busiest"])) == (0, 0, 3)
    assert load["messages_per_s"] > 0
    assert load["actors"] >= len(nodes(looked_at)) - 5
    rates = [one["rate_per_s"] for one in load["busiest"]]
    assert rates == sorted(rates, reverse=True)
    text = looked_at("top", "--interval", "0.1", "--sort", "busy")
    assert text.code == 0
    assert re.match(r"actors \d+ +messages/s [\d.]+ +memory [\d.]+ MiB +pool threads \d+ +stuck 0 ", text.out)


def test_top_at_a_terminal_ends_by_ctrl_c(looked_at: Place) -> None:
    terminal = Terminal(looked_at, "top", "--interval", "0.1")
    terminal.await_text(r"messages/s(.|\n)*feed:BTCUSDT")
    terminal.press(CTRL_C)
    assert terminal.await_status() == 0


def test_state(looked_at: Place) -> None:
    view = looked_at("actor", "stream desk", "state", "--json").data
    assert (view["node"]["class"], view["is_busy"]) == ("StreamDesk", False)
    assert "'BTCUSDT'" in view["state"]["_owners"]
    assert view["node"]["memory_bytes"] > 1_000
    assert view["last_messages"]
    number = view["node"]["number"]
    assert looked_at("actor", f"#{number}", "state", "--json").data["node"]["name"] == "stream desk"
    text = looked_at("actor", str(number), "state")
    assert text.code == 0
    assert "_owners = {('main', 'BTCUSDT', '" in text.out


def test_trace(looked_at: Place) -> None:
    answer = looked_at("actor", "feed:BTCUSDT", "trace", "--count", "40", "--seconds", "60", "--json")
    assert answer.code == 0, answer.err
    *events, ending = [json.loads(line) for line in answer.out.splitlines()]
    assert ending == {"ending": "count"}
    # What a feed receives it sends on only to traders that wait for it: all may pass without a send. And half a dozen
    # may be of traders that say what they wait for, so it is asked for more.
    assert {"receive", "handled"} <= {event["direction"] for event in events} <= {"receive", "handled", "send"}
    assert 40 <= sum(event["direction"] != "handled" for event in events) <= 41
    assert any(event["message"].startswith("TradeArrived(trade=Trade(symbol='BTCUSDT'") for event in events)
    text = looked_at("actor", "feed:BTCUSDT", "trace", "--count", "1")
    assert re.match(r"\d\d:\d\d:\d\d\.\d{6}  → receive  ", text.out)
    assert text.out.endswith("the trace has ended: count\n")
    quiet = looked_at("actor", "accounts", "trace", "--seconds", "0.2")
    assert (quiet.code, quiet.out) == (0, "the trace has ended: time\n")


def test_suspend_and_resume(looked_at: Place) -> None:
    told = looked_at("actor", "feed:BTCUSDT", "suspend", "--for", "600")
    assert re.fullmatch(r"feed:BTCUSDT \(#\d+\): suspended for 600 s, or until resume\n", told.out)
    for attempt in eventually():
        with attempt:
            feed = nodes(looked_at)["feed:BTCUSDT"]
            assert feed["state"] == "suspended"
            assert feed["mailbox"] > 0
    assert nodes(looked_at)["feed:BTCUSDT"]["handled"] == feed["handled"]
    assert looked_at("actor", "feed:BTCUSDT", "resume", "--json").data["is_busy"] is False
    for attempt in eventually():
        with attempt:
            assert nodes(looked_at)["feed:BTCUSDT"]["handled"] > feed["handled"]


def test_the_top_of_the_tree_is_not_suspended(looked_at: Place) -> None:
    told = looked_at("actor", "root", "suspend")
    assert told.code == 1
    assert told.err.startswith("error: root is the top of its tree: while it rests nobody restarts what is below")
    assert nodes(looked_at)["root"]["state"] == "running"


def test_the_watchman_is_not_suspended(looked_at: Place) -> None:
    told = looked_at("actor", "watchman", "suspend")
    assert told.code == 1
    assert told.err.startswith("error: watchman must not rest")
    assert nodes(looked_at)["watchman"]["state"] == "running"


def test_status_says_how_the_runtime_is(looked_at: Place) -> None:
    daemon = looked_at("status", "--json").data["daemon"]
    assert daemon["actors"] > 15
    assert (daemon["stuck_threads"], daemon["replaced_threads"], daemon["lost_threads"]) == (0, 0, 0)
    assert re.search(r"; \d+ actors, 0 threads stuck, 0 replaced, 0 lost$", looked_at("status").out.splitlines()[0])


def test_an_unknown_actor_is_told_with_the_nearest(looked_at: Place) -> None:
    told = error(looked_at("actor", "leader:main:BTCUSD", "state", "--json"))
    assert (told["type"], told["exit_code"]) == ("UnknownActorError", 2)
    assert told["hint"].startswith("did you mean leader:main:BTCUSDT")
    text = looked_at("tree", "nobody at all")
    assert text.code == 2
    assert text.err.splitlines()[0] == "error: no actor is called nobody at all"


@pytest.mark.parametrize(
    "arguments",
    [
        ("actor", "journal"),
        ("actor", "journal", "kill"),
        ("actor", "journal", "suspend", "--for", "601"),
        ("actor", "journal", "suspend", "--for", "0"),
        ("actor", "journal", "state", "--for", "1"),
        ("actor", "journal", "trace", "--count", "0"),
        ("tree", "--depth", "0"),
        ("top", "--interval", "0"),
        ("top", "--sort", "name"),
        ("top", "--once", "--interval", "nan"),
        ("top", "--once", "--interval", "inf"),
        ("actor", "journal", "suspend", "--for", "nan"),
        ("actor", "journal", "suspend", "--for", "-1"),
        ("actor", "journal", "trace", "--seconds", "nan"),
        ("actor", "journal", "trace", "--seconds", "-inf"),
        ("actor", "", "state"),
        ("actor", " ", "state"),
        ("actor", "x" * 1_001, "state"),
        ("actor", "\udcff", "state"),
        ("tree", ""),
    ],
)
def test_wrong_usage(looked_at: Place, arguments: tuple[str, ...]) -> None:
    told = looked_at(*arguments)
    assert (told.code, told.out) == (2, "")
    # A missing word's choices stand on lines of their own; all else is one line.
    assert re.fullmatch(r"error: [^\n]+\n(\t\w+,?\n)*hint: [^\n]+\n", told.err)


def test_without_a_daemon(elsewhere: Place) -> None:
    for arguments in (("tree",), ("top", "--once"), ("flow",), ("actor", "journal", "state")):
        told = error(elsewhere(*arguments, "--json"))
        assert (told["type"], told["exit_code"]) == ("NoDaemonError", 69)
        assert "naive-daemon run" in told["hint"]
    assert not elsewhere.home.exists()


def test_a_daemon_killed_while_it_is_looked_at(elsewhere: Place) -> None:
    daemon = elsewhere.trade("--start", "BTCUSDT")
    trace = Terminal(elsewhere, "actor", "feed:BTCUSDT", "trace", "--seconds", "600", "--count", "10000")
    load = Terminal(elsewhere, "top", "--once", "--interval", "10")
    trace.await_text("receive")
    process = psutil.Process(daemon.pid)
    for attempt in eventually():
        with attempt:  # the socket itself, and both callers
            sockets = process.net_connections(kind="unix")
            assert sum(one.laddr.endswith("console.sock") for one in sockets) == 3
    daemon.kill()
    trace.await_text("closed the connection before the trace had ended")
    assert trace.await_status() == 69
    load.await_text("no daemon ")
    assert load.await_status() == 69


def test_a_killed_daemons_socket_is_replaced(elsewhere: Place) -> None:
    daemon = elsewhere.trade("--start", "BTCUSDT")
    daemon.kill()
    assert (elsewhere.home / "console.sock").is_socket()
    assert elsewhere("tree").code == 69
    elsewhere.await_servers_end()
    daemon = elsewhere.trade()
    assert "journal" in nodes(elsewhere)
    daemon.stop()
    assert not (elsewhere.home / "console.sock").exists()


def test_the_databases_password_shows_nowhere(elsewhere: Place, migrated_url: str) -> None:
    secret = "sesame-of-the-books"  # noqa: S105 - the server of this test asks for none
    elsewhere.environment["NAIVE_DATABASE_URL"] = migrated_url.replace("@", f":{secret}@", 1)
    daemon = elsewhere.trade("--start", "BTCUSDT")
    daemon.log.await_event("buy filled")
    commands = [
        ("tree",),
        ("top", "--once", "--interval", "0.1"),
        ("status",),
        *(("actor", name, "state", "--json") for name in ("root", "journal", "control", "accounts", "client:main")),
        ("actor", "journal", "trace", "--seconds", "0.5", "--json"),
    ]
    shown = [elsewhere(*command) for command in commands]
    assert [answer.code for answer in shown] == [0] * len(shown)
    daemon.stop()
    assert not [answer for answer in shown if secret in answer.out + answer.err]
    assert secret not in daemon.log.text()
