"""An actor system: dispatchers, timers, names and topics, and the way in from outside.

Owns every thread of its actors; `stop` ends them. One process may hold several systems (tests do).
"""

import itertools
import os
import threading
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, cast

import pykka

from naive_daemon.otp import interpreter_exit
from naive_daemon.otp.actor import Actor, send_exit
from naive_daemon.otp.call import Call
from naive_daemon.otp.deadlock import DeadlockError
from naive_daemon.otp.dispatcher import (
    Activity,
    Dispatcher,
    ThreadDispatcher,
)
from naive_daemon.otp.exit import NOPROC, SHUTDOWN, ActorDiedError, ExitReason, StartFailedError
from naive_daemon.otp.messages import Inspect, Resume, Suspend
from naive_daemon.otp.pool import STUCK_AFTER_S, PoolDispatcher, PoolHealth
from naive_daemon.otp.process import Process, Watcher
from naive_daemon.otp.pubsub import PubSub
from naive_daemon.otp.ref import CURRENT, Ref
from naive_daemon.otp.registry import Registry
from naive_daemon.otp.timers import Clock, MovableClock, ThreadTimers, Timers

if TYPE_CHECKING:
    from naive_daemon.otp.faults import Faults
    from naive_daemon.otp.simulation import SimulatedSystem
    from naive_daemon.otp.trace import TraceSink

