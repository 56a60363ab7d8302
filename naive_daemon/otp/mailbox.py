"""An actor's inbox: messages in order of arrival, and a lane for exit signals that overtakes them.

Owned by its actor. Invariant: once open, while it holds something the actor is scheduled; so no wake-up is lost.
"""

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from naive_daemon.otp.dispatcher import Dispatcher
    from naive_daemon.otp.process import Process


class Mailbox:
    """Stands where pykka has a queue: `put` makes an idle actor runnable on its dispatcher."""

    __slots__ = ("_actor", "_dispatcher", "_lock", "_scheduled", "closed", "messages", "signals")

    def __init__(self) -> None:
        self.messages: deque[Any] = deque()
        self.signals: deque[Any] = deque()
        self.closed = False
        self._scheduled = True  # nobody wakes the actor before `open`: a name is known before init has run
        self._lock = threading.Lock()
        self._actor: Process | None = None
        self._dispatcher: Dispatcher | None = None

    def attach(self, actor: "Process", dispatcher: "Dispatcher") -> None:
        """Say who reads this mailbox, and where it runs. Raises RuntimeError when that was said before."""
        if self._actor is not None:
            raise RuntimeError(f"{actor.label} was started before; every start needs an actor of its own")
        self._actor = actor
        self._dispatcher = dispatcher

    def open(self, first: Any) -> None:
        """Put the signal that is read before anything that has come already, and let the actor run."""
        dispatcher, actor = self._dispatcher, self._actor
        if dispatcher is None or actor is None:
            raise RuntimeError("a mailbox is attached before it is opened")
        dispatcher.begin()
        self.signals.appendleft(first)
        dispatcher.schedule(actor)

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
        """Let go of the actor after a batch, as its dispatcher; True when it must be queued again.

        The flag falls before the queues are looked at: a sender that still saw it up has appended before, so its
        message is seen here. Once closed, what a sender has put at that very moment is dropped: nobody will read it.
        """
        self._scheduled = False
        if self.closed:
            self.messages.clear()
            self.signals.clear()
            return False
        if self.messages or self.signals:
            with self._lock:
                if not self._scheduled:
                    self._scheduled = True
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
            self.signals.clear()
        return waiting

    def empty(self) -> bool:
        """Say whether nothing waits."""
        return not self.messages and not self.signals

    def get(self) -> Any:
        """Take the next message; pykka's interface, our actors read the lanes themselves."""
        return self.signals.popleft() if self.signals else self.messages.popleft()

    def _wake(self) -> None:
        dispatcher, actor = self._dispatcher, self._actor
        if dispatcher is None or actor is None:
            return
        with self._lock:
            if self._scheduled:
                return
            # Counted before the flag is up: a sender that finds it up may look at once whether all is at rest.
            dispatcher.begin()
            self._scheduled = True
        dispatcher.schedule(actor)
