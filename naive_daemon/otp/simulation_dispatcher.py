"""How simulated actors take turns, on the caller's thread: in order of arrival, or as drawn, with faults and a trace.

Owned by its `SimulatedSystem`. Invariant: whatever a hook or a sink raises comes before its step has changed anything.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from naive_daemon.otp.call import Call
from naive_daemon.otp.clock import Clock
from naive_daemon.otp.exit import crash
from naive_daemon.otp.faults import Busy, Crash, Delay, Drop, Fault, Faults, Kill, Reorder, Step, may_be_lost
from naive_daemon.otp.mailbox import Mailbox
from naive_daemon.otp.process import Process
from naive_daemon.otp.ref import CURRENT, Ref
from naive_daemon.otp.timers import Timers
from naive_daemon.otp.trace import TraceSink, step_line

if TYPE_CHECKING:
    from naive_daemon.otp.turn import Turn

STEPS_MAX = 3_000_000
"""Messages that may be handled at one moment of virtual time; more of them are taken for a loop that has no end."""

Draw = Callable[[], float]
"""Gives the next number of a seed's sequence, in [0, 1)."""


class SimulatedDispatcher:
    """Actors run in the order in which they became runnable, a message at a time."""

    is_driven = True

    def __init__(self) -> None:
        self._runnable: deque[Process] = deque()

    @property
    def busy(self) -> int:
        """How many actors have something to read."""
        return len(self._runnable)

    def begin(self) -> None:
        """Nothing to count: it is idle when its queue is empty."""

    def end(self) -> None:
        """Nothing to count."""

    def schedule(self, actor: Process) -> None:
        """Queue a runnable actor."""
        self._runnable.append(actor)

    def run_until_idle(self, steps_max: int) -> bool:
        """Let actors run until none has anything to read; False when some have after so many messages."""
        runnable = self._runnable
        for _ in range(steps_max):
            if not runnable:
                return True
            actor = runnable.popleft()
            try:
                actor.run_batch(1)
            finally:
                if actor.actor_inbox.release():
                    runnable.append(actor)
        return not runnable

    def runnable(self) -> list[Ref]:
        """List who has something to read."""
        return [actor.ref for actor in self._runnable]

    def step(self) -> bool:
        """Let one actor handle one message; False when none has anything to read."""
        if not self._runnable:
            return False
        self._take_turn(self._runnable.popleft())
        return True

    def forget(self, actor: Process) -> None:
        """Nothing is kept for an actor."""

    @property
    def threads(self) -> list[threading.Thread]:
        """None: it runs on the caller's."""
        return []

    @property
    def lost(self) -> int:
        """None: there is no thread to lose."""
        return 0

    def stop(self) -> None:
        """Nothing to end."""

    def _take_turn(self, actor: Process) -> None:
        try:
            actor.run_batch(1)
        finally:  # what comes through an actor's own boundary goes to the caller, and holds up nobody else
            self._release(actor)

    def _release(self, actor: Process) -> None:
        if actor.actor_inbox.release():
            self._runnable.append(actor)


