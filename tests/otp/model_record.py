"""What the model keeps of processes, child specs and what waits for a supervisor; and how a supervisor shows itself."""

from collections import deque
from collections.abc import Iterator
from typing import Any

import msgspec

from tests.otp.model_script import CountChildren, Dynamic, Leaf, Node, Path, Quit, Request, Static, WhichChildren

Instance = tuple[Path, int]
"""The number-th process that was started as the child at a path."""

Entry = tuple[str, str, int, str]
"""("start", id, number, "") or ("end", id, number, kind of reason); ANY_REASON where the rules do not say which."""

Answer = Any
"""The kind of an answer, ("died", kind) of a supervisor that ended before, or what a list or a count shows."""

ANY_REASON = ANY_ANSWER = "?"
LOOKS = (WhichChildren, CountChildren)
REASON_OF = {"kill": "killed", "crash": "crash", "normal": "normal", "shutdown": "shutdown", "detail": "shutdown"}


class Process(msgspec.Struct, eq=False, kw_only=True):
    """A worker that runs or has ended."""

    node: Node
    path: Path
    number: int
    keeper: "Supervisor | None"
    is_alive: bool = True
    reason: str = ""
    gave_up: bool = False

    @property
    def instance(self) -> Instance:
        return (self.path, self.number)


class Slot(msgspec.Struct, eq=False):
    """A child spec that a supervisor keeps; `retry` is what will try again while it is restarting."""

    node: Node
    process: Process | None = None
    retry: "Retry | None" = None

    @property
    def state(self) -> str:
        if self.retry is not None:
            return "restarting"
        return "stopped" if self.process is None else "running"

    @property
    def type(self) -> str:
        return "worker" if isinstance(self.node, Leaf) else "supervisor"


class Asked(msgspec.Struct, frozen=True, eq=False):
    """A request that waits; `tag` tells its answer, which is not foretold for what is served beside other work."""

    tag: Any
    request: Request
    is_foretold: bool = True


class Retry(msgspec.Struct, frozen=True, eq=False):
    """What a supervisor sends itself after a failed restart (rule 42); void once the child was stopped (rule 44)."""

    slot: Slot


class Supervisor(Process, kw_only=True):
    """A supervisor, with what waits for it: exits and Quit first, then messages."""

    node: Static | Dynamic
    slots: list[Slot] = msgspec.field(default_factory=list)
    restarts: list[float] = msgspec.field(default_factory=list)
    signals: deque[Process | Quit] = msgspec.field(default_factory=deque)
    messages: deque[Asked | Retry] = msgspec.field(default_factory=deque)
    is_starting: bool = True

    def slot(self, child_id: str) -> Slot | None:
        return next((slot for slot in self.slots if slot.node.id == child_id), None)


def which_children(supervisor: Supervisor) -> Answer:
    """List (id, state, type) in order, or (state, type) sorted where neither ids nor order mean anything (rule 61)."""
    if isinstance(supervisor.node, Dynamic):
        return sorted((slot.state, slot.type) for slot in supervisor.slots)
    return [(slot.node.id, slot.state, slot.type) for slot in supervisor.slots]


def count_children(supervisor: Supervisor) -> Answer:
    """Count specs, active, supervisors and workers (rules 61, 83)."""
    slots = supervisor.slots
    active = [slot for slot in slots if slot.process is not None and slot.process.is_alive]
    supervisors = [slot for slot in slots if slot.type == "supervisor"]
    return (len(slots), len(active), len(supervisors), len(slots) - len(supervisors))


def is_look(message: Asked | Retry) -> bool:
    return isinstance(message, Asked) and isinstance(message.request, LOOKS)


def is_restarted(node: Node, reason: str) -> bool:
    """Decide by restart type and reason (rules 28-30)."""
    return node.restart == "permanent" or (node.restart == "transient" and reason not in ("normal", "shutdown"))


def living(process: Process) -> Iterator[Process]:
    if process.is_alive:
        yield process
        for slot in process.slots if isinstance(process, Supervisor) else ():
            if slot.process is not None:
                yield from living(slot.process)
