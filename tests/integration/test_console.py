"""The console's socket: who calls rightly is answered, who does not costs nobody else anything."""

import json
import os
import socket
import stat
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog

from naive_daemon import names
from naive_daemon.account.store import Balance
from naive_daemon.account.view import AccountQuery, AccountView
from naive_daemon.clock import WallClock
from naive_daemon.console.account_view import show_account
from naive_daemon.console.address import make_socket, socket_address
from naive_daemon.console.client import (
    ActorUnavailableError,
    ConsoleClient,
    ConsoleRefusedError,
    NoDaemonError,
    UnknownActorError,
)
from naive_daemon.console.protocol import (
    REQUEST_BYTES_MAX,
    SOCKET_NAME,
    AccountShown,
    ActorShown,
    Answer,
    AskAccount,
    AskActor,
    AskFlow,
    AskHealth,
    AskLoad,
    AskReconcile,
    AskTrace,
    AskTree,
    DifferenceShown,
    FlowShown,
    HealthShown,
    LoadShown,
    Reconciled,
    Refused,
    Request,
    ResumeActor,
    SuspendActor,
    Told,
    Traced,
    TraceEnded,
    TreeShown,
    encode,
)
from naive_daemon.console.reconciling import reconcile
from naive_daemon.console.server import CONNECTIONS_MAX, ConsoleServer
from naive_daemon.domain.errors import UsageError
from naive_daemon.execution.reconciliation import Difference, Reconcile, ReconciliationReport
from naive_daemon.home import HomeLock
from naive_daemon.market.streams import streams
from naive_daemon.market.work import AddWork, Work
from naive_daemon.otp import (
    DEFERRED,
    Actor,
    ActorSystem,
    ChildSpec,
    Ref,
    Restart,
    StartChild,
    Supervisor,
    TerminateChild,
    TraceEvent,
)

PATIENCE_S = 10.0
EVENT = Traced(TraceEvent(at_ns=0, direction="receive", message="1"))


class Echo(Actor):
    """Keeps what it is told; runs what can be called."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Any] = []
        self.database_url = "postgresql://naive:sesame@host/books"

    def on_receive(self, message: Any) -> None:
        self.heard.append(message)
        if callable(message):
            message()


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    before = structlog.get_config()
    capture = structlog.testing.LogCapture()
    structlog.configure(processors=[capture], cache_logger_on_first_use=False)
    yield capture.entries
    structlog.configure(**before)


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    made = ActorSystem.live(WallClock(), threads=2)
    yield made
    for ref in made.roots():
        made.terminate(ref, PATIENCE_S)
    made.stop()


@pytest.fixture
def top(system: ActorSystem) -> Ref:
    specs = [
        ChildSpec(id=name, start=Echo, name=name, restart=Restart.TRANSIENT) for name in ("echo", ("feed", "BTCUSDT"))
    ]
    return system.start(Supervisor(specs), "root")


@pytest.fixture
def limits() -> dict[str, float]:
    """Give the server's time-outs where a test needs others."""
    return {}


@pytest.fixture
def server(top: Ref, system: ActorSystem, tmp_path: Path, limits: dict[str, float]) -> Iterator[ConsoleServer]:
    assert top.is_alive()
    made = ConsoleServer(system, tmp_path, **limits)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def client(server: ConsoleServer) -> ConsoleClient:
    return ConsoleClient(server.home, WallClock().monotonic_s)


def call(home: Path) -> socket.socket:
    """Open a connection that says nothing yet."""
    connection = make_socket()
    connection.settimeout(PATIENCE_S)
    with socket_address(home) as address:
        connection.connect(address)
    return connection


def answer(connection: socket.socket) -> Any:
    """Read the one line that is left to be said."""
    with connection, connection.makefile("rb") as lines:
        text = lines.readline()
        return json.loads(text)["body"] if text else None


def test_everything_that_can_be_asked(client: ConsoleClient) -> None:
    (root,) = client.ask(AskTree(), TreeShown).tree.roots
    assert [child.name for child in root.children] == ["echo", "feed:BTCUSDT"]
    (feed,) = client.ask(AskTree("feed:BTCUSDT"), TreeShown).tree.roots
    assert (feed.actor_class, feed.state) == ("Echo", "running")
    assert client.ask(AskTree(depth=1), TreeShown).tree.roots[0].left_out == 2
    health = client.ask(AskHealth(), HealthShown)
    assert (health.health.actors, health.health.stuck, health.pid) == (3, 0, os.getpid())
    assert health.health.lost == 0
    load = client.ask(AskLoad(0.01, "mailbox", 2), LoadShown)
    assert len(load.load.busiest) == 2
    assert load.rss_bytes > 1_000_000
    view = client.ask(AskActor("echo"), ActorShown).view
    assert view.state["heard"] == "[]"
    assert "sesame" not in str(view)


