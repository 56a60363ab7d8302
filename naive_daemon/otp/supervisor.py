"""A supervisor with a fixed list of children and a restart strategy.

One operation runs at a time, others wait in order; `WhichChildren` and `CountChildren` are answered meanwhile.
Receives: StartChild, TerminateChild, RestartChild, DeleteChild, WhichChildren, CountChildren.
Crashes when: its children exceed the restart intensity (reason shutdown), or one of them fails at the first start.
"""

import enum
from collections import deque
from collections.abc import Generator, Hashable, Iterable, Sequence
from typing import Any

import msgspec

from naive_daemon.otp.actor import Actor
from naive_daemon.otp.call import Call
from naive_daemon.otp.child_spec import ChildSpec, ChildType, Restart
from naive_daemon.otp.deadlock import Wait
from naive_daemon.otp.exit import SHUTDOWN, ExitReason, shutdown
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
    DeleteChild,
    Done,
    Event,
    Intensity,
    Operation,
    Operations,
    RestartChild,
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


class Strategy(enum.StrEnum):
    """Who is restarted when a child crashes (OTP rules 33-35)."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"


class AutoShutdown(enum.StrEnum):
    """Whether a supervisor ends when significant children have ended (OTP rules 53-57)."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    ALL_SIGNIFICANT = "all_significant"


class _Retry(msgspec.Struct, frozen=True):
    child: Hashable


