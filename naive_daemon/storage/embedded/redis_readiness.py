"""Asks a Redis on a socket whether it serves yet."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from naive_daemon.storage.embedded.server import Readiness

_PING_S_MAX = 5
_ONE_TRY = Retry(NoBackoff(), 0)  # the wait for readiness tries again by itself


@contextmanager
def asking(socket: Path) -> Iterator[Callable[[], Readiness]]:
    """Lend what says how ready the server is."""
    with redis.Redis(unix_socket_path=str(socket), socket_timeout=_PING_S_MAX, retry=_ONE_TRY) as client:
        yield lambda: _readiness(client)


def _readiness(client: redis.Redis) -> Readiness:
    try:
        client.ping()
    except redis.BusyLoadingError:
        return Readiness.RECOVERING
    except (redis.ConnectionError, redis.TimeoutError):
        return Readiness.SILENT
    return Readiness.READY
