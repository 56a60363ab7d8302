"""A process: the life of an actor, under whatever it does. pykka's actor with names, links, monitors and one end.

Each is run by one dispatcher thread at a time; what others may touch meanwhile (links, watchers, the end) is under a
lock. Invariant: it ends once, whatever ends it, and everybody who watches or is linked learns it once.
"""

import abc
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn

import pykka

from naive_daemon.otp.call import Call, PendingRequest
from naive_daemon.otp.deadlock import Wait
from naive_daemon.otp.departed import Departed
from naive_daemon.otp.exit import KILLED, ExitReason, crash
from naive_daemon.otp.frames import let_go_of_frames
from naive_daemon.otp.mailbox import CLOSED, Mailbox
from naive_daemon.otp.mailbox_policy import MailboxPolicy, SlowDown
from naive_daemon.otp.messages import Begin, Down, ExitSignal, Started
from naive_daemon.otp.ref import CURRENT, Ref, StopFlag

if TYPE_CHECKING:
    from naive_daemon.otp.system import ActorSystem

Watcher = Callable[[Down], None]
Starter = Callable[[Started], None]
Tracer = Callable[[str, Any], None]
"""Gets ("receive", message) before a message is handled, ("handled", message) after, ("send", (ref, message))."""

_HOOKS_OF_PYKKA = {"on_start": "init", "on_stop": "on_terminate", "on_failure": "on_terminate"}