class Supervisor(Actor):
    """Starts its children in order, stops them in reverse, restarts them as its strategy says."""

    traps_exit = True

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        max_restarts: int = 1,
        period_s: float = 5.0,
        auto_shutdown: AutoShutdown = AutoShutdown.NEVER,
    ) -> None:
        super().__init__()
        self._strategy = Strategy(strategy)
        self._auto_shutdown = AutoShutdown(auto_shutdown)
        self._intensity = Intensity(max_restarts, period_s)
        self._children: dict[Hashable, Child] = {}
        for spec in specs:
            if spec.id in self._children:
                raise ValueError(f"child id {spec.id!r} is there twice")
            misfit = self._misfit(spec)
            if misfit is not None:
                raise ValueError(misfit)
            self._children[spec.id] = Child(spec)
        self._operations = Operations(self)
        self._queue: deque[Operation] = deque()
        self._is_operating = False
        self._is_stopping = False

    def init(self) -> Deferred:
        """Start the children; the starter is released when all of them run."""
        self._enqueue(self._start_all())
        return DEFERRED

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
                return self._later(lambda call: self._start_new(call, spec))
            case TerminateChild(child_id):
                return self._later(lambda call: self._terminate(call, child_id))
            case RestartChild(child_id):
                return self._later(lambda call: self._restart_stopped(call, child_id))
            case DeleteChild(child_id):
                return self._later(lambda call: self._delete(call, child_id))
            case _Retry(child_id):
                self._enqueue(self._retry(child_id))
            case _Next():
                self._run_next()
            case Exited():
                return None  # a shutdown from anyone but the parent (OTP rule 26)
            case _:
                super().on_receive(message)
        return None

    def which_children(self) -> tuple[ChildInfo, ...]:
        """List the children in start order."""
        return tuple(child.info() for child in self._children.values())

    def count_children(self) -> ChildCounts:
        """Count specs and living children."""
        children = self._children.values()
        supervisors = sum(child.spec.type is ChildType.SUPERVISOR for child in children)
        active = sum(child.ref is not None and child.ref.is_alive() for child in children)
        return ChildCounts(len(self._children), active, supervisors, len(self._children) - supervisors)

    def waits(self) -> list[Wait]:
        """List whom it waits for, children included."""
        return [*super().waits(), *self._operations.waits()]

    # Operations, one at a time --------------------------------------------------------------------------------------

    def _later(self, make: Any) -> Deferred:
        self._enqueue(make(self.caller()))
        return DEFERRED

    def _enqueue(self, operation: Operation) -> None:
        if self._is_stopping:
            operation.close()
            return
        self._queue.append(operation)
        self._run_next()

    def _run_next(self) -> None:
        while self._queue and not self._is_operating:
            self._is_operating = True
            self._operations.run(self._whole(self._queue.popleft()))

    def _whole(self, operation: Operation) -> Operation:
        yield from operation
        self._is_operating = False
        self.ref.tell(_Next())

    def _on_parent_exit(self, reason: ExitReason) -> None:
        """Stop the children first, whatever is going on (OTP rule 25)."""
        if self._is_stopping:
            return
        self._operations.abandon()
        self._queue.clear()
        self._is_stopping = True
        self._operations.run(self._stop_and_exit(reason))

    # Start and stop -------------------------------------------------------------------------------------------------

    def _start_all(self) -> Step:
        for child in list(self._children.values()):
            failure = yield from start_child(self, child)
            if failure is IGNORED and child.spec.restart is Restart.TEMPORARY:
                del self._children[child.spec.id]
            elif failure is not None and failure is not IGNORED:
                self._report("start_error", child, failure)
                yield from self._stop_and_exit(shutdown(f"failed_to_start_child {child.spec.id}: {failure}"))
        self.acknowledge_start()

    def _stop_and_exit(self, reason: ExitReason) -> Step:
        self._is_stopping = True
        yield from self._stop_each(list(self._children.values()))
        self.exit(reason)

    def _stop_each(self, children: Sequence[Child]) -> Step:
        for child in reversed(children):
            reason = yield from self._stop_one(child)
            if reason is not None and not stops_cleanly(child.spec, reason):
                self._report("shutdown_error", child, reason)

    def _stop_one(self, child: Child) -> Generator[tuple[Ref, float], Event, ExitReason | None]:
        ref = child.ref
        reason = yield from stop_child(child, self.ref)
        if ref is not None:
            self.disown(ref)
        return reason

    # A child has ended ----------------------------------------------------------------------------------------------

    def _take_child_down(self, down: Down) -> None:
        self.disown(down.ref)
        if self._operations.deliver(down.ref, down):
            return
        for child in self._children.values():
            if child.ref is down.ref:
                child.ref, child.state = None, ChildState.RESTARTING
                self._enqueue(self._child_ended(child, down.reason))
                return

    def _child_ended(self, child: Child, reason: ExitReason) -> Step:
        is_current = self._children.get(child.spec.id) is child
        if not is_current or child.ref is not None or child.state is not ChildState.RESTARTING:
            return  # a sibling's group restart has seen to it meanwhile
        if not _ends_well(child, reason):
            self._report("child_terminated", child, reason)
        if child.spec.restart is Restart.PERMANENT or (
            child.spec.restart is Restart.TRANSIENT and not reason.is_orderly
        ):
            yield from self._restart(child)
            return
        child.state = ChildState.STOPPED
        if child.spec.restart is Restart.TEMPORARY:
            del self._children[child.spec.id]
        if self._shall_shut_down_after(child):
            yield from self._stop_and_exit(SHUTDOWN)

    def _shall_shut_down_after(self, child: Child) -> bool:
        if not child.spec.significant or self._auto_shutdown is AutoShutdown.NEVER:
            return False
        if self._auto_shutdown is AutoShutdown.ANY_SIGNIFICANT:
            return True
        significant = (other for other in self._children.values() if other.spec.significant)
        return not any(other.ref is not None or other.state is ChildState.RESTARTING for other in significant)

    def _restart(self, child: Child) -> Step:
        if self._intensity.exceeded_by_restart_at(self.system.clock.monotonic_s()):
            child.state = ChildState.STOPPED
            self._report("shutdown", child, ExitReason("reached_max_restart_intensity"))
            yield from self._stop_and_exit(SHUTDOWN)
        group = self._group_of(child)
        yield from self._stop_each([other for other in group if other is not child])
        for other in group:
            if other.spec.restart is Restart.TEMPORARY and other is not child:
                del self._children[other.spec.id]
        yield from self._start_group([other for other in group if other.spec.id in self._children])

    def _group_of(self, child: Child) -> list[Child]:
        children = list(self._children.values())
        match self._strategy:
            case Strategy.ONE_FOR_ONE:
                return [child]
            case Strategy.ONE_FOR_ALL:
                return children
            case Strategy.REST_FOR_ONE:
                return children[children.index(child) :]

    def _start_group(self, group: Iterable[Child]) -> Step:
        for child in group:
            failure = yield from start_child(self, child)
            if failure is not None and failure is not IGNORED:
                self._report("start_error", child, failure)
                child.state = ChildState.RESTARTING
                self.ref.tell(_Retry(child.spec.id))  # others are served in between (OTP rule 42)
                return

    def _retry(self, child_id: Hashable) -> Step:
        child = self._children.get(child_id)
        if child is not None and child.ref is None and child.state is ChildState.RESTARTING:
            yield from self._restart(child)

    # Requests -------------------------------------------------------------------------------------------------------

    def _start_new(self, call: Call, spec: ChildSpec) -> Step:
        present = self._children.get(spec.id)
        if present is not None:
            error = SupervisorError("already_present")
            call.reply(error if present.ref is None else SupervisorError("already_started", present.ref))
            return
        misfit = self._misfit(spec)
        if misfit is not None:
            call.reply(SupervisorError("invalid", misfit))
            return
        child = self._children[spec.id] = Child(spec)
        failure = yield from start_child(self, child)
        keeps_spec = failure is None or (failure is IGNORED and spec.restart is not Restart.TEMPORARY)
        if not keeps_spec:
            del self._children[spec.id]
        call.reply(_start_answer(child, failure))

    def _terminate(self, call: Call, child_id: Hashable) -> Step:
        child = self._children.get(child_id)
        if child is None:
            call.reply(SupervisorError("not_found"))
            return
        yield from self._stop_each([child])
        child.state = ChildState.STOPPED
        if child.spec.restart is Restart.TEMPORARY:
            self._children.pop(child_id, None)
        call.reply(Done())

    def _restart_stopped(self, call: Call, child_id: Hashable) -> Step:
        child = self._stopped(call, child_id)
        if child is not None:
            failure = yield from start_child(self, child)
            call.reply(_start_answer(child, failure))

    def _delete(self, call: Call, child_id: Hashable) -> Step:
        child = self._stopped(call, child_id)
        if child is not None:
            del self._children[child_id]
            call.reply(Done())
        yield from ()

    def _stopped(self, call: Call, child_id: Hashable) -> Child | None:
        """Find a stopped child, or answer why there is none."""
        child = self._children.get(child_id)
        if child is None:
            call.reply(SupervisorError("not_found"))
        elif child.ref is not None:
            call.reply(SupervisorError("running", child.ref))
        elif child.state is ChildState.RESTARTING:
            call.reply(SupervisorError("restarting"))
        else:
            return child
        return None

    def _misfit(self, spec: ChildSpec) -> str | None:
        """Say why a spec does not fit this supervisor (OTP rule 4)."""
        if spec.significant and (self._auto_shutdown is AutoShutdown.NEVER or spec.restart is Restart.PERMANENT):
            return (
                f"child spec {spec.id!r}: significant goes neither with auto_shutdown never nor with restart permanent"
            )
        return None

    def _report(self, context: str, child: Child, reason: ExitReason) -> None:
        self.log.error(
            "supervisor report",
            context=context,
            child=str(child.spec.id),
            reason=str(reason),
            restarts_left=self._intensity.left,
        )


class _Next(msgspec.Struct, frozen=True):
    """An operation has ended; look for the next one."""


def _ends_well(child: Child, reason: ExitReason) -> bool:
    return reason.is_orderly and child.spec.restart is not Restart.PERMANENT


def _start_answer(child: Child, failure: ExitReason | None) -> ChildStarted | ChildIgnored | SupervisorError:
    if failure is IGNORED:
        return ChildIgnored()
    if failure is not None:
        return SupervisorError("failed", failure)
    if child.ref is None:
        return SupervisorError("failed", "ended at once")
    return ChildStarted(child.ref, child.info_given)
