"""Actors that write down what happens to them, and short words for what tests do with them."""

import threading
from collections.abc import Callable, Hashable, Iterator
from typing import Any, NoReturn

from naive_daemon.otp import (
    DEFERRED,
    KILL,
    SHUTDOWN,
    Actor,
    ActorSystem,
    Call,
    ChildInfo,
    ChildSpec,
    Continue,
    Deferred,
    DynamicSupervisor,
    ExitReason,
    Ignore,
    Ref,
    SimulatedSystem,
    StartChild,
    Supervisor,
    WhichChildren,
    send_exit,
)
from naive_daemon.otp.timers import NS_PER_S

Outcome = BaseException | Ignore | Deferred | Continue | ExitReason | None
"""What a start does: raise, answer so, or exit; None is an ordinary start."""

PATIENCE_S = 10.0
"""Deadline of whatever a test waits for on real threads; reached only by a bug."""


class BoomError(Exception):
    """A crash that a test has asked for."""


class Worker(Actor):
    """Runs callables that it is sent with itself and answers their value; writes down everything else."""

    def __init__(self, name: Hashable, events: list[tuple[Any, ...]], outcome: Outcome = None) -> None:
        super().__init__()
        self.called = name
        self.events = events
        self.outcome = outcome

    def init(self) -> Continue | Ignore | Deferred | None:
        self.events.append(("start", self.called))
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        if isinstance(self.outcome, ExitReason):
            self.exit(self.outcome)
        return self.outcome

    def on_receive(self, message: Any) -> Any:
        if callable(message):
            return message(self)
        self.events.append(("got", self.called, message))
        return message

    def on_terminate(self, reason: ExitReason) -> None:
        self.events.append(("end", self.called, reason.kind))


class ThreadWorker(Worker):
    """The same on a thread of its own."""

    runs_on = "thread"


class Trapper(Worker):
    """Gets exits of linked actors as messages."""

    traps_exit = True


class Stubborn(Worker):
    """Does not end when its parent asks: only a kill ends it."""

    def _on_parent_exit(self, reason: ExitReason) -> None:
        self.events.append(("asked", self.called, reason.kind))


