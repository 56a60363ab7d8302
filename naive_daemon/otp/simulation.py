"""An actor system that can be repeated: on the caller's thread, in virtual time, all choices from one seed.

The same program with the same seed does the same, step by step, in another process and version of Python, provided
that it draws nothing itself, reads no other clock and goes through no set of values whose hashes differ by run.

How a test comes to one: `ActorSystem.simulated(clock)` takes actors in the order in which they became runnable;
`ActorSystem.simulated(clock, seed=n)` draws whose turn it is, and which of the timers of one moment fires first, so a
suite that runs on many seeds gives each test its seed and nothing else (`trace=TraceTail()` shows where it failed).
"""

from collections.abc import Callable
from typing import Any, TypeVar

from naive_daemon.otp.children import living_children
from naive_daemon.otp.clock import Clock, MovableClock
from naive_daemon.otp.deadlock import DeadlockError, LivelockError, Wait, tell_waits
from naive_daemon.otp.dispatcher import Activity
from naive_daemon.otp.duty import PRESENT, Duty
from naive_daemon.otp.faults import Faults, draw_from
from naive_daemon.otp.outside import Awaited, refuse_inside
from naive_daemon.otp.process import Process
from naive_daemon.otp.ref import CURRENT
from naive_daemon.otp.simulation_dispatcher import STEPS_MAX, SimulatedDispatcher, SteppedDispatcher
from naive_daemon.otp.system import ActorSystem
from naive_daemon.otp.timers import VirtualTimers
from naive_daemon.otp.trace import TraceSink

Result = TypeVar("Result")

EVEN = 0.5
"""How likely a timer that is due fires before an actor that is runnable has its turn."""


