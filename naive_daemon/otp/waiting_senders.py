"""Who has filled a mailbox, and is told once it has room again.

Owned by the full mailbox; made when the first sender waits. Safe to use from any thread. It keeps an actor's ref and
no more of it, so senders that die while they wait leave nothing of their state here.
"""

import threading
from collections.abc import Callable

from naive_daemon.otp.ref import Ref

SWEEP_MIN = 64
"""How many wait before it is worth looking for those that have died meanwhile."""


class WaitingSenders:
    """Each is told once; then it may wait again."""

    __slots__ = ("_lock", "_waiting")

    def __init__(self) -> None:
        self._waiting: dict[object, Callable[[], None]] = {}
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, who: object) -> bool:
        return who in self._waiting

    def add(self, who: object, tell: Callable[[], None]) -> bool:
        """Let `who`, an actor's ref or anything else of its own, wait; True when nobody else does."""
        with self._lock:
            waiting = self._waiting
            waiting[who] = tell
            count = len(waiting)
            if count >= SWEEP_MIN and count & (count - 1) == 0:  # at each doubling: every one is looked at few times
                self._sweep()
            return count == 1

    def forget(self, who: object) -> None:
        """Tell `who` no more."""
        self._waiting.pop(who, None)

    def relieve(self) -> None:
        """Tell all of them."""
        while self._waiting:
            try:
                _, tell = self._waiting.popitem()
            except KeyError:
                return  # another thread has just taken the last one
            tell()

    def _sweep(self) -> None:
        for who in list(self._waiting):
            if isinstance(who, Ref) and not who.is_alive():
                self._waiting.pop(who, None)
