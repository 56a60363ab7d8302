"""Every cache database, in both encodings, each under keys of its own."""

import uuid
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from naive_daemon.cache.database import CacheDatabase
from naive_daemon.cache.memory import MemoryCacheDatabase, MemoryStore
from naive_daemon.storage.redis.cache_database import RedisCacheDatabase
from naive_daemon.storage.redis.config import RedisCacheConfig
from tests.contract.doubles import simulated_cache

OpenDatabase = Callable[[], CacheDatabase]


@pytest.fixture(params=["memory-msgpack", "memory-json", "redis-msgpack", "redis-json", "simulated-msgpack"])
def open_database(request: pytest.FixtureRequest) -> OpenDatabase:
    """Give what opens a database, and another one where it is: there its own keys, or the same."""
    kind, _, encoding = request.param.partition("-")
    if kind == "memory":
        return partial(MemoryCacheDatabase, encoding)
    if kind == "simulated":
        return partial(simulated_cache, MemoryStore())
    url = request.getfixturevalue("redis_url")
    config = RedisCacheConfig.from_url(url, trader=uuid.uuid4().hex, encoding=encoding, wait_s=30.0)
    return partial(RedisCacheDatabase, config)


@pytest.fixture
def database(open_database: OpenDatabase) -> Iterator[CacheDatabase]:
    made = open_database()
    yield made
    if isinstance(made, RedisCacheDatabase):
        made.flush()
    made.close()