class SimulatedSystem(ActorSystem):
    """A system on the caller's thread and a clock that the caller moves: the same calls, the same steps, always.

    Without `seed`, `faults` and `trace` actors take turns in the order in which they became runnable, at no cost.
    With a seed, each step is drawn from among the runnable actors, and so is which timer of one moment fires first.
    `faults` may let a message go wrong before it is handled; `trace` gets a line for each step. Actors that have a
    thread of their own elsewhere run here as all others. Raises ValueError for a seed that is no whole number >= 0,
    and for `steps_max` that is none >= 1.

    `clock` is the time that passes, which timers go by. Actors read it too, unless they are `shown` another: a wall
    clock that somebody sets, say.

    Whatever lets actors run is refused while they do, and raises LivelockError when they take more than `steps_max`
    steps without time going on: two that answer each other without end, say.
    """

    timers: VirtualTimers

    def __init__(
        self,
        clock: MovableClock,
        seed: int | None = None,
        *,
        faults: Faults | None = None,
        trace: TraceSink | None = None,
        steps_max: int = STEPS_MAX,
        shown: Clock | None = None,
    ) -> None:
        if type(steps_max) is not int or steps_max < 1:
            raise ValueError(f"steps_max={steps_max!r} is not a whole number >= 1")
        self._steps_max = steps_max
        self._time = clock
        self._draw = None if seed is None else draw_from(seed)
        timers = VirtualTimers(clock, self._draw)
        self._simulated = SimulatedDispatcher()
        if not (seed is None and faults is None and trace is None):
            self._simulated = SteppedDispatcher(clock, timers, self._draw, faults, trace)
        if trace is not None:
            trace.begin(seed)
        super().__init__(
            clock if shown is None else shown, timers, {"pool": self._simulated, "thread": self._simulated}, Activity()
        )

    # Run -----------------------------------------------------------------------------------------------------------

    @property
    def due_ns(self) -> int | None:
        """When the next timer falls due; None when none is to come."""
        return self.timers.due_ns

    @property
    def busy(self) -> int:
        """How many actors have anything to do now."""
        return self._simulated.busy

    def run_until_idle(self) -> None:
        """Let actors run until none has anything to read; time stands still meanwhile."""
        self._work("run_until_idle", self._come_to_rest)

    def advance_to(self, time_ns: int) -> None:
        """Move the clock and let everything that falls due happen, each at its own time."""
        self._work("advance_to", lambda: self._let_time_pass(time_ns))

    def run(self, until_ns: int | None = None, max_steps: int | None = None) -> bool:
        """Run on and on: whenever nothing is runnable, the clock jumps to the next timer.

        Gives True when everything has come to rest, with no timer pending; False when the next timer is due after
        `until_ns`, where the clock then stands, or `max_steps` messages were handled first. A program whose timers
        never end needs one of the two. Raises DeadlockError when all is at rest and somebody still waits.
        """
        return self._work("run", lambda: self._run(until_ns, max_steps))

    def settle(self, busy: int = 0, timeout_s: float = 10.0) -> bool:
        """Run until idle; True. What a live system would wait for in vain raises LivelockError here.

        An actor that has a thread of its own in a live system may, as there; the others run within its handler.
        """
        actor = CURRENT.actor
        if actor is None or actor.runs_on == "pool":
            refuse_inside("settle")
            self._check_time("settle", timeout_s)
            self._work("settle", self._come_to_rest)
            return True
        self._check_time("settle", timeout_s)
        try:
            self._come_to_rest()
        finally:
            CURRENT.actor = actor
        return True

    def forget(self, actor: Process) -> None:
        """Let go of what is kept for a dead actor."""
        super().forget(actor)
        self._simulated.forget(actor)

    def _work(self, what: str, let_run: Callable[[], Result]) -> Result:
        """Lend this thread to the actors; whatever they run must not wait in it."""
        refuse_inside(what)
        PRESENT.duty = Duty.SIMULATION
        try:
            return let_run()
        finally:
            PRESENT.duty = None

    def _come_to_rest(self) -> None:
        if not self._simulated.run_until_idle(self._steps_max):
            self._refuse_livelock()

    def _let_time_pass(self, time_ns: int) -> None:
        self._come_to_rest()
        moment_ns, fired = self._time.now_ns(), 0
        while self.timers.advance_to(time_ns):
            self._let_moment_pass()
            now_ns = self._time.now_ns()
            moment_ns, fired = now_ns, fired + 1 if now_ns == moment_ns else 0
            if fired > self._steps_max:
                self._refuse_livelock()

    def _let_moment_pass(self) -> None:
        """Run until idle what a timer has woken; in a drawn order, other timers of the moment may fire meanwhile."""
        if self._draw is None:
            self._come_to_rest()
            return
        for _ in range(self._steps_max):
            if not (self._fires_first() or self._simulated.step()):
                return
        self._refuse_livelock()

    def _run(self, until_ns: int | None, max_steps: int | None) -> bool:
        steps, since = 0, 0  # messages in all, and whatever happened since the clock has moved
        while steps != max_steps:
            if since > self._steps_max:
                self._refuse_livelock()
            since += 1
            if self._fires_first():
                continue
            if self._simulated.step():
                steps += 1
                continue
            due_ns = self.timers.due_ns
            if due_ns is None:
                self._refuse_deadlock()
                return True
            if until_ns is not None and due_ns > until_ns:
                self.timers.advance_to(until_ns)
                return False
            since = since if due_ns <= self._time.now_ns() else 0
            self.timers.advance_to(due_ns)
        return False

    def _fires_first(self) -> bool:
        """Fire a timer that is due now before the next step, where that is drawn; False when none was fired."""
        if self._draw is None:
            return False
        due_ns, now_ns = self.timers.due_ns, self._time.now_ns()
        return due_ns is not None and due_ns <= now_ns and self._draw() < EVEN and self.timers.advance_to(now_ns)

    # See who waits -------------------------------------------------------------------------------------------------

    def waits(self) -> list[Wait]:
        """List who waits for whom among all living actors, tree by tree."""
        found: list[Wait] = []
        waiting = [actor for ref in reversed(self.roots()) if isinstance(actor := ref._actor, Process)]
        while waiting:
            actor = waiting.pop()
            found += actor.waits()
            waiting += reversed(living_children(actor))
        return found

    def _refuse_deadlock(self) -> None:
        waits = self.waits()
        if waits:
            raise DeadlockError(waits)

    def _refuse_livelock(self) -> None:
        raise LivelockError(self._steps_max, self._simulated.runnable())

    def _pump(self) -> None:
        """Let run what was just sent, unless somebody does already."""
        if PRESENT.duty is None:
            self.run_until_idle()

    def _wait(self, awaited: Awaited, timeout_s: float) -> Any:
        """Take what is there: all is at rest, and only the caller moves the clock, so nothing comes by waiting."""
        self.run_until_idle()
        if awaited.is_answered:
            return super()._wait(awaited, 0)
        whom, what = awaited.whom, awaited.what
        waits = (Wait(None, whom, what), *self.waits())
        lead, due_ns = f"waited in vain for {whom.label} {what}; ", self.timers.due_ns
        if due_ns is None:
            raise DeadlockError(waits, lead)
        raise TimeoutError(
            f"{lead}all is at rest until the timer at {due_ns} ns, and only the caller moves the clock\n"
            + tell_waits(waits)
        )
