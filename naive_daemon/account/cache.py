"""The cache actor: keeps the hot state in Redis. The journal is the truth; losing this loses nothing but convenience.

Receives: KeepState, DropState.
State: what Redis should hold, and what of it is not written yet; one entry for each trader that lives, so it is
bounded by them. While Redis is away the daemon trades on, *degraded*, and everything is written when it is back.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from naive_daemon.cache.database import CacheHealth
from naive_daemon.cache.messages import AskCache, DropState, KeepState
from naive_daemon.domain.errors import TransientError
from naive_daemon.otp import Actor, ExitReason, Timer

HEARTBEAT_S = 1.0


class HotStore(Protocol):
    """Where hot state is kept, by key. Not for use by two threads at once; raises TransientError when it is away."""

    def write(self, changed: Mapping[str, bytes], dropped: frozenset[str], heartbeat_ns: int) -> None:
        """Set and delete keys and note the time, all or nothing."""

    def load(self) -> dict[str, bytes]:
        """Read all keys."""

    def close(self) -> None:
        """Give up the connection; may be called twice."""


class _Beat(msgspec.Struct, frozen=True):
    pass


class Cache(Actor):
    """See the module."""

    runs_on = "thread"
    batches = True

    def __init__(self, store: HotStore) -> None:
        super().__init__()
        self._store = store
        self._held: dict[str, bytes] = {}
        self._changed: set[str] = set()
        self._dropped: set[str] = set()
        self._degraded: str | None = None
        self._timer: Timer | None = None
        self._encode = msgspec.msgpack.Encoder(order="deterministic").encode

    def init(self) -> None:
        """Begin to beat."""
        self._beat_later()

    def on_batch(self, messages: list[Any]) -> None:
        """Note what has changed; it is written with the next beat, or at once when there is a beat among them."""
        shall_write = False
        for message in messages:
            match message:
                case KeepState(key, value):
                    self._held[key] = self._encode(value)
                    self._changed.add(key)
                    self._dropped.discard(key)
                case DropState(key):
                    if self._held.pop(key, None) is not None:
                        self._changed.discard(key)
                        self._dropped.add(key)
                case _Beat():
                    shall_write = True
                case _:
                    super().on_receive(message)
        if shall_write:
            self._write()
            self._beat_later()

    def on_receive(self, message: Any) -> Any:
        """Say how the cache is."""
        if isinstance(message, AskCache):
            return CacheHealth(away=self._degraded)
        return super().on_receive(message)

    def on_terminate(self, reason: ExitReason) -> None:
        """Write what is left, give the connection back."""
        self._write()
        self._store.close()

    def _beat_later(self) -> None:
        self._timer = self.send_after(HEARTBEAT_S, _Beat())

    def _write(self) -> None:
        changed = {key: self._held[key] for key in self._changed}
        try:
            self._store.write(changed, frozenset(self._dropped), self.system.clock.now_ns())
        except TransientError as error:
            self._degrade(str(error))
            return
        self._changed.clear()
        self._dropped.clear()
        if self._degraded is not None:
            self._degraded = None
            self.log.info("cache is back")

    def _degrade(self, reason: str) -> None:
        """Trade on without it. When it is back it may be empty, so everything is written then."""
        if self._degraded is None:
            self.log.warning("cache degraded", reason=reason)
        self._degraded = reason
        self._changed = set(self._held)
