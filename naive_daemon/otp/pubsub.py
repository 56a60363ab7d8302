"""Topics: whoever has subscribed gets what is published, until it unsubscribes or ends."""

from collections.abc import Hashable
from typing import TYPE_CHECKING

from naive_daemon.otp.holdings import Holdings

if TYPE_CHECKING:
    from naive_daemon.otp.ref import Ref


class PubSub(Holdings):
    """Sends each message to the subscribers of its topic, in the order of their subscription.

    What one sender publishes reaches each subscriber in order; between senders there is none. A publication goes to
    those who are subscribed when it begins, so one that unsubscribes meanwhile may still get it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._subscribers: dict[Hashable, dict[Ref, None]] = {}

    def subscribe(self, topic: Hashable, ref: "Ref") -> None:
        """Send `ref` what is published on `topic` until it ends; twice is once."""
        with self._lock:
            self._subscribers.setdefault(topic, {})[ref] = None
            is_new = self._hold(ref, topic)
        if is_new:
            self._watch_holder(ref)

    def unsubscribe(self, topic: Hashable, ref: "Ref") -> None:
        """Send `ref` no more of `topic`."""
        with self._lock:
            self._drop(topic, ref)
            self._release(ref, topic)

    def publish(self, topic: Hashable, message: object) -> int:
        """Tell each subscriber; gives how many there were. Nothing is held meanwhile, and nobody waits."""
        with self._lock:
            subscribers = self._subscribers.get(topic)
            if subscribers is None:
                return 0
            refs = tuple(subscribers)
        for ref in refs:
            ref.tell(message)
        return len(refs)

    def topics(self, ref: "Ref") -> list[Hashable]:
        """List what an actor has subscribed to, the eldest first; nothing for one that has ended."""
        with self._lock:
            return list(self._held_by(ref))

    def _drop(self, key: Hashable, ref: "Ref") -> None:
        subscribers = self._subscribers.get(key)
        if subscribers is not None:
            subscribers.pop(ref, None)
            if not subscribers:
                del self._subscribers[key]
