"""A supervisor whose children come and go: one_for_one, any number, each started and stopped beside the others.

There may be a hundred thousand of them, so a child is nothing but an entry in the books and the state in it: what
comes next is decided by the child's next Started or Down. Invariant: each child in the books is starting, running,
restarting or stopping, and whatever it waits for is on its way.
Receives: StartChild, TerminateChild and GetChildSpec (by ref), WhichChildren, CountChildren.
Crashes when: its children exceed the restart intensity (reason shutdown).
"""

from collections.abc import Hashable, Mapping
from typing import Any

import msgspec

from naive_daemon.otp.actor import send_exit
from naive_daemon.otp.call import Call
from naive_daemon.otp.child import IGNORED, Child, Orphaned, Retry, ends_well, launch, restarts_after
from naive_daemon.otp.child_spec import BRUTAL_KILL, INFINITY, ChildSpec
from naive_daemon.otp.exit import KILL, SHUTDOWN, ExitReason
from naive_daemon.otp.flags import count_or_none
from naive_daemon.otp.messages import DEFERRED, Deferred, Down, Started
from naive_daemon.otp.operation import ORPHAN_GRACE_S, ask_to_end
from naive_daemon.otp.ref import Ref
from naive_daemon.otp.requests import ChildState, Done, StartChild, SupervisorError, TerminateChild
from naive_daemon.otp.supervisor_process import SupervisorProcess
from naive_daemon.otp.timers import Timer


class DynamicChild(Child, eq=False):
    """A child that came by request.

    `place`: its key in the books. `known_as`: the incarnation that ran last, by which requests call it, also while it
    is restarting (OTP rule 82). `call`: who waits for its start or its stop.
    """

    place: Hashable = None
    known_as: Ref | None = None
    call: Call | None = None
    timer: Timer | None = None


class _Overdue(msgspec.Struct, frozen=True):
    """A child, or an orphan, has had its time to end."""

    ref: Ref


class _GraceOver(msgspec.Struct, frozen=True):
    """The children of one grace have had their time to end."""

    grace_s: float


