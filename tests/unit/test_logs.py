"""What a log line looks like, and what must never be in one."""

import fcntl
import io
import json
import logging
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from pydantic import SecretStr

from naive_daemon.domain.errors import ConfigError
from naive_daemon.logs import LogStream, configure_logs, hide_secrets, open_log_file
from naive_daemon.logs.queued_text import QueuedText

PAGE = 4096
PATIENCE_S = 10.0


class Terminal(io.StringIO):
    """A terminal, as far as colours are concerned."""

    def isatty(self) -> bool:
        return True


class FullDisk(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def logged(target: io.StringIO) -> dict[str, Any]:
    (line,) = target.getvalue().splitlines()
    event: dict[str, Any] = json.loads(line)
    return event


def test_json_lines_hold_time_level_event_and_what_was_bound() -> None:
    target = io.StringIO()
    configure_logs("info", "auto", target)
    structlog.get_logger().bind(actor="trader", symbol="BTCUSDT").info("order placed", price=Decimal("1E-8"))
    event = logged(target)
    assert list(event) == ["time", "level", "event", "actor", "symbol", "price"]
    assert event["time"].endswith("Z")
    assert len(event["time"]) == len("2024-01-01T00:00:00.123456789Z")
    assert event | {"time": ""} == {
        "time": "",
        "level": "info",
        "event": "order placed",
        "actor": "trader",
        "symbol": "BTCUSDT",
        "price": "0.00000001",
    }


def test_text_is_for_people() -> None:
    target = io.StringIO()
    configure_logs("info", "text", target)
    structlog.get_logger().info("order placed", symbol="BTCUSDT", price=Decimal("0.10"))
    line = target.getvalue()
    assert line[2] == line[5] == ":"
    assert "[info     ] order placed  " in line
    assert line.endswith("symbol=BTCUSDT price=0.1\n")


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_auto_is_text_on_a_terminal(no_color: str, coloured: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    target = Terminal()
    configure_logs("info", "auto", target)
    structlog.get_logger().info("hello")
    assert "hello" in target.getvalue()
    assert ("\x1b[" in target.getvalue()) is coloured


def test_what_is_below_the_level_is_not_logged() -> None:
    target = io.StringIO()
    configure_logs("warning", "json", target)
    structlog.get_logger().info("quiet")
    logging.getLogger("somebody").info("quiet")
    assert target.getvalue() == ""


def test_the_standard_library_takes_the_same_way() -> None:
    target = io.StringIO()
    configure_logs("info", "json", target)
    logging.getLogger("pykka").info("too talkative")
    logging.getLogger("pykka").warning("actor %s died, password=%s", "x", "sesame")
    assert logged(target) | {"time": ""} == {
        "time": "",
        "level": "warning",
        "event": "actor x died, password=**********",
        "logger": "pykka",
    }


def test_configuring_twice_does_not_log_twice_and_moves_loggers_in_use() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure_logs("info", "json", first)
    logger = structlog.get_logger()
    logger.info("one")
    configure_logs("info", "text", second)
    logger.info("two")
    logging.getLogger("library").warning("three")
    assert logged(first)["event"] == "one"
    assert [line.split()[3 if "]" in line.split()[2] else 2] for line in second.getvalue().splitlines()] == [
        "two",
        "three",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:sesame@h/d", "postgresql://u:**********@h/d"),
        ("at postgresql://u:ses/a:m@e@h/d now", "at postgresql://u:**********@h/d now"),
        ("redis://:sesame@h:6379", "redis://:**********@h:6379"),
        ("host=h password=sesame user=u", "host=h password=********** user=u"),
        ("password='ses ame' user=u", "password=********** user=u"),
        ('{"api_key": "sesame", "a": 1}', '{"api_key": **********, "a": 1}'),
        ("X-MBX-APIKEY: sesame", "X-MBX-APIKEY: **********"),
        ("Authorization: Bearer sesame", "Authorization: Bearer **********"),
        ("/order?symbol=X&signature=sesame&a=1", "/order?symbol=X&signature=**********&a=1"),
        ("Cookie: sesame", "Cookie: **********"),
        ("access_key=sesame", "access_key=**********"),
        ("-----BEGIN PRIVATE KEY-----\nsesame\n-----END", "-----BEGIN PRIVATE KEY-----**********-----END"),
        ("http://h:80/path", "http://h:80/path"),
        ("price=1, symbol=X", "price=1, symbol=X"),
        ("nothing here", "nothing here"),
    ],
)
def test_secrets_inside_texts_are_hidden(text: str, shown: str) -> None:
    assert hide_secrets(text) == shown


def fail_with_secrets() -> None:
    try:
        int("password=sesame")
    except ValueError as cause:
        raise ConnectionError("no answer from redis://:sesame@h") from cause


@pytest.mark.parametrize("format", ["json", "text"])
def test_secrets_never_reach_a_line(format: Any) -> None:  # noqa: A002 - the parameter's own name
    target = io.StringIO()
    configure_logs("debug", format, target)
    logger = structlog.get_logger()
    logger.info("a", url="postgresql://u:sesame@h", api_key="sesame", nested={"list": [{"my_password": "sesame"}]})
    logger.info("b", value=SecretStr("sesame"), client_secret=12345678, tokens=("sesame",))
    try:
        fail_with_secrets()
    except ConnectionError as error:
        logger.warning("c", exc_info=True)
        logger.info("d", exc_info=error, reason=error)
        logger.exception("e")
    assert "sesame" not in target.getvalue()
    assert "12345678" not in target.getvalue()
    assert "no answer from redis://:**********@h" in target.getvalue()


def crash() -> None:
    raise ValueError("two\nlines")


def test_json_tracebacks_are_tables() -> None:
    target = io.StringIO()
    configure_logs("info", "json", target)
    try:
        crash()
    except ValueError:
        structlog.get_logger().exception("crashed")
    event = logged(target)
    assert event["level"] == "error"
    assert event["error"] == "ValueError: two lines"
    assert event["exception"][0]["exc_type"] == "ValueError"
    assert event["exception"][0]["frames"][-1]["name"] == "crash"
    assert "locals" not in event["exception"][0]["frames"][-1]


@pytest.mark.parametrize(
    ("level", "method", "traceback"),
    [("info", "warning", False), ("info", "error", True), ("info", "exception", True), ("debug", "warning", True)],
)
def test_text_tracebacks_are_for_crashes_and_for_debugging(level: Any, method: str, traceback: bool) -> None:
    target = io.StringIO()
    configure_logs(level, "text", target)
    try:
        crash()
    except ValueError:
        getattr(structlog.get_logger(), method)("it happened", exc_info=True)
    assert ("Traceback (most recent call last)" in target.getvalue()) is traceback
    assert traceback or target.getvalue().endswith("error='ValueError: two lines'\n")


class Odd(msgspec.Struct, frozen=True):
    """A value as the daemon logs it."""

    price: Decimal
    tags: frozenset[str]


def test_any_value_can_be_logged() -> None:
    target = io.StringIO()
    configure_logs("info", "json", target)
    values = {"odd": Odd(Decimal("1E+3"), frozenset("a")), "path": Path("/x"), "big": 10**30, "bytes": b"\xff"}
    structlog.get_logger().info("values", **values, broken=os.fsdecode(b"\xff"), nan=float("nan"), keys={1: None})
    event = logged(target)
    assert event["odd"] == {"price": "1000", "tags": ["a"]}
    assert event["path"] == "/x"
    assert event["big"] == 10**30
    assert event["bytes"] == "b'\\xff'"
    assert event["broken"] == "\\udcff"
    assert event["keys"] == {"1": None}


def test_a_stream_is_swapped_between_lines() -> None:
    first, second = io.StringIO(), io.StringIO()
    stream = configure_logs("info", "json", LogStream(first))
    structlog.get_logger().info("one")
    assert stream.swap(second) is first
    structlog.get_logger().info("two")
    assert (logged(first)["event"], logged(second)["event"]) == ("one", "two")


def test_a_failing_target_never_fails_who_logs() -> None:
    stream = configure_logs("info", "json", LogStream(FullDisk()))
    structlog.get_logger().info("lost")
    closed = io.StringIO()
    closed.close()
    stream.swap(closed)
    structlog.get_logger().info("lost too")
    assert stream.dropped == 2
    assert not stream.is_terminal()


class Pipe:
    """A pipe that holds one page, and its reader, who reads when told to."""

    def __init__(self) -> None:
        self._reading, writing = os.pipe()
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, PAGE)
        self.writer = os.fdopen(writing, "w", encoding="utf-8")

    def read_all(self) -> list[dict[str, Any]]:
        """Read until the writer is closed."""
        with os.fdopen(self._reading, encoding="utf-8") as reader:
            return [json.loads(line) for line in reader]


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


