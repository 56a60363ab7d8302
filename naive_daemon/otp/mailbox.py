"""An actor's inbox: messages in order of arrival, and a lane for exit signals that overtakes them.

Owned by its actor. Invariant: while it holds something, the actor is scheduled; so no wake-up is lost.
"""

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from naive_daemon.otp.actor import Actor
    from naive_daemon.otp.dispatcher import Dispatcher


class Mailbox:
    """Stands where pykka has a queue: `put` makes an idle actor runnable on its dispatcher."""

    __slots__ = ("_actor", "_dispatcher", "_lock", "_scheduled", "closed", "messages", "signals")

    def __init__(self) -> None:
        self.messages: deque[Any] = deque()
        self.signals: deque[Any] = deque()
        self.closed = False
        self._scheduled = False
        self._lock = threading.Lock()
        self._actor: Actor | None = None
        self._dispatcher: Dispatcher | None = None

    def attach(self, actor: "Actor", dispatcher: "Dispatcher") -> None:
        """Say who reads this mailbox, and where it runs; called once, before the first put."""
        self._actor = actor
        self._dispatcher = dispatcher

    def put(self, message: Any) -> None:
        """Append a message; silent when closed."""
        if self.closed:
            return
        self.messages.append(message)
        if not self._scheduled:
            self._wake()

    def put_signal(self, signal: Any) -> None:
        """Append to the lane that is read first; silent when closed."""
        if self.closed:
            return
        self.signals.append(signal)
        if not self._scheduled:
            self._wake()

    def release(self) -> bool:
        """Called by the dispatcher when a batch is done; True when the actor must be queued again.

        The flag falls before the queues are looked at: a sender that still saw it up has appended before, so its
        message is seen here.
        """
        self._scheduled = False
        if self.messages or self.signals:
            with self._lock:
                if not self._scheduled:
                    self._scheduled = True
                    return True
        return False

    def close(self) -> list[Any]:
        """Drop everything, refuse later puts, and give what was waiting."""
        self.closed = True
        waiting = list(self.messages)
        self.messages.clear()
        self.signals.clear()
        return waiting

    def empty(self) -> bool:
        """Say whether nothing waits."""
        return not self.messages and not self.signals

    def get(self) -> Any:
        """Take the next message; pykka's interface, our actors read the lanes themselves."""
        return self.signals.popleft() if self.signals else self.messages.popleft()

    def _wake(self) -> None:
        with self._lock:
            if self._scheduled:
                return
            self._scheduled = True
        dispatcher, actor = self._dispatcher, self._actor
        if dispatcher is not None and actor is not None:
            dispatcher.schedule(actor)
