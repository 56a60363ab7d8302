"""The cache actor on a real Redis: what the store refuses costs nobody the cache."""

import uuid

from naive_daemon import names
from naive_daemon.cache.cache import HEARTBEAT_S, Cache
from naive_daemon.cache.messages import KeepState
from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.otp import ActorSystem
from naive_daemon.storage.redis.cache_database import VALUE_BYTES_MAX, RedisCacheDatabase
from naive_daemon.storage.redis.config import RedisCacheConfig
from tests.integration.redis_server import opened, until


def test_a_state_that_no_redis_takes_is_left_out_and_the_cache_goes_on(redis_url: str) -> None:
    clock = VirtualClock(1_700_000_000 * NS_PER_S)
    system = ActorSystem.simulated(clock)
    trader = f"test-{uuid.uuid4().hex}"
    cache = system.start(Cache(RedisCacheDatabase(RedisCacheConfig.from_url(redis_url, trader=trader))), names.CACHE)
    system.run_until_idle()
    for value in (b"huge", bytes(VALUE_BYTES_MAX)):
        cache.tell(KeepState("huge", value))
        cache.tell(KeepState("other", value[:4]))
        system.advance_to(clock.now_ns() + round(HEARTBEAT_S * NS_PER_S))
        system.run_until_idle()
    assert cache.is_alive()
    with opened(redis_url, trader=trader) as database:
        until(lambda: database.load_heartbeat() == clock.now_ns())
        assert set(database.load_strategies()) == {"other"}
    system.terminate(cache, 5)
