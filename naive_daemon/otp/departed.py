"""What is left of an actor that has ended: enough to answer for it, nothing of its state.

A ref lives as long as somebody keeps it, and must not keep a dead actor's books alive. Without this, dead actors would
also be cycles of objects, and a storm of restarts a load of work for Python's collector.
"""

from typing import TYPE_CHECKING, Literal

from naive_daemon.otp.exit import ExitReason

if TYPE_CHECKING:
    from collections.abc import Hashable

    from naive_daemon.otp.mailbox import Mailbox
    from naive_daemon.otp.process import Process, Watcher
    from naive_daemon.otp.ref import Ref


class Departed:
    """Answers as a dead `Process` does, for the refs that still name it."""

    __slots__ = ("actor_class", "actor_inbox", "busy_s", "handled", "name", "number", "parent", "reason")

    is_dead = True
    is_suspended = False
    phase: Literal["dead"] = "dead"

    def __init__(self, actor: "Process", reason: ExitReason, closed: "Mailbox") -> None:
        self.actor_inbox = closed
        self.actor_class = type(actor)
        self.name: Hashable | None = actor.name
        self.number = actor.number
        self.handled = actor.handled
        self.busy_s = actor.busy_s
        self.parent = actor.parent
        self.reason = reason

    def watch(self, number: int, watcher: "Watcher") -> bool:
        """Refuse: nobody is there."""
        return False

    def unwatch(self, number: int) -> None:
        """Nobody watches."""

    def accept_link(self, other: "Ref") -> bool:
        """Refuse a link."""
        return False

    def drop_link(self, other: "Ref") -> None:
        """Nobody is linked."""

    def kill(self) -> None:
        """Nothing more to end."""
