"""A cache actor, its owner and a store that can go away, on a clock that the test turns."""

from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from naive_daemon import names
from naive_daemon.cache.cache import HEARTBEAT_S, STATE, Cache
from naive_daemon.cache.database import CacheAwayError, CacheFullError, CacheHealth
from naive_daemon.cache.encoding import Encoding
from naive_daemon.cache.memory import MemoryStore
from naive_daemon.cache.messages import (
    LoadDocument,
    SaveDocument,
)
from naive_daemon.cache.objects import CacheObjects
from naive_daemon.cache.store import Change, PutTable
from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.otp import Actor, ActorSystem, Ref, SimulatedSystem

QUEUE_MAX = 10
STATE_BYTES_MAX = 1_000


class Store(MemoryStore):
    """A store that can go away, with a bounded queue for what comes then. It takes no large state."""

    def __init__(self) -> None:
        super().__init__()
        self.away: str | None = None
        self.losses = 0
        self.refused = 0
        self.warnings: tuple[str, ...] = ()
        self._waiting: list[Callable[[], None]] = []

    def write(self, change: Change, *, durable: bool = False) -> None:
        if isinstance(change, PutTable) and sum(map(len, change.fields.values())) > STATE_BYTES_MAX:
            raise ValueError(f"{change.key} is too large")
        if self.away is None:
            super().write(change, durable=durable)
            return
        if len(self._waiting) >= QUEUE_MAX:
            raise CacheFullError("10 writes wait already")
        self._waiting.append(lambda: MemoryStore.write(self, change))

    def values(self, keys: Any) -> list[bytes | None]:
        if self.away is not None:
            raise CacheAwayError(self.away)
        return super().values(keys)

    def flush(self, keep: Any) -> None:
        if self.away is not None:
            self._waiting.append(lambda: MemoryStore.flush(self, keep))
            raise CacheAwayError(self.away)
        super().flush(keep)

    def notify(self, done: Callable[[], None]) -> None:
        if self.away is None:
            done()
        else:
            self._waiting.append(done)

    def health(self) -> CacheHealth:
        return CacheHealth(
            away=self.away,
            waiting=len(self._waiting),
            losses=self.losses,
            refused=self.refused,
            warnings=self.warnings,
        )

    def come_back(self) -> None:
        self.away = None
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one()


class Owner(Actor):
    """Hears what is published on the cache's topic, and asks the cache."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Any] = []
        self.answers: list[Any] = []

    def init(self) -> None:
        self.subscribe(names.CACHE)

    def on_receive(self, message: Any) -> None:
        if isinstance(message, SaveDocument | LoadDocument):
            self.request(self.system.whereis(names.CACHE), message, self.answers.append, 60)
        else:
            self.heard.append(message)


class Desk:
    """A cache, its store and its owner, on a clock that the test turns."""

    def __init__(self) -> None:
        self.system: SimulatedSystem = ActorSystem.simulated(VirtualClock(1_700_000_000 * NS_PER_S))
        self.store = Store()
        self.database = CacheObjects(self.store, Encoding())
        self.log = structlog.testing.LogCapture()
        self.owner = Owner()
        self.owner_ref = self.system.start(self.owner)
        self.ref: Ref | None = None

    def start(self) -> "Desk":
        self.ref = self.system.start(Cache(self.database), name=names.CACHE)
        self.system.run_until_idle()
        return self

    def tell(self, *messages: object) -> None:
        assert self.ref is not None
        for message in messages:
            self.ref.tell(message)
        self.system.run_until_idle()

    def beat(self, *messages: object, seconds: float = HEARTBEAT_S) -> None:
        self.tell(*messages)
        self.system.advance_to(self.system.clock.now_ns() + round(seconds * NS_PER_S))
        self.system.run_until_idle()

    def ask(self, message: object) -> Any:
        self.owner_ref.tell(message)
        self.system.run_until_idle()

    def states(self) -> dict[str, Any]:
        return {
            key: msgspec.msgpack.decode(fields[STATE])[1] for key, fields in self.database.load_strategies().items()
        }

    def logged(self, event: str) -> list[Any]:
        return [entry for entry in self.log.entries if entry["event"] == event]