def test_the_graph_of_works(client: ConsoleClient, system: ActorSystem) -> None:
    with pytest.raises(ActorUnavailableError, match="the streams' owner can not be asked") as refused:
        client.ask(AskFlow(), FlowShown)
    assert refused.value.exit_code == 1
    system.start(streams(None))
    owner = system.start(Echo())
    for symbol in ("SOLUSDT", "ETHUSDT"):
        work = Work(exchange="paper", symbol=symbol, account="main", strategy="naive", signature="s1")
        system.tell(names.STREAM_DESK, AddWork(work, owner))
    assert system.settle(0, PATIENCE_S)
    graph = client.ask(AskFlow(), FlowShown).graph
    assert [cluster.id for cluster in graph.clusters] == ["paper:SOLUSDT", "paper:ETHUSDT"]
    assert graph.clusters[0].data == {"what": "", "state": "open", "reason": None}
    (one,) = client.ask(AskFlow("ETHUSDT", depth=1), FlowShown).graph.clusters
    assert (one.id, one.hidden, one.clusters) == ("paper:ETHUSDT", 2, ())
    with pytest.raises(UsageError, match="the daemon has no work on ETHUSD") as unknown:
        client.ask(AskFlow("ETHUSD"), FlowShown)
    assert (unknown.value.exit_code, unknown.value.hint) == (2, "did you mean ETHUSDT?")


def test_suspend_and_resume(client: ConsoleClient) -> None:
    told = client.ask(SuspendActor("echo", 600), Told)
    assert (told.name, told.is_busy) == ("echo", False)
    assert client.ask(AskActor(f"#{told.number}"), ActorShown).view.node.state == "suspended"
    assert client.ask(ResumeActor("echo"), Told).number == told.number
    assert client.ask(AskActor("echo"), ActorShown).view.node.state == "running"


def test_the_top_of_the_tree_is_not_suspended(client: ConsoleClient) -> None:
    (root,) = client.ask(AskTree(), TreeShown).tree.roots
    with pytest.raises(ActorUnavailableError, match=f"{root.name} is the top of its tree") as refused:
        client.ask(SuspendActor(root.name, 600), Told)
    assert (refused.value.exit_code, refused.value.hint) == (1, "naive-daemon tree shows what is below it")
    assert client.ask(AskActor(root.name), ActorShown).view.node.state == "running"


def test_who_must_not_rest_is_not_suspended(client: ConsoleClient, system: ActorSystem) -> None:
    class Unresting(Actor):
        may_be_suspended = False

    root = system.roots()[0]
    system.ask(root, StartChild(ChildSpec(id="unresting", start=Unresting, name="unresting")))
    with pytest.raises(ActorUnavailableError, match="unresting must not rest") as refused:
        client.ask(SuspendActor("unresting", 600), Told)
    assert (refused.value.exit_code, refused.value.hint) == (1, None)


class Comparing(Actor):
    """Stands for an account's execution manager."""

    def on_receive(self, message: Any) -> Any:
        assert isinstance(message, Reconcile)
        account = str(self.ref.name[1]) if isinstance(self.ref.name, tuple) else ""
        match account:
            case "broken":
                raise RuntimeError("no order book")
            case "slow":
                return DEFERRED
        difference = Difference(
            kind="orphan", symbol="BTCUSDT", client_order_id="nd-1", journal="nothing", exchange="open, 0 of 1"
        )
        return ReconciliationReport(
            account=account, differences=(difference,), live_here=3, live_there=4, foreign=2, orphans=1
        )


def start_accounts(system: ActorSystem, *accounts: str) -> None:
    root = system.roots()[0]
    for account in accounts:
        spec = ChildSpec(id=account, start=Comparing, name=names.execution_manager(account), restart=Restart.TEMPORARY)
        system.ask(root, StartChild(spec))


def test_reconciling(client: ConsoleClient, system: ActorSystem) -> None:
    with pytest.raises(UsageError, match="the daemon trades no account yet"):
        client.ask(AskReconcile(), Reconciled)
    start_accounts(system, "main")
    found = client.ask(AskReconcile(), Reconciled)
    shown = DifferenceShown("orphan", "BTCUSDT", "nd-1", "nothing", "open, 0 of 1")
    assert found == Reconciled("main", (shown,), live_here=3, live_there=4, foreign=2, orphans=1)
    assert client.ask(AskReconcile("main"), Reconciled) == found


