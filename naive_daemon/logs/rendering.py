"""How a log event becomes a line: processors of structlog, for people and for machines.

The order is fixed: values made plain, exceptions made text or tables, secrets out, rendered. So a secret in the text of
an exception is found as well. Every text is cut before secrets are looked for, so that no error, however much it says,
costs more than a line. JSON gets its time after all that: to look for secrets in it took as long as everything else.
"""

import enum
import os
import sys
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from naive_daemon.clock import NS_PER_S, WallClock, to_datetime
from naive_daemon.domain.money import plain
from naive_daemon.logs import exception
from naive_daemon.logs.bounded_text import bounded, text_of
from naive_daemon.logs.secret import hide_secret_values

_CLOCK = WallClock()
_PAD_EVENT = 28
_TEXT_MAX = 8_000
"""Characters of a text that is bound to an event."""
# Levels at which a traceback is always shown: something has crashed.
_CRASHES = frozenset({"error", "critical", "exception", "fatal"})
_CALM = frozenset({"debug", "info"})


def json_processors() -> list[Processor]:
    """One JSON object for each event: `time` (ISO, UTC, nanoseconds), `level`, `event`, then what was bound."""
    return [_with_plain_values, _with_structured_exception, hide_secret_values, _with_full_time, _as_json]


def text_processors(*, colours: bool, verbose: bool) -> list[Processor]:
    """One line for each event: UTC time of day, level, event, key=value.

    Tracebacks follow on lines of their own where something crashed (level error and up), and everywhere when
    `verbose`; else an exception is a single `error=…`.
    """
    with_exception = _with_traceback if verbose else _with_traceback_of_crashes
    console = structlog.dev.ConsoleRenderer(
        colors=colours,
        pad_event_to=_PAD_EVENT,
        sort_keys=False,
        timestamp_key="time",
        exception_formatter=structlog.dev.plain_traceback,
    )
    return [_with_time_of_day, _without_address, _with_plain_values, with_exception, hide_secret_values, console]


def wants_colours(*, terminal: bool) -> bool:
    """Say whether to colour; NO_COLOR switches it off, as people expect of programs in a terminal."""
    return terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    return to_datetime(seconds * NS_PER_S).strftime("%Y-%m-%dT%H:%M:%S")


def _with_full_time(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    seconds, rest = divmod(_CLOCK.now_ns(), NS_PER_S)
    return {"time": f"{_second(seconds)}.{rest:09d}Z", "level": _level(method), "event": "", **event}


def _with_time_of_day(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    return {"time": _second(_CLOCK.now_ns() // NS_PER_S)[-8:], "level": _level(method), "event": "", **event}


def _without_address(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Leave out, of what goes as it should, the address that a person reads off the symbol; machines get it."""
    if event["level"] in _CALM and "symbol" in event:
        return {key: value for key, value in event.items() if key not in ("actor", "account")}
    return event


def _level(method: str) -> str:
    return {"exception": "error", "warn": "warning", "fatal": "critical"}.get(method, method)


def _with_plain_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: value if key == "exc_info" else plain_value(value) for key, value in event.items()}


def plain_value(value: Any) -> Any:
    """Give what JSON can hold: decimals and paths as text, times in ISO, structs as tables, the rest by its repr."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, msgspec.Struct):
        return plain_value(msgspec.structs.asdict(value))
    if isinstance(value, Mapping):
        return {bounded(text_of(key), _TEXT_MAX): plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    if isinstance(value, AbstractSet):
        return sorted(str(plain_value(item)) for item in value)
    return _plain_text(value)


def _plain_text(value: Any) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, enum.Enum):
        value = str(value.value)
    return bounded(text_of(value, str if isinstance(value, str | os.PathLike) else repr), _TEXT_MAX)


def _with_structured_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    error = _exception(event.pop("exc_info", None))
    if error is not None:
        event = {**event, "error": exception.one_line(error), "exception": exception.tables(error)}
    return event


def _with_traceback(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    error = _exception(event.pop("exc_info", None))
    if error is not None:
        event["exception"] = exception.text(error)
    return event


def _with_traceback_of_crashes(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    if event["level"] in _CRASHES:
        return _with_traceback(logger, method, event)
    error = _exception(event.pop("exc_info", None))
    if error is not None:
        event["error"] = exception.one_line(error)
    return event


def _exception(given: Any) -> BaseException | None:
    """Find the exception in what was given as `exc_info`: an exception, a triple, or true for the one being handled."""
    if isinstance(given, BaseException):
        return given
    if isinstance(given, tuple):
        return given[1] if isinstance(given[1], BaseException) else None
    return sys.exc_info()[1] if given else None


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return msgspec.json.encode(event).decode("utf-8")
