"""What carries an embedded server, shown with small programs in a server's place."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from naive_daemon.domain.errors import PermanentError, TransientError
from naive_daemon.storage.embedded import server as embedded_server
from naive_daemon.storage.embedded.server import Program, Readiness, Server

DEAF = "trap '' INT; echo ready; exec sleep 600"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    program = Program(
        title="A program",
        names=frozenset({"sh"}),
        marker=str(tmp_path),
        data=tmp_path,
        log=tmp_path / "program.log",
        ending=((signal.SIGINT, 0), (signal.SIGKILL, 10)),
    )
    server = Server(program)
    yield server
    server.stop()


def test_a_program_that_never_serves_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_server, "_START_S_MAX", 0)
    server.launch(["sh", "-c", "echo slow; exec sleep 600"], None)
    with pytest.raises(TransientError, match="A program does not come up"):
        server.await_ready(lambda: Readiness.SILENT)


def test_a_program_that_nobody_waits_for_any_longer_is_given_up(server: Server) -> None:
    looks: list[Readiness] = []

    def look() -> Readiness:
        looks.append(Readiness.RECOVERING)
        return looks[-1]

    server.launch(["sh", "-c", "echo slow; exec sleep 600"], None)
    with pytest.raises(TransientError, match="A program does not come up"):
        server.await_ready(look, lambda: len(looks) == 3)
    assert len(looks) == 3


def test_a_program_that_recovers_is_given_more_time(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_server, "_START_S_MAX", 0)
    server.launch(["sleep", "600"], None)
    told = iter([Readiness.RECOVERING, Readiness.RECOVERING, Readiness.READY])
    server.await_ready(lambda: next(told))


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("exit 3", "ended with status 3 while it started: it has logged nothing"),
        ("echo one; echo two >&2; echo; echo three; echo four; exit 1", r"status 1 .*: two \| three \| four$"),
    ],
)
def test_a_program_that_ends_at_once_is_noticed(server: Server, script: str, told: str) -> None:
    server.launch(["sh", "-c", script], None)
    with pytest.raises(PermanentError, match=told):
        server.await_ready(lambda: Readiness.SILENT)


def test_a_program_that_is_deaf_is_ended_all_the_same(server: Server, tmp_path: Path) -> None:
    server.launch(["sh", "-c", DEAF], None)
    log = tmp_path / "program.log"
    server.await_ready(lambda: Readiness.READY if b"ready" in log.read_bytes() else Readiness.SILENT)
    server.stop()
    assert server.pid is None
