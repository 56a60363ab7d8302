"""The trace of a simulated run: a line for each step, the same byte for byte whenever the same program runs again.

A line is `step time_ns label#number message`, then ` ! fault` if one was applied; it holds no address, no order of a
hash, no path and no text that Python itself has made. Its first line names the format and the seed. A trace goes to a
file as it grows (`TraceFile`), its end is kept (`TraceTail`), or one that was written is followed (`Replay`).
"""

import enum
import hashlib
from collections import deque
from collections.abc import Iterable
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any, Protocol, Self

from naive_daemon.otp.atom import CUT, label_of, tell_text
from naive_daemon.otp.call import Call
from naive_daemon.otp.description import describe
from naive_daemon.otp.exit import ExitReason
from naive_daemon.otp.faults import Busy, Crash, Delay, Drop, Fault, Kill, Reorder, Step
from naive_daemon.otp.messages import Begin, Down, ExitSignal, Reply, RequestFailed, Started
from naive_daemon.otp.ref import Ref
from naive_daemon.otp.timers import NS_PER_S

FORMAT = "# otp trace 1, seed "
MESSAGE_LENGTH_MAX = 160
NO_SEED = "none"


class TraceSink(Protocol):
    """Where the lines of a trace go."""

    def begin(self, seed: int | None) -> None:
        """Take the seed of the run; comes first, once."""

    def write(self, line: str) -> None:
        """Take the line of a step that is about to happen; what it raises comes to who runs the system."""


class TraceFile:
    """Writes a trace to a file as it grows. A context manager; who makes it closes it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="ascii", newline="\n")

    def begin(self, seed: int | None) -> None:
        """Write the first line."""
        self._file.write(first_line(seed) + "\n")

    def write(self, line: str) -> None:
        """Write a step."""
        self._file.write(line + "\n")

    def close(self) -> None:
        """Write what is left and close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class TraceTail:
    """Keeps the last lines of a trace, how many there were, and a hash over all of them."""

    def __init__(self, lines: int = 1_000) -> None:
        self.count = 0
        self._lines: deque[str] = deque(maxlen=lines)
        self._hash = hashlib.sha256()

    def begin(self, seed: int | None) -> None:
        """Take the first line, which counts in the hash only."""
        self._hash.update(first_line(seed).encode("ascii") + b"\n")

    def write(self, line: str) -> None:
        """Take a step."""
        self.count += 1
        self._lines.append(line)
        self._hash.update(line.encode("ascii") + b"\n")

    @property
    def lines(self) -> list[str]:
        """The last lines, oldest first."""
        return list(self._lines)

    @property
    def digest(self) -> str:
        """The SHA-256 of the file that a `TraceFile` would have written, in hexadecimal."""
        return self._hash.hexdigest()


class ReplayStopped(Exception):  # noqa: N818 - nothing went wrong: it is where one wanted to look
    """The step is reached up to which a trace was to be followed; the system stands as it was after it."""

    def __init__(self, step: int) -> None:
        super().__init__(f"replayed up to step {step}")
        self.step = step


class ReplayDivergedError(Exception):
    """The program does not do what the trace says; `expected` and `came` are lines, None where there is none."""

    def __init__(self, step: int, expected: str | None, came: str | None) -> None:
        expectation, event = expected or "nothing, the trace ends before it", came or "nothing, the run has ended"
        super().__init__(f"at step {step} the run leaves the trace\nexpected: {expectation}\ncame:     {event}")
        self.step = step
        self.expected = expected
        self.came = came


class Replay:
    """Follows a trace: give it to a system with its `seed`, and run the same program with the same faults again.

    Once `until_step` steps have happened, whoever runs the system gets ReplayStopped, now and at every later call, and
    may look at what is there. A step that is not the trace's raises ReplayDivergedError before it happens.
    `lines` may be an open file; it is read as the run goes on. Raises ValueError when it is no trace.
    """

    def __init__(self, lines: Iterable[str], until_step: int | None = None) -> None:
        self._lines = (line.rstrip("\n") for line in lines)
        self._until_step = until_step
        self._end: tuple[int, str | None, str | None] | None = None
        self.steps = 0
        self.seed = _seed_of(next(self._lines, ""))

    def begin(self, seed: int | None) -> None:
        """Refuse another seed than the trace's; raises ReplayDivergedError."""
        if seed != self.seed:
            raise ReplayDivergedError(0, first_line(self.seed), first_line(seed))

    def write(self, line: str) -> None:
        """Compare a step with the trace; raises ReplayStopped, ReplayDivergedError."""
        if self._end is None:
            if self.steps == self._until_step:
                raise ReplayStopped(self.steps)
            expected = next(self._lines, None)
            if expected == line:
                self.steps += 1
                return
            self._end = self.steps + 1, expected, line
        raise ReplayDivergedError(*self._end)

    def finish(self) -> None:
        """Say that the program has ended; raises ReplayDivergedError when the trace goes on, or it was left before."""
        if self._end is not None:
            raise ReplayDivergedError(*self._end)
        if self._until_step is None:
            expected = next(self._lines, None)
            if expected is not None:
                raise ReplayDivergedError(self.steps + 1, expected, None)