_outside_monitors = itertools.count(-1, -1)
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
        """
        activity, timers = Activity(), ThreadTimers(clock)
        own = ThreadDispatcher(activity)
        shared: Dispatcher = own
        if dispatcher == "pool":
            shared = PoolDispatcher(activity, threads or min(4, os.cpu_count() or 1), stuck_after_s, kill_after_s)
            _watch(shared, clock, timers, min(1.0, stuck_after_s / 4))
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
    ) -> "SimulatedSystem":
        """Make a system that runs on the caller's thread, when the caller lets it, and always in the same way.

        With a `seed` it draws whose turn it is, else the first who came is the first. See `SimulatedSystem`.
        """
        from naive_daemon.otp.simulation import SimulatedSystem  # noqa: PLC0415 - it is made of this class

        return SimulatedSystem(clock, seed, faults=faults, trace=trace)

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
        """
        self._refuse_inside("start")
        ref = actor.attach(self, name, None)
        if ref is not actor.ref:
            raise StartFailedError(name, ExitReason("already_started", ref))
        outcome: pykka.ThreadingFuture[ExitReason | None] = pykka.ThreadingFuture()
        number = next(_outside_monitors)
        ref.watch(number, lambda down: _set_once(outcome, down.reason))
        actor.begin(lambda started: _set_once(outcome, None if started.ref else ExitReason("ignore")))
        self._pump()
        try:
            reason = self._wait(outcome, timeout_s, ref, "to start")
        except TimeoutError:
            actor.kill()
            raise
        actor.unwatch(number)
        if reason is not None:
            raise StartFailedError(actor.label, reason)
        return ref

    def ask(self, ref: Ref | Hashable, message: Any, timeout_s: float = 5.0) -> Any:
        """Ask from outside and wait for the answer; refused inside an actor, where waiting would starve the pool.

        Raises ActorDiedError when the actor is dead or dies before it has answered, TimeoutError when it is too slow.
        """
        self._refuse_inside("ask")
        target = ref if isinstance(ref, Ref) else self.registry.whereis(ref)
        if target is None:
            raise ActorDiedError(NOPROC)
        answer: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
        number = next(_outside_monitors)
        target.watch(number, lambda down: _set_once(answer, _Failed(down.reason)))
        target.tell(
            Call(message, lambda value: _set_once(answer, value), lambda reason: _set_once(answer, _Failed(reason)))
        )
        self._pump()
        try:
            value = self._wait(answer, timeout_s, target, f"to answer {type(message).__name__}")
        finally:
            target._actor.unwatch(number)
        if isinstance(value, _Failed):
            raise ActorDiedError(value.reason)
        return value

    def terminate(self, ref: Ref, timeout_s: float, reason: ExitReason = SHUTDOWN) -> ExitReason | None:
        """Stop a top actor from outside and wait for its end; None when it has not ended in time."""
        self._refuse_inside("terminate")
        ended: pykka.ThreadingFuture[ExitReason] = pykka.ThreadingFuture()
        ref.watch(next(_outside_monitors), lambda down: _set_once(ended, down.reason))
        send_exit(ref, reason)
        self._pump()
        try:
            outcome: ExitReason = self._wait(ended, timeout_s, ref, "to end")
        except DeadlockError:  # of a simulated system: no time would help
            raise
        except TimeoutError:
            return None
        return outcome

    def on_down(self, ref: Ref, watcher: Watcher) -> None:
        """Call `watcher(Down)` from the dying actor's thread when `ref` ends; for owners outside of the tree."""
        ref.watch(next(_outside_monitors), watcher)

    def settle(self, busy: int = 0, timeout_s: float = 10.0) -> bool:
        """Wait until no more than `busy` actors have anything to do; False when that takes too long."""
        return self._activity.wait(busy, timeout_s)

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
        self._refuse_inside("inspect")
        seen: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()

        def see(actor: Actor) -> None:
            try:
                value: Any = look(actor)
            except BaseException as error:  # noqa: BLE001 - what a visitor does is not the actor's fault
                value = _Raised(error)
            _set_once(seen, value)

        number = next(_outside_monitors)
        ref.watch(number, lambda down: _set_once(seen, _Raised(ActorDiedError(down.reason))))
        ref.actor_inbox.put_signal(Inspect(see))
        self._pump()
        try:
            value = self._wait(seen, timeout_s, ref, "to be looked at")
        finally:
            ref._actor.unwatch(number)
        if isinstance(value, _Raised):
            raise value.error
        return cast("Result", value)

    def suspend(self, ref: Ref, for_s: float) -> None:
        """Let an actor handle no messages for `for_s` seconds, or until `resume`; an exit signal ends it, too.

        Raises ValueError for what is no time to wait, and suspends nobody then.
        """
        number = next(_suspensions)
        ref.actor_inbox.put_signal(Suspend(number))  # first: its end must not overtake it
        try:
            self.timers.after(for_s, lambda: ref.actor_inbox.put_signal(Resume(number)), ref)
        except BaseException:
            ref.actor_inbox.put_signal(Resume(number))  # nobody else would ever wake it
            raise
        self._pump()

    def resume(self, ref: Ref) -> None:
        """Let a suspended actor go on."""
        ref.actor_inbox.put_signal(Resume())
        self._pump()

    def pool_health(self) -> PoolHealth:
        """Say how the shared threads are; without a pool, that there are none."""
        pool = self._dispatchers["pool"]
        return pool.health() if isinstance(pool, PoolDispatcher) else PoolHealth()

    def forget(self, actor: Process) -> None:
        """Let go of what the system and its dispatchers keep for a dead actor."""
        self._roots.pop(actor.ref, None)
        dispatcher = self.dispatcher_of(type(actor))
        if isinstance(dispatcher, ThreadDispatcher):
            dispatcher.forget(actor)

    def stop(self, timeout_s: float = 5.0) -> None:
        """End all threads; the actors should have ended before. Raises RuntimeError inside an actor.

        What has not ended in `timeout_s` is left to itself: a stuck thread, say.
        """
        self._refuse_inside("stop")
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

    def _pump(self) -> None:
        """Nothing to do where threads run the actors."""

    def _wait(self, future: "pykka.ThreadingFuture[Any]", timeout_s: float, whom: Ref, what: str) -> Any:
        try:
            return future.get(timeout=timeout_s)
        except pykka.Timeout:
            raise TimeoutError(f"waited {timeout_s} s in vain for {whom.label} {what}") from None

    def _refuse_inside(self, what: str) -> None:
        if CURRENT.actor is not None:
            raise RuntimeError(
                f"{what} waits, so it is refused inside the actor {CURRENT.actor.label}; tell or request"
            )


def _watch(pool: PoolDispatcher, clock: Clock, timers: Timers, period_s: float) -> None:
    """Look after the pool's threads for as long as there are timers."""

    def look() -> None:
        timers.after(period_s, look)
        pool.look(clock.monotonic_s(), period_s)

    look()


class _Raised:
    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Failed:
    def __init__(self, reason: ExitReason) -> None:
        self.reason = reason


_answering = threading.Lock()


def _set_once(future: "pykka.ThreadingFuture[Any]", value: Any) -> None:
    """Answer a future; later answers (a Down after the reply) are dropped."""
    with _answering:
        if getattr(future, "answered", False):
            return
        future.answered = True  # type: ignore[attr-defined] # pykka's future refuses a second set
    future.set(value)
