"""A supervisor whose children come and go: one_for_one, any number, each started and stopped beside the others.

Receives: StartChild, TerminateChild (by ref), WhichChildren, CountChildren.
Crashes when: its children exceed the restart intensity (reason shutdown).
"""

from collections.abc import Generator, Hashable
from typing import Any

import msgspec

from naive_daemon.otp.actor import Actor, send_exit
from naive_daemon.otp.call import Call
from naive_daemon.otp.child_spec import BRUTAL_KILL, INFINITY, ChildSpec, ChildType, Restart
from naive_daemon.otp.deadlock import Wait
from naive_daemon.otp.exit import KILL, SHUTDOWN, ExitReason
from naive_daemon.otp.messages import DEFERRED, Deferred, Down, Exited, Started
from naive_daemon.otp.ref import Ref
from naive_daemon.otp.supervision import (
    IGNORED,
    Child,
    ChildCounts,
    ChildIgnored,
    ChildInfo,
    ChildStarted,
    ChildState,
    CountChildren,
    Done,
    Event,
    Intensity,
    Operations,
    StartChild,
    SupervisorError,
    TerminateChild,
    WaitOver,
    WhichChildren,
    start_child,
    stop_child,
    stops_cleanly,
)

Step = Generator[tuple[Ref, float], Event, None]


class _Retry(msgspec.Struct, frozen=True):
    child: int


class _KillLate(msgspec.Struct, frozen=True):
    grace_s: float


