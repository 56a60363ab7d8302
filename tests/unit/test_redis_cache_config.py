"""How a cache database is told where its Redis is: what is read, what is refused, and that no password is shown."""

from typing import Any

import pytest
from pydantic import SecretStr
from redis import Connection, SSLConnection, UnixDomainSocketConnection

from naive_daemon.domain.errors import ConfigError
from naive_daemon.storage.redis.config import RedisCacheConfig

URLS = [
    ("redis://redis.local:7000/3", "redis.local:7000", Connection),
    ("redis://redis.local", "redis.local:6379", Connection),
    ("redis://[::1]:7000/0", "[::1]:7000", Connection),
    ("rediss://bob:s%2Fecret@redis.local:7000/0?ssl_ca_certs=/ca.pem", "redis.local:7000", SSLConnection),
    ("unix:///run/redis.sock?db=2", "/run/redis.sock", UnixDomainSocketConnection),
    ("unix://bob:secret@/run/redis.sock", "/run/redis.sock", UnixDomainSocketConnection),
]


@pytest.mark.parametrize(("url", "where", "kind"), URLS)
def test_a_url_says_where_the_server_is(url: str, where: str, kind: type) -> None:
    config = RedisCacheConfig.from_url(url, trader="t")
    assert config.where == where
    assert type(config.make_connection()) is kind


def test_user_name_and_password_are_read_and_the_password_is_never_shown() -> None:
    config = RedisCacheConfig.from_url("rediss://bob:o%2Fpen-sesame@host:1/2?ssl_cert_reqs=none", trader="t")
    assert (config.username, config.db, config.ssl, config.tls) == ("bob", 2, True, {"ssl_cert_reqs": "none"})
    assert config.password is not None
    assert config.password.get_secret_value() == "o/pen-sesame"
    assert "sesame" not in f"{config}{config!r}"
    with_key = RedisCacheConfig.from_url("rediss://host?ssl_password=open-sesame", trader="t")
    assert with_key.tls == {"ssl_password": "open-sesame"}
    assert f"{with_key}{with_key!r}" == 2 * "RedisCacheConfig(host:6379)"


@pytest.mark.parametrize(
    ("user", "username", "password"), [("bob@", "bob", None), (":secret@", None, "secret"), ("", None, None)]
)
def test_a_user_name_without_a_password_and_the_other_way_are_in_order(
    user: str, username: str | None, password: str | None
) -> None:
    config = RedisCacheConfig.from_url(f"redis://{user}host")
    assert config.username == username
    assert (config.password and config.password.get_secret_value()) == password
    connection = config.make_connection()
    assert (connection.username, connection.password) == (username, password)


@pytest.mark.parametrize("url", ["http://bob:secret@host", "secret", "redis://bob:secret@host:port/0"])
def test_what_is_no_url_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        RedisCacheConfig.from_url(url)
    assert "secret" not in str(refused.value)
    assert refused.value.exit_code == 78
    assert refused.value.hint is not None


@pytest.mark.parametrize("parameter", ["ssl_cert_reqs=never", "ssl_colour=blue"])
def test_parameters_of_tls_that_can_not_be_are_refused(parameter: str) -> None:
    with pytest.raises(ConfigError, match="parameters of TLS") as refused:
        RedisCacheConfig.from_url(f"rediss://:secret@host?{parameter}")
    assert "secret" not in str(refused.value)


def test_a_parameter_that_is_not_known_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="parameters that are not known: colour") as refused:
        RedisCacheConfig.from_url("redis://:secret@host?colour=secret")
    assert "secret" not in str(refused.value)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"host": "a" * 64}, "host is no name"),
    ({"host": "a..b"}, "host is no name"),
    ({"port": 0}, "port 0"),
    ({"port": 70_000}, "port 70000"),
    ({"db": -1}, "database -1"),
    ({"connect_timeout_s": 0}, "connect_timeout_s is 0"),
    ({"answer_timeout_s": -1.0}, "answer_timeout_s"),
    ({"wait_s": float("nan")}, "wait_s is nan"),
    ({"encoding": "pickle"}, "encoding is 'pickle': one of msgpack, json"),
    ({"buffer_interval_ms": -1}, "buffer_interval_ms is -1"),
    ({"queue_max": 0}, "queue_max"),
    ({"batch_max": 0}, "batch_max"),
    ({"bulk_read_batch_size": 0}, "bulk_read_batch_size"),
    ({"trader": "a:b"}, "trader has other characters"),
    ({"trader": ""}, "trader is empty"),
    ({"use_instance_id": True}, "use_instance_id needs an instance_id"),
    ({"use_instance_id": True, "instance_id": "a/b"}, "instance_id has other characters"),
]


@pytest.mark.parametrize(("fields", "said"), BAD)
def test_what_can_not_work_is_refused_by_name(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        RedisCacheConfig(password=SecretStr("secret"), **fields)


def test_keys_begin_as_they_are_told_to() -> None:
    assert RedisCacheConfig(trader="t").prefix == "naive:t:"
    assert RedisCacheConfig(trader="t", use_instance_id=True, instance_id="i").prefix == "naive:t/i:"
    assert RedisCacheConfig(use_trader_prefix=False).prefix == "naive::"