class DynamicSupervisor(SupervisorProcess):
    """Starts children on request. They stop in parallel, one timer for each distinct grace (OTP rules 79-84).

    `extra_arguments` come before each spec's own, whenever a child is started (OTP rule 81). `max_children` counts
    those that are starting and restarting, too; None is no bound.
    """

    def __init__(
        self,
        *,
        max_restarts: int = 3,
        period_s: float = 5.0,
        max_children: int | None = None,
        extra_arguments: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(max_restarts, period_s)
        self._max_children = count_or_none("max_children", max_children)
        if not isinstance(extra_arguments, tuple):
            raise TypeError(f"extra_arguments={extra_arguments!r} is not a tuple")
        self.extra_arguments = extra_arguments
        self._children: dict[Hashable, DynamicChild] = {}
        self._moved: dict[Ref, DynamicChild] = {}  # incarnations after the first, which gave the child its place
        self._orphans: dict[Ref, list[DynamicChild]] = {}
        self._stop_reason: ExitReason | None = None

    def on_receive(self, message: Any) -> Any:
        """Go on with what has waited, or serve a request."""
        match message:
            case Retry(child=DynamicChild() as child):
                if child.retry is message and self._stop_reason is None:
                    self._restart(child)
            case _Overdue(ref):
                send_exit(ref, KILL, self.ref)
            case _GraceOver(grace_s):
                self._kill_late(grace_s)
            case Down(ref=ref) if ref in self._orphans:
                for child in self._orphans.pop(ref):
                    self._begin(child)
            case _:
                return super().on_receive(message)
        return None

    def _books(self) -> Mapping[Hashable, Child]:
        return self._children

    def _child_of(self, key: Hashable) -> DynamicChild | None:
        child = self._find(key) if isinstance(key, Ref) else None
        return child if child is not None and child.known_as is key else None

    def _find(self, ref: Ref) -> DynamicChild | None:
        return (self._moved.get(ref) if self._moved else None) or self._children.get(ref)

    def _serve(self, request: Any) -> Deferred | Done | SupervisorError:
        if self._stop_reason is not None:
            return DEFERRED  # the caller learns from the end of this supervisor why there is no answer
        match request:
            case StartChild(spec):
                return self._start_new(spec)
            case TerminateChild(key):
                return self._terminate(key)
            case _:
                return SupervisorError("invalid", f"{type(request).__name__} is for children that stay in a list")

    # Start ---------------------------------------------------------------------------------------------------------

    def _start_new(self, spec: ChildSpec) -> Deferred | SupervisorError:
        if spec.significant:
            misfit = f"child spec {spec.id!r}: significant=True has no place under a dynamic supervisor"
            return SupervisorError("invalid", misfit)
        if self._max_children is not None and len(self._children) >= self._max_children:
            return SupervisorError("max_children")
        self._begin(DynamicChild(spec, call=self.caller()))
        return DEFERRED

    def _begin(self, child: DynamicChild) -> None:
        if child.place is not None and child.place not in self._children:
            return  # it was stopped while it waited for an orphan
        outcome = launch(self, child)
        if isinstance(outcome, ExitReason):
            self._start_failed(child, outcome)
        elif isinstance(outcome, Orphaned):
            self._wait_for_orphan(child, outcome.holder)

    def keep(self, child: Child, ref: Ref) -> None:
        """Enter a child's new incarnation into the books."""
        if not isinstance(child, DynamicChild):
            raise TypeError("a dynamic supervisor keeps its own kind of child")
        if child.place is None:
            child.place = ref
            self._children[ref] = child
        else:
            self._moved[ref] = child

    def _wait_for_orphan(self, child: DynamicChild, orphan: Ref) -> None:
        if child.place is None:
            child.place, child.state = object(), ChildState.STARTING
            self._children[child.place] = child
        waiting = self._orphans.setdefault(orphan, [])
        waiting.append(child)
        if len(waiting) == 1:
            self.monitor(orphan)
            self.send_after(ORPHAN_GRACE_S, _Overdue(orphan))

    def _take_child_started(self, started: Started) -> None:
        child = self._find(started.child)
        if child is None or child.ref is not started.child or child.state is not ChildState.STARTING:
            return  # it was told to end meanwhile
        if started.ref is None:
            self._start_failed(child, IGNORED)
            return
        self._forget_moved(child.known_as)
        child.state, child.given, child.known_as = ChildState.RUNNING, started.info, started.ref
        call, child.call = child.call, None
        if call is None:
            child.restarts += 1
        else:
            call.reply(child.start_answer(None))

    def _start_failed(self, child: DynamicChild, failure: ExitReason) -> None:
        call, child.call = child.call, None
        if call is not None or failure is IGNORED:
            self._drop(child)
            if call is not None:
                self._answer_start(call, child, failure)
            return
        self._report("start_error", child, failure)
        self._forget_moved(child.ref)
        child.become(ChildState.RESTARTING)
        child.retry = Retry(child)
        self.hear(child.retry)

    # Ends ----------------------------------------------------------------------------------------------------------

    def _take_child_down(self, down: Down) -> None:
        child = self._find(down.ref)
        if child is None or child.ref is not down.ref:
            return
        if child.state is ChildState.STOPPING:
            self._stopped(child, down)
        elif child.state is ChildState.STARTING:
            self._start_failed(child, down.reason)
        else:
            self._ended(child, down.reason)

    def _ended(self, child: DynamicChild, reason: ExitReason) -> None:
        if not ends_well(child.spec, reason):
            self._report("child_terminated", child, reason)
        if restarts_after(child.spec, reason):
            self._restart(child)
        else:
            self._drop(child)

    def _restart(self, child: DynamicChild) -> None:
        if self._may_restart(child):
            child.become(ChildState.RESTARTING)
            self._begin(child)
        else:
            self._drop(child)
            self._stop_all(SHUTDOWN)

    def _forget_moved(self, ref: Ref | None) -> None:
        if ref is not None and self._moved:
            self._moved.pop(ref, None)

    def _drop(self, child: DynamicChild) -> None:
        child.retry = None  # a retry that is on its way would charge one more restart
        self._children.pop(child.place, None)
        self._forget_moved(child.known_as)
        self._forget_moved(child.ref)

    # Stop ----------------------------------------------------------------------------------------------------------

    def _terminate(self, key: Hashable) -> Deferred | Done | SupervisorError:
        child = self._child_of(key)
        if child is None or child.state is ChildState.STOPPING:
            return SupervisorError("not_found")
        ref = child.ref
        if ref is None:
            self._drop(child)
            return Done()
        child.call, child.state = self.caller(), ChildState.STOPPING
        ask_to_end(self, ref, child.spec)
        grace_s = child.spec.grace_s
        if grace_s == 0:
            self.hear(_Overdue(ref))
        elif grace_s not in (INFINITY, BRUTAL_KILL):
            child.timer = self.send_after(grace_s, _Overdue(ref))
        return DEFERRED

    def _stopped(self, child: DynamicChild, down: Down) -> None:
        self._report_stop(child, down.reason)
        self._drop(child)
        if child.timer is not None:
            child.timer.cancel()
        if child.call is not None:
            child.call.reply(Done())
        if self._stop_reason is not None:
            self._end_when_empty(self._stop_reason)

    def _on_parent_exit(self, reason: ExitReason) -> None:
        if self._stop_reason is None:
            self._stop_all(reason)

    def _stop_all(self, reason: ExitReason) -> None:
        self._stop_reason = reason
        graces = set()
        for child in list(self._children.values()):
            if child.ref is None:
                self._drop(child)
            elif child.state is not ChildState.STOPPING:
                child.state, child.call = ChildState.STOPPING, None
                ask_to_end(self, child.ref, child.spec)
                graces.add(child.spec.grace_s)
        for grace_s in sorted(graces - {INFINITY, BRUTAL_KILL}):
            over = _GraceOver(grace_s)
            if grace_s == 0:
                self.hear(over)
            else:
                self.send_after(grace_s, over)
        self._end_when_empty(reason)

    def _kill_late(self, grace_s: float) -> None:
        for child in list(self._children.values()):
            if child.ref is not None and child.spec.grace_s == grace_s:
                send_exit(child.ref, KILL, self.ref)

    def _end_when_empty(self, reason: ExitReason) -> None:
        if not self._children:
            self.exit(reason)
