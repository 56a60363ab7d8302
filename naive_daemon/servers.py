"""The database servers: the user's own where they are configured, else embedded ones under the home.

Everything behind the URLs is the same for both. Embedded servers are children of the main thread: they end with the
process, however it ends, and a server that died is started again by `revive`.
"""

from collections.abc import Callable
from typing import Any

import structlog

from naive_daemon.clock import Clock
from naive_daemon.config import Config
from naive_daemon.domain.errors import NaiveError, PermanentError, TransientError
from naive_daemon.storage.embedded import EmbeddedPostgres, EmbeddedRedis

REVIVE_PAUSE_S = 5.0
"""Between tries to start a server that does not come up again: the disk may be full, and be freed by somebody."""


class Servers:
    """Owns the embedded servers; call everything from the main thread."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._clock = clock
        self._next_try_s = 0.0
        self._own_postgres = None if config.database.url is not None else EmbeddedPostgres(config.home)
        self._own_redis = None if config.redis.url is not None else EmbeddedRedis(config.home)
        self.postgres_url = config.database.url.get_secret_value() if config.database.url is not None else ""
        self.redis_url = config.redis.url.get_secret_value() if config.redis.url is not None else ""

    @property
    def has_own_postgres(self) -> bool:
        """Say whether the database is embedded, so that its schema is ours to bring up."""
        return self._own_postgres is not None

    def start(self, shall_end: Callable[[], bool] = lambda: False) -> None:
        """Start what is embedded and not running; raises what Postgres raises, and TransientError once it `shall_end`.

        What was started runs on until `stop`. A Redis that does not come up is done without, and left to `revive`.
        """
        if self._own_postgres is not None:
            self.postgres_url = self._own_postgres.start(shall_end)
        if self._own_redis is not None:
            self.redis_url = self._own_redis.url
            self._start_cache(self._own_redis, shall_end)

    def revive(self, shall_end: Callable[[], bool]) -> None:
        """Start again what has died; what does not come up is tried again later, and the daemon does without it.

        A server that recovers may take two minutes; it is not waited for once `shall_end` says so.
        """
        if self._clock.monotonic_s() < self._next_try_s:
            return
        for name, server in (("postgres", self._own_postgres), ("redis", self._own_redis)):
            if server is not None and server.pid is None and not shall_end():
                _log().error("embedded server died, starting it again", server=name)
                self._revive(name, server, shall_end)

    def _start_cache(self, server: EmbeddedRedis, shall_end: Callable[[], bool]) -> None:
        try:
            server.start(shall_end)
        except (TransientError, PermanentError) as error:
            if shall_end():
                raise
            self._put_off("redis", error)

    def _revive(self, name: str, server: EmbeddedPostgres | EmbeddedRedis, shall_end: Callable[[], bool]) -> None:
        try:
            server.start(shall_end)
        except (TransientError, PermanentError) as error:
            self._put_off(name, error)
        else:
            _log().info("embedded server is back", server=name)

    def _put_off(self, name: str, error: NaiveError) -> None:
        self._next_try_s = self._clock.monotonic_s() + REVIVE_PAUSE_S
        _log().error("embedded server does not start", server=name, reason=error.message, retry_s=REVIVE_PAUSE_S)

    def stop(self) -> None:
        """Stop what is embedded; may be called twice."""
        for server in (self._own_redis, self._own_postgres):
            if server is not None:
                server.stop()


def _log() -> Any:
    return structlog.get_logger("naive_daemon").bind(actor="servers")
