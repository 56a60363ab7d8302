"""A supervisor with a fixed list of children and a restart strategy.

One operation runs at a time, others wait in order; what only asks is answered meanwhile.
Receives: StartChild, TerminateChild, RestartChild, DeleteChild, GetChildSpec, WhichChildren, CountChildren.
Crashes when: its children exceed the restart intensity (reason shutdown), or one of them fails at the first start.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from naive_daemon.otp.call import Call
from naive_daemon.otp.child import IGNORED, Child, Retry, ends_well, restarts_after
from naive_daemon.otp.child_spec import ChildSpec, Restart, is_hashable
from naive_daemon.otp.exit import SHUTDOWN, ExitReason, shutdown
from naive_daemon.otp.flags import AutoShutdown, Strategy, chosen
from naive_daemon.otp.messages import DEFERRED, Continue, Deferred, Down, Ignore, Started
from naive_daemon.otp.operation import Operation, Operations, WaitOver, starting, stopping
from naive_daemon.otp.ref import Ref
from naive_daemon.otp.requests import (
    ChildState,
    DeleteChild,
    Done,
    FailedToStartChild,
    RestartChild,
    StartChild,
    SupervisorError,
    TerminateChild,
)
from naive_daemon.otp.supervisor_process import SupervisorProcess


class Supervisor(SupervisorProcess):
    """Starts its children in order, stops them in reverse, restarts them as its strategy says."""

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        max_restarts: int = 1,
        period_s: float = 5.0,
        auto_shutdown: AutoShutdown = AutoShutdown.NEVER,
    ) -> None:
        super().__init__(max_restarts, period_s)
        self._strategy = chosen("strategy", strategy, Strategy)
        self._auto_shutdown = chosen("auto_shutdown", auto_shutdown, AutoShutdown)
        self._children: dict[Hashable, Child] = {}
        self._by_ref: dict[Ref, Child] = {}
        self._operations = Operations(self)
        self._is_stopping = False
        for spec in specs:
            self._add_first(spec)

    def _add_first(self, spec: ChildSpec) -> None:
        if not isinstance(spec, ChildSpec):
            raise TypeError(f"a {type(spec).__name__} is not a ChildSpec")
        if spec.id in self._children:
            raise ValueError(f"child id {spec.id!r} is there twice")
        misfit = self._misfit(spec)
        if misfit is not None:
            raise ValueError(misfit)
        self._children[spec.id] = Child(spec)

    def init(self) -> Continue | Ignore | Deferred | None:
        """Start the children; the starter is released when all of them run."""
        self._operations.enqueue(self._start_all())
        return DEFERRED

    def on_receive(self, message: Any) -> Any:
        """Go on with what has waited, or serve a request."""
        match message:
            case WaitOver():
                return self._operations.time_out(message)
            case Down(ref=orphan):
                return self._operations.deliver(orphan, message)
            case Retry():
                return self._enqueue(self._retry(message))
            case _:
                return super().on_receive(message)

    def _books(self) -> Mapping[Hashable, Child]:
        return self._children

    def _child_of(self, key: Hashable) -> Child | None:
        return self._children.get(key) if is_hashable(key) else None

    def keep(self, child: Child, ref: Ref) -> None:
        """Enter a child's new incarnation into the books."""
        self._by_ref[ref] = child

    def _serve(self, request: Any) -> Deferred:
        call = self.caller()
        match request:
            case StartChild(spec):
                self._enqueue(self._start_new(call, spec))
            case TerminateChild(child_id):
                self._enqueue(self._terminate(call, child_id))
            case RestartChild(child_id):
                self._enqueue(self._restart_stopped(call, child_id))
            case DeleteChild(child_id):
                self._enqueue(self._delete(call, child_id))
        return DEFERRED

    def _enqueue(self, operation: Operation) -> None:
        if self._is_stopping:  # who has asked learns it from the end of this supervisor
            operation.close()
        else:
            self._operations.enqueue(operation)

    def _take_child_started(self, started: Started) -> None:
        self._operations.deliver(started.child, started)

    def _take_child_down(self, down: Down) -> None:
        child = self._by_ref.pop(down.ref, None)
        if self._operations.deliver(down.ref, down):
            return
        if child is not None and child.ref is down.ref:  # not one that chose to be ignored, whose Down comes later
            child.ended = down.reason
            self._enqueue(self._child_ended(child, down))

    # Start and stop -------------------------------------------------------------------------------------------------

    def _on_parent_exit(self, reason: ExitReason) -> None:
        """Stop the children first, whatever is going on (OTP rule 25)."""
        if not self._is_stopping:
            self._is_stopping = True
            self._operations.run_alone(self._stop_and_exit(reason))

    def _start_all(self) -> Operation:
        for child in list(self._children.values()):
            failure = yield from starting(self, child)
            if failure is IGNORED and child.spec.restart is Restart.TEMPORARY:
                del self._children[child.spec.id]
            elif failure is not None and failure is not IGNORED:
                self._report("start_error", child, failure)
                yield from self._stop_and_exit(shutdown(FailedToStartChild(child.spec.id, failure)))
        self.acknowledge_start()

    def _stop_and_exit(self, reason: ExitReason) -> Operation:
        self._is_stopping = True
        yield from self._stop_each(list(self._children.values()))
        self.exit(reason)

    def _die(self, reason: ExitReason) -> None:
        super()._die(reason)
        self._operations.give_up()

    def _stop_each(self, children: Sequence[Child]) -> Operation:
        for child in reversed(children):
            reason = yield from stopping(self, child)
            self._report_stop(child, reason)

    # A child has ended ----------------------------------------------------------------------------------------------

    def _child_ended(self, child: Child, down: Down) -> Operation:
        if child.ref is not down.ref:
            return  # a stop or a sibling's group restart has seen to it meanwhile
        reason = down.reason
        if not ends_well(child.spec, reason):
            self._report("child_terminated", child, reason)
        if restarts_after(child.spec, reason):
            yield from self._restart(child)
            return
        child.become(ChildState.STOPPED)
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

    def _restart(self, child: Child) -> Operation:
        if not self._may_restart(child):
            child.become(ChildState.STOPPED)
            yield from self._stop_and_exit(SHUTDOWN)
        child.become(ChildState.RESTARTING)
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

    def _start_group(self, group: Sequence[Child]) -> Operation:
        for place, child in enumerate(group):
            failure = yield from starting(self, child)
            if failure is None:
                child.restarts += 1
            elif failure is not IGNORED:
                self._report("start_error", child, failure)
                child.state, child.retry = ChildState.RESTARTING, Retry(child)
                self.hear(child.retry)  # others are served in between (OTP rule 42)
                for later in group[place + 1 :]:  # also the one that this restart began for: nobody retries that now
                    later.become(ChildState.STOPPED)
                return

    def _retry(self, retry: Retry) -> Operation:
        if retry.child.retry is retry:
            yield from self._restart(retry.child)

    # Requests -------------------------------------------------------------------------------------------------------

    def _start_new(self, call: Call, spec: ChildSpec) -> Operation:
        present = self._children.get(spec.id)
        misfit = self._misfit(spec)
        if misfit is not None:  # a bad spec is refused whatever is there (OTP rule 3)
            call.reply(SupervisorError("invalid", misfit))
        elif present is not None:
            error = SupervisorError("already_present")
            call.reply(error if present.ref is None else SupervisorError("already_started", present.ref))
        else:
            child = self._children[spec.id] = Child(spec)
            failure = yield from starting(self, child)
            keeps_spec = failure is None or (failure is IGNORED and spec.restart is not Restart.TEMPORARY)
            if not keeps_spec:
                del self._children[spec.id]
            self._answer_start(call, child, failure)

    def _terminate(self, call: Call, child_id: Hashable) -> Operation:
        child = self._child_of(child_id)
        if child is None:
            call.reply(SupervisorError("not_found"))
            return
        yield from self._stop_each([child])
        if child.spec.restart is Restart.TEMPORARY:
            del self._children[child_id]
        call.reply(Done())

    def _restart_stopped(self, call: Call, child_id: Hashable) -> Operation:
        child = self._stopped(call, child_id)
        if child is not None:
            self._answer_start(call, child, (yield from starting(self, child)))

    def _delete(self, call: Call, child_id: Hashable) -> Operation:
        child = self._stopped(call, child_id)
        if child is not None:
            del self._children[child_id]
            call.reply(Done())
        yield from ()

    def _stopped(self, call: Call, child_id: Hashable) -> Child | None:
        """Find a stopped child, or answer why there is none."""
        child = self._child_of(child_id)
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
        if not spec.significant:
            return None
        if self._auto_shutdown is AutoShutdown.NEVER:
            return f"child spec {spec.id!r}: significant=True does not go with auto_shutdown=never"
        if spec.restart is Restart.PERMANENT:
            return f"child spec {spec.id!r}: significant=True does not go with restart=permanent"
        return None