def test_what_can_not_be_reconciled(client: ConsoleClient, system: ActorSystem) -> None:
    start_accounts(system, "main", "broken", "slow")
    for account in (None, "mian"):
        with pytest.raises(UsageError) as unknown:
            client.ask(AskReconcile(account), Reconciled)
        assert (unknown.value.exit_code, unknown.value.hint) == (2, "it trades main, broken, slow")
    with pytest.raises(ActorUnavailableError, match=r"account broken could not be compared: .*no order book") as broken:
        client.ask(AskReconcile("broken"), Reconciled)
    assert broken.value.exit_code == 1
    refused = reconcile(system, "slow", timeout_s=0)
    assert isinstance(refused, Refused)
    assert (refused.why, refused.message) == (
        "not reconciled",
        "account slow: the exchange has not told all within 0 s",
    )


class Owning(Actor):
    """Stands for an account."""

    def on_receive(self, message: Any) -> Any:
        assert isinstance(message, AccountQuery)
        match self.ref.name:
            case (_, "broken"):
                raise RuntimeError("no such account")
            case (_, "slow"):
                return DEFERRED
        return VIEW


VIEW = AccountView(account="main", balances={"USDT": Balance(Decimal("1.50"), Decimal(2), 3)}, orders=())


def test_showing_an_account(client: ConsoleClient, system: ActorSystem) -> None:
    with pytest.raises(UsageError, match="the daemon trades no account yet"):
        client.ask(AskAccount(), AccountShown)
    start_accounts(system, "main", "broken", "slow")
    for account in ("main", "broken", "slow"):
        spec = ChildSpec(id=f"state of {account}", start=Owning, name=names.account(account), restart=Restart.TEMPORARY)
        system.ask(system.roots()[0], StartChild(spec))
    assert client.ask(AskAccount("main"), AccountShown) == AccountShown(VIEW)
    with pytest.raises(ActorUnavailableError, match=r"account broken can not be asked: .*no such account") as broken:
        client.ask(AskAccount("broken"), AccountShown)
    assert broken.value.exit_code == 1
    refused = show_account(system, "slow", timeout_s=0)
    assert refused == Refused("account silent", "account slow does not answer within 0 s")


def test_a_trace_comes_as_it_happens(client: ConsoleClient, system: ActorSystem) -> None:
    answers = client.stream(AskTrace("echo", count=2))
    arrived = []
    for number in range(2):
        waker = threading.Thread(target=_tell_when_traced, args=(system, number))
        waker.start()
        arrived += [next(answers), next(answers)]
        waker.join()
    rest = list(answers)
    assert [(one.event.direction, one.event.message) for one in arrived if isinstance(one, Traced)] == [
        ("receive", "0"), ("handled", "0"), ("receive", "1"), ("handled", "1"),
    ]  # fmt: skip
    assert rest == [TraceEnded("count")]


def _tell_when_traced(system: ActorSystem, number: int) -> None:
    ref = system.whereis("echo")
    assert ref is not None
    while system.inspect(ref, lambda actor: actor.tracer is None):
        pass
    ref.tell(number)


def test_a_trace_ends_with_its_reader(client: ConsoleClient, system: ActorSystem) -> None:
    ref = system.whereis("echo")
    assert ref is not None
    answers = client.stream(AskTrace("echo", time_s=600))
    waker = threading.Thread(target=_tell_when_traced, args=(system, 1))
    waker.start()
    next(answers)
    waker.join()
    answers.close()  # type: ignore[attr-defined] # a generator: the connection is closed
    while system.inspect(ref, lambda actor: actor.tracer is not None):
        pass
    assert isinstance(client.ask(AskActor("echo"), ActorShown), ActorShown)


def test_refusals(client: ConsoleClient, system: ActorSystem, top: Ref) -> None:
    with pytest.raises(UnknownActorError) as unknown:
        client.ask(AskActor("ech"), ActorShown)
    assert (unknown.value.message, unknown.value.hint) == ("no actor is called ech", "did you mean echo?")
    assert unknown.value.exit_code == 2
    system.ask(top, TerminateChild("echo"))
    for request in (AskActor("echo"), SuspendActor("echo"), ResumeActor("echo")):
        with pytest.raises(ActorUnavailableError, match="echo has no process: it is stopped"):
            client.ask(request, Told)
    with pytest.raises(ActorUnavailableError, match="echo has no process: it is stopped"):
        list(client.stream(AskTrace("echo")))


