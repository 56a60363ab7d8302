"""Names of processes. A dead holder's name can be taken at once (OTP rule 76)."""

import threading
from collections.abc import Hashable

from naive_daemon.otp.ref import Ref


class Registry:
    """Unique names: each is held by at most one living actor."""

    def __init__(self) -> None:
        self._refs: dict[Hashable, Ref] = {}
        self._lock = threading.Lock()

    def register(self, name: Hashable, ref: Ref) -> Ref:
        """Give the living holder of `name`: `ref` itself when the name was free, else who has it already."""
        with self._lock:
            holder = self._refs.get(name)
            if holder is not None and holder.is_alive():
                return holder
            self._refs[name] = ref
            return ref

    def unregister(self, name: Hashable, ref: Ref) -> None:
        """Free the name, if `ref` holds it."""
        with self._lock:
            if self._refs.get(name) is ref:
                del self._refs[name]

    def whereis(self, name: Hashable) -> Ref | None:
        """Find the living holder of a name."""
        ref = self._refs.get(name)
        return ref if ref is not None and ref.is_alive() else None

    def names(self) -> list[Hashable]:
        """List the names of living actors."""
        with self._lock:
            return [name for name, ref in self._refs.items() if ref.is_alive()]


class PubSub:
    """Topics: whoever subscribed gets what is published, in the order of subscription; the dead are forgotten."""

    def __init__(self) -> None:
        self._subscribers: dict[Hashable, dict[Ref, None]] = {}
        self._lock = threading.Lock()

    def subscribe(self, topic: Hashable, ref: Ref) -> None:
        """Send `ref` what is published on `topic`; twice is once."""
        with self._lock:
            self._subscribers.setdefault(topic, {})[ref] = None

    def unsubscribe(self, topic: Hashable, ref: Ref) -> None:
        """Send `ref` no more of `topic`."""
        with self._lock:
            subscribers = self._subscribers.get(topic)
            if subscribers is not None:
                subscribers.pop(ref, None)
                if not subscribers:
                    del self._subscribers[topic]

    def publish(self, topic: Hashable, message: object) -> int:
        """Tell each subscriber; gives how many there were."""
        with self._lock:
            refs = tuple(self._subscribers.get(topic, ()))
        for ref in refs:
            ref.tell(message)
        return len(refs)