class DynamicSupervisor(Actor):
    """Starts children on request. They stop in parallel, one timer for each distinct grace (OTP rules 79-84)."""

    traps_exit = True

    def __init__(self, *, max_restarts: int = 3, period_s: float = 5.0, max_children: int | None = None) -> None:
        super().__init__()
        if max_children is not None and not _is_count(max_children):
            raise ValueError(f"max_children={max_children!r} is not a whole number >= 0")
        self._max_children = max_children
        self._intensity = Intensity(max_restarts, period_s)
        self._children: dict[int, Child] = {}
        self._by_ref: dict[Ref, int] = {}
        self._last_number = 0
        self._operations = Operations(self)
        self._stop_reason: ExitReason | None = None
        self._stopping: dict[Ref, Child] = {}

    def on_receive(self, message: Any) -> Any:
        """Serve a request, or go on with what a child's event was awaited for."""
        match message:
            case Started(child=ref):
                self._operations.deliver(ref, message)
            case Down():
                self._take_child_down(message)
            case WaitOver():
                self._operations.time_out(message)
            case WhichChildren():
                return self.which_children()
            case CountChildren():
                return self.count_children()
            case StartChild(spec):
                return self._start_new(spec)
            case TerminateChild(ref):
                return self._terminate(ref)
            case _Retry(number):
                self._retry(number)
            case _KillLate(grace_s):
                self._kill_late(grace_s)
            case Exited():
                return None
            case _:
                super().on_receive(message)
        return None

    def which_children(self) -> tuple[ChildInfo, ...]:
        """List the children, oldest first."""
        return tuple(child.info() for child in self._children.values())

    def count_children(self) -> ChildCounts:
        """Count the children; `active` excludes those that are restarting."""
        children = self._children.values()
        supervisors = sum(child.spec.type is ChildType.SUPERVISOR for child in children)
        active = sum(child.ref is not None and child.ref.is_alive() for child in children)
        return ChildCounts(len(self._children), active, supervisors, len(self._children) - supervisors)

    def waits(self) -> list[Wait]:
        """List whom it waits for, children included."""
        stopping = [Wait(self.ref, ref, "to end") for ref in self._stopping]
        return [*super().waits(), *self._operations.waits(), *stopping]

    def _start_new(self, spec: ChildSpec) -> Deferred | SupervisorError:
        if self._stop_reason is not None:
            return DEFERRED  # the caller learns from the end of this supervisor why there is no answer
        if self._max_children is not None and len(self._children) >= self._max_children:
            return SupervisorError("max_children")
        if spec.significant:
            misfit = f"child spec {spec.id!r}: significant has no place under a dynamic supervisor"
            return SupervisorError("invalid", misfit)
        self._last_number += 1
        self._operations.run(self._start_one(self.caller(), self._last_number, spec))
        return DEFERRED

    def _start_one(self, call: Call, number: int, spec: ChildSpec) -> Step:
        child = self._children[number] = Child(spec)
        failure = yield from self._begin(number, child)
        if failure is None and child.ref is not None:
            call.reply(ChildStarted(child.ref, child.info_given))
            return
        self._drop(number)
        call.reply(ChildIgnored() if failure is IGNORED else SupervisorError("failed", failure))

    def _begin(self, number: int, child: Child) -> Generator[tuple[Ref, float], Event, ExitReason | None]:
        """Start the child; it is found by its new ref from now on, and by its old one while it is restarting."""
        failure = yield from start_child(self, child)
        if failure is None and child.ref is not None:
            if child.known_as is not None:
                del self._by_ref[child.known_as]
            child.known_as = child.ref
            self._by_ref[child.ref] = number
        return failure

    def _terminate(self, ref: Hashable) -> Deferred | SupervisorError:
        if self._stop_reason is not None:
            return DEFERRED
        number = self._by_ref.get(ref) if isinstance(ref, Ref) else None
        if number is None or self._children[number].state is ChildState.STOPPING:
            return SupervisorError("not_found")
        self._operations.run(self._stop_one(self.caller(), number))
        return DEFERRED

    def _stop_one(self, call: Call, number: int) -> Step:
        child = self._children[number]
        reason = yield from stop_child(child, self.ref)
        self._report_stop(child, reason)
        self._drop(number)
        call.reply(Done())

    def _take_child_down(self, down: Down) -> None:
        self.disown(down.ref)
        if self._stop_reason is not None:
            child = self._stopping.pop(down.ref, None)
            if child is not None:
                self._report_stop(child, down.reason)
            self._end_when_empty()
        elif not self._operations.deliver(down.ref, down) and down.ref in self._by_ref:
            self._child_ended(self._by_ref[down.ref], down.reason)

    def _child_ended(self, number: int, reason: ExitReason) -> None:
        child = self._children[number]
        is_expected = reason.is_orderly and child.spec.restart is not Restart.PERMANENT
        if not is_expected:
            self._report("child_terminated", child, reason)
        if child.spec.restart is Restart.TEMPORARY or is_expected:
            self._drop(number)
            return
        self._restart(number, child)

    def _restart(self, number: int, child: Child) -> None:
        if self._intensity.exceeded_by_restart_at(self.system.clock.monotonic_s()):
            self._report("shutdown", child, ExitReason("reached_max_restart_intensity"))
            self._drop(number)
            self._stop_all(SHUTDOWN)
            return
        self._operations.run(self._start_again(number, child))

    def _start_again(self, number: int, child: Child) -> Step:
        child.ref, child.state = None, ChildState.RESTARTING
        failure = yield from self._begin(number, child)
        if failure is IGNORED:
            self._drop(number)
        elif failure is not None:
            self._report("start_error", child, failure)
            child.state = ChildState.RESTARTING
            self.ref.tell(_Retry(number))

    def _retry(self, number: int) -> None:
        child = self._children.get(number)
        if child is not None and child.state is ChildState.RESTARTING and self._stop_reason is None:
            self._restart(number, child)

    def _drop(self, number: int) -> None:
        child = self._children.pop(number, None)
        if child is not None and child.known_as is not None:
            del self._by_ref[child.known_as]

    def _on_parent_exit(self, reason: ExitReason) -> None:
        if self._stop_reason is None:
            self._stop_all(reason)

    def _stop_all(self, reason: ExitReason) -> None:
        self._operations.abandon()
        self._stop_reason = reason
        running = [child for child in self._children.values() if child.ref is not None]
        for child in running:
            self._ask_to_end(child)
        for grace_s in {child.spec.grace_s for child in running} - {INFINITY, BRUTAL_KILL}:
            if grace_s == 0:
                self._kill_late(grace_s)
            else:
                self.send_after(grace_s, _KillLate(grace_s))
        self._end_when_empty()

    def _ask_to_end(self, child: Child) -> None:
        if child.ref is not None:
            self._stopping[child.ref] = child
            send_exit(child.ref, KILL if child.spec.grace_s == BRUTAL_KILL else SHUTDOWN, self.ref)

    def _kill_late(self, grace_s: float) -> None:
        for ref, child in self._stopping.items():
            if child.spec.grace_s == grace_s:
                send_exit(ref, KILL, self.ref)

    def _end_when_empty(self) -> None:
        if self._stop_reason is not None and not self._stopping:
            self.exit(self._stop_reason)

    def _report_stop(self, child: Child, reason: ExitReason | None) -> None:
        if reason is not None and not stops_cleanly(child.spec, reason):
            self._report("shutdown_error", child, reason)

    def _report(self, context: str, child: Child, reason: ExitReason) -> None:
        self.log.error(
            "supervisor report",
            context=context,
            child=str(child.spec.id),
            reason=str(reason),
            restarts_left=self._intensity.left,
        )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
