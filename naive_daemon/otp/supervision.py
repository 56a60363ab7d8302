"""What both kinds of supervisor share: asking them, their answers, restart intensity, and operations that wait.

A supervisor never blocks. An operation (start, stop, restart) is a generator that yields what it waits for: a child's
`Started` or `Down`. Meanwhile the supervisor goes on serving.
"""

import enum
import itertools
from collections.abc import Generator, Hashable

import msgspec

from naive_daemon.otp.actor import Actor, send_exit
from naive_daemon.otp.child_spec import BRUTAL_KILL, INFINITY, ChildSpec, Restart
from naive_daemon.otp.deadlock import Wait
from naive_daemon.otp.exit import KILL, KILLED, SHUTDOWN, ExitReason, crash
from naive_daemon.otp.messages import Down, Started
from naive_daemon.otp.ref import Ref
from naive_daemon.otp.timers import Timer


class StartChild(msgspec.Struct, frozen=True):
    """Start one more child; answered by ChildStarted, ChildIgnored or SupervisorError."""

    spec: ChildSpec

    def __post_init__(self) -> None:
        """Refuse what is no spec here, in the caller (OTP rule 79); raises TypeError."""
        if not isinstance(self.spec, ChildSpec):
            raise TypeError(f"{self.spec!r} is not a ChildSpec")


class TerminateChild(msgspec.Struct, frozen=True):
    """Stop a child, by its id (static) or its ref (dynamic); answered by Done or SupervisorError."""

    child: Hashable


class RestartChild(msgspec.Struct, frozen=True):
    """Start a stopped child again."""

    child: Hashable


class DeleteChild(msgspec.Struct, frozen=True):
    """Forget the spec of a stopped child."""

    child: Hashable


class WhichChildren(msgspec.Struct, frozen=True):
    """List the children; answered at once, by a tuple of ChildInfo."""


class CountChildren(msgspec.Struct, frozen=True):
    """Count the children; answered at once, by ChildCounts."""


class ChildStarted(msgspec.Struct, frozen=True):
    """The child runs."""

    ref: Ref
    info: object = None


class ChildIgnored(msgspec.Struct, frozen=True):
    """The child's start chose to be ignored."""


class Done(msgspec.Struct, frozen=True):
    """It is so now."""


class SupervisorError(msgspec.Struct, frozen=True):
    """Why a request was refused.

    already_started, already_present, not_found, running, restarting, max_children, failed or invalid (a spec that does
    not fit this supervisor).
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
    """One child as seen from outside."""

    id: Hashable
    ref: Ref | None
    state: ChildState
    type: str


class ChildCounts(msgspec.Struct, frozen=True):
    """Counts as OTP has them: `active` are really alive."""

    specs: int
    active: int
    supervisors: int
    workers: int


class Child(msgspec.Struct):
    """One child in a supervisor's books."""

    spec: ChildSpec
    ref: Ref | None = None
    monitor: int = 0
    state: ChildState = ChildState.STOPPED
    info_given: object = None
    known_as: Ref | None = None
    starts: int = 0

    def info(self) -> ChildInfo:
        """Show it to others."""
        return ChildInfo(self.spec.id, self.ref, self.state, self.spec.type.value)


class Intensity:
    """Counts restarts in a sliding window, inclusive at its edge (OTP rule 47)."""

    def __init__(self, max_restarts: object, period_s: object) -> None:
        if isinstance(max_restarts, bool) or not isinstance(max_restarts, int) or max_restarts < 0:
            raise ValueError(f"max_restarts={max_restarts!r} is not a whole number >= 0")
        if isinstance(period_s, bool) or not isinstance(period_s, int | float) or not period_s > 0:
            raise ValueError(f"period_s={period_s!r} is not a number of seconds > 0")
        self.max_restarts = max_restarts
        self._period_s = period_s
        self._restarts: list[float] = []

    def exceeded_by_restart_at(self, now_s: float) -> bool:
        """Charge a restart; True when that is one too many."""
        self._restarts = [at for at in self._restarts if at >= now_s - self._period_s]
        self._restarts.append(now_s)
        return len(self._restarts) > self.max_restarts

    @property
    def left(self) -> int:
        """How many restarts the present window still allows, at the last charge."""
        return max(0, self.max_restarts - len(self._restarts))


ORPHAN_GRACE_S = 5.0
"""How long an orphan may take to end before it is killed."""

Event = Started | Down | None
"""What a waiting operation gets: None is a time-out."""

Operation = Generator[tuple[Ref, float], Event, None]
"""Yields (child, seconds to wait for its next event at most)."""


class WaitOver(msgspec.Struct, frozen=True):
    """An operation has waited long enough."""

    wait: int


class _Wait(msgspec.Struct):
    number: int
    operation: Operation
    timer: Timer | None