class Process(pykka.Actor):
    """What refs, dispatchers and supervisors know of an actor. Subclass `Actor`, not this."""

    runs_on: ClassVar[Literal["pool", "thread"]] = "pool"
    mailbox: ClassVar[MailboxPolicy] = SlowDown()

    system: "ActorSystem"
    actor_inbox: Mailbox
    ref: Ref
    """The reference of this incarnation."""

    # What nearly every actor has as it is here stands in the class: a hundred thousand of them pay for what they store.
    name: Hashable | None = None
    number = 0
    handled = 0
    busy_s = 0.0
    is_dead = False
    is_suspended = False
    has_started = False
    sends_aside = False
    reason: ExitReason | None = None
    parent: Ref | None = None
    parent_watcher: Watcher | None = None  # as one of the `_watchers`, number 0, but at no cost in memory
    tracer: Tracer | None = None

    def __init__(self) -> None:
        # Not pykka's __init__: a uuid and an Event for each actor are most of its cost.
        self.actor_inbox = Mailbox(self.mailbox)
        self.ref = self._actor_ref = Ref(self)
        self._life = self.actor_inbox.lock
        self._watchers: dict[int, Watcher] = {}
        self._links: dict[Ref, None] = {}
        self._monitored: dict[int, Ref] = {}
        self._pending: dict[int, PendingRequest] = {}

    @property
    def actor_urn(self) -> str:  # type: ignore[override] # pykka has a field, which costs every spawn
        """A name that no other incarnation in its system has."""
        return self.ref.actor_urn

    @property
    def actor_stopped(self) -> StopFlag:  # type: ignore[override] # the same
        """What pykka asks whether the actor has ended."""
        return self.ref.actor_stopped

    @property
    def phase(self) -> Literal["starting", "running", "suspended", "dead"]:
        """Where its life stands."""
        if self.is_dead:
            return "dead"
        if self.is_suspended:
            return "suspended"
        return "running" if self.has_started else "starting"

    @property
    def label(self) -> str:
        """The name as text, or the class's."""
        return self.ref.label

    @property
    def actor_class(self) -> "type[Process]":
        """Its class."""
        return type(self)

    def attach(self, system: "ActorSystem", name: Hashable | None, parent: Ref | None) -> Ref:
        """Give the actor its system, name and parent; gives another's ref when the name is taken.

        It runs nothing before `begin`. Raises RuntimeError for an actor that was started before.
        """
        self.actor_inbox.attach(self, system.dispatcher_of(type(self)))
        self.system = system
        self.number = system.next_number()
        if name is not None:
            self.name = name
            holder = system.registry.register(name, self.ref)
            if holder is not None:
                return holder
        if parent is not None:
            self.parent = parent
        else:
            system.keep_root(self.ref)
        return self.ref

    def begin(self, starter: Starter | None) -> None:
        """Let the actor run init on its dispatcher, before anything that was sent to its name meanwhile."""
        self.actor_inbox.open(Begin(starter))

    @abc.abstractmethod
    def run_batch(self, limit: int) -> None:
        """Handle at most `limit` messages."""

    @abc.abstractmethod
    def end_turn(self) -> None:
        """Let others run after the message at hand; called from inside its handler or by who ends it."""

    @abc.abstractmethod
    def recent_messages(self) -> list[Any]:
        """Give the last few messages, the oldest first."""

    def may_send(self, to: Ref, message: Any) -> bool:
        """Say whether what its handler sends goes out; asked where that is not plain (`sends_aside`)."""
        if self.is_dead:
            return False
        if self.tracer is not None:
            self.tracer("send", (to, message))
        return True

    def trace(self, tracer: Tracer | None) -> None:
        """Show every message to `tracer` from now on, or to nobody; one at a time."""
        with self._life:
            self.tracer = tracer
            self.sends_aside = tracer is not None or self.is_dead
        self.end_turn()

    def watch(self, number: int, watcher: Watcher) -> bool:
        """Call `watcher` with a Down when this actor ends; False when it has ended already."""
        with self._life:
            if not self.is_dead:
                self._watchers[number] = watcher
            return not self.is_dead

    def unwatch(self, number: int) -> None:
        """Forget a watcher."""
        with self._life:
            self._watchers.pop(number, None)

    def accept_link(self, other: Ref) -> bool:
        """Take a link from another actor; False when this one is dead."""
        with self._life:
            if not self.is_dead:
                self._links[other] = None
            return not self.is_dead

    def linked(self) -> list[Ref]:
        """Copy, in one step, who is told of this actor's end: whom it is linked to, a supervisor's children too."""
        return list(self._links)

    def drop_link(self, other: Ref) -> None:
        """Forget a link."""
        with self._life:
            self._links.pop(other, None)

    def kill(self) -> None:
        """End without asking: from now on nothing it does reaches anybody, even if its handler still runs."""
        self._die(KILLED)

    def break_down(self, reason: ExitReason) -> None:
        """End by what the runtime found from outside; like `kill`, but the log and the monitors learn why."""
        if not self.is_dead:
            self._report_crash(reason)
            self._die(reason)

    @abc.abstractmethod
    def report_congestion(self, waiting: int, sender: Ref) -> None:
        """Log that its mailbox is over its limit."""

    @abc.abstractmethod
    def report_dropped(self, what: str, count: int) -> None:
        """Log that its mailbox has begun to drop old messages."""

    @abc.abstractmethod
    def report_stuck(self, for_s: float, thread: str, stack: str, *, is_replaced: bool) -> None:
        """Log that a shared thread does not come back from it."""

    @abc.abstractmethod
    def report_stuck_end(self, for_s: float, thread: str, *, is_killed: bool) -> None:
        """Log how that ended: the actor was killed for it, or the thread has come back."""

    @abc.abstractmethod
    def _report_crash(self, reason: ExitReason) -> None:
        """Log why it ends."""

    @abc.abstractmethod
    def _report_deaf_watcher(self, reason: ExitReason) -> None:
        """Log why one who was told of its end could not take it."""

    def waits(self) -> list[Wait]:
        """List whom it waits for: who has not answered its requests yet."""
        return [
            Wait(self.ref, server, f"to answer {type(pending.message).__name__}")
            for number, pending in self._pending.copy().items()
            if (server := self._monitored.get(number)) is not None
        ]

    def _notify(self, hear: Callable[[Any], None], news: Any) -> None:
        """Tell one who waits for this end; one that raises must not keep the others from learning it."""
        try:
            hear(news)
        except BaseException as error:  # noqa: BLE001 - a watcher from outside may raise whatever it likes
            self._report_deaf_watcher(crash(error))

    def _die(self, reason: ExitReason) -> None:
        """Tell everybody, once. After this nothing is received, and nothing that is sent goes out."""
        with self._life:
            if self.is_dead:
                return
            self.is_dead = self.sends_aside = True
            self.reason = reason
            watchers, links = self._watchers, self.linked()
            self._watchers, self._links = {}, {}
        if reason.detail is not None:
            let_go_of_frames(reason)
        self.end_turn()
        try:
            self._let_go(reason, watchers, links)
        finally:
            self.ref.outlive(Departed(self, reason, CLOSED))
            self.system.forget(self)

    def _let_go(self, reason: ExitReason, watchers: dict[int, Watcher], links: list[Ref]) -> None:
        """Tell who waits for it, registries among them, which free its names, and drop what it waits for.

        On a kill this runs beside the victim's own handler, which may still be changing all of these: so it goes over
        copies, each made in one step. What the victim adds after that it takes back itself (`Actor.monitor` and so on).
        """
        waiting = self.actor_inbox.close()
        current, CURRENT.actor = CURRENT.actor, None  # the last words of a dead actor do go out
        try:
            if self.parent_watcher is not None:
                self._notify(self.parent_watcher, Down(0, self.ref, reason))
            for number, watcher in watchers.items():
                self._notify(watcher, Down(number, self.ref, reason))
            for linked in links:
                self._notify(linked.actor_inbox.put_signal, ExitSignal(self.ref, reason, by_link=True))
            for message in waiting:
                if isinstance(message, Call):
                    self._notify(message.fail, reason)
        finally:
            CURRENT.actor = current
        for number, ref in self._monitored.copy().items():
            ref._actor.unwatch(number)
        if self._pending:
            pending, self._pending = self._pending, {}  # what was to be done with the answers often holds this actor
            for request in pending.copy().values():
                request.timer.cancel()

    # pykka's seams ------------------------------------------------------------------------------------------------

    @classmethod
    def start(cls, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse pykka's start, which knows no system and no supervisor; raises TypeError."""
        raise TypeError(f"pykka's start of {cls.__name__}: use ActorSystem.start or a ChildSpec")

    def stop(self) -> NoReturn:
        """Refuse pykka's stop, which tells no reason; raises TypeError."""
        raise TypeError(f"pykka's stop of {self.label}: use Actor.exit inside, ActorSystem.terminate outside")

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Refuse a class that overrides hooks of pykka which nobody would ever call; raises TypeError."""
        super().__init_subclass__(**arguments)
        for hook, ours in _HOOKS_OF_PYKKA.items():
            if getattr(cls, hook) is not getattr(pykka.Actor, hook):
                raise TypeError(f"{cls.__name__}.{hook} is pykka's hook and never called: override {ours}")

    @staticmethod
    def _create_actor_inbox() -> Mailbox:
        return Mailbox(SlowDown())

    @staticmethod
    def _create_future() -> pykka.Future[Any]:
        return pykka.ThreadingFuture()

    def _start_actor_loop(self) -> None:
        self.begin(None)
