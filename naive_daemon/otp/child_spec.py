"""What a supervisor knows of a child: how to start it, when to start it again, how to stop it."""

import enum
import math
from collections.abc import Callable, Hashable

import msgspec

from naive_daemon.otp.actor import Actor

INFINITY = math.inf
BRUTAL_KILL = -1.0
WORKER_SHUTDOWN_S = 5.0


class Restart(enum.StrEnum):
    """When a child that ended is started again (OTP rules 28-30)."""

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


class ChildType(enum.StrEnum):
    """Whether a child supervises others."""

    WORKER = "worker"
    SUPERVISOR = "supervisor"


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A child's specification. `start` makes the actor, unstarted, in the supervisor.

    `shutdown_s`: seconds between asking and killing, INFINITY to wait for ever, BRUTAL_KILL not to ask; None is 5 s for
    a worker and INFINITY for a supervisor. `name` registers each incarnation.
    """

    id: Hashable
    start: Callable[[], Actor]
    restart: Restart = Restart.PERMANENT
    shutdown_s: float | None = None
    type: ChildType = ChildType.WORKER
    significant: bool = False
    name: Hashable | None = None

    def __post_init__(self) -> None:
        """Refuse bad values one by one, each by its field and value (OTP rules 1-4)."""
        if self.id is None:
            raise ValueError("child spec: id is missing")
        for field in ("id", "name"):
            if not isinstance(getattr(self, field), Hashable):
                raise ValueError(f"child spec: {field}={getattr(self, field)!r} is not hashable")  # noqa: TRY004 - one kind
        if not callable(self.start):
            raise ValueError(f"child spec {self.id!r}: start={self.start!r} is not callable")  # noqa: TRY004 - one kind
        for field, kind in (("restart", Restart), ("type", ChildType)):
            if not isinstance(getattr(self, field), kind):  # equal text is not enough: members are told by identity
                raise ValueError(f"child spec {self.id!r}: {field}={getattr(self, field)!r} is none of {list(kind)}")  # noqa: TRY004 - one kind
        if not isinstance(self.significant, bool):
            raise ValueError(f"child spec {self.id!r}: significant={self.significant!r} is not a bool")  # noqa: TRY004 - one kind
        self._check_shutdown()

    def _check_shutdown(self) -> None:
        value: object = self.shutdown_s
        if value is None or value == BRUTAL_KILL:
            return
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise ValueError(
                f"child spec {self.id!r}: shutdown_s={value!r} is not a number of seconds >= 0, INFINITY or BRUTAL_KILL"
            )

    @property
    def grace_s(self) -> float:
        """Seconds between asking and killing, the default filled in."""
        if self.shutdown_s is not None:
            return self.shutdown_s
        return INFINITY if self.type is ChildType.SUPERVISOR else WORKER_SHUTDOWN_S
