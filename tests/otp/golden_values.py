"""One of each kind of value, in particular what tends to differ between runs, machines and versions of Python."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import functools
import operator
import re
import threading
import types
import uuid
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import msgspec

from naive_daemon.otp import (
    DEFERRED,
    INFINITY,
    NOPROC,
    NORMAL,
    Actor,
    Call,
    ChildSpec,
    Continue,
    Restart,
    SupervisorError,
    crash,
    shutdown,
)


class Colour(enum.Enum):
    RED = 1


class Access(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()


class Level(enum.IntEnum):
    LOW = 1


class Point(NamedTuple):
    x: int
    y: float


@dataclasses.dataclass(frozen=True)
class Plain:
    word: str
    password: str = "hunter2"  # noqa: S105 - to be hidden


@dataclasses.dataclass(slots=True)
class Slotted:
    items: list[Any]


class Parcel(msgspec.Struct, frozen=True):
    content: Any
    tags: frozenset[Any] = frozenset()


class Silent:
    """Has no text of its own, and says so loudly when asked for one."""

    def __repr__(self) -> str:
        raise AssertionError("a trace runs no code of what it tells")


def values(member: Actor) -> list[Any]:
    """Give a value of each kind."""
    nothing: dict[str, int] = {}
    return [
        *(None, True, ..., NotImplemented, -1, 2**255, 2**3000),
        *(0.1 + 0.2, -0.0, 1e22, 1e-7, float("nan"), float("-inf"), 1 + 2j),
        *(decimal.Decimal("1.10"), decimal.Decimal("1E+3"), decimal.Decimal("NaN"), fractions.Fraction(1, 3)),
        *("quote ' \" \\ \n é 🙂 \x7f \u200b", "x" * 500, "https://user:secret@host/path", "token=abc"),
        # Characters that are printable by the Unicode of some versions of Python and not by that of others.
        *("\U0001fae8" * 60, {"\U0001fae8", "~", "\uffee"}, "\u2ffc\\" * 60, Path("\U0001fae8" * 60)),
        *(b"\x00\xff'", bytearray(b"bytes"), memoryview(b"view")),
        *(Colour.RED, Access.READ | Access.WRITE, Access(0), Level.LOW, Restart.PERMANENT),
        *(Point(1, 2.5), Plain("word"), Slotted([1, [2, [3, [4, [5, [6]]]]]]), Parcel(Silent())),
        *({"api_key": "abc", "b": {1, "a", (2, 3), None}}, {frozenset({frozenset({1}), "z"}): Colour.RED}),
        *(set(), frozenset(range(5)), {str(number) for number in range(100)}, list(range(100))),
        *(collections.deque([1, 2], 2), collections.Counter("aab"), collections.OrderedDict(z=1, a=2)),
        *(collections.defaultdict(list, a=[1]), collections.ChainMap({"a": 1}), types.SimpleNamespace(a=1)),
        *(dt.datetime(2024, 2, 29, 12, 30, 0, 5, tzinfo=dt.UTC), dt.date(2024, 2, 29), dt.time(1, 2)),
        *(dt.timedelta(days=-1, microseconds=7), uuid.UUID(int=7), range(1, 10, 3), slice(1, 2)),
        *(Path.cwd() / "here" / "file", PurePosixPath("a/b"), "/tmp/somewhere/file", str(Path.cwd())[:1]),  # noqa: S108 - nothing is written there
        *([lambda: member for _ in range(1)], print, "".join, str.join, (1).__add__, member.on_idle, error_of),
        *(functools.partial(print, 1), operator.itemgetter(1), functools.lru_cache(len), re.compile("a")),
        *(KeyError(object()), ExceptionGroup("all", [ValueError("one")]), crash(OSError(2, "No such file", "/a"))),
        *(error_of(lambda: nothing["key"]), error_of(lambda: int("x")), error_of(lambda: member.nowhere)),  # type: ignore[attr-defined] # on purpose
        *(object(), Silent(), member, member.ref, member.parent, iter([1]), (item for item in [1]), threading.Lock()),
        *(type(None), Actor, list[int], shutdown("detail"), NORMAL, ChildSpec(id=1, start=lambda: member)),
        *(Continue("message"), DEFERRED, INFINITY, Call(Parcel(1), print, print), SupervisorError("failed", NOPROC)),
    ]


def error_of(work: Callable[[], Any]) -> BaseException:
    """Catch an error that Python itself makes, in words that change from version to version."""
    try:
        return AssertionError(work())
    except (KeyError, ValueError, AttributeError) as error:
        return error
