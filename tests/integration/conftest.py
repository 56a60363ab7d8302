"""The command line, run inside the test's process against a real database."""

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import structlog

from naive_daemon.cli import boundary, cli
from tests.integration.scripted_binance import ScriptedBinance


class Answer(NamedTuple):
    """What a command gave back."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


class Console:
    """Runs commands as `naive-daemon` does."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Answer:
        self._capsys.readouterr()
        code = boundary.run(cli, arguments)
        out, err = self._capsys.readouterr()
        return Answer(code, out, err)


@pytest.fixture
def console(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Console]:
    """Give the command line, with a home of its own; what it changes in the process is put back."""
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setenv("NAIVE_HOME", str(tmp_path_factory.mktemp("home")))
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield Console(capsys)
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
def schema_url(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """URL of a database with the schema; commands of `console` use it."""
    monkeypatch.setenv("NAIVE_DATABASE_URL", migrated_url)
    return migrated_url


@pytest.fixture
def quiet() -> Iterator[None]:
    """Keep what is logged from the terminal."""
    before = structlog.get_config()
    structlog.configure(processors=[structlog.testing.LogCapture()])
    yield
    structlog.configure(**before)


@pytest.fixture
def server() -> Iterator[ScriptedBinance]:
    """Give a Binance that says what the test wants."""
    with ScriptedBinance() as server:
        yield server
