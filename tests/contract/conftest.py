"""Every cache database, in both encodings, each under keys of its own."""

import uuid
from collections.abc import Iterator

import pytest

from naive_daemon.cache.database import CacheDatabase
from naive_daemon.cache.memory import MemoryCacheDatabase
from naive_daemon.storage.redis.cache_database import RedisCacheDatabase
from naive_daemon.storage.redis.config import RedisCacheConfig


@pytest.fixture(params=["memory-msgpack", "memory-json", "redis-msgpack", "redis-json"])
def database(request: pytest.FixtureRequest) -> Iterator[CacheDatabase]:
    kind, _, encoding = request.param.partition("-")
    if kind == "memory":
        made: CacheDatabase = MemoryCacheDatabase(encoding)
    else:
        url = request.getfixturevalue("redis_url")
        config = RedisCacheConfig.from_url(url, trader=uuid.uuid4().hex, encoding=encoding, wait_s=30.0)
        made = RedisCacheDatabase(config)
    yield made
    if kind == "redis":
        made.flush()
    made.close()