class SteppedDispatcher(SimulatedDispatcher):
    """Counts its steps, each one message of one actor; whose turn it is is drawn, where there is a `draw`.

    `faults` is asked before each message, and `trace` gets a line of what then happens.
    """

    def __init__(
        self, clock: Clock, timers: Timers, draw: Draw | None, faults: Faults | None, trace: TraceSink | None
    ) -> None:
        super().__init__()
        self.steps = 0
        self._clock = clock
        self._timers = timers
        self._draw = draw
        self._faults = faults
        self._trace = trace
        self._spared: dict[Process, list[Any]] = {}
        self._busy: dict[Process, Any] = {}

    def run_until_idle(self, steps_max: int) -> bool:
        """Let actors run until none has anything to read; False when some have after so many messages."""
        step = self.step
        for _ in range(steps_max):
            if not step():
                return True
        return not self._runnable

    def step(self) -> bool:
        """Let one actor handle one message, or suffer a fault in place of it; False when none has anything to read."""
        while self._runnable:
            actor = self._next_actor()
            if actor in self._busy and self._come_back(actor):
                return True
            lane = _lane_of(actor)
            if lane is not None:
                self._take_step(actor, lane)
                return True
            self._runnable.popleft()  # dead, suspended, or its messages were dropped meanwhile
            self._release(actor)
        return False

    def forget(self, actor: Process) -> None:
        """Let go of what is kept for a dead actor."""
        self._spared.pop(actor, None)
        self._busy.pop(actor, None)

    def _come_back(self, actor: Process) -> bool:
        """Let a busy actor come to the end of its message; False when it has to read signals in its usual way.

        The signals that have come meanwhile are put aside for this one message.
        """
        message, mailbox = self._busy.pop(actor), actor.actor_inbox
        if actor.is_suspended or not mailbox.signals or not mailbox.messages or mailbox.messages[0] is not message:
            return False
        signals, mailbox.signals[:] = mailbox.signals[:], []
        try:
            self._take_step(actor, mailbox.messages)
        finally:
            if not mailbox.closed:
                mailbox.signals[:0] = signals
                mailbox.wake()
        return True

    def _next_actor(self) -> Process:
        """Bring the actor whose turn it is to the front."""
        runnable = self._runnable
        if self._draw is not None and len(runnable) > 1:
            chosen = int(self._draw() * len(runnable))
            runnable[0], runnable[chosen] = runnable[chosen], runnable[0]
        return runnable[0]

    def _take_step(self, actor: Process, lane: Any) -> None:
        message = lane[0]
        step = Step(self.steps + 1, self._clock.now_ns(), actor.ref, message, lane is actor.actor_inbox.signals)
        fault = None if self._is_spared(actor, message) else self._fault_of(step)
        if self._trace is not None:
            self._trace.write(step_line(step, fault))
        self.steps += 1
        self._runnable.popleft()
        if actor.is_dead:  # by the hook itself
            self._release(actor)
        elif fault is None:
            self._forget_spared(actor, message)
            self._take_turn(actor)
        else:
            self._apply(fault, actor, lane)

    def _fault_of(self, step: Step) -> Fault | None:
        if self._faults is None:
            return None
        fault = self._faults.fault(step)
        match fault:
            case None | Crash() | Kill() | Delay() | Busy():
                return fault
            case Drop() | Reorder():
                if not step.may_be_lost:
                    raise ValueError(
                        f"step {step.number}: {fault} is refused, {type(step.message).__name__} to "
                        f"{step.label}#{step.actor_number} is a promise of the runtime"
                    )
                return fault if isinstance(fault, Drop) or _followers(step.ref.actor_inbox, fault.places) else None
        raise TypeError(f"step {step.number}: {fault!r} is no fault")

    def _apply(self, fault: Fault, actor: Process, lane: Any) -> None:
        match fault:
            case Crash(error):
                self._crash(actor, lane, error)
            case Kill():
                actor.kill()
            case Delay(delay_s) | Busy(delay_s):
                # Still up in its mailbox, the flag lets nobody queue the actor before the time has come.
                self._spare(actor, lane[0])
                if isinstance(fault, Busy) and lane is actor.actor_inbox.messages:
                    self._busy[actor] = lane[0]
                self._timers.after(delay_s, lambda: self._runnable.append(actor))
                return
            case Drop():
                lane.popleft()
            case Reorder(places):
                self._spare(actor, lane[0])
                _put_back(actor.actor_inbox, places)
        self._release(actor)

    @staticmethod
    def _crash(actor: Process, lane: Any, error: BaseException) -> None:
        """End the actor as its turn would, had the handler raised `error`."""
        turn = cast("Turn", actor)  # the only kind of process there is
        message = lane.pop(0) if isinstance(lane, list) else lane.popleft()
        reason = crash(error)
        before, CURRENT.actor = CURRENT.actor, actor
        try:
            turn._remember(message)
            if isinstance(message, Call):
                message.fail(reason)
            turn._end(reason)
        finally:
            CURRENT.actor = before

    # A message that was put off has had its fault: it is not asked for again, or it might never be handled.

    def _spare(self, actor: Process, message: Any) -> None:
        self._spared.setdefault(actor, []).append(message)

    def _is_spared(self, actor: Process, message: Any) -> bool:
        return any(spared is message for spared in self._spared.get(actor, ()))

    def _forget_spared(self, actor: Process, message: Any) -> None:
        spared = self._spared.get(actor)
        if spared is not None:
            spared[:] = [other for other in spared if other is not message]
            if not spared:
                del self._spared[actor]


def _lane_of(actor: Process) -> Any:
    """Find the lane that the actor reads next; None when it has nothing to read."""
    mailbox = actor.actor_inbox
    if mailbox.signals:
        return mailbox.signals
    return mailbox.messages if mailbox.messages and not actor.is_suspended else None


def _followers(mailbox: Mailbox, places: int) -> int:
    """Count the messages, `places` at most, that may overtake the first: up to one that may not be overtaken."""
    waiting = mailbox.messages
    count = 0
    while count < min(places, len(waiting) - 1) and may_be_lost(waiting[count + 1]):
        count += 1
    return count


def _put_back(mailbox: Mailbox, places: int) -> None:
    """Let as many messages as may overtake the first one do so."""
    places = _followers(mailbox, places)
    waiting = mailbox.messages
    messages = [waiting.popleft() for _ in range(len(waiting))]
    for message in (*messages[1 : places + 1], messages[0], *messages[places + 1 :]):
        waiting.append(message)
