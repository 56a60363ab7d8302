"""Exceptions as a line, as tables for machines, or as a traceback for people; each bounded, whatever they say.

An error's text may have any length, its causes and the members of a group any number; a crash is logged by the process
that must go on trading. So one walk takes what fits, outermost error first, and both shapes are made of that.
"""

import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType
from typing import Any

from naive_daemon.logs.bounded_text import CUT, bounded, printable, text_of

VALUE_MAX = 2_000
"""Characters of an error's own text, and of each of its notes."""
EXCEPTION_MAX = 20_000
"""Characters, roughly, of an exception with its causes, members and frames."""
FRAMES_MAX = 50
_FRAME_CHARACTERS = 200
_NAME_MAX = 100
_NOTES_MAX = 10
_ERRORS_MAX = 20
_GROUP_DEPTH_MAX = 3
_CAUSE = "\nThe above exception was the direct cause of the following exception:\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n"


def one_line(error: BaseException) -> str:
    """Give the error's class and text on one line, of some VALUE_MAX characters."""
    name = bounded(type(error).__name__, _NAME_MAX)
    text = printable(" ".join(_value(error).split()))
    return f"{name}: {text}" if text else name


def tables(error: BaseException) -> list[dict[str, Any]]:
    """Give a table for the error and for each that it came from, as structlog does."""
    return [_table(one) for one in _walk(error, _Room())]


def text(error: BaseException) -> str:
    """Give the traceback as Python prints it: what came first stands first."""
    return "\n".join(_lines(_walk(error, _Room())))


@dataclass
class _Room:
    """What is left for one event's exception."""

    characters: int = EXCEPTION_MAX
    errors: int = _ERRORS_MAX

    def take(self, shown: str) -> str:
        """Give as much of a text as there is room for."""
        shown = shown if len(shown) <= self.characters else CUT
        self.characters -= len(shown)
        return shown

    def take_frames(self) -> int:
        """Give how many frames one more error may show; what they need is counted by `give_back`."""
        frames = max(0, min(FRAMES_MAX, self.characters // _FRAME_CHARACTERS))
        self.characters -= frames * _FRAME_CHARACTERS
        return frames

    def give_back(self, frames: int) -> None:
        """Return the room of frames that there were none for."""
        self.characters += frames * _FRAME_CHARACTERS


@dataclass
class _Told:
    """One error of the walk; `frames` with the outermost first, `left_out` of them missing in the middle."""

    kind: str
    value: str
    notes: list[str]
    is_cause: bool
    frames: list[traceback.FrameSummary]
    left_out: int
    is_group: bool
    members: list[list["_Told"]] = field(default_factory=list)
    members_left_out: int = 0


def _walk(error: BaseException | None, room: _Room, depth: int = 0, seen: set[int] | None = None) -> list[_Told]:
    """Give an error, then what it came from, for as long as there is room."""
    seen = set() if seen is None else seen
    told: list[_Told] = []
    is_cause = False
    while error is not None and id(error) not in seen and room.errors > 0:
        seen.add(id(error))
        room.errors -= 1
        told.append(_tell(error, room, is_cause=is_cause))
        if isinstance(error, BaseExceptionGroup):
            _add_members(told[-1], error, room, depth, seen)
        is_cause = error.__cause__ is not None
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return told


def _tell(error: BaseException, room: _Room, *, is_cause: bool) -> _Told:
    value = room.take(_value(error))
    notes = getattr(error, "__notes__", ())
    kept = notes[:_NOTES_MAX] if isinstance(notes, list | tuple) else ()
    shown = [room.take(_value(note)) for note in kept]
    frames, left_out = _frames(error.__traceback__, room)
    kind = bounded(type(error).__name__, _NAME_MAX)
    return _Told(kind, value, shown, is_cause, frames, left_out, isinstance(error, BaseExceptionGroup))


def _add_members(told: _Told, group: BaseExceptionGroup[Any], room: _Room, depth: int, seen: set[int]) -> None:
    if depth < _GROUP_DEPTH_MAX:
        for member in group.exceptions:
            if room.errors <= 0:
                break
            told.members.append(_walk(member, room, depth + 1, seen))
    told.members_left_out = len(group.exceptions) - len(told.members)


def _frames(trace: TracebackType | None, room: _Room) -> tuple[list[traceback.FrameSummary], int]:
    """Give the outermost and the innermost frames of a traceback, and how many are missing between them."""
    count = sum(1 for _ in _steps(trace))
    most = room.take_frames()
    room.give_back(max(0, most - count))
    first = most // 2 if count > most else count
    last = most - first if count > most else 0
    steps = ((step.tb_frame, step.tb_lineno) for step in _steps(trace))
    kept = [*islice(steps, first), *islice(steps, count - first - last, None)]
    return list(traceback.StackSummary.extract(iter(kept))), count - first - last


def _steps(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _value(value: Any) -> str:
    return bounded(text_of(value), VALUE_MAX)


def _table(told: _Told) -> dict[str, Any]:
    frames: list[dict[str, Any]] = [
        {"filename": frame.filename[-_NAME_MAX:], "lineno": frame.lineno or 0, "name": frame.name[:_NAME_MAX]}
        for frame in told.frames
    ]
    if told.left_out:
        frames.insert((len(frames)) // 2, {"filename": "", "lineno": -1, "name": f"Skipped frames: {told.left_out}"})
    return {
        "exc_type": told.kind,
        "exc_value": told.value,
        "exc_notes": told.notes,
        "syntax_error": None,
        "is_cause": told.is_cause,
        "frames": frames,
        "is_group": told.is_group,
        "exceptions": [[_table(one) for one in member] for member in told.members],
        "exceptions_left_out": told.members_left_out,
    }


def _lines(walked: list[_Told]) -> Iterator[str]:
    for number in range(len(walked) - 1, -1, -1):
        yield from _lines_of(walked[number])
        if number:
            yield _CAUSE if walked[number].is_cause else _CONTEXT


def _lines_of(told: _Told) -> Iterator[str]:
    if told.frames or told.left_out:
        yield "Traceback (most recent call last):"
    shown = [bounded(frame, 2 * _FRAME_CHARACTERS).rstrip() for frame in traceback.format_list(told.frames)]
    if told.left_out:
        shown.insert(len(told.frames) // 2, f"  [{told.left_out} frames left out]")
    yield from shown
    yield printable(f"{told.kind}: {told.value}" if told.value else told.kind)
    yield from map(printable, told.notes)
    for number, member in enumerate(told.members, 1):
        yield f"  +---------------- {number} ----------------"
        yield from ("  | " + line.replace("\n", "\n  | ") for line in _lines(member))
    if told.members_left_out:
        yield f"  +---------------- and {told.members_left_out} more"