@pytest.mark.parametrize("limits", [{"look_timeout_s": 0.01}])
def test_a_busy_actor_is_shown_from_outside(client: ConsoleClient, system: ActorSystem) -> None:
    inside, release = threading.Event(), threading.Event()

    def hold() -> None:
        inside.set()
        release.wait(PATIENCE_S)

    system.tell("echo", hold)
    assert inside.wait(PATIENCE_S)
    try:
        view = client.ask(AskActor("echo"), ActorShown).view
        assert view.is_busy
        assert any("in hold" in line for line in view.stack)
        assert client.ask(AskHealth(), HealthShown).health.actors == 3
    finally:
        release.set()


@pytest.mark.usefixtures("server")
def test_only_the_owner_may_use_it(tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / SOCKET_NAME).stat().st_mode) == 0o600


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"\n", "bad request"),
        (b"hello\n", "bad request"),
        (b"\xff\xfe\n", "bad request"),
        (b"[" * 10_000 + b"\n", "bad request"),
        (b'{"version":1}\n', "bad request"),
        (b'{"version":1,"body":{"kind":"destroy"}}\n', "bad request"),
        (b'{"version":1,"body":{"kind":"tree","depth":0}}\n', "bad request"),
        (b'{"version":1,"body":{"kind":"trace","name":"echo","count":1000000000}}\n', "bad request"),
        (b'{"version":1,"body":{"kind":"load","interval_s":1e9}}\n', "bad request"),
        (b'{"version":1,"body":{"kind":"suspend","name":"echo","for_s":601}}\n', "bad request"),
        (b'{"version":1,"body":{"kind":"actor","name":""}}\n', "bad request"),
        (b'{"version":1,"body":{"kind":"reconcile","account":7}}\n', "bad request"),
        (b'{"version":2,"body":{"kind":"tree"}}\n', "version"),
        (b'{"version":1,"body":{"kind":"actor","name":"\\u0000\\n"}}\n', "unknown actor"),
    ],
)
def test_what_is_said_wrongly_is_refused(tmp_path: Path, line: bytes, why: str) -> None:
    connection = call(tmp_path)
    connection.sendall(line)
    assert answer(connection)["why"] == why


@pytest.mark.usefixtures("server")
def test_a_line_without_end_is_given_up(tmp_path: Path) -> None:
    connection = call(tmp_path)
    connection.sendall(b"x" * REQUEST_BYTES_MAX)
    connection.send(b"yy")
    assert answer(connection) is None


@pytest.mark.parametrize("limits", [{"request_timeout_s": 0.3}])
def test_who_says_nothing_is_given_up_and_costs_nobody(client: ConsoleClient, tmp_path: Path) -> None:
    silent = [call(tmp_path) for _ in range(CONNECTIONS_MAX - 1)]
    assert client.ask(AskHealth(), HealthShown).health.actors == 3
    assert [answer(connection) for connection in silent] == [None] * len(silent)


@pytest.mark.parametrize("limits", [{"request_timeout_s": PATIENCE_S}])
def test_too_many_are_refused_at_once(client: ConsoleClient, tmp_path: Path) -> None:
    silent = [call(tmp_path) for _ in range(CONNECTIONS_MAX)]
    with pytest.raises(ConsoleRefusedError, match="8 others look at this daemon"):
        client.ask(AskHealth(), HealthShown)
    for connection in silent:
        connection.close()
    while True:
        try:
            assert client.ask(AskHealth(), HealthShown).health.actors == 3
        except ConsoleRefusedError:
            continue  # the first of those that have left is just being noticed
        break


def test_a_caller_for_whom_there_is_no_thread_costs_the_next_nothing(
    client: ConsoleClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("console caller"):
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        for _ in range(CONNECTIONS_MAX + 1):
            assert answer(call(tmp_path))["message"] == "the daemon has no thread for one more at this moment"
    assert client.ask(AskHealth(), HealthShown).health.actors == 3


@pytest.mark.parametrize("limits", [{"request_timeout_s": PATIENCE_S}])
def test_it_ends_with_its_callers_in_it(server: ConsoleServer, system: ActorSystem, tmp_path: Path) -> None:
    silent = call(tmp_path)
    traced: list[Answer] = []
    client = ConsoleClient(tmp_path, WallClock().monotonic_s)
    reader = threading.Thread(target=lambda: traced.extend(client.stream(AskTrace("echo", time_s=600))))
    reader.start()
    ref = system.whereis("echo")
    assert ref is not None
    while system.inspect(ref, lambda actor: actor.tracer is None):
        pass
    server.stop()
    server.stop()
    assert answer(silent) is None
    reader.join(PATIENCE_S)
    assert not reader.is_alive()
    assert traced == [TraceEnded("stopped")]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("console")]
    assert not (tmp_path / SOCKET_NAME).exists()
    with pytest.raises(NoDaemonError) as caught:
        client.ask(AskHealth(), HealthShown)
    assert caught.value.exit_code == 69


