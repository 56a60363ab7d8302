"""What a supervisor knows of a child: how to start it, when to start it again, how to stop it."""

import enum
import math
from collections.abc import Callable, Hashable
from typing import Any, NoReturn

import msgspec

from naive_daemon.otp.actor import Actor
from naive_daemon.otp.exit import ExitReason
from naive_daemon.otp.messages import Ignore

INFINITY = math.inf
BRUTAL_KILL = -math.inf
WORKER_SHUTDOWN_S = 5.0

Start = Callable[..., Actor | Ignore | ExitReason]
"""Makes a child's actor, unstarted; or says IGNORE, or why it can not."""


class Restart(enum.StrEnum):
    """When a child that ended is started again (OTP rules 28-30)."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


class ChildType(enum.StrEnum):
    """Whether a child supervises others."""

    WORKER = "worker"
    SUPERVISOR = "supervisor"


def _missing_start() -> NoReturn:
    raise AssertionError("a spec without a start is refused before")


_MISSING_ID: Hashable = None


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A child's specification; raises ValueError for the first field that is wrong, with its name and value.

    `id` and `start` are required. `start(*arguments)` runs inside the supervisor and makes the actor, unstarted.
    `shutdown_s`: seconds between asking and killing, INFINITY to wait for ever, BRUTAL_KILL not to ask; None is 5 s for
    a worker and INFINITY for a supervisor. `name` registers each incarnation.
    """

    # The two required ones have defaults, so that we say which is missing, in the order of OTP rule 1.
    id: Hashable = _MISSING_ID
    start: Start = _missing_start
    arguments: tuple[Any, ...] = ()
    restart: Restart = Restart.PERMANENT
    shutdown_s: float | None = None
    type: ChildType = ChildType.WORKER
    significant: bool = False
    name: Hashable | None = None

    def __post_init__(self) -> None:
        """Refuse bad values one by one, each by its field and value (OTP rules 1-3)."""
        complaint = self._complaint()
        if complaint is not None:
            raise ValueError(complaint)

    def _complaint(self) -> str | None:
        """Say what is wrong first: the required fields, then the others."""
        if self.id is _MISSING_ID:
            return "child spec: id is missing"
        for field in ("id", "name"):
            if not is_hashable(getattr(self, field)):
                return f"child spec: {field}={getattr(self, field)!r} is not hashable"
        if self.start is _missing_start:
            return f"child spec {self.id!r}: start is missing"
        bad = self._bad_field()
        return None if bad is None else f"child spec {self.id!r}: {bad[0]}={getattr(self, bad[0])!r} {bad[1]}"

    def _bad_field(self) -> tuple[str, str] | None:
        if not callable(self.start):
            return "start", "is not callable"
        if not isinstance(self.arguments, tuple):
            return "arguments", "is not a tuple"
        if not isinstance(self.restart, Restart):  # equal text is not enough: members are told by identity
            return "restart", f"is none of {list(Restart)}"
        if not isinstance(self.type, ChildType):
            return "type", f"is none of {list(ChildType)}"
        if not isinstance(self.significant, bool):
            return "significant", "is not a bool"
        if not _is_shutdown(self.shutdown_s):
            return "shutdown_s", "is not a number of seconds >= 0, INFINITY or BRUTAL_KILL"
        return None

    @property
    def grace_s(self) -> float:
        """Seconds between asking and killing, the default filled in."""
        if self.shutdown_s is not None:
            return self.shutdown_s
        return INFINITY if self.type is ChildType.SUPERVISOR else WORKER_SHUTDOWN_S

    def normalised(self) -> "ChildSpec":
        """Give the spec with every default filled in (OTP rule 61)."""
        return msgspec.structs.replace(self, shutdown_s=self.grace_s)


def is_hashable(value: object) -> bool:
    """Say whether it can be a key; to be an instance of Hashable is not enough, a tuple that holds a list is one."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _is_shutdown(value: object) -> bool:
    if value is None:
        return True
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value >= 0 or value == BRUTAL_KILL
