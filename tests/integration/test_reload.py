"""SIGHUP: what of the log is taken at once, what is said to wait, and a log file that was moved away."""

import contextlib
import json
import logging
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from naive_daemon import logs
from naive_daemon.cli.command import Options
from naive_daemon.cli.run import logging_to_terminal, reload_config
from naive_daemon.config import Config, load_config
from naive_daemon.domain.errors import ConfigError

NOBODY = 65534


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with contextlib.ExitStack() as opened:
        monkeypatch.setattr(logs, "open_log_file", lambda path: opened.enter_context(logs.stream.open_log_file(path)))
        yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def logging_to(home: Path, file: Path, **log: str) -> Config:
    keys = {f"log.{name}": value for name, value in log.items()}
    return load_config(None, {"home": home, "log.file": file, **keys}, environment={})


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def open_files() -> set[Path]:
    return {each.resolve() for each in Path("/proc/self/fd").iterdir()}


@contextlib.contextmanager
def writing_at_most(size: int) -> Iterator[None]:
    """Have no file of this process grow beyond `size` bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Do without the rights of root, where the tests run as root."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(mine)


def test_what_changed_of_the_log_is_said_to_wait_key_by_key_but_for_its_level(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    running = logging_to(tmp_path, file)
    fresh = logging_to(tmp_path, tmp_path / "b.log", format="text", level="debug")
    with logging_to_terminal(Options(), running) as terminal:
        reload_config(lambda: fresh, running, terminal)
        structlog.get_logger().debug("heard")
    told, heard = lines(file)
    assert (told["changed"], told["at_next_start"]) == (["log"], ["log.format", "log.file"])
    assert heard["event"] == "heard"


@pytest.mark.parametrize("is_right", [True, False])
def test_a_log_file_that_was_moved_away_is_opened_anew_whatever_the_configuration_says(
    tmp_path: Path, is_right: bool
) -> None:
    file, moved = tmp_path / "daemon.log", tmp_path / "daemon.log.1"
    running = logging_to(tmp_path, file)

    def load() -> Config:
        if is_right:
            return running
        raise ConfigError("log.level is wrong")

    with logging_to_terminal(Options(), running) as terminal:
        structlog.get_logger().info("before")
        file.rename(moved)
        reload_config(load, running, terminal)
        structlog.get_logger().info("after")
    assert [line["event"] for line in lines(moved)] == ["before"]
    assert [line["event"] for line in lines(file)][1:] == ["after"]


def test_a_log_file_that_can_not_be_opened_anew_is_gone_on_with(tmp_path: Path) -> None:
    file, moved = tmp_path / "logs" / "daemon.log", tmp_path / "moved"
    running = logging_to(tmp_path, file)
    with logging_to_terminal(Options(), running) as terminal:
        file.parent.rename(moved)
        file.parent.write_text("no directory")
        reload_config(lambda: running, running, terminal)
    events = [line["event"] for line in lines(moved / "daemon.log")]
    assert events == ["the log goes on in the former file", "configuration read again"]


def test_a_log_file_on_a_full_disk_is_opened_anew_and_ends_nothing(tmp_path: Path) -> None:
    file, moved = tmp_path / "daemon.log", tmp_path / "moved"
    running = logging_to(tmp_path, file)
    with logging_to_terminal(Options(), running) as terminal:
        structlog.get_logger().info("before")
        with writing_at_most(file.stat().st_size):
            structlog.get_logger().info("not written")
            file.rename(moved)
            assert moved in open_files()
            reload_config(lambda: running, running, terminal)
        structlog.get_logger().info("after")
        assert moved not in open_files()
    assert [line["event"] for line in lines(file)][-1] == "after"


def test_a_log_file_that_can_not_be_looked_at_any_more_is_gone_on_with(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "daemon.log"
    running = logging_to(tmp_path, file)
    with logging_to_terminal(Options(), running) as terminal:
        file.parent.chmod(0)
        with as_ordinary_user():
            reload_config(lambda: running, running, terminal)
        file.parent.chmod(0o700)
    events = [line["event"] for line in lines(file)]
    assert events == ["the log goes on in the former file", "configuration read again"]


def test_a_log_that_is_a_pipe_is_kept(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    running = logging_to(tmp_path, pipe)
    with logging_to_terminal(Options(), running) as terminal:
        before = set(Path("/proc/self/fd").iterdir())
        reload_config(lambda: running, running, terminal)
        assert set(Path("/proc/self/fd").iterdir()) == before
    assert b"configuration read again" in os.read(reader, 65_536)
    os.close(reader)
