"""The cache database in Redis: writes by one thread in MULTI/EXEC batches, reads on connections of their own."""

from collections.abc import Callable, Sequence

from naive_daemon.cache.database import CacheClosedError, CacheHealth
from naive_daemon.cache.encoding import Encoding
from naive_daemon.cache.glob import escape
from naive_daemon.cache.objects import CacheObjects
from naive_daemon.cache.store import Change
from naive_daemon.storage.redis.commands import Commands
from naive_daemon.storage.redis.config import RedisCacheConfig
from naive_daemon.storage.redis.reader import Reader
from naive_daemon.storage.redis.write import Write, WriteQueue, flush
from naive_daemon.storage.redis.writer import Writer

VALUE_BYTES_MAX = 64 * 2**20
"""A value beyond this is refused at the door: Redis would end the connection, at every attempt."""


class RedisStore:
    """Implements Store. Making one never waits for the server."""

    def __init__(self, config: RedisCacheConfig) -> None:
        self._config = config
        self._queue = WriteQueue(config.queue_max, config.queue_bytes_max)
        self._commands = Commands(config.prefix)
        self._reader = Reader(config)
        if config.flush_on_start:
            self._queue.put(flush(()))
        self._writer = Writer(config, self._queue, escape(config.prefix).encode() + b"*")

    def write(self, change: Change, *, durable: bool = False) -> None:
        """Queue a change; a durable one is waited for."""
        self._write(self._commands.of(change), is_durable=durable)

    def names(self, kind: str) -> list[str]:
        """Name the objects of a kind, sorted."""
        return self._read().names(kind)

    def all_keys(self) -> list[str]:
        """Name all keys, sorted."""
        return self._read().all_keys()

    def values(self, keys: Sequence[str]) -> list[bytes | None]:
        """Give the value of each key."""
        return self._read().values(keys)

    def lists(self, keys: Sequence[str]) -> list[list[bytes]]:
        """Give the list of each key."""
        return self._read().lists(keys)

    def tables(self, keys: Sequence[str]) -> list[dict[str, bytes]]:
        """Give the table of each key."""
        return self._read().tables(keys)

    def members(self, key: str) -> frozenset[str]:
        """Give what is in a set."""
        return self._read().members(key)

    def flush(self, keep: Sequence[str]) -> None:
        """Forget everything but the objects of these kinds; in order with the writes."""
        self._write(flush(tuple(keep)), is_durable=True)

    def health(self) -> CacheHealth:
        """Say how the store is; never waits for it.

        Raises CacheClosedError once its writer has crashed, on what nobody has foreseen: its owner then begins anew.
        """
        if self._writer.crash is not None:
            raise CacheClosedError(self._writer.crash)
        return CacheHealth(
            away=self._queue.away,
            waiting=self._queue.waiting,
            warnings=self._writer.warnings,
            losses=self._writer.losses,
            refused=self._writer.refused,
        )

    def notify(self, done: Callable[[], None]) -> None:
        """Call `done` once everything written so far has been acknowledged."""
        self._queue.notify(done)

    def close(self) -> None:
        """Write what waits within a bound; may be called twice."""
        self._queue.close()
        self._writer.end(self._config.close_timeout_s)
        self._reader.close()

    def _write(self, write: Write, *, is_durable: bool) -> None:
        if write.size > VALUE_BYTES_MAX:
            raise ValueError(f"{write.key} would take {write.size} bytes: {VALUE_BYTES_MAX} at most")
        wait_s = self._config.wait_s
        self._queue.put(write, wait_s if is_durable else 0.0)
        if is_durable:
            self._queue.await_done(write.number, wait_s, is_patient=True)
            if write.error is not None:
                raise write.error

    def _read(self) -> Reader:
        """Give the reader once everything put so far is written: a load sees it."""
        if self._queue.is_closed:
            raise CacheClosedError("the cache database is closed")
        self._queue.await_done(None, self._config.wait_s, is_patient=False)
        return self._reader


class RedisCacheDatabase(CacheObjects):
    """Implements CacheDatabase."""

    def __init__(self, config: RedisCacheConfig) -> None:
        super().__init__(RedisStore(config), Encoding(config.encoding))