def test_who_logs_never_waits_for_the_reader(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("naive_daemon.logs.queued_text.QUEUED_BYTES_MAX", 4 * PAGE)
    stream = configure_logs("info", "auto", LogStream(pipe.writer))
    logger = structlog.get_logger()
    for number in range(1_000):  # some ten times what pipe and queue hold
        logger.info("line", number=number)
    assert stream.dropped > 500
    assert not stream.close(timeout_s=0)
    os.close(pipe._reading)
    pipe.writer.close()


def test_lost_lines_are_counted_and_told_when_somebody_reads_again(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("naive_daemon.logs.queued_text.QUEUED_BYTES_MAX", 4 * PAGE)
    stream = configure_logs("info", "auto", LogStream(pipe.writer))
    logger = structlog.get_logger()
    for number in range(1_000):
        logger.info("line", number=number)
    read: list[dict[str, Any]] = []
    reader = threading.Thread(target=lambda: read.extend(pipe.read_all()))
    reader.start()
    queued = stream.target
    assert isinstance(queued, QueuedText)
    assert queued.drain(PATIENCE_S)
    logger.info("read again")
    assert stream.close(PATIENCE_S)
    pipe.writer.close()
    reader.join(PATIENCE_S)
    assert read[-1]["event"] == "read again"
    told = [event["lines"] for event in read if event["event"] == "log lines were lost"]
    assert sum(told) == stream.dropped > 500
    numbers = [event["number"] for event in read if event["event"] == "line"]
    assert numbers == sorted(numbers)
    assert len(numbers) + stream.dropped == 1_000


def test_lines_are_all_out_at_the_end_and_in_order_over_a_swap(pipe: Pipe) -> None:
    other = io.StringIO()
    stream = configure_logs("info", "auto", LogStream(pipe.writer))
    logger = structlog.get_logger()
    logger.info("one")
    former = stream.swap(other)
    logger.info("two")
    assert stream.swap(former) is other
    logger.info("three")
    assert stream.close(PATIENCE_S)
    assert not [thread for thread in threading.enumerate() if thread.name == "log" and not thread.daemon]
    pipe.writer.close()
    assert [event["event"] for event in pipe.read_all()] == ["one", "three"]
    assert logged(other)["event"] == "two"


def test_a_pipe_without_a_reader_loses_lines_and_nothing_else(pipe: Pipe) -> None:
    stream = configure_logs("info", "auto", LogStream(pipe.writer))
    os.close(pipe._reading)
    structlog.get_logger().info("lost")
    assert stream.close(PATIENCE_S)
    assert stream.dropped == 1
    pipe.writer.close()


def test_a_process_that_ends_writes_what_is_queued_and_waits_for_no_stuck_reader() -> None:
    program = (
        "import sys, structlog\n"
        "from naive_daemon.logs import LogStream, configure_logs\n"
        "configure_logs('info', 'json', LogStream(sys.stderr))\n"
        "for number in range(int(sys.argv[1])): structlog.get_logger().info('line', number=number)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "200"], capture_output=True, text=True, check=True, timeout=60
    )
    assert len(done.stderr.splitlines()) == 200
    reading, writing = os.pipe()
    stuck = subprocess.Popen([sys.executable, "-c", program, "5000"], stderr=writing)
    assert stuck.wait(60) == 0
    os.close(reading)
    os.close(writing)


def test_a_command_writes_at_once(pipe: Pipe) -> None:
    configure_logs("info", "auto", pipe.writer)
    structlog.get_logger().info("here")
    assert json.loads(os.read(pipe._reading, PAGE))["event"] == "here"
    pipe.writer.close()
    os.close(pipe._reading)


def test_lines_of_threads_do_not_mix() -> None:
    target = io.StringIO()
    configure_logs("info", "json", target)
    logger = structlog.get_logger()

    def write(name: str) -> None:
        for number in range(50):
            logger.info("line", name=name, number=number)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([json.loads(line) for line in target.getvalue().splitlines()]) == 200


def test_a_log_file_is_appended_to_and_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "daemon.log"
    for event in ("one", "two"):
        with open_log_file(path) as file:
            configure_logs("info", "auto", file)
            structlog.get_logger().info(event)
    assert [json.loads(line)["event"] for line in path.read_text(encoding="utf-8").splitlines()] == ["one", "two"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_log_file_that_can_not_be_written_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can not be written: Is a directory"):
        open_log_file(tmp_path)


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text of mine")

    __repr__ = __str__


def logged_error(error: BaseException, format: Any, level: Any = "info") -> str:  # noqa: A002 - as above
    target = io.StringIO()
    configure_logs(level, format, target)
    try:
        raise error
    except type(error) as caught:
        structlog.get_logger().error("crashed", exc_info=caught)
    return target.getvalue()


def crowd() -> BaseException:
    """Give groups in groups, each with many members, notes and causes."""
    error: BaseException = ValueError("y" * 5_000)
    for _ in range(20):
        members = [error, *(ValueError(f"{number}" + "z" * 5_000) for number in range(50))]
        error = BaseExceptionGroup("many" * 5_000, members)
        error.__cause__ = ValueError("cause" * 5_000)
        for _ in range(30):
            error.add_note("note" * 5_000)
    return error


def chain() -> BaseException:
    error = ValueError("first")
    for number in range(5_000):
        cause, error = error, ValueError(f"{number}" + "y" * 3_000)
        error.__cause__ = cause
    return error


LONG = 2_000_000


@pytest.mark.parametrize("format", ["json", "text"])
@pytest.mark.parametrize(
    "error",
    [ValueError("y" * LONG), ValueError("://:" * (LONG // 4)), crowd(), chain()],
    ids=["y", "url", "group", "chain"],
)
def test_an_error_that_says_much_costs_a_line_of_bounded_length(error: BaseException, format: Any) -> None:  # noqa: A002 - as above
    line = logged_error(error, format)
    assert 100 < len(line) < 30_000
    if format == "json":
        event = json.loads(line)
        assert len(event["error"]) < 2_200
        assert len(event["exception"][0]["exc_value"]) <= 2_000


@pytest.mark.parametrize("format", ["json", "text"])
@pytest.mark.parametrize("room", range(4))
def test_a_cut_shows_no_half_of_a_secret(format: Any, room: int) -> None:  # noqa: A002 - as above
    text = "y" * (2_000 - len("redis://:ses") - room) + " redis://:sesame" + "e" * 3_000 + "@h"
    assert "ses" not in logged_error(ValueError(text), format).replace("raise error", "")


@pytest.mark.parametrize("format", ["json", "text"])
def test_an_error_that_can_not_say_anything_is_logged_all_the_same(format: Any, capsys: Any) -> None:  # noqa: A002 - as above
    group = BaseExceptionGroup("some", [MuteError()])
    line = logged_error(group, format)
    assert "MuteError" in line
    assert "(no text)" in line
    assert "MuteError: (no text)" in logged_error(MuteError(), format)
    assert capsys.readouterr().err == ""


def test_any_field_is_bounded_and_may_fail_to_say_what_it_is() -> None:
    target = io.StringIO()
    configure_logs("info", "json", target)
    structlog.get_logger().info("values", long="://:" * (LONG // 4), mute=MuteError())
    event = logged(target)
    assert len(event["long"]) <= 8_000
    assert event["mute"] == "(no text)"


def fall(depth: int) -> None:
    if not depth:
        raise ValueError("deep")
    fall(depth - 1)


@pytest.mark.parametrize("format", ["json", "text"])
def test_a_deep_traceback_shows_both_ends(format: Any) -> None:  # noqa: A002 - as above
    target = io.StringIO()
    configure_logs("info", format, target)
    try:
        fall(300)
    except ValueError as error:
        structlog.get_logger().error("crashed", exc_info=error)
    assert "test_a_deep_traceback_shows_both_ends" in target.getvalue()
    assert "ValueError: deep" in target.getvalue()
    assert len(target.getvalue()) < 30_000


def test_a_traceback_gives_a_terminal_nothing_to_obey() -> None:
    assert "\x1b" not in logged_error(ValueError("\x1b[2J"), "text")
    assert "\x1b" not in logged_error(ValueError("\x1b[2J"), "text", "debug")
