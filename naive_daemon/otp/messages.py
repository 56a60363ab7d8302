"""What the runtime itself sends: signals, replies and the answers of supervisors."""

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from naive_daemon.otp.call import Call
from naive_daemon.otp.exit import ExitReason

if TYPE_CHECKING:
    from collections.abc import Callable

    from naive_daemon.otp.actor import Actor
    from naive_daemon.otp.ref import Ref


class Down(msgspec.Struct, frozen=True):
    """A monitored actor has ended. Each monitor gives exactly one (OTP rule 63)."""

    monitor: int
    ref: "Ref"
    reason: ExitReason


class ExitSignal(msgspec.Struct, frozen=True):
    """A linked actor has ended (`by_link`), or the parent or somebody's `send_exit` wants the receiver to end."""

    source: "Ref | None"
    reason: ExitReason
    by_link: bool = False


class Exited(msgspec.Struct, frozen=True):
    """An exit signal as a trapping actor sees it (OTP rule 66)."""

    source: "Ref | None"
    reason: ExitReason


class Begin(msgspec.Struct, frozen=True):
    """The first signal of each actor: run init, then tell the starter."""

    starter: "Callable[[Started], None] | None"


class Inspect(msgspec.Struct, frozen=True):
    """Somebody outside looks at the actor, between two messages."""

    look: "Callable[[Actor], None]"


ResumedBy = Literal["asked", "time over", "no timer", "exit"]
"""What has ended a suspension: `resume`, its time, that there was no timer to end it, or an exit signal."""


class Suspend(msgspec.Struct, frozen=True):
    """Handle no messages until `Resume` comes, in `for_s` seconds; `number` tells it from an earlier suspension."""

    number: int
    for_s: float


class Resume(msgspec.Struct, frozen=True):
    """Go on. The end of an earlier suspension than the present one is nothing; None ends any."""

    number: int | None = None
    how: ResumedBy = "asked"


class Congested(msgspec.Struct, frozen=True):
    """The receiver has filled the mailbox of `ref` over its limit and should send less."""

    ref: "Ref"


class Relieved(msgspec.Struct, frozen=True):
    """The mailbox of `ref` has room again."""

    ref: "Ref"


class Idle(msgspec.Struct, frozen=True):
    """No message has come for as long as the actor had asked for (OTP rule 75)."""

    number: int


class Started(msgspec.Struct, frozen=True):
    """A child's start has returned. `ref` is None when it chose to be ignored."""

    child: "Ref"
    ref: "Ref | None"
    info: object = None


class Reply(msgspec.Struct, frozen=True):
    """The answer to a request."""

    request: int
    value: Any


class RequestTimedOut(msgspec.Struct, frozen=True):
    """Nobody answered a request in time; a later answer is dropped (OTP rule 72)."""

    request: int


class RequestFailed(msgspec.Struct, frozen=True):
    """What a request's continuation gets in place of an answer: noproc, timeout, or why the server crashed."""

    reason: ExitReason


class Continue(msgspec.Struct, frozen=True):
    """Returned by init: the starter is released, then `message` is handled before any other (OTP rule 70)."""

    message: Any


class Ignore(msgspec.Struct, frozen=True):
    """Returned by init: do not run, and that is no failure."""


class Deferred(msgspec.Struct, frozen=True):
    """Returned by init: the start goes on; `acknowledge_start` will end it. Or by on_receive: the answer comes."""


IGNORE = Ignore()
DEFERRED = Deferred()

RUNTIME_MESSAGES = frozenset({Call, Reply, RequestTimedOut, Down, Idle})
"""What comes in the ordinary lane and is the runtime's business; everything else is the actor's."""
