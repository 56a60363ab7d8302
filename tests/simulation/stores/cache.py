"""The cache of a simulated process: what Redis has acknowledged outlives it, what waits in the process dies with it."""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Sequence

from naive_daemon.cache.database import CacheAwayError, CacheClosedError, CacheCorruptError, CacheFullError, CacheHealth
from naive_daemon.cache.encoding import Encoding, EncodingName
from naive_daemon.cache.memory import MemoryStore
from naive_daemon.cache.objects import CacheObjects
from naive_daemon.cache.store import Change, Put
from naive_daemon.clock import NS_PER_S, VirtualClock
from tests.simulation.life import Life
from tests.simulation.odds import Odds
from tests.simulation.stores.outages import REDIS, Outages

PAUSE_MAX_S = 2.0
"""What was not taken is tried again within that."""

QUEUE_MAX = 65_536
WRITERS = "writers:"
CRASHED = "its writer has crashed"
_writers = itertools.count()


class _Write:
    """A change that waits, or a flush that keeps some kinds."""

    __slots__ = ("change", "error", "keep")

    def __init__(self, change: Change | None, keep: tuple[str, ...] = ()) -> None:
        self.change = change
        self.keep = keep
        self.error: CacheCorruptError | None = None


class SimulatedStore:
    """Implements Store; see SimulatedCache. What waits is written at the next call, once the server takes it."""

    def __init__(
        self, held: MemoryStore, odds: Odds, outages: Outages, life: Life, clock: VirtualClock, *, queue_max: int
    ) -> None:
        self._held = held
        self._mark = f"{WRITERS}{next(_writers)}"
        self._odds = odds
        self._outages = outages
        self._life = life
        self._clock = clock
        self._queue_max = queue_max
        self._waiting: deque[_Write] = deque()
        self._calls: deque[tuple[int, Callable[[], None]]] = deque()
        self._put = self._done = 0
        self._number = 0
        self._known: int | None = None
        self._in_doubt = 0
        self._away: str | None = None
        self._again_at_ns = 0
        self._losses = self._refused = 0
        self._is_closed = self._has_crashed = False
        self._lock = threading.RLock()

    # Store ----------------------------------------------------------------------------------------------------------

    def write(self, change: Change, *, durable: bool = False) -> None:
        """Take a change; a durable one is acknowledged when this returns."""
        self._take(_Write(change), is_durable=durable)

    def names(self, kind: str) -> list[str]:
        """Name the objects of a kind, sorted."""
        return self._read().names(kind)

    def all_keys(self) -> list[str]:
        """Name all keys, sorted."""
        return [key for key in self._read().all_keys() if not key.startswith(WRITERS)]

    def values(self, keys: Sequence[str]) -> list[bytes | None]:
        """Give the value of each key."""
        return self._read(keys).values(keys)

    def lists(self, keys: Sequence[str]) -> list[list[bytes]]:
        """Give the list of each key."""
        return self._read(keys).lists(keys)

    def tables(self, keys: Sequence[str]) -> list[dict[str, bytes]]:
        """Give the table of each key."""
        return self._read().tables(keys)

    def members(self, key: str) -> frozenset[str]:
        """Give what is in a set."""
        return self._read().members(key)

    def flush(self, keep: Sequence[str]) -> None:
        """Forget everything but the objects of these kinds; done when this returns."""
        self._take(_Write(None, tuple(keep)), is_durable=True)

    def health(self) -> CacheHealth:
        """Say how the store is."""
        with self._lock:
            self._work_off()
            if self._has_crashed:
                raise CacheClosedError(CRASHED)
            return CacheHealth(away=self._away, waiting=len(self._waiting), losses=self._losses, refused=self._refused)

    def notify(self, done: Callable[[], None]) -> None:
        """Call `done` once everything written so far has been acknowledged."""
        with self._lock:
            self._work_off()
            if self._waiting:
                self._calls.append((self._put, done))
                return
        done()

    def close(self) -> None:
        """Write what waits if that is possible; may be called twice."""
        if self._life.is_over:
            return
        with self._lock:
            self._work_off()
            self._is_closed = True

    # Queue ----------------------------------------------------------------------------------------------------------

    def _take(self, write: _Write, *, is_durable: bool) -> None:
        with self._lock:
            self._refuse_closed()
            self._work_off()
            if len(self._waiting) >= self._queue_max:
                raise CacheFullError(f"{len(self._waiting)} writes wait already: {self._away}")
            self._put += 1
            self._waiting.append(write)
            if is_durable:
                self._work_off()
                if self._waiting:
                    raise CacheAwayError(f"{self._away}; {len(self._waiting)} writes wait")
                if write.error is not None:
                    raise write.error

    def _read(self, keys: Sequence[str] = ()) -> MemoryStore:
        with self._lock:
            self._refuse_closed()
            self._work_off()
            if self._waiting:
                raise CacheAwayError(f"{self._away}; {len(self._waiting)} writes wait")
            if self._outages.is_away(REDIS):
                raise CacheAwayError("Redis: connection refused")
            if self._odds.strikes("refused", "cache.load") is not None:
                raise CacheAwayError("Redis: connection reset by peer")
            if keys and self._odds.strikes("refused", "cache.value") is not None:
                raise CacheCorruptError(f"{keys[0]} holds something of another type")
            return self._held

    def _refuse_closed(self) -> None:
        self._life.refuse_over()
        if self._is_closed:
            raise CacheClosedError("the cache database is closed")

    # Writer ---------------------------------------------------------------------------------------------------------

    def _work_off(self) -> None:
        """Make all that waits in one batch, as soon as it is time to try."""
        self._life.refuse_over()
        if not self._waiting or self._is_closed or self._has_crashed or self._clock.now_ns() < self._again_at_ns:
            return
        if self._outages.is_away(REDIS):
            self._fail("Redis: connection refused", 1.0)
            return
        self._clear_doubt()
        if not self._waiting:
            self._away = None
            return
        if (size := self._odds.strikes("refused", "cache.write")) is not None:
            self._fail("Redis: it has no memory left (maxmemory)", size)
        elif self._odds.strikes("crash", "cache.writer") is not None:
            self._has_crashed, self._away = True, CRASHED
        else:
            self._make_batch()

    def _make_batch(self) -> None:
        strikes = self._odds.strikes
        if strikes("death before", "cache.write") is not None:
            self._die("killed before a batch of Redis")
        self._compare()
        self._number += 1
        count = len(self._waiting)
        for write in self._waiting:
            self._make(write)
        self._held.write(Put(self._mark, b"%d" % self._number))
        if strikes("death after", "cache.write") is not None:
            self._die("killed after a batch of Redis")
        if (size := strikes("commit unanswered", "cache.write")) is not None:
            self._in_doubt = count
            self._fail("Redis: connection reset by peer", size)
            return
        self._finish(count)

    def _make(self, write: _Write) -> None:
        change = write.change
        if change is None:
            self._held.flush(write.keep)
        elif self._odds.strikes("refused", "cache.key") is not None:
            write.error = CacheCorruptError("a key holds something of another type: not written")
            self._refused += 1
        else:
            self._held.write(change)

    def _clear_doubt(self) -> None:
        """Make no batch twice whose answer was lost: the server knows its number, unless it has lost everything."""
        count, self._in_doubt = self._in_doubt, 0
        if count and self._last_number() == self._number:
            self._finish(count)

    def _finish(self, count: int) -> None:
        self._known, self._away = self._number, None
        for _ in range(count):
            self._waiting.popleft()
        self._done += count
        while self._calls and self._calls[0][0] <= self._done:
            self._calls.popleft()[1]()

    def _compare(self) -> None:
        """Count a loss when the server does not know the last number that it has told us it had."""
        if self._last_number() != self._known:
            self._losses += 1

    def _last_number(self) -> int | None:
        """Ask Redis for the number of our last batch: who has lost it has lost what came with it."""
        found = self._held.values([self._mark])[0]
        return None if found is None else int(found)

    def _fail(self, reason: str, size: float) -> None:
        self._away = reason
        self._again_at_ns = self._clock.now_ns() + round(size * PAUSE_MAX_S * NS_PER_S)

    def _die(self, why: str) -> None:
        self._life.end(why)
        self._life.refuse_over()