@pytest.mark.usefixtures("top")
def test_a_dead_daemons_socket_is_replaced(system: ActorSystem, tmp_path: Path) -> None:
    with make_socket() as former:
        former.bind(str(tmp_path / SOCKET_NAME))
    client = ConsoleClient(tmp_path, WallClock().monotonic_s)
    with pytest.raises(NoDaemonError, match="no daemon runs in"):
        client.ask(AskHealth(), HealthShown)
    server = ConsoleServer(system, tmp_path)
    server.start()
    assert client.ask(AskHealth(), HealthShown).health.actors == 3
    server.stop()


@pytest.mark.usefixtures("top")
def test_a_home_with_a_long_path(system: ActorSystem, tmp_path: Path) -> None:
    home = tmp_path / ("long" * 20) / ("path" * 20)
    home.mkdir(parents=True)
    server = ConsoleServer(system, home)
    server.start()
    assert ConsoleClient(home, WallClock().monotonic_s).ask(AskHealth(), HealthShown).health.actors == 3
    server.stop()
    assert not list(home.iterdir())


def test_what_lies_in_the_way_costs_the_console_only(system: ActorSystem, tmp_path: Path, logs: list[Any]) -> None:
    (tmp_path / SOCKET_NAME).write_text("mine")
    server = ConsoleServer(system, tmp_path)
    server.start()
    server.stop()
    assert [(line["event"], line["reason"]) for line in logs] == [("no console", "Address already in use")]
    assert (tmp_path / SOCKET_NAME).read_text() == "mine"


def ask_who_dies(home: Path, request: Request, *answers: Answer) -> list[Answer]:
    """Ask somebody who says so much and closes the connection, as the kernel does for who is killed."""

    def die() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as lines:
            lines.readline()
            for one in answers:
                connection.sendall(encode(one))

    with make_socket() as listener:
        listener.bind(str(home / SOCKET_NAME))
        listener.listen()
        dying = threading.Thread(target=die)
        dying.start()
        try:
            return list(ConsoleClient(home, WallClock().monotonic_s).stream(request))
        finally:
            dying.join(PATIENCE_S)


@pytest.mark.parametrize("request_", [AskTree(), AskLoad(), AskTrace("echo")])
def test_who_dies_before_it_answers_is_no_daemon(tmp_path: Path, request_: Request) -> None:
    with pytest.raises(NoDaemonError, match=r"no daemon answers in .*: it closed the connection without an answer"):
        ask_who_dies(tmp_path, request_)


def test_a_trace_without_its_end_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoDaemonError, match="closed the connection before the trace had ended") as caught:
        ask_who_dies(tmp_path, AskTrace("echo"), EVENT)
    assert caught.value.exit_code == 69


def test_a_trace_with_its_end_is_whole(tmp_path: Path) -> None:
    whole = (EVENT, TraceEnded("time"))
    assert tuple(ask_who_dies(tmp_path, AskTrace("echo"), *whole)) == whole


def test_a_daemon_without_a_console_is_told_from_none(tmp_path: Path) -> None:
    def refusal() -> str:
        with pytest.raises(NoDaemonError) as caught:
            ConsoleClient(tmp_path, WallClock().monotonic_s).ask(AskTree(), TreeShown)
        return caught.value.message

    way, none = tmp_path / SOCKET_NAME, f"no daemon runs in {tmp_path}"
    with HomeLock(tmp_path, "command"):
        assert refusal() == none
    with HomeLock(tmp_path):
        start = f"a daemon (pid {os.getpid()}) runs in {tmp_path}, but its console is not there: "
        assert refusal() == f"{start}console.sock is missing"
        way.mkdir()
        assert refusal() == f"{start}console.sock is no socket"
        way.rmdir()
        with make_socket() as former:
            former.bind(str(way))
        assert refusal() == f"{start}nobody listens at console.sock"
    assert refusal() == none


def test_no_home_is_no_daemon(tmp_path: Path) -> None:
    for home in (tmp_path / "none", tmp_path / ("long" * 60) / "none"):
        with pytest.raises(NoDaemonError, match="no daemon runs in"):
            ConsoleClient(home, WallClock().monotonic_s).ask(AskHealth(), HealthShown)
