"""An actor system: dispatchers, timers, names and topics, and the way in from outside.

Owns every thread of its actors; `stop` ends them. One process may hold several systems (tests do).
"""

import itertools
import os
import threading
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, cast

import msgspec

from naive_daemon.otp import interpreter_exit
from naive_daemon.otp.actor import Actor, send_exit
from naive_daemon.otp.call import Call
from naive_daemon.otp.clock import Clock, MovableClock
from naive_daemon.otp.deadlock import DeadlockError
from naive_daemon.otp.dispatcher import Activity, Dispatcher, ThreadDispatcher
from naive_daemon.otp.exit import NOPROC, SHUTDOWN, ActorDiedError, ExitReason, StartFailedError
from naive_daemon.otp.messages import Down, Inspect, Resume, Suspend
from naive_daemon.otp.outside import Awaited, check_timeout, next_watch, refuse_inside, refuse_on_shared_thread
from naive_daemon.otp.pool import STUCK_AFTER_S, PoolDispatcher, PoolHealth, check_pool
from naive_daemon.otp.process import Process, Watcher
from naive_daemon.otp.pubsub import PubSub
from naive_daemon.otp.ref import Ref
from naive_daemon.otp.registry import Registry
from naive_daemon.otp.simulation_dispatcher import STEPS_MAX
from naive_daemon.otp.suspension import check_suspension
from naive_daemon.otp.timers import ThreadTimers, Timers

if TYPE_CHECKING:
    from naive_daemon.otp.faults import Faults
    from naive_daemon.otp.simulation import SimulatedSystem
    from naive_daemon.otp.trace import TraceSink

_suspensions = itertools.count(1)

Result = TypeVar("Result")


