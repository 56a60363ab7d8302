"""Where an actor's thread is at this moment, for an actor that does not answer."""

import sys
import traceback
from types import FrameType

from naive_daemon.otp.process import Process

FRAMES_MAX = 24


def stack_of(actor: Process) -> list[str]:
    """Give the innermost calls of the handler that runs now, outermost first, as `file:line in function: source`.

    Empty when no thread runs the actor. Only places in the source are shown, never values.
    """
    for frame in sys._current_frames().values():
        turn = _turn_of(actor, frame)
        if turn is not None:
            depth = _depth(frame, turn)
            calls = traceback.extract_stack(frame, limit=min(depth, FRAMES_MAX))
            return [f"{call.filename}:{call.lineno} in {call.name}: {call.line}" for call in calls]
    return []


def _turn_of(actor: Process, frame: FrameType) -> FrameType | None:
    """Find the frame in which a thread's dispatcher runs this actor."""
    outer: FrameType | None = frame
    while outer is not None:
        if outer.f_code is type(actor).run_batch.__code__ and outer.f_locals.get("self") is actor:
            return outer
        outer = outer.f_back
    return None


def _depth(frame: FrameType, turn: FrameType) -> int:
    depth, outer = 0, frame
    while outer is not turn and outer.f_back is not None:
        depth, outer = depth + 1, outer.f_back
    return max(depth, 1)
