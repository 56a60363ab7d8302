"""Operations of a supervisor that wait for its children, one at a time.

A supervisor never blocks. An operation (start, stop, restart) is a generator that yields what it waits for, and is
sent the event. Meanwhile the supervisor goes on serving; what would change its children waits in the queue.
"""

import contextlib
import itertools
import weakref
from collections import deque
from collections.abc import Generator
from typing import TYPE_CHECKING

import msgspec

from naive_daemon.otp.actor import Actor, send_exit
from naive_daemon.otp.child import IGNORED, Child, Orphaned, launch
from naive_daemon.otp.child_spec import BRUTAL_KILL, INFINITY, ChildSpec
from naive_daemon.otp.exit import KILL, SHUTDOWN, ExitReason
from naive_daemon.otp.messages import Down, Started
from naive_daemon.otp.ref import Ref
from naive_daemon.otp.requests import ChildState

if TYPE_CHECKING:
    from naive_daemon.otp.supervisor_process import SupervisorProcess
    from naive_daemon.otp.timers import Timer

ORPHAN_GRACE_S = 5.0
"""How long an orphan may take to end before it is killed."""


class Wait(msgspec.Struct, frozen=True):
    """What an operation waits for: the Down of `ref`, or its Started, too; None comes when `seconds` are over."""

    ref: Ref
    seconds: float
    is_start: bool = False


class WaitOver(msgspec.Struct, frozen=True):
    """An operation has waited long enough."""

    number: int


Event = Started | Down | None
Operation = Generator[Wait, Event, None]
Starting = Generator[Wait, Event, ExitReason | None]
"""Ends with why the child does not run, or None when it does."""


class Operations:
    """Runs the operations of one supervisor in order, each until it waits; it goes on when its event comes."""

    def __init__(self, owner: Actor) -> None:
        self._owner: Actor = weakref.proxy(owner)  # else a dead supervisor would keep itself until the collector looks
        self._queue: deque[Operation] = deque()
        self._current: Operation | None = None
        self._wait: Wait | None = None
        self._timer: Timer | None = None
        self._numbers = itertools.count()
        self._number = -1

    def enqueue(self, operation: Operation) -> None:
        """Run an operation after those that came before."""
        if not self._owner.is_dead:
            self._queue.append(operation)
            self._run()

    def run_alone(self, operation: Operation) -> None:
        """Give up whatever runs and waits, and run this."""
        self._end_wait()
        if self._current is not None:
            self._current.close()
        self._queue.clear()
        self._current = None
        self.enqueue(operation)

    def give_up(self) -> None:
        """Run nothing any more: the supervisor has ended. On a kill, from beside its own handler."""
        self._queue.clear()
        if self._current is not None:
            self._close(self._current)

    def deliver(self, ref: Ref, event: Started | Down) -> bool:
        """Hand a child's event to the operation that waits for it; False when none does."""
        wait = self._wait
        if wait is None or wait.ref is not ref or not (wait.is_start or isinstance(event, Down)):
            return False
        self._go_on(event)
        return True

    def time_out(self, over: WaitOver) -> None:
        """Tell the operation whose wait is over; a wait that has ended meanwhile is nothing."""
        if self._wait is not None and over.number == self._number:
            self._go_on(None)

    def _go_on(self, event: Event) -> None:
        self._end_wait()
        self._step(event)
        self._run()

    def _run(self) -> None:
        while self._current is None and self._queue:
            self._current = self._queue.popleft()
            self._step(None)

    def _step(self, event: Event) -> None:
        """Let the current operation go on until it waits or ends."""
        if self._current is None:
            return
        try:
            wait = self._current.send(event)
        except StopIteration:
            self._current = None
            return
        if self._owner.is_dead:  # killed meanwhile
            self.give_up()
        else:
            self._begin_wait(wait)

    def _close(self, operation: Operation) -> None:
        """End an operation where it waits; one that is running, here or in another thread, ends at its next wait."""
        with contextlib.suppress(ValueError):
            operation.close()

    def _begin_wait(self, wait: Wait) -> None:
        self._wait = wait
        self._number = next(self._numbers)
        over = WaitOver(self._number)
        if wait.seconds == 0:
            self._owner.ref.tell(over)
        elif wait.seconds != INFINITY:
            self._timer = self._owner.send_after(wait.seconds, over)

    def _end_wait(self) -> None:
        self._wait = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def starting(owner: "SupervisorProcess", child: Child) -> Starting:
    """Start the child and wait until it has started or failed."""
    while isinstance(outcome := launch(owner, child), Orphaned):
        child.state = ChildState.STARTING
        yield from _end_of_orphan(owner, outcome.holder)
    if isinstance(outcome, ExitReason):
        child.become(ChildState.STOPPED)
        return outcome
    event = yield Wait(outcome, INFINITY, is_start=True)
    if isinstance(event, Started) and event.ref is not None:
        child.state, child.given = ChildState.RUNNING, event.info
        return None
    child.become(ChildState.STOPPED)
    return event.reason if isinstance(event, Down) else IGNORED


def stopping(owner: "SupervisorProcess", child: Child) -> Starting:
    """Ask the child to end, wait, kill it, wait; gives the reason it ended with (OTP rules 19-22), None without one."""
    ref, reason = child.ref, child.ended
    if ref is not None and reason is None:
        child.state = ChildState.STOPPING
        ask_to_end(owner, ref, child.spec)
        grace_s = child.spec.grace_s
        event = yield Wait(ref, INFINITY if grace_s == BRUTAL_KILL else grace_s)
        if event is None:
            send_exit(ref, KILL, owner.ref)
            event = yield Wait(ref, INFINITY)
        reason = event.reason if isinstance(event, Down) else None
    child.become(ChildState.STOPPED)
    return reason


def ask_to_end(owner: "SupervisorProcess", ref: Ref, spec: ChildSpec) -> None:
    """Tell a child to end, or end it when its spec says so (OTP rules 19, 20)."""
    send_exit(ref, KILL if spec.grace_s == BRUTAL_KILL else SHUTDOWN, owner.ref)


def _end_of_orphan(owner: "SupervisorProcess", orphan: Ref) -> Operation:
    owner.monitor(orphan)
    event = yield Wait(orphan, ORPHAN_GRACE_S)
    if event is None:
        send_exit(orphan, KILL, owner.ref)
        yield Wait(orphan, INFINITY)
