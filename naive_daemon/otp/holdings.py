"""What living actors hold under keys: names, entries, topics. All of an actor's go when it ends, whatever ends it.

Each kind (`registry.py`, `pubsub.py`) watches its holders itself, so it works the same in a system and on its own. An
actor that is killed while it takes one more key holds nothing afterwards: who is dead when watched is let go at once.
"""

import abc
import itertools
import threading
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from naive_daemon.otp.messages import Down
    from naive_daemon.otp.ref import Ref

_watches = itertools.count(-(1 << 62))
"""Numbers of our watches, one for each kind: far below those of monitors, which count up from 1 and down from -1."""


class Holdings(abc.ABC):
    """Keys by holder, so that an end costs what the actor has held, and no more. Safe to use from any thread."""

    def __init__(self) -> None:
        self._watch = next(_watches)
        self._held: dict[Ref, dict[Hashable, None]] = {}
        # Re-entrant, since a garbage collection in the midst of it may end an actor's last holding.
        self._lock = threading.RLock()

    def _hold(self, ref: "Ref", key: Hashable) -> bool:
        """Note, under the lock, that `ref` holds `key`; True when it must be watched, after the lock."""
        held = self._held.get(ref)
        if held is None:
            self._held[ref] = {key: None}
            return True
        held[key] = None
        return False

    def _watch_holder(self, ref: "Ref") -> None:
        """Let go of all that `ref` holds when it ends; at once if it has."""
        ref.watch(self._watch, self._take_down)

    def _release(self, ref: "Ref", key: Hashable) -> None:
        """Note, under the lock, that `ref` holds `key` no more. It stays watched: it may well take another."""
        held = self._held.get(ref)
        if held is not None:
            held.pop(key, None)

    def _take_down(self, down: "Down") -> None:
        with self._lock:
            for key in self._held.pop(down.ref, ()):
                self._drop(key, down.ref)

    def _held_by(self, ref: "Ref") -> Iterable[Hashable]:
        """Give, under the lock, the keys of a living actor in the order in which it took them."""
        return self._held.get(ref, ()) if ref.is_alive() else ()

    @abc.abstractmethod
    def _drop(self, key: Hashable, ref: "Ref") -> None:
        """Remove, under the lock, what `ref` has under `key`; nothing when it has nothing there."""
