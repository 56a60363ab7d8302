"""Wires structlog and the standard library's logging to one stream."""

import logging
import sys
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import Processor

from naive_daemon.logs.rendering import json_processors, text_processors, wants_colours
from naive_daemon.logs.stream import LogStream

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "text", "json"]
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
# They tell of every statement and message; only what they warn of is wanted, unless everything is.
_TALKATIVE = ("alembic", "sqlalchemy", "pykka", "filelock", "asyncio")


class _Sink:
    """The end of every logger: it outlives a new configuration, so that cached loggers follow it."""

    def __init__(self) -> None:
        self.stream = LogStream(sys.stderr, is_direct=True)

    def msg(self, line: str) -> None:
        self.stream.write_line(line)

    debug = info = warning = warn = error = critical = fatal = exception = log = msg


_sink = _Sink()
_processors: list[Processor] = []


def _render(level: str, event: Any) -> str:
    for processor in _processors:
        event = processor(None, level, event)
    return str(event)


def _render_lost(lines: int) -> str:
    return _render("warning", {"event": "log lines were lost", "lines": lines, "reason": "nobody read them in time"})


class _Bridge(logging.Handler):
    """Brings what the standard library's loggers say into the same lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Render a record and write it."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # the caller's arguments do not fit its message: logging reports that
            self.handleError(record)
            return
        event: Any = {"event": text, "logger": record.name}
        if record.exc_info:
            event["exc_info"] = record.exc_info
        _sink.stream.write_line(_render(record.levelname.lower(), event))


def configure_logs(
    level: LogLevel = "info",
    format: LogFormat = "auto",  # noqa: A002 - the name of the configuration's key
    stream: LogStream | TextIO | None = None,
) -> LogStream:
    """Send everything that this process logs to `stream` (default: standard error), and give that stream.

    A plain text stream is written at once, as a short command wants it; a LogStream as it was made, which is from a
    thread where a reader may stall: a daemon makes one.
    `auto` asks, once, whether a terminal reads. A later call changes stream and shape for every logger, but the level
    only for loggers that have not logged yet: loggers are cached together with their level, so that an event below it
    costs next to nothing.
    """
    target = stream if isinstance(stream, LogStream) else LogStream(stream or sys.stderr, is_direct=True)
    target.tell_lost = _render_lost
    terminal = target.is_terminal()
    as_json = format == "json" or (format == "auto" and not terminal)
    _sink.stream = target
    # In place: cached loggers hold on to this very list.
    _processors[:] = (
        json_processors()
        if as_json
        else text_processors(colours=wants_colours(terminal=terminal), verbose=level == "debug")
    )
    structlog.configure(
        processors=_processors,
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=_give_sink,
        cache_logger_on_first_use=True,
    )
    _route_standard_library(_LEVELS[level])
    return target


def _give_sink(*_: Any) -> _Sink:
    return _sink


def _route_standard_library(level: int) -> None:
    logging.captureWarnings(capture=True)
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, _Bridge):
            root.removeHandler(handler)
    root.addHandler(_Bridge())
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(level if level == logging.DEBUG else max(level, logging.WARNING))
