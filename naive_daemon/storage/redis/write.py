"""A write on its way, and the bounded queue in which writes wait for the one thread that makes them.

Owned by a cache database; used by any thread on one side and by the writer on the other. Invariant: writes are done in
the order in which they were put, and none is forgotten before it is done.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

from naive_daemon.cache.database import CacheAwayError, CacheClosedError, CacheFullError
from naive_daemon.storage.redis.scripts import Script

Command = tuple[bytes, ...]
OVERHEAD_BYTES = 256
"""What a write costs beside its bytes, about."""


class Write:
    """Commands that belong together, by the key that they are about. `number` counts writes from 1."""

    __slots__ = ("commands", "error", "is_flush", "keep", "key", "number", "script", "size")

    def __init__(self, key: str, commands: tuple[Command, ...], script: Script | None = None) -> None:
        self.key = key
        self.commands = commands
        self.script = script
        self.size = OVERHEAD_BYTES + sum(len(part) for command in commands for part in command)
        self.number = 0
        self.error: Exception | None = None
        self.is_flush = False
        self.keep: tuple[str, ...] = ()


def flush(keep: tuple[str, ...]) -> Write:
    """Make the write that forgets everything but the objects of some kinds."""
    write = Write("", ())
    write.is_flush, write.keep = True, keep
    return write


class WriteQueue:
    """See the module."""

    def __init__(self, writes_max: int, bytes_max: int) -> None:
        self._writes_max = writes_max
        self._bytes_max = bytes_max
        self._waiting: deque[Write] = deque()
        self._bytes = 0
        self._put = 0
        self._done = 0
        self._away: str | None = None
        self._is_closed = False
        self._calls: deque[tuple[int, Callable[[], None]]] = deque()
        lock = threading.Lock()
        self._came = threading.Condition(lock)
        self._went = threading.Condition(lock)

    @property
    def away(self) -> str | None:
        """Why nothing is written now, as the writer has said."""
        return self._away

    @property
    def waiting(self) -> int:
        """How many writes are not done."""
        return self._put - self._done

    # The side of those who write ------------------------------------------------------------------------------------

    def put(self, write: Write, wait_s: float = 0.0) -> None:
        """Queue a write; raises CacheFullError when there is no room for it within `wait_s`, CacheClosedError."""
        with self._came:
            if not self._has_room(write) and not self._went.wait_for(lambda: self._has_room(write), wait_s or 0.0):
                raise CacheFullError(f"{self.waiting} writes wait already{f': {self._away}' if self._away else ''}")
            if self._is_closed:
                raise CacheClosedError("the cache database is closed")
            self._put += 1
            write.number = self._put
            self._bytes += write.size
            self._waiting.append(write)
            if len(self._waiting) == 1:
                self._came.notify()

    def await_done(self, number: int | None, wait_s: float, *, is_patient: bool) -> None:
        """Wait until this write is done, or everything put so far; raises CacheAwayError once it took too long.

        Who is not patient is told at once while the store is known to be away.
        """
        with self._went:
            wanted = self._put if number is None else number
            self._went.wait_for(
                lambda: self._done >= wanted or (self._away is not None and not is_patient), timeout=wait_s
            )
            if self._done < wanted:
                why = self._away or f"no answer within {wait_s:g} s"
                raise CacheAwayError(f"{why}; {self.waiting} writes wait")

    def notify(self, done: Callable[[], None]) -> None:
        """Call `done` once everything put so far is done; at once when it is."""
        with self._went:
            is_waiting = self._done < self._put
            if is_waiting:
                self._calls.append((self._put, done))
        if not is_waiting:
            done()

    def close(self) -> None:
        """Take no more writes."""
        with self._came:
            self._is_closed = True
            self._came.notify_all()
            self._went.notify_all()

    @property
    def is_closed(self) -> bool:
        """Say whether no more are taken."""
        return self._is_closed

    def _has_room(self, write: Write) -> bool:
        """Say whether a write may wait, too; one that is too large alone is taken alone."""
        if self._is_closed or self.waiting == 0:
            return True
        return self.waiting < self._writes_max and self._bytes + write.size <= self._bytes_max

    # The writer's side ----------------------------------------------------------------------------------------------

    def take(self, writes_max: int, bytes_max: int, gather_s: float) -> list[Write]:
        """Wait for writes, gather more for a while, and give those at the front; none once closed and empty.

        They count as waiting until `finish`. A flush is given alone.
        """
        with self._came:
            self._came.wait_for(lambda: self._waiting or self._is_closed)
            if gather_s and not self._is_closed:
                self._gather(writes_max, gather_s)
            batch: list[Write] = []
            size = 0
            while self._waiting and len(batch) < writes_max:
                write = self._waiting[0]
                if batch and (write.is_flush or batch[0].is_flush or size + write.size > bytes_max):
                    break
                size += write.size
                batch.append(self._waiting.popleft())
            return batch

    def finish(self, batch: list[Write]) -> None:
        """Count a batch as done, wake those who wait for it."""
        calls: list[Callable[[], None]] = []
        with self._went:
            self._done = batch[-1].number
            self._bytes -= sum(write.size for write in batch)
            while self._calls and self._calls[0][0] <= self._done:
                calls.append(self._calls.popleft()[1])
            self._went.notify_all()
        for call in calls:
            call()

    def set_away(self, reason: str | None) -> None:
        """Say why nothing is written, or that it is."""
        if reason != self._away:
            with self._went:
                self._away = reason
                self._went.notify_all()

    def _gather(self, writes_max: int, gather_s: float) -> None:
        until = time.monotonic() + gather_s
        while len(self._waiting) < writes_max and not self._is_closed:
            left = until - time.monotonic()
            if left <= 0:
                return
            self._came.wait(left)