class SimulatedCache(CacheObjects):
    """Implements CacheDatabase on what Redis holds, which outlives it, and fails as RedisCacheDatabase does.

    - Redis is *away*: writes wait in the bounded queue (CacheFullError beyond it); loads, flushes and durable writes
      raise CacheAwayError, and what was put still waits. It is tried again after a pause of up to 2 s.
    - `refused` at `cache.write`: the server refuses a batch whole, as it has no memory left or can not save; it waits.
    - `commit unanswered`: a batch is made and its answer lost. It counts as waiting, and is not made twice, as the
      server keeps the number of the writer's last batch.
    - `refused` at `cache.key`: something else is under the key, so a write is never made; `health` counts it.
    - `refused` at `cache.load` and `cache.value`: a connection for reading is lost; a value can not be read.
    - `crash` at `cache.writer`: the writer's thread dies; nothing is written any more, and `health` raises.
    - `death before` and `death after`: the process is killed on either side of a batch.
    - The server is emptied, as it was restarted without a disk: the next batch finds the number of the last one gone,
      and `health` counts a loss.

    An acknowledged write is lost by none of them but the last. A write that nobody waits for is written at the next
    call, so that there is always one that a death may take along.
    """

    def __init__(
        self,
        held: MemoryStore,
        odds: Odds,
        outages: Outages,
        life: Life,
        clock: VirtualClock,
        *,
        encoding: EncodingName = "msgpack",
        queue_max: int = QUEUE_MAX,
    ) -> None:
        super().__init__(SimulatedStore(held, odds, outages, life, clock, queue_max=queue_max), Encoding(encoding))