class Laboratory:
    """A system, what happened on it in order, and what the next starts of each child shall do."""

    def __init__(self, system: ActorSystem) -> None:
        self.system = system
        self.events: list[tuple[Any, ...]] = []
        self.outcomes: dict[Hashable, Iterator[Outcome]] = {}
        self._roots: list[Ref] = []

    # Make ----------------------------------------------------------------------------------------------------------

    def plan(self, child_id: Hashable, *outcomes: Outcome) -> None:
        """Say what the next starts of a child do; after these they succeed."""
        self.outcomes[child_id] = iter(outcomes)

    def make(self, child_id: Hashable, kind: type[Worker] = Worker) -> Worker:
        outcome = next(self.outcomes.get(child_id, iter(())), None)
        return kind(child_id, self.events, outcome)

    def spec(self, child_id: Hashable, kind: type[Worker] = Worker, **fields: Any) -> ChildSpec:
        """Give the spec of a worker registered under its id."""
        fields.setdefault("name", child_id)
        return ChildSpec(id=child_id, start=lambda: self.make(child_id, kind), **fields)

    def start(self, actor: Actor, name: Hashable | None = None) -> Ref:
        ref = self.system.start(actor, name, PATIENCE_S)
        self._roots.append(ref)
        return ref

    def worker(self, name: Hashable = "w", kind: type[Worker] = Worker) -> Ref:
        return self.start(self.make(name, kind), name)

    def supervisor(self, *children: ChildSpec | str, **flags: Any) -> Ref:
        """Start a supervisor; a plain text is the id of a permanent worker."""
        specs = [self.spec(child) if isinstance(child, str) else child for child in children]
        return self.start(Supervisor(specs, **flags))

    def dynamic(self, *specs: ChildSpec, **flags: Any) -> Ref:
        """Start a dynamic supervisor with children."""
        ref = self.start(DynamicSupervisor(**flags))
        for spec in specs:
            self.ask(ref, StartChild(spec))
        return ref

    # Do ------------------------------------------------------------------------------------------------------------

    @property
    def is_simulated(self) -> bool:
        return isinstance(self.system, SimulatedSystem)

    def settle(self) -> None:
        assert self.system.settle(timeout_s=PATIENCE_S)

    def advance(self, seconds: float) -> None:
        """Let virtual time pass."""
        assert isinstance(self.system, SimulatedSystem)
        self.system.advance_to(self.system.clock.now_ns() + round(seconds * NS_PER_S))

    def find(self, name: Hashable) -> Ref:
        """Find the living holder of a name."""
        ref = self.system.whereis(name)
        assert ref is not None, f"nobody is called {name}"
        return ref

    def ask(self, target: Ref | Hashable, message: Any, within_s: float = 0.0) -> Any:
        """Ask; in virtual time, the answer may take `within_s` seconds."""
        if not self.is_simulated or within_s == 0.0:
            return self.system.ask(target, message, PATIENCE_S)
        answers: list[Any] = []
        ref = target if isinstance(target, Ref) else self.find(target)
        ref.tell(Call(message, answers.append, answers.append))
        self.advance(within_s)
        assert answers, "no answer in time"
        return answers[0]

    def tell(self, target: Ref | Hashable, message: Any) -> None:
        """Tell, and wait until everything has come to rest."""
        ref = target if isinstance(target, Ref) else self.find(target)
        ref.tell(message)
        self.settle()

    def crash(self, target: Ref | Hashable, error: BaseException | None = None) -> None:
        """Let an actor raise, and wait until everything has come to rest."""
        self.tell(target, lambda _: throw(error or BoomError("boom")))

    def leave(self, target: Ref | Hashable, reason: ExitReason) -> None:
        """Let an actor end by itself with a reason, and wait until everything has come to rest."""
        self.tell(target, lambda actor: actor.exit(reason))

    def kill(self, *targets: Ref | Hashable) -> None:
        """Kill all of them at once, and wait until everything has come to rest."""
        for ref in [target if isinstance(target, Ref) else self.find(target) for target in targets]:
            send_exit(ref, KILL)
        self.settle()

    def end(self, ref: Ref, reason: ExitReason = SHUTDOWN, within_s: float = 0.0) -> ExitReason | None:
        """Stop a top actor; gives the reason that it ended with. In virtual time, it may take `within_s` seconds."""
        if not self.is_simulated:
            return self.system.terminate(ref, PATIENCE_S, reason)
        reasons: list[ExitReason] = []
        self.system.on_down(ref, lambda down: reasons.append(down.reason))
        send_exit(ref, reason)
        self.settle()
        self.advance(within_s)
        return reasons[0] if reasons else None

    def reason_of(self, ref: Ref) -> ExitReason | None:
        """Say why an actor has ended; None while it lives."""
        return ref._actor.reason

    # See -----------------------------------------------------------------------------------------------------------

    def seen(self, *kinds: str) -> list[tuple[Any, ...]]:
        """Take what has happened since the last look, of some kinds only."""
        events, self.events[:] = list(self.events), []
        return [event for event in events if not kinds or event[0] in kinds]

    def starts(self) -> list[Any]:
        """Take the ids of the starts since the last look, failed ones too."""
        return [event[1] for event in self.seen("start")]

    def children(self, supervisor: Ref) -> dict[Hashable, ChildInfo]:
        infos: tuple[ChildInfo, ...] = self.ask(supervisor, WhichChildren())
        return {info.id: info for info in infos}

    def refs(self, supervisor: Ref) -> dict[Hashable, Ref | None]:
        return {child_id: info.ref for child_id, info in self.children(supervisor).items()}

    def states(self, supervisor: Ref) -> dict[Hashable, str]:
        return {child_id: info.state.value for child_id, info in self.children(supervisor).items()}

    def monitors_of(self, ref: Ref) -> int:
        """Count who watches an actor, beside the registry that has its name."""
        watchers = [getattr(watcher, "__self__", None) for watcher in getattr(ref._actor, "_watchers", {}).values()]
        return sum(watcher is not self.system.registry for watcher in watchers)

    def dead_with_threads(self) -> list[str]:
        """Name the actors that have ended and still keep a thread; there shall be none."""
        if self.is_simulated:
            return []
        dispatcher: Any = self.system._dispatchers["thread"]
        return [actor.label for actor in list(dispatcher._seats) if actor.is_dead]

    def close(self) -> None:
        """Kill what is left, end the system, and see that no thread is left."""
        for ref in self._roots:
            send_exit(ref, KILL)
        self.settle()
        threads = _threads_of(self.system)
        self.system.stop(PATIENCE_S)
        assert not [thread for thread in threads if thread in threading.enumerate()]


def throw(error: BaseException) -> NoReturn:
    raise error


def later(actor: Worker) -> Deferred:
    """Keep the request that is being handled in `actor.kept`, to answer it later."""
    actor.kept = actor.caller()  # type: ignore[attr-defined] # known to tests alone
    return DEFERRED


def recorder(lab: Laboratory, name: Hashable) -> Callable[[Any], None]:
    """Give a continuation that writes down the answer."""
    return lambda answer: lab.events.append(("answer", name, answer))


def _threads_of(system: ActorSystem) -> list[threading.Thread]:
    if isinstance(system, SimulatedSystem):
        return []
    dispatchers: Any = set(system._dispatchers.values())
    timers: Any = system.timers
    return [*(thread for dispatcher in dispatchers for thread in dispatcher.threads), timers._thread]
