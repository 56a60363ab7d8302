"""How a cache database finds its Redis, and how it uses it. The password is never shown: not even in an error."""

import re
from typing import Any, Self

import msgspec
from pydantic import SecretStr
from redis import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import RedisError
from redis.retry import Retry

from naive_daemon.cache.encoding import EncodingName
from naive_daemon.domain.errors import ConfigError

PROGRAM = "naive"
_NAME = re.compile(r"[A-Za-z0-9_.-]*").fullmatch
_POSITIVE = (
    "connect_timeout_s",
    "answer_timeout_s",
    "wait_s",
    "close_timeout_s",
    "bulk_read_batch_size",
    "queue_max",
    "queue_bytes_max",
    "batch_max",
    "batch_bytes_max",
)


class RedisCacheConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A server, and how it is used.

    A user name without a password and a password without a user name are both in order. `path` is a Unix socket, and
    stronger than host and port. `tls` are redis-py's options of TLS (`ssl_ca_certs` …).

    Keys begin with `naive:<trader>:`, or `naive:<trader>/<instance>:` with `use_instance_id`; without
    `use_trader_prefix` the trader's name is left out of both, and all who do so share what they keep.

    `wait_s` bounds how long a durable write, a flush or a load waits for writes; `buffer_interval_ms` is how long a
    write may wait for others to go with. At most `queue_max` writes wait, of `queue_bytes_max` together.
    """

    host: str = "127.0.0.1"
    port: int = 6379
    db: int = 0
    username: str | None = None
    password: SecretStr | None = None
    ssl: bool = False
    tls: dict[str, str] = {}
    path: str | None = None
    connect_timeout_s: float = 1.0
    answer_timeout_s: float = 2.0
    wait_s: float = 2.0
    close_timeout_s: float = 2.0
    encoding: EncodingName = "msgpack"
    buffer_interval_ms: int = 0
    trader: str = "trader"
    instance_id: str = ""
    use_trader_prefix: bool = True
    use_instance_id: bool = False
    flush_on_start: bool = False
    bulk_read_batch_size: int = 1_000
    queue_max: int = 65_536
    queue_bytes_max: int = 64 * 2**20
    batch_max: int = 1_000
    batch_bytes_max: int = 8 * 2**20

    def __post_init__(self) -> None:
        """Refuse what can not work; raises ConfigError that names the field."""
        for name in _POSITIVE:
            if not getattr(self, name) > 0:
                raise ConfigError(f"redis: {name} is {getattr(self, name)}, and must be more than 0")
        if not 0 <= self.buffer_interval_ms <= 60_000:  # noqa: PLR2004 - a minute
            raise ConfigError(f"redis: buffer_interval_ms is {self.buffer_interval_ms}: from 0 to 60000")
        try:
            self.host.encode("idna")  # as looking it up does
        except UnicodeError:
            raise ConfigError("redis: host is no name that a host can have") from None
        if not 0 < self.port < 2**16 or self.db < 0:
            raise ConfigError(f"redis: port {self.port}, database {self.db}: there is none such")
        if self.encoding not in ("msgpack", "json"):
            raise ConfigError(f"redis: encoding is {self.encoding!r}: one of msgpack, json")
        for name in ("trader", "instance_id"):
            if _NAME(getattr(self, name)) is None:
                raise ConfigError(f"redis: {name} has other characters than letters, digits, dots, dashes, underscores")
        if self.use_trader_prefix and not self.trader:
            raise ConfigError("redis: trader is empty; it begins the keys, unless use_trader_prefix is off")
        if self.use_instance_id and not self.instance_id:
            raise ConfigError("redis: use_instance_id needs an instance_id")

    def __repr__(self) -> str:
        """Name the server; `tls` may hold the password of a key."""
        return f"{type(self).__name__}({self.where})"

    @classmethod
    def from_url(cls, url: str, **fields: Any) -> Self:
        """Read a URL (redis, rediss or unix); raises ConfigError that does not quote it, as it may hold a password."""
        try:
            parts: dict[str, Any] = dict(parse_url(url))  # type: ignore[no-untyped-call] # redis-py has no types there
        except ValueError:
            raise ConfigError(
                "the URL of Redis is not one",
                hint="redis://host:6379/0, rediss://host:6379/0 or unix:///path/to/socket",
            ) from None
        has_tls = parts.pop("connection_class", None) is SSLConnection
        if (password := parts.pop("password", None)) is not None:
            parts["password"] = SecretStr(password)
        tls = {name: parts.pop(name) for name in list(parts) if name.startswith("ssl_")}
        if strangers := sorted(set(parts) - {"host", "port", "db", "username", "password", "path"}):
            raise ConfigError(f"the URL of Redis has parameters that are not known: {', '.join(strangers)}")
        config = cls(ssl=has_tls, tls=tls, **parts, **fields)
        try:
            config.make_connection()
        except (RedisError, TypeError, ValueError) as error:  # what redis-py says of `tls`, by names only
            raise ConfigError(f"the URL of Redis has parameters of TLS that can not be: {error}") from None
        return config

    @property
    def where(self) -> str:
        """Name the server for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.path is None else self.path

    @property
    def prefix(self) -> str:
        """Begin every key of ours."""
        trader = self.trader if self.use_trader_prefix else ""
        instance = f"/{self.instance_id}" if self.use_instance_id else ""
        return f"{PROGRAM}:{trader}{instance}:"

    def make_connection(self) -> Any:
        """Make one of redis-py's connections, not connected yet; its methods have no types."""
        kind, options = self._connecting()
        return kind(**options)

    def make_pool(self, retry: Retry) -> ConnectionPool:
        """Make a pool of connections that try so often each."""
        kind, options = self._connecting()
        return ConnectionPool(connection_class=kind, **(options | {"retry": retry}))

    def _connecting(self) -> tuple[Any, dict[str, Any]]:
        options: dict[str, Any] = {
            "db": self.db,
            "username": self.username,
            "password": None if self.password is None else self.password.get_secret_value(),
            "socket_timeout": self.answer_timeout_s,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            "driver_info": None,
        }
        if self.path is not None:
            return UnixDomainSocketConnection, options | {"path": self.path}
        address = {"host": self.host, "port": self.port, "socket_connect_timeout": self.connect_timeout_s}
        address["socket_keepalive"] = True
        return (SSLConnection, options | address | self.tls) if self.ssl else (Connection, options | address)
