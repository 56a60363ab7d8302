"""The hot state in Redis: one hash for each daemon, and its heartbeat."""

from collections.abc import Mapping
from typing import cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from naive_daemon.domain.errors import TransientError

TIMEOUT_S = 2.0


class RedisHotStore:
    """Implements HotStore under `naive:<owner>:`. Every attempt is bounded; a failed batch is whole or not at all."""

    def __init__(self, url: str, owner: str) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0)
        )
        self._states = f"naive:{owner}:states"
        self._heartbeat = f"naive:{owner}:heartbeat"

    def write(self, changed: Mapping[str, bytes], dropped: frozenset[str], heartbeat_ns: int) -> None:
        """Set and delete fields and note the time in one MULTI/EXEC."""
        with _translated():
            batch = self._client.pipeline(transaction=True)
            for key, value in changed.items():
                batch.hset(self._states, key, value)
            if dropped:
                batch.hdel(self._states, *dropped)
            batch.set(self._heartbeat, str(heartbeat_ns))
            batch.execute()

    def load(self) -> dict[str, bytes]:
        """Read all fields."""
        with _translated():
            held = cast("dict[bytes, bytes]", self._client.hgetall(self._states))  # no decode_responses: bytes
            return {key.decode(): value for key, value in held.items()}

    def close(self) -> None:
        """Give up the connection."""
        self._client.close()


class _translated:  # noqa: N801 - a context manager in the form of a function
    """Turns Redis's errors into ours, without the URL, which may hold a password."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, redis.RedisError):
            raise TransientError(f"Redis: {type(error).__name__}: {error}") from None