class ActorSystem:
    """Everything that actors share. Make a live one with `live`, a repeatable one with `simulated`."""

    def __init__(self, clock: Clock, timers: Timers, dispatchers: dict[str, Dispatcher], activity: Activity) -> None:
        self.clock = clock
        self.timers = timers
        self.registry = Registry()
        self.pubsub = PubSub()
        self.now = clock.monotonic_s
        self.next_number = itertools.count(1).__next__
        self.next_reference = itertools.count(1).__next__
        self._dispatchers = dispatchers
        self._activity = activity
        self._roots: dict[Ref, None] = {}
        self._is_stopped = False

    @classmethod
    def live(
        cls,
        clock: Clock,
        threads: int | None = None,
        dispatcher: Literal["pool", "thread"] = "pool",
        stuck_after_s: float = STUCK_AFTER_S,
        kill_after_s: float | None = None,
    ) -> Self:
        """Make a system on real threads: `threads` for the pool (default: one for each core, at most 4).

        `dispatcher` is where actors run that do not ask for a thread of their own: on the pool, or on one each, too.
        A pool thread that an actor holds for `stuck_after_s` is replaced, and the actor killed after `kill_after_s`.
        Raises ValueError for what is none of these, RuntimeError when there are no threads to be had.
        """
        if dispatcher not in ("pool", "thread"):
            raise ValueError(f'dispatcher={dispatcher!r} is neither "pool" nor "thread"')
        threads = min(4, os.cpu_count() or 1) if threads is None else threads
        check_pool(threads, stuck_after_s, kill_after_s)
        activity, timers = Activity(), ThreadTimers(clock)
        own = ThreadDispatcher(activity)
        shared: Dispatcher = own
        if dispatcher == "pool":
            try:
                pool = PoolDispatcher(activity, threads, stuck_after_s, kill_after_s)
            except BaseException:
                timers.stop()
                raise
            period_s = min(1.0, stuck_after_s / 4)
            timers.every(period_s, lambda: pool.look(clock.monotonic_s(), period_s))
            shared = pool
        system = cls(clock, timers, {"pool": shared, "thread": own}, activity)
        interpreter_exit.end_at_exit(system)
        return system

    @staticmethod
    def simulated(
        clock: MovableClock,
        seed: int | None = None,
        *,
        faults: "Faults | None" = None,
        trace: "TraceSink | None" = None,
        steps_max: int = STEPS_MAX,
        shown: Clock | None = None,
    ) -> "SimulatedSystem":
        """Make a system that runs on the caller's thread, when the caller lets it, and always in the same way.

        With a `seed` it draws whose turn it is, else the first who came is the first. See `SimulatedSystem`.
        """
        from naive_daemon.otp.simulation import SimulatedSystem  # noqa: PLC0415 - it is made of this class

        return SimulatedSystem(clock, seed, faults=faults, trace=trace, steps_max=steps_max, shown=shown)

    def dispatcher_of(self, actor_class: type[Process]) -> Dispatcher:
        """Find where actors of a class run."""
        return self._dispatchers[actor_class.runs_on]

    def whereis(self, name: Hashable) -> Ref | None:
        """Find a living actor by its name."""
        return self.registry.whereis(name)

    def tell(self, name: Hashable, message: Any) -> bool:
        """Tell whoever has a name now; False when nobody has."""
        ref = self.registry.whereis(name)
        if ref is None:
            return False
        ref.tell(message)
        return True

    def start(self, actor: Actor, name: Hashable | None = None, timeout_s: float = 30.0) -> Ref:
        """Start an actor from outside and wait for its start; raises StartFailedError, TimeoutError.

        An actor that takes longer than `timeout_s` is killed: nobody would have its ref.

        Whatever waits (`start`, `ask`, `terminate`, `inspect`, `settle`) raises RuntimeError inside an actor and after
        `stop`, and ValueError for a `timeout_s` that is no number of seconds >= 0; `math.inf` is one.
        """
        self._check_wait("start", timeout_s, f"start of {actor.actor_class.__name__}")
        ref = actor.attach(self, name, None)
        if ref is not actor.ref:
            raise StartFailedError(name, ExitReason("already_started", ref))
        with Awaited(ref, "to start", lambda start, down: start.answer(down.reason)) as start:
            actor.begin(lambda started: start.answer(None if started.ref else ExitReason("ignore")))
            try:
                reason = self._wait(start, timeout_s)
            except TimeoutError:
                actor.kill()
                raise
        if reason is not None:
            raise StartFailedError(actor.label, reason)
        return ref

    def ask(self, ref: Ref | Hashable, message: Any, timeout_s: float = 5.0) -> Any:
        """Ask from outside and wait for the answer; refused inside an actor, where waiting would starve the pool.

        Raises ActorDiedError when the actor is dead or dies before it has answered, TimeoutError when it is too slow.
        """
        self._check_wait("ask", timeout_s)
        target = ref if isinstance(ref, Ref) else self.registry.whereis(ref)
        if target is None:
            raise ActorDiedError(NOPROC)
        with Awaited(target, f"to answer {type(message).__name__}", _fail) as answer:
            target.tell(Call(message, answer.answer, lambda reason: answer.fail(ActorDiedError(reason))))
            return self._wait(answer, timeout_s)

    def terminate(self, ref: Ref, timeout_s: float, reason: ExitReason = SHUTDOWN) -> ExitReason | None:
        """Stop a top actor from outside and wait for its end; None when it has not ended in time."""
        self._check_wait("terminate", timeout_s)
        with Awaited(ref, "to end", lambda end, down: end.answer(down.reason)) as end:
            send_exit(ref, reason)
            try:
                outcome: ExitReason = self._wait(end, timeout_s)
            except DeadlockError:  # of a simulated system: no time would help
                raise
            except TimeoutError:
                return None
        return outcome

    def on_down(self, ref: Ref, watcher: Watcher) -> None:
        """Call `watcher(Down)` when `ref` ends, at once if it has, with the reason; for owners outside of the tree.

        It runs in the thread that ends the actor: the actor's own, or that of whoever kills it. So it must not wait.
        """
        number = next_watch()
        if not ref._actor.watch(number, watcher):
            watcher(Down(number, ref, ref._actor.reason or NOPROC))

    def settle(self, busy: int = 0, timeout_s: float = 10.0) -> bool:
        """Wait until no more than `busy` actors have anything to do; False when that takes too long.

        An actor with a thread of its own may, and counts itself; raises RuntimeError in one of the pool.
        """
        refuse_on_shared_thread("settle")
        self._check_time("settle", timeout_s)
        return self._activity.wait(busy, min(timeout_s, threading.TIMEOUT_MAX))

    @property
    def busy(self) -> int:
        """How many actors have anything to do now, the caller's own included."""
        return self._activity.busy

    def roots(self) -> list[Ref]:
        """List the living actors without a parent, in order of start."""
        return list(self._roots)

    def keep_root(self, ref: Ref) -> None:
        """Know an actor without a parent."""
        self._roots[ref] = None

    def inspect(self, ref: Ref, look: Callable[[Actor], Result], timeout_s: float = 5.0) -> Result:
        """Run `look` where the actor runs, between two of its messages, and give its value; from outside only.

        What it raises comes to the caller and leaves the actor unharmed. Raises TimeoutError when the actor is too
        busy, ActorDiedError when it has ended.
        """
        self._check_wait("inspect", timeout_s)

        with Awaited(ref, "to be looked at", _fail) as seen:

            def see(actor: Actor) -> None:
                try:
                    seen.answer(look(actor))
                except BaseException as error:  # noqa: BLE001 - what a visitor does is not the actor's fault
                    seen.fail(error)

            ref.actor_inbox.put_signal(Inspect(see))
            return cast("Result", self._wait(seen, timeout_s))

    def suspend(self, ref: Ref, for_s: float) -> None:
        """Let an actor handle no messages for `for_s` seconds, or until `resume`; an exit signal ends it, too.

        Raises ValueError for what is no time to wait, SuspensionRefusedError for an actor without a parent that has
        others below it and for one whose class has `may_be_suspended = False`, and suspends nobody then.
        """
        check_suspension(ref, for_s, is_top=ref in self._roots)
        number = next(_suspensions)
        ref.actor_inbox.put_signal(Suspend(number, for_s))  # first: its end must not overtake it
        try:
            self.timers.after(for_s, lambda: ref.actor_inbox.put_signal(Resume(number, "time over")), ref)
        except BaseException:
            ref.actor_inbox.put_signal(Resume(number, "no timer"))  # nobody else would ever wake it
            raise
        self._pump()

    def resume(self, ref: Ref) -> None:
        """Let a suspended actor go on."""
        ref.actor_inbox.put_signal(Resume())
        self._pump()

    def pool_health(self) -> PoolHealth:
        """Say how the threads are; without a pool, that it has none."""
        pool = self._dispatchers["pool"]
        health = pool.health() if isinstance(pool, PoolDispatcher) else PoolHealth()
        lost = sum(dispatcher.lost for dispatcher in set(self._dispatchers.values()))
        return msgspec.structs.replace(health, lost=lost)

    def forget(self, actor: Process) -> None:
        """Let go of what the system and its dispatchers keep for a dead actor."""
        self._roots.pop(actor.ref, None)
        self.dispatcher_of(type(actor)).forget(actor)

    def stop(self, timeout_s: float = 5.0) -> None:
        """End all threads; the actors should have ended before. Raises RuntimeError inside an actor.

        What has not ended in `timeout_s` is left to itself: a stuck thread, say.
        """
        refuse_inside("stop")
        self._is_stopped = True
        interpreter_exit.forget(self)
        give_up_s = self.clock.monotonic_s() + timeout_s
        self.timers.stop(timeout_s)
        threads = self.threads
        for dispatcher in self._dispatchers.values():
            dispatcher.stop()
        for thread in threads:
            thread.join(max(0.0, give_up_s - self.clock.monotonic_s()))

    @property
    def threads(self) -> list[threading.Thread]:
        """The threads that run its actors and have not ended."""
        return [thread for dispatcher in set(self._dispatchers.values()) for thread in dispatcher.threads]

    def _check_wait(self, what: str, timeout_s: float, whole: str | None = None) -> None:
        """Refuse a wait where one must not, for no time, or for what would never come; `whole` names it better."""
        refuse_inside(what)
        self._check_time(whole or what, timeout_s)

    def _check_time(self, what: str, timeout_s: float) -> None:
        check_timeout(timeout_s)
        if self._is_stopped:
            raise RuntimeError(f"{what}: the system has been stopped")

    def _pump(self) -> None:
        """Nothing to do where threads run the actors."""

    def _wait(self, awaited: Awaited, timeout_s: float) -> Any:
        return awaited.wait(timeout_s)


def _fail(awaited: Awaited, down: Down) -> None:
    awaited.fail(ActorDiedError(down.reason))