class Operations:
    """Runs operations of one supervisor, each until it waits for a child, and goes on when the child has spoken."""

    def __init__(self, owner: Actor) -> None:
        self._owner = owner
        self._waits: dict[Ref, _Wait] = {}
        self._numbers = itertools.count()

    def run(self, operation: Operation) -> None:
        """Start an operation."""
        self._resume(operation, None)

    def deliver(self, ref: Ref, event: Event) -> bool:
        """Hand a child's event to who waits for it; False when nobody does."""
        wait = self._waits.pop(ref, None)
        if wait is None:
            return False
        if wait.timer is not None:
            wait.timer.cancel()
        self._resume(wait.operation, event)
        return True

    def time_out(self, over: WaitOver) -> None:
        """Tell the operation whose wait is over; a wait that has ended meanwhile is nothing."""
        for ref, wait in self._waits.items():
            if wait.number == over.wait:
                del self._waits[ref]
                self._resume(wait.operation, None)
                return

    def abandon(self) -> None:
        """Give up whatever waits."""
        for wait in self._waits.values():
            if wait.timer is not None:
                wait.timer.cancel()
            wait.operation.close()
        self._waits.clear()

    def waits(self) -> list[Wait]:
        """List the children whose start or end is awaited."""
        return [
            Wait(self._owner.ref, ref, "to start" if ref._actor.phase == "starting" else "to end")
            for ref in self._waits
        ]

    def _resume(self, operation: Operation, event: Event) -> None:
        try:
            ref, wait_s = operation.send(event)
        except StopIteration:
            return
        number = next(self._numbers)
        timer = None if wait_s in (INFINITY, 0) else self._owner.send_after(wait_s, WaitOver(number))
        self._waits[ref] = _Wait(number, operation, timer)
        if wait_s == 0:
            self._owner.ref.tell(WaitOver(number))


Starting = Generator[tuple[Ref, float], Event, ExitReason | None]
"""Ends with why the child does not run, or None when it does."""

IGNORED = ExitReason("ignore")


def start_child(owner: Actor, child: Child) -> Starting:
    """Make the child's actor, let it start and wait for that.

    A name that an orphan holds is waited for: a supervisor that was killed is started again while what it has left is
    still ending, and retrying at once would only use up the restarts of everybody above.
    """
    while True:
        try:
            made = child.spec.start()
            holder = made.attach(owner.system, child.spec.name, owner.ref)
        except BaseException as error:  # noqa: BLE001 - a start function that raises is a failed start (OTP rule 5)
            return crash(error)
        if holder is made.ref:
            break
        if not holder.is_orphan():
            return ExitReason("already_started", holder)
        owner.monitor(holder)
        event = yield holder, ORPHAN_GRACE_S
        if event is None:
            send_exit(holder, KILL, owner.ref)
            yield holder, INFINITY
    child.ref, child.state = made.ref, ChildState.STARTING
    child.starts += 1
    child.monitor = owner.monitor(made.ref)
    if not owner.adopt(made.ref):  # killed while it makes this child, which nobody would ever stop
        made.kill()
        owner.exit(KILLED)
    made.begin(owner.ref.tell)
    event = yield made.ref, INFINITY
    match event:
        case Started(ref=None):
            owner.demonitor(child.monitor)
            owner.disown(made.ref)
            child.ref, child.state = None, ChildState.STOPPED
            return IGNORED
        case Started(info=info):
            child.state, child.info_given = ChildState.RUNNING, info
            return None
        case Down(reason=reason):
            child.ref, child.state = None, ChildState.STOPPED
            return reason
    raise AssertionError("a start is awaited without a time-out")


def stop_child(child: Child, supervisor: Ref) -> Generator[tuple[Ref, float], Event, ExitReason | None]:
    """Ask the child to end, wait, kill it, wait; gives the reason it ended with (OTP rules 19-22)."""
    ref = child.ref
    if ref is None:
        child.state = ChildState.STOPPED
        return None
    child.state = ChildState.STOPPING
    is_brutal = child.spec.grace_s == BRUTAL_KILL
    send_exit(ref, KILL if is_brutal else SHUTDOWN, supervisor)
    wait_s = INFINITY if is_brutal else child.spec.grace_s
    event = yield ref, wait_s
    while not isinstance(event, Down):
        if event is None:
            send_exit(ref, KILL, supervisor)
            wait_s = INFINITY
        event = yield ref, wait_s  # a start that has just succeeded begins the grace once more
    child.ref, child.state = None, ChildState.STOPPED
    return event.reason


def stops_cleanly(spec: ChildSpec, reason: ExitReason) -> bool:
    """Say whether a child that was told to stop did so as it should; anything else is logged (OTP rule 24)."""
    if spec.grace_s == BRUTAL_KILL and reason == KILLED:
        return True
    return reason == SHUTDOWN or (reason.is_orderly and spec.restart is not Restart.PERMANENT)
