"""The embedded servers of a daemon: what it can not do without, and what it can."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import structlog

from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.config import load_config
from naive_daemon.domain.errors import PermanentError, TransientError
from naive_daemon.servers import REVIVE_PAUSE_S, Servers
from naive_daemon.storage.embedded import redis as redis_module


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def servers(tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Servers]:
    monkeypatch.delenv("NAIVE_REDIS_URL", raising=False)
    monkeypatch.setenv("NAIVE_DATABASE_URL", "postgresql://elsewhere")
    servers = Servers(load_config(None, {"home": tmp_path}), clock)
    yield servers
    servers.stop()


def test_a_redis_that_does_not_start_is_done_without_and_tried_again(
    servers: Servers, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with structlog.testing.capture_logs() as told, monkeypatch.context() as patch:
        patch.setitem(redis_module._SETTINGS, "appendfsync", "whenever")
        servers.start()
    assert [entry["event"] for entry in told] == ["embedded server does not start"]
    clock.advance_to(round(REVIVE_PAUSE_S * NS_PER_S))
    with structlog.testing.capture_logs():
        servers.revive(lambda: False)
    with redis.Redis.from_url(servers.redis_url) as client:
        assert client.ping()


def test_a_redis_that_does_not_start_is_not_done_without_once_the_daemon_shall_end(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(redis_module._SETTINGS, "appendfsync", "whenever")
    # It ends at once, or is not waited for any longer: whichever is seen first.
    with pytest.raises((PermanentError, TransientError), match="Redis"):
        servers.start(lambda: True)
