"""The database servers: the user's own where they are configured, else embedded ones under the home.

Everything behind the URLs is the same for both. Embedded servers are children of the main thread: they end with the
process, however it ends, and a server that died is started again by `revive`.
"""

from typing import Any

import structlog

from naive_daemon.config import Config
from naive_daemon.storage.embedded import EmbeddedPostgres, EmbeddedRedis


class Servers:
    """Owns the embedded servers; call everything from the main thread."""

    def __init__(self, config: Config) -> None:
        self._own_postgres = None if config.database.url is not None else EmbeddedPostgres(config.home)
        self._own_redis = None if config.redis.url is not None else EmbeddedRedis(config.home)
        self.postgres_url = config.database.url.get_secret_value() if config.database.url is not None else ""
        self.redis_url = config.redis.url.get_secret_value() if config.redis.url is not None else ""

    @property
    def has_own_postgres(self) -> bool:
        """Say whether the database is embedded, so that its schema is ours to bring up."""
        return self._own_postgres is not None

    def start(self) -> None:
        """Start what is embedded and not running."""
        if self._own_postgres is not None:
            self.postgres_url = self._own_postgres.start()
        if self._own_redis is not None:
            self.redis_url = self._own_redis.start()

    def revive(self) -> None:
        """Start again what has died."""
        for name, server in (("postgres", self._own_postgres), ("redis", self._own_redis)):
            if server is not None and server.pid is None:
                _log().error("embedded server died, starting it again", server=name)
                server.start()

    def stop(self) -> None:
        """Stop what is embedded; may be called twice."""
        for server in (self._own_redis, self._own_postgres):
            if server is not None:
                server.stop()


def _log() -> Any:
    return structlog.get_logger("naive_daemon").bind(actor="servers")
