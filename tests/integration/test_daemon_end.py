"""A daemon that is asked to end before it trades."""

from pathlib import Path

import pytest

from naive_daemon.clock import WallClock
from naive_daemon.config import load_config
from naive_daemon.daemon import Daemon
from naive_daemon.storage.embedded import EmbeddedPostgres
from naive_daemon.world import World


def test_it_waits_for_no_server_that_is_slow_to_come_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("NAIVE_DATABASE_URL", "NAIVE_REDIS_URL", "NAIVE_CONFIG"):
        monkeypatch.delenv(key, raising=False)
    opened: list[World] = []
    daemon = Daemon(World(load_config(None, {"home": tmp_path}), WallClock()), on_start=opened.append)
    daemon.stop("the operator changed his mind")
    daemon.run()
    assert opened == []
    assert EmbeddedPostgres.running_url(tmp_path) is None
