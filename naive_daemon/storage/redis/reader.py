"""Reads: on connections of their own, in pipelines, each answer looked at for what is not ours."""

from collections.abc import Iterator, Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from naive_daemon.cache.database import CacheCorruptError
from naive_daemon.cache.glob import escape
from naive_daemon.storage.redis import fault
from naive_daemon.storage.redis.config import RedisCacheConfig
from naive_daemon.storage.redis.link import WRITERS


class Reader:
    """Reads what is under a prefix. Safe for use by many threads; raises CacheAwayError and CacheCorruptError."""

    def __init__(self, config: RedisCacheConfig) -> None:
        self._where = config.where
        self._prefix = config.prefix.encode()
        self._page = config.bulk_read_batch_size
        # One more attempt at once: a connection from before the server's restart is in the pool still.
        self._client: Any = redis.Redis(connection_pool=config.make_pool(Retry(NoBackoff(), 1)))

    def names(self, kind: str) -> list[str]:
        """Name the objects of a kind, sorted."""
        return sorted(key.removeprefix(f"{kind}:") for key in self._scan(f"{kind}:"))

    def all_keys(self) -> list[str]:
        """Name all keys but the writers' own, sorted."""
        return sorted(key for key in self._scan("") if not key.startswith(f"{WRITERS}:"))

    def values(self, keys: Sequence[str]) -> list[bytes | None]:
        """Give the value of each key."""
        return list(self._each(keys, b"GET"))

    def lists(self, keys: Sequence[str]) -> list[list[bytes]]:
        """Give the list of each key."""
        return list(self._each(keys, b"LRANGE", b"0", b"-1"))

    def tables(self, keys: Sequence[str]) -> list[dict[str, bytes]]:
        """Give the table of each key."""
        tables = []
        for key, found in zip(keys, self._each(keys, b"HGETALL"), strict=True):
            flat = [part for pair in found.items() for part in pair] if isinstance(found, dict) else found
            tables.append({_text(name, key): value for name, value in zip(flat[::2], flat[1::2], strict=True)})
        return tables

    def members(self, key: str) -> frozenset[str]:
        """Give what is in a set."""
        [found] = self._each([key], b"SMEMBERS")
        return frozenset(_text(member, key) for member in found)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()
        self._client.connection_pool.disconnect()

    def _scan(self, start: str) -> set[str]:
        """Name the keys that begin so, without our prefix."""
        pattern = escape((self._prefix + start.encode()).decode()).encode() + b"*"
        found: set[str] = set()
        cursor = 0
        try:
            while True:
                cursor, page = self._client.scan(cursor, match=pattern, count=self._page)
                found.update(_text(key.removeprefix(self._prefix), "a key") for key in page)
                if cursor == 0:
                    return found
        except fault.FAILURES as error:
            raise fault.away(self._where, error) from None

    def _each(self, keys: Sequence[str], command: bytes, *rest: bytes) -> Iterator[Any]:
        for start in range(0, len(keys), self._page):
            page = keys[start : start + self._page]
            for key, answer in zip(page, self._ask(page, command, rest), strict=True):
                if isinstance(answer, Exception):
                    if fault.is_wrong_type(answer):
                        raise CacheCorruptError(f"{key} holds something of another type: is it another program's?")
                    raise fault.away(self._where, answer)
                yield answer

    def _ask(self, keys: Sequence[str], command: bytes, rest: tuple[bytes, ...]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.execute_command(command, self._prefix + key.encode(), *rest)
        try:
            return list(pipeline.execute(raise_on_error=False))
        except fault.FAILURES as error:
            raise fault.away(self._where, error) from None


def _text(content: bytes, place: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise CacheCorruptError(f"{place} is or holds {content[:80]!r}, which is no text") from None
