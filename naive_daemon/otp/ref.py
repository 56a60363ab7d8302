"""Reference to one incarnation of an actor. Sending to a dead one is silent (OTP rule 69)."""

import threading
from typing import TYPE_CHECKING, Any, NoReturn

import pykka

if TYPE_CHECKING:
    from naive_daemon.otp.mailbox import Mailbox
    from naive_daemon.otp.process import Process, StopFlag


class _Current(threading.local):
    actor: "Process | None" = None


CURRENT = _Current()
"""The actor whose handler runs in this thread, if any."""


class Ref(pykka.ActorRef["Process"]):
    """Names one incarnation of an actor for ever; equal only to itself, and hashable."""

    actor_inbox: "Mailbox"

    def __init__(self, actor: "Process") -> None:
        # A strong reference, where pykka holds a weak one: an idle actor must not vanish under its supervisor. So a ref
        # that is kept past the end keeps the dead actor's state, too: forget it on Down.
        self._actor = actor
        self.actor_inbox = actor.actor_inbox

    @property
    def actor_class(self) -> "type[Process]":  # type: ignore[override] # pykka has a field, which costs every spawn
        """The class of the actor."""
        return type(self._actor)

    @property
    def actor_urn(self) -> str:  # type: ignore[override] # the same
        """A name that no other incarnation in its system has."""
        return self._actor.actor_urn

    @property
    def actor_stopped(self) -> "StopFlag":  # type: ignore[override] # the same
        """What pykka asks whether the actor has ended."""
        return self._actor.actor_stopped

    @property
    def number(self) -> int:
        """The serial number of this incarnation in its system, from 1."""
        return self._actor.number

    @property
    def is_congested(self) -> bool:
        """Say whether more is waiting than its mailbox's limit: who can, sends less."""
        return self.actor_inbox.is_congested

    def tell(self, message: Any) -> None:
        """Send a message. What a dead incarnation still sends is dropped, and so is what is sent to one."""
        sender = CURRENT.actor
        if sender is None or not sender.sends_aside or sender.may_send(self, message):
            self.actor_inbox.put(message)

    def wait_for_room(self, timeout_s: float) -> bool:
        """Wait, on a thread that may block, until half of a congested mailbox has been read; False when it is not.

        For senders that are no actors, or have a thread of their own; raises RuntimeError in an actor of the pool.
        """
        if CURRENT.actor is not None and CURRENT.actor.runs_on == "pool":
            raise RuntimeError(f"{CURRENT.actor.label} shares its thread, so it must not wait; see on_congested")
        if not self.is_congested:
            return True
        relieved = threading.Event()
        self.actor_inbox.tell_when_relieved(relieved, relieved.set)
        has_room = relieved.wait(timeout_s)
        self.actor_inbox.forget_waiting(relieved)
        return has_room

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
        """The registered name, or the class's."""
        return self._actor.label

    def is_alive(self) -> bool:
        """Say whether this incarnation still takes messages."""
        return not self._actor.is_dead

    def is_orphan(self) -> bool:
        """Say whether this incarnation had a supervisor that has ended, so that it is about to end, too."""
        parent = self._actor.parent
        return parent is not None and not parent.is_alive()

    def __str__(self) -> str:
        return self.label

    def __repr__(self) -> str:
        return f"<Ref {self.label} {self.actor_urn}>"