def first_line(seed: int | None) -> str:
    """Give the line that stands before the steps."""
    return f"{FORMAT}{NO_SEED if seed is None else seed}"


def step_line(step: Step, fault: Fault | None) -> str:
    """Give the line of a step, in ASCII."""
    line = f"{step.number} {step.time_ns} {_tell_ref(step.ref)} {tell_message(step.message)}"
    if fault is not None:
        line += f" ! {_tell_fault(fault)}"
    return _as_ascii(line.replace(CUT, "..."))


def tell_message(message: Any) -> str:
    """Give a message as text; of the runtime's own, what says something, and not the numbers it knows them by."""
    match message:
        case Begin():
            return "Begin"
        case ExitSignal(source, reason):
            return f"ExitSignal({_tell_ref(source)}, {_tell_reason(reason)})"
        case Down(ref=ref, reason=reason):
            return f"Down({_tell_ref(ref)}, {_tell_reason(reason)})"
        case Started(child, ref):
            return f"Started({_tell_ref(child)}{', ignored' if ref is None else ''})"
        case Call():
            return f"Call({tell_message(message.message)})"
        case Reply(value=RequestFailed(reason)):
            return f"Reply(failed, {_tell_reason(reason)})"
        case Reply(value=value):
            return f"Reply({_tell_plain(value)})"
        case _ if type(message).__module__ == ExitSignal.__module__:
            return type(message).__name__
        case _:
            return _tell_plain(message)


def _tell_plain(message: object) -> str:
    return describe(message, MESSAGE_LENGTH_MAX, _tell_the_same)


def _tell_the_same(value: Any, room: int) -> str | None:
    """Tell what would differ between two runs, machines or versions of Python by what stays the same in it."""
    kind = type(value)  # an instance may lie about its class
    if issubclass(kind, BaseException):
        return _tell_error(value)
    if kind is ExitReason:
        return _tell_reason(value)
    if kind is Ref:
        return _tell_ref(value)
    if issubclass(kind, PurePath):
        return _tell_text(_without_folder(PurePath.__str__(value)), room)
    if kind is str:
        return _tell_text(_without_folder(value), room)
    if issubclass(kind, str) and not issubclass(kind, enum.Enum):
        return _tell_text(value, room)
    return None


def _without_folder(path: str) -> str:
    return f".../{path.rpartition('/')[2]}" if path.startswith("/") else path


def _tell_text(value: str, room: int) -> str:
    """Escape all but ASCII here already: which of it `repr` escapes, and how long that is, differs by version."""
    return tell_text(value, room, ascii)


def _tell_ref(ref: Ref | None) -> str:
    return "nobody" if ref is None else f"{_as_ascii(label_of(ref))}#{ref.number}"


def _as_ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _tell_reason(reason: ExitReason) -> str:
    """Give a reason without its text, which may be Python's own and differ between its versions."""
    return _tell_error(reason.detail) if isinstance(reason.detail, BaseException) else reason.kind


def _tell_error(error: BaseException) -> str:
    return type(error).__name__


def _tell_fault(fault: Fault) -> str:
    match fault:
        case Crash(error):
            return f"crash {_tell_error(error)}"
        case Kill():
            return "kill"
        case Delay(delay_s):
            return f"delay {round(delay_s * NS_PER_S)} ns"
        case Busy(busy_s):
            return f"busy {round(busy_s * NS_PER_S)} ns"
        case Drop():
            return "drop"
        case Reorder(places):
            return f"reorder {places}"


def _seed_of(line: str) -> int | None:
    seed = line.removeprefix(FORMAT)
    if seed == line or not (seed == NO_SEED or seed.isdecimal()):
        raise ValueError(f"not a trace: its first line is {line[:80]!r}, not {FORMAT!r} and the seed")
    return None if seed == NO_SEED else int(seed)
