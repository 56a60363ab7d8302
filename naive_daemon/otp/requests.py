"""What a supervisor is asked, and what it answers. Send each as a request: what is only told, nobody would answer."""

import enum
from collections.abc import Hashable

import msgspec

from naive_daemon.otp.child_spec import ChildSpec
from naive_daemon.otp.ref import Ref


class StartChild(msgspec.Struct, frozen=True):
    """Start one more child; answered by ChildStarted, ChildIgnored or SupervisorError."""

    spec: ChildSpec

    def __post_init__(self) -> None:
        """Refuse what is no spec here, in the caller (OTP rule 79); raises TypeError."""
        if not isinstance(self.spec, ChildSpec):
            raise TypeError(f"a {type(self.spec).__name__} is not a ChildSpec")


class TerminateChild(msgspec.Struct, frozen=True):
    """Stop a child, by its id (static) or its ref (dynamic); answered by Done or SupervisorError."""

    child: Hashable


class RestartChild(msgspec.Struct, frozen=True):
    """Start a stopped child again, by its id; answered like StartChild. Static supervisors only."""

    child: Hashable


class DeleteChild(msgspec.Struct, frozen=True):
    """Forget the spec of a stopped child, by its id; answered by Done or SupervisorError. Static supervisors only."""

    child: Hashable


class GetChildSpec(msgspec.Struct, frozen=True):
    """Ask for a child's spec, by its id (static) or its ref (dynamic).

    Answered at once, by a ChildSpec with its defaults filled in, or by SupervisorError not_found.
    """

    child: Hashable


class WhichChildren(msgspec.Struct, frozen=True):
    """List the children; answered at once, by a tuple of ChildInfo."""


class CountChildren(msgspec.Struct, frozen=True):
    """Count the children; answered at once, by ChildCounts."""


class ChildStarted(msgspec.Struct, frozen=True):
    """The child runs; `info` is what it gave to `acknowledge_start`."""

    ref: Ref
    info: object = None


class ChildIgnored(msgspec.Struct, frozen=True):
    """The child's start chose to be ignored."""


class Done(msgspec.Struct, frozen=True):
    """It is so now."""


class SupervisorError(msgspec.Struct, frozen=True):
    """Why a request was refused.

    `kind` is already_started or running (detail: the child's ref), already_present, not_found, restarting,
    max_children, failed (detail: the ExitReason of the start) or invalid (detail: why the spec does not fit this kind
    of supervisor).
    """

    kind: str
    detail: object = None


class ChildState(enum.StrEnum):
    """What a child does."""

    RUNNING = "running"
    STARTING = "starting"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"


class ChildInfo(msgspec.Struct, frozen=True):
    """One child as seen from outside; `restarts` are those that its supervisor has made of itself, and that ran."""

    id: Hashable
    ref: Ref | None
    state: ChildState
    type: str
    restarts: int = 0


class ChildCounts(msgspec.Struct, frozen=True):
    """Counts as OTP has them: `active` are really alive, `supervisors` and `workers` are specs, running or not."""

    specs: int
    active: int
    supervisors: int
    workers: int


class FailedToStartChild(msgspec.Struct, frozen=True):
    """The detail of the shutdown of a supervisor that could not start all of its children (OTP rule 13)."""

    child: Hashable
    reason: object

    def __str__(self) -> str:
        return f"failed_to_start_child {self.child}: {self.reason}"
