"""Reference to one incarnation of an actor. Sending to a dead one is silent (OTP rule 69)."""

import threading
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, NoReturn

import pykka

from naive_daemon.otp.departed import Departed
from naive_daemon.otp.exit import NOPROC, ExitReason
from naive_daemon.otp.messages import Down

if TYPE_CHECKING:
    from naive_daemon.otp.mailbox import Mailbox
    from naive_daemon.otp.process import Process, Watcher


class _Current(threading.local):
    actor: "Process | None" = None


CURRENT = _Current()
"""The actor whose handler runs in this thread, if any."""


class Ref(pykka.ActorRef["Process"]):
    """Names one incarnation of an actor for ever; equal only to itself, and hashable."""

    actor_inbox: "Mailbox"

    def __init__(self, actor: "Process") -> None:
        # A strong reference, where pykka holds a weak one: an idle actor must not vanish under its supervisor.
        self._actor: Process | Departed = actor
        self.actor_inbox = actor.actor_inbox

    @property
    def actor_class(self) -> "type[Process]":  # type: ignore[override] # pykka has a field, which costs every spawn
        """The class of the actor."""
        return self._actor.actor_class

    @property
    def actor_urn(self) -> str:  # type: ignore[override] # the same
        """A name that no other incarnation in its system has."""
        return f"actor:{self.number}"

    @property
    def actor_stopped(self) -> "StopFlag":  # type: ignore[override] # the same
        """What pykka asks whether the actor has ended."""
        return StopFlag(self)

    @property
    def number(self) -> int:
        """The serial number of this incarnation in its system, from 1."""
        return self._actor.number

    @property
    def name(self) -> Hashable | None:
        """The name it was started under, if any."""
        return self._actor.name

    @property
    def is_congested(self) -> bool:
        """Say whether more is waiting than its mailbox's limit: who can, sends less."""
        return self.actor_inbox.is_congested

    def tell(self, message: Any) -> None:
        """Send a message. What a dead incarnation still sends is dropped, and so is what is sent to one."""
        sender = CURRENT.actor
        if sender is not None and sender.sends_aside and not sender.may_send(self, message):
            return
        mailbox = self.actor_inbox  # from here on `Mailbox.put`, without the call: everything that is sent comes by
        if mailbox.closed:
            return
        messages = mailbox.messages
        messages.append(message)
        if not mailbox.is_scheduled:
            mailbox.wake()
        elif len(messages) > mailbox.limit and (sender is not None or len(messages) > mailbox.next_look):
            mailbox.overflow()

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait, on a thread that may block, until half of a congested mailbox has been read; False when it is not.

        For senders that are no actors, or have a thread of their own; raises RuntimeError in an actor of the pool, and
        where it would wait for an actor of a simulated system: that reads nothing while its only thread waits.
        """
        if CURRENT.actor is not None and CURRENT.actor.runs_on == "pool":
            raise RuntimeError(f"{CURRENT.actor.label} shares its thread, so it must not wait; see on_congested")
        mailbox = self.actor_inbox
        if not mailbox.is_congested:
            return True
        if mailbox.is_driven:
            raise RuntimeError(f"{self.label} is simulated, so it reads nothing while one waits; see on_congested")
        relieved = threading.Event()
        mailbox.tell_when_relieved(relieved, relieved.set)
        try:
            return relieved.wait(timeout_s)
        finally:
            mailbox.forget_waiting(relieved)

    def ask(self, message: Any, *, block: bool = True, timeout: float | None = None) -> NoReturn:
        """Refuse pykka's ask, whose answer a dying actor may owe for ever; raises TypeError."""
        raise TypeError(f"pykka's ask of {self.label}: use ActorSystem.ask outside of actors, Actor.request inside")

    def stop(self, *, block: bool = True, timeout: float | None = None) -> NoReturn:
        """Refuse pykka's stop, which no supervisor would understand; raises TypeError."""
        raise TypeError(f"pykka's stop of {self.label}: use ActorSystem.terminate or TerminateChild")

    def proxy(self) -> NoReturn:
        """Refuse pykka's proxy, which asks; raises TypeError."""
        raise TypeError(f"pykka's proxy of {self.label}: tell it a message")

    @property
    def label(self) -> str:
        """The name as text, or the class's."""
        name = self.name
        if name is None:
            return self.actor_class.__name__
        return ":".join(map(str, name)) if isinstance(name, tuple) else str(name)

    def watch(self, number: int, watcher: "Watcher") -> None:
        """Call `watcher` with a Down when this incarnation ends; at once if it has (OTP rule 63)."""
        if not self._actor.watch(number, watcher):
            watcher(Down(number, self, NOPROC))

    def outlive(self, departed: Departed) -> None:
        """Let go of the actor, which has ended, and of its mailbox."""
        self._actor = departed
        self.actor_inbox = departed.actor_inbox

    def is_alive(self) -> bool:
        """Say whether this incarnation still takes messages."""
        return not self._actor.is_dead

    @property
    def reason(self) -> ExitReason | None:
        """Why this incarnation ended; None while it lives. A monitor that came too late was told noproc (rule 63)."""
        return self._actor.reason

    def is_orphan(self) -> bool:
        """Say whether this incarnation had a supervisor that has ended, so that it is about to end, too."""
        parent = self._actor.parent
        return parent is not None and not parent.is_alive()

    def __str__(self) -> str:
        return self.label

    def __repr__(self) -> str:
        return f"<Ref {self.label} {self.actor_urn}>"


class StopFlag:
    """Stands where pykka has an Event for each actor, of half a kilobyte; nobody waits on ours."""

    __slots__ = ("_ref",)

    def __init__(self, ref: Ref) -> None:
        self._ref = ref

    def set(self) -> None:
        """End the actor."""
        self._ref._actor.kill()

    def is_set(self) -> bool:
        """Say whether it has ended."""
        return not self._ref.is_alive()
