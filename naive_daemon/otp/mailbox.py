"""An actor's inbox: messages in order of arrival, and a lane for signals that overtakes them.

Owned by its actor. Invariant: once open, while it holds something the actor is scheduled; so no wake-up is lost.
Its bound and what happens there is the policy of the actor's class (`mailbox_policy.py`).
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from naive_daemon.otp.exit import ExitReason, crash
from naive_daemon.otp.mailbox_policy import NewestQueue, SlowDown
from naive_daemon.otp.messages import Congested, Relieved
from naive_daemon.otp.ref import CURRENT, Ref
from naive_daemon.otp.waiting_senders import WaitingSenders

if TYPE_CHECKING:
    from naive_daemon.otp.dispatcher import Dispatcher
    from naive_daemon.otp.mailbox_policy import MailboxPolicy, MessageQueue
    from naive_daemon.otp.process import Process


LOOKS = 8
"""How often a mailbox over its limit looks at what one from outside sends, for each `limit` more."""

BURST = 64
"""Signals that are taken from the front of a list one by one; what is more is turned round once."""


class Mailbox:
    """Stands where pykka has a queue: `put` makes an idle actor runnable on its dispatcher."""

    __slots__ = (
        "_actor", "_dispatcher", "_later_signals", "_policy", "_slowed",
        "closed", "is_scheduled", "limit", "lock", "messages", "next_look", "signals",
    )  # fmt: skip

    def __init__(self, policy: "MailboxPolicy") -> None:
        self.messages: MessageQueue = policy.make_queue(self)
        self.signals: list[Any] = []  # nearly always empty, where an empty deque costs 700 bytes
        self._later_signals: list[Any] | None = None  # the reader's: what comes after the first signal, the last first
        self.closed = False
        # Re-entrant, as a signal's handler or a garbage collection in the midst of it may tell or end somebody.
        self.lock = threading.RLock()
        self.is_scheduled = True  # nobody wakes the actor before `open`: a name is known before init has run
        self._actor: Process | None = None
        self._dispatcher: Dispatcher | None = None
        self._policy = policy
        self.limit = self.next_look = policy.limit
        self._slowed: WaitingSenders | None = None

    def attach(self, actor: "Process", dispatcher: "Dispatcher") -> None:
        """Say who reads this mailbox, and where it runs. Raises RuntimeError when that was said before."""
        if self._actor is not None:
            raise RuntimeError(f"{actor.label} was started before; every start needs an actor of its own")
        self._actor = actor
        self._dispatcher = dispatcher

    def open(self, first: Any) -> None:
        """Put the signal that is read before anything that has come already, and let the actor run.

        Nothing happens when the actor has been killed meanwhile, by its name: whoever watches it knows.
        """
        dispatcher, actor = self._dispatcher, self._actor
        if self.closed:
            return
        if dispatcher is None or actor is None:
            raise RuntimeError("a mailbox is attached before it is opened")
        dispatcher.begin()
        self.signals.insert(0, first)
        dispatcher.schedule(actor)

    def put(self, message: Any) -> None:
        """Append a message; silent when closed."""
        if self.closed:
            return
        messages = self.messages
        messages.append(message)
        if not self.is_scheduled:
            self.wake()
        elif len(messages) > self.limit:
            self.overflow()

    def put_signal(self, signal: Any) -> None:
        """Append to the lane that is read first; silent when closed."""
        if self.closed:
            return
        self.signals.append(signal)
        if not self.is_scheduled:
            self.wake()

    def take_signal(self) -> Any:
        """Take the oldest signal, as the reader; raises IndexError when there is none.

        Many (a hundred thousand linked actors end) cost as little for each as few do: the front of the list is only
        ever moved up by a few, and its first is the next to be read for whoever looks.
        """
        signals, later = self.signals, self._later_signals
        signal = signals[0]
        if later:
            signals[0] = later.pop()
        elif len(signals) > BURST:
            later = signals[1:]
            del signals[1 : len(later) + 1]  # not what has come since
            later.reverse()
            signals[0] = later.pop()
            self._later_signals = later
        else:
            del signals[0]
        return signal

    def release(self) -> bool:
        """Let go of the actor after a batch, as its dispatcher; True when it must be queued again.

        The flag falls before the queues are looked at: a sender that still saw it up has appended before, so its
        message is seen here. Once closed, what a sender has put at that very moment is dropped: nobody will read it.
        """
        if (self._slowed or self.next_look != self.limit) and len(self.messages) <= self.limit // 2:
            self.next_look = self.limit
            self._relieve()
        self.is_scheduled = False
        if self.closed:
            self._forget_late_ones()
            return False
        if self.signals or (self.messages and not self._is_held()):
            with self.lock:
                if not self.is_scheduled:
                    self.is_scheduled = True
                    return True
        return False

    def close(self) -> list[Any]:
        """Drop everything, refuse later puts, and give what was waiting."""
        self.closed = True
        waiting: list[Any] = []
        try:
            while True:  # not list(): somebody may append, and the actor itself may take, at this moment
                waiting.append(self.messages.popleft())
        except IndexError:
            self.messages.clear()
            self.signals.clear()
        self._later_signals = None
        self._relieve()
        self._actor = None
        return waiting

    @property
    def dropped(self) -> int:
        """How many messages its policy has dropped."""
        return self.messages.dropped if isinstance(self.messages, NewestQueue) else 0

    def report_dropped(self, what: str, count: int) -> None:
        """Let the log know that messages were dropped; its queue calls this once an episode."""
        actor = self._actor
        if actor is not None:
            actor.report_dropped(what, count)

    def break_down(self, reason: ExitReason) -> None:
        """End the reader, whose policy has failed: its queue calls this, in whichever sender's thread."""
        actor = self._actor
        if actor is not None:
            actor.break_down(reason)

    @property
    def is_congested(self) -> bool:
        """Say whether more is waiting than the policy's limit."""
        return len(self.messages) > self.limit

    @property
    def is_driven(self) -> bool:
        """Say whether it is read only while somebody lets a simulated system run."""
        return self._dispatcher is not None and self._dispatcher.is_driven

    def empty(self) -> bool:
        """Say whether nothing waits."""
        return not self.messages and not self.signals

    def get(self) -> Any:
        """Take the next message; pykka's interface, our actors read the lanes themselves."""
        return self.take_signal() if self.signals else self.messages.popleft()

    def tell_when_relieved(self, who: object, tell: Callable[[], None]) -> bool:
        """Call `tell` once half of the limit has been read, or the mailbox is closed; at once if it is so now.

        True when nobody else waits for that.
        """
        is_first = self._waiting_senders().add(who, tell)
        if self.closed or len(self.messages) <= self.limit // 2:
            self._relieve()
        return is_first

    def relieve_later(self, sender: Ref, mine: Ref) -> bool:
        """Signal to `sender` that the mailbox of `mine`, this one, has room again; True when nobody else waits."""
        return self.tell_when_relieved(sender, lambda: sender.actor_inbox.put_signal(Relieved(mine)))

    def has_waiting(self, who: object) -> bool:
        """Say whether `who` is still to be told that there is room."""
        return self._slowed is not None and who in self._slowed

    def forget_waiting(self, who: object) -> None:
        """Tell `who` no more."""
        if self._slowed is not None:
            self._slowed.forget(who)

    def _waiting_senders(self) -> WaitingSenders:
        if self._slowed is None:
            made = WaitingSenders()
            with self.lock:
                if self._slowed is None:
                    self._slowed = made
        return self._slowed

    def _is_held(self) -> bool:
        return self._actor is not None and self._actor.is_suspended

    def wake(self) -> None:
        """Make the actor runnable, after something was put that it does not know of."""
        dispatcher, actor = self._dispatcher, self._actor
        if dispatcher is None or actor is None:
            self._forget_late_ones()
            return
        # Counted before the flag is up: a sender that finds it up may look at once whether all is at rest.
        dispatcher.begin()
        with self.lock:  # nothing is called in here, so nothing that tells can come in between on this thread
            is_first = not self.is_scheduled
            self.is_scheduled = True
        if not is_first:
            dispatcher.end()
            return
        dispatcher.schedule(actor)
        if actor.is_suspended and len(self.messages) > self.limit:
            self.overflow()  # each message wakes it in vain, so `put` has not looked

    def _forget_late_ones(self) -> None:
        """Drop what a sender has put who looked before the end."""
        if self.closed:
            self.messages.clear()
            self.signals.clear()

    def overflow(self) -> None:
        """Tell the sender to slow down, once; the receiver that would cost everybody the memory crashes instead."""
        actor, sender = self._actor, CURRENT.actor
        if actor is None:
            return
        waiting = len(self.messages)
        if waiting > self._policy.last_limit:
            actor.break_down(
                crash(f"mailbox overflow: {waiting} messages wait, the limit is {self._policy.last_limit}")
            )
        elif sender is None:  # nobody to tell: look again when so many more have come that it costs them nothing
            if waiting > self.next_look:
                self.next_look = waiting + self.limit // LOOKS + 1
        elif sender is not actor:
            self._slow_down(sender, actor, waiting)

    def _slow_down(self, sender: "Process", actor: "Process", waiting: int) -> None:
        sender.end_turn()
        if self.has_waiting(sender.ref):
            return
        sender.actor_inbox.put_signal(Congested(actor.ref))
        if self.relieve_later(sender.ref, actor.ref):
            actor.report_congestion(waiting, sender.ref)

    def _relieve(self) -> None:
        if self._slowed is not None:
            self._slowed.relieve()


CLOSED = Mailbox(SlowDown())
"""Where whatever is sent to the dead goes."""
CLOSED.close()
