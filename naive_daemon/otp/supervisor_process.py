"""What both kinds of supervisor are: a process that has children, serves requests about them and hears of their ends.

Subclass `Supervisor` or `DynamicSupervisor`, not this.
"""

import abc
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from naive_daemon.otp.actor import Actor
from naive_daemon.otp.call import Call
from naive_daemon.otp.child import PARENT_MONITOR, Child, stops_cleanly
from naive_daemon.otp.child_spec import ChildType
from naive_daemon.otp.deadlock import Wait
from naive_daemon.otp.exit import ExitReason
from naive_daemon.otp.frames import has_frames, let_go_of_frames
from naive_daemon.otp.intensity import Intensity
from naive_daemon.otp.messages import Down, Exited, Started
from naive_daemon.otp.ref import Ref
from naive_daemon.otp.requests import (
    ChildCounts,
    ChildInfo,
    ChildState,
    CountChildren,
    DeleteChild,
    GetChildSpec,
    RestartChild,
    StartChild,
    SupervisorError,
    TerminateChild,
    WhichChildren,
)
from naive_daemon.otp.supervisor_report import REACHED_MAX_RESTART_INTENSITY, Context, supervisor_report


class SupervisorProcess(Actor):
    """Serves requests, and hands each child's Started and Down to the kind of supervisor that it is."""

    traps_exit = True
    extra_arguments: tuple[Any, ...] = ()

    def __init__(self, max_restarts: int, period_s: float) -> None:
        super().__init__()
        self.hear: Callable[[Any], None] = self.ref.tell
        self._intensity = Intensity(max_restarts, period_s)

    # What others ask -----------------------------------------------------------------------------------------------

    def children(self) -> list[Child]:
        """Copy the books, in one step, those that were added first coming first. May be called from any thread."""
        return list(self._books().values())

    def linked(self) -> list[Ref]:
        """Copy who is told of its end: its children, without a link for each of perhaps a hundred thousand, too."""
        return [*super().linked(), *(ref for child in self.children() if (ref := child.ref) is not None)]

    def which_children(self) -> tuple[ChildInfo, ...]:
        """Show the children, in the same order. May be called from any thread."""
        return tuple(child.info() for child in self.children())

    def count_children(self) -> ChildCounts:
        """Count specs and living children. May be called from any thread."""
        children = self.children()
        supervisors = sum(child.spec.type is ChildType.SUPERVISOR for child in children)
        active = sum((ref := child.ref) is not None and ref.is_alive() for child in children)
        return ChildCounts(len(children), active, supervisors, len(children) - supervisors)

    def waits(self) -> list[Wait]:
        """List whom it waits for, children included."""
        news = {ChildState.STARTING: "to start", ChildState.STOPPING: "to end"}
        return [
            *super().waits(),
            *(
                Wait(self.ref, child.ref, news[child.state])
                for child in self.children()
                if child.ref is not None and child.state in news
            ),
        ]

    def on_receive(self, message: Any) -> Any:
        """Serve a request, or take the news of a child."""
        match message:
            case Started():
                self._take_child_started(message)
            case StartChild() | TerminateChild() | RestartChild() | DeleteChild() if self._call is not None:
                return self._serve(message)
            case WhichChildren():
                return self.which_children()
            case CountChildren():
                return self.count_children()
            case GetChildSpec(key):
                child = self._child_of(key)
                return SupervisorError("not_found") if child is None else child.spec.normalised()
            case Exited():
                return None  # a shutdown from anyone but the parent, or one that is no child any more (rules 26, 27)
            case _:
                super().on_receive(message)
        return None

    # What each kind does -------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def _books(self) -> Mapping[Any, Child]:
        """Give the children in order."""

    @abc.abstractmethod
    def _child_of(self, key: Hashable) -> Child | None:
        """Find a child by what requests call it."""

    @abc.abstractmethod
    def keep(self, child: Child, ref: Ref) -> None:
        """Enter a child's new incarnation, which is about to begin, into the books."""

    @abc.abstractmethod
    def _serve(self, request: Any) -> Any:
        """Serve one of the requests that change something; the answer may come later."""

    @abc.abstractmethod
    def _take_child_started(self, started: Started) -> None:
        """Take the news that a child has started, or was ignored."""

    @abc.abstractmethod
    def _take_child_down(self, down: Down) -> None:
        """Take the news that a child has ended."""

    # What both do --------------------------------------------------------------------------------------------------

    def _take_down(self, down: Down) -> None:
        if down.monitor == PARENT_MONITOR:
            self._take_child_down(down)
        else:
            super()._take_down(down)

    def _may_restart(self, child: Child) -> bool:
        """Charge a restart; False, and reported, when it is one too many (OTP rules 41, 49)."""
        if not self._intensity.exceeded_by_restart_at(self.system.clock.monotonic_s()):
            return True
        self._report("shutdown", child, REACHED_MAX_RESTART_INTENSITY)
        return False

    def _report_stop(self, child: Child, reason: ExitReason | None) -> None:
        if reason is not None and not stops_cleanly(child.spec, reason):
            self._report("shutdown_error", child, reason)

    def _answer_start(self, call: Call, child: Child, failure: ExitReason | None) -> None:
        """Answer who asked for a start. What the start function itself raised is logged first: no actor has done so."""
        if failure is not None and has_frames(failure):
            self._report("start_error", child, failure)
        call.reply(child.start_answer(failure))

    def _die(self, reason: ExitReason) -> None:
        super()._die(reason)
        for child in self.children():
            child.retry = None  # each holds the other

    def _report(self, context: Context, child: Child, reason: ExitReason) -> None:
        """Log a report with the restarts that the window still allows; a log that fails does not fail the tree."""
        left = self._intensity.left
        self._speak(
            lambda: self.log.error("supervisor report", **supervisor_report(context, child, reason), restarts_left=left)
        )
        let_go_of_frames(reason)
