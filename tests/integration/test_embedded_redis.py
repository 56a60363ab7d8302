"""The embedded Redis as this user: what it keeps, where it listens, what it says when it can not start."""

import os
import shutil
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from naive_daemon.domain.errors import PermanentError
from naive_daemon.storage.embedded import EmbeddedRedis, directory
from naive_daemon.storage.embedded import redis as redis_module


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    server = EmbeddedRedis(tmp_path)
    yield server
    server.stop()


def get(url: str, key: str) -> object:
    with redis.Redis.from_url(url) as client:
        return client.get(key)


def put(url: str, key: str, value: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.set(key, value)


def remove_stand_in(home: Path) -> None:
    """Remove the short directory that holds the socket of a home with a long name."""
    short = directory.socket_directory(home / "redis", "redis.sock").parent
    if not short.is_relative_to(home):
        shutil.rmtree(short)


def test_data_is_kept_over_a_stop(server: EmbeddedRedis) -> None:
    put(server.start(), "kept", "7")
    server.stop()
    assert server.pid is None
    assert get(server.start(), "kept") == b"7"


def test_data_is_kept_when_the_server_is_killed(server: EmbeddedRedis) -> None:
    put(server.start(), "kept", "7")
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert server.pid is None
    assert get(server.start(), "kept") == b"7"


def test_a_second_start_is_the_same_server(server: EmbeddedRedis) -> None:
    url = server.start()
    pid = server.pid
    assert server.start() == url
    assert server.pid == pid


def test_stop_needs_no_start_and_may_be_called_twice(server: EmbeddedRedis) -> None:
    server.stop()
    server.start()
    server.stop()
    server.stop()


def test_the_running_url_is_known_while_it_runs(server: EmbeddedRedis, tmp_path: Path) -> None:
    assert EmbeddedRedis.running_url(tmp_path) is None
    url = server.start()
    assert EmbeddedRedis.running_url(tmp_path) == url
    assert EmbeddedRedis.running_url(tmp_path / "another") is None
    server.stop()
    assert EmbeddedRedis.running_url(tmp_path) is None


def test_a_home_that_ends_like_another_is_another(tmp_path: Path) -> None:
    inner, outer = EmbeddedRedis(tmp_path / "h"), EmbeddedRedis(tmp_path / tmp_path.relative_to("/") / "h")
    try:
        outer.start()
        assert EmbeddedRedis.running_url(tmp_path / "h") is None
        inner.start()
        assert outer.pid is not None
    finally:
        inner.stop()
        outer.stop()
        remove_stand_in(tmp_path / tmp_path.relative_to("/") / "h")


def test_no_tcp_and_a_private_socket(server: EmbeddedRedis, tmp_path: Path) -> None:
    server.start()
    assert psutil.Process(server.pid).net_connections(kind="inet") == []
    for place in (tmp_path / "redis", tmp_path / "redis" / "run", tmp_path / "redis" / "data"):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_settings(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        told = {name: client.config_get(name)[name] for name in ("appendonly", "appendfsync", "save")}
    assert told == {"appendonly": "yes", "appendfsync": "everysec", "save": ""}


@pytest.mark.parametrize("name", ["späte Ernte %20 ?&#+=@", "a,b:c'd\"e;f", "x" * 120, "y" * 120 + "/" + "é" * 100])
def test_any_name_of_a_home(tmp_path: Path, name: str) -> None:
    home = tmp_path / name
    server = EmbeddedRedis(home)
    try:
        url = server.start()
        assert EmbeddedRedis.running_url(home) == url
        put(url, "here", name)
        assert name.encode() in (home / "redis" / "data" / "appendonly.aof").read_bytes()
    finally:
        server.stop()
        remove_stand_in(home)


def spoil(home: Path) -> Path:
    """Leave an append-only file that is not one, and give the directory that holds it."""
    data = home / "redis" / "data"
    data.mkdir(parents=True, exist_ok=True)
    (data / "appendonly.aof").write_text("nothing of the kind\n" * 10)
    return data


def refuse_every_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(redis_module._SETTINGS, "appendfsync", "whenever")


def test_a_server_that_ends_at_once_says_why(server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_every_start(monkeypatch)
    with pytest.raises(PermanentError, match="argument must be one of") as refusal:
        server.start()
    assert "\n" not in refusal.value.message
    assert "redis.log" in (refusal.value.hint or "")
    assert server.pid is None


@pytest.mark.usefixtures("quiet")
def test_data_that_can_not_be_read_is_kept_aside(server: EmbeddedRedis, tmp_path: Path) -> None:
    for name in ("unreadable-1", "unreadable-2"):
        data = spoil(tmp_path)
        put(server.start(), "fresh", name)
        assert (data.with_name(name) / "appendonly.aof").read_text().startswith("nothing of the kind")
        server.stop()
    assert get(server.start(), "fresh") == b"unreadable-2"


def test_data_that_is_not_what_keeps_it_from_starting_stays(
    server: EmbeddedRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(server.start(), "kept", "7")
    server.stop()
    with monkeypatch.context() as patch:
        refuse_every_start(patch)
        with pytest.raises(PermanentError):
            server.start()
    assert get(server.start(), "kept") == b"7"
    assert list(tmp_path.glob("redis/unreadable-*")) == []


def test_a_home_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PermanentError, match=r"can not write .*/file/home.*: Not a directory"):
        EmbeddedRedis(tmp_path / "file" / "home").start()
