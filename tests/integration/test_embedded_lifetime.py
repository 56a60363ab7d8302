"""The embedded servers live as long as their daemon: as this user, and, where root tests, as an ordinary one."""

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
import redis

DAEMON = Path(__file__).with_name("embedded_daemon.py")
PROGRAMS_OUT_OF_REACH = 77
ORDINARY_UID = 65534
ORDINARY = ["setpriv", "--reuid", str(ORDINARY_UID), "--regid", str(ORDINARY_UID), "--clear-groups"]
ORDINARY += ["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search"]  # for the interpreter alone
NO_SUCH_RIGHT = ["setpriv", "--bounding-set", "-setuid", "--inh-caps", "-setuid"]

Daemon = Callable[..., tuple["subprocess.Popen[str]", dict[str, Any]]]


@pytest.fixture(params=["this user", "ordinary user"])
def identity(request: pytest.FixtureRequest) -> list[str]:
    if request.param == "this user":
        return []
    if os.geteuid() != 0:
        pytest.skip("this user is an ordinary one")
    return ORDINARY


@pytest.fixture
def home(identity: list[str]) -> Iterator[Path]:
    """Give a home that its user may write: pytest's own directories let nobody else pass."""
    place = Path(tempfile.mkdtemp(prefix="naive-home-"))
    if identity:
        os.chown(place, ORDINARY_UID, ORDINARY_UID)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def start(identity: list[str], home: Path) -> Iterator[Daemon]:
    """Give what starts a daemon, by default in `home`; all end before their home goes."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str, place: Path = home, prefix: Sequence[str] = ()) -> Any:
        told = ["--ordinary"] if identity else []
        command = [*prefix, *identity, sys.executable, str(DAEMON), str(place), *told, *options]
        daemon = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(daemon)
        assert daemon.stdout is not None
        line = daemon.stdout.readline()
        if not line and daemon.wait(30) == PROGRAMS_OUT_OF_REACH:
            pytest.skip("the servers' programs lie where an ordinary user can not go")
        return daemon, json.loads(line)

    yield start
    for daemon in started:
        daemon.communicate(timeout=60)


def servers_of(told: dict[str, Any]) -> list[psutil.Process]:
    return [psutil.Process(told[name]["pid"]) for name in ("postgres", "redis")]


@contextlib.contextmanager
def watching(processes: list[psutil.Process], *, children: bool = False) -> Iterator[list[int]]:
    """Give a descriptor for each process, readable once it has ended, even where init is slow to take note of it."""
    if children:
        processes = [process for parent in processes for process in (parent, *parent.children(recursive=True))]
    watches = []
    for process in processes:
        with contextlib.suppress(ProcessLookupError):  # a short-lived child may have gone already
            watches.append(os.pidfd_open(process.pid))
    yield watches
    for watch in watches:
        os.close(watch)


def has_ended(watch: int, within_s: int = 0) -> bool:
    return bool(select.select([watch], [], [], within_s)[0])


def write(told: dict[str, Any]) -> None:
    """Leave a figure in both; an ordinary user's sockets are open to root, too."""
    with psycopg.connect(told["postgres"]["url"]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS figure")
    with redis.Redis.from_url(told["redis"]["url"]) as client:
        client.set("kept", "7")


def assert_kept(told: dict[str, Any]) -> None:
    with psycopg.connect(told["postgres"]["url"]) as connection:
        assert connection.execute("SELECT figure FROM kept").fetchone() == (7,)
    with redis.Redis.from_url(told["redis"]["url"]) as client:
        assert client.get("kept") == b"7"


def test_both_stop_with_the_daemon(start: Daemon) -> None:
    daemon, told = start()
    with watching(servers_of(told), children=True) as watches:
        daemon.communicate(timeout=60)
        assert daemon.returncode == 0
        assert all(has_ended(watch) for watch in watches)


def test_both_end_when_the_daemon_is_killed(start: Daemon, home: Path) -> None:
    daemon, told = start()
    write(told)
    with watching(servers_of(told), children=True) as watches:
        daemon.kill()
        assert all(has_ended(watch, within_s=60) for watch in watches)
    assert not (home / "postgres" / "data" / "postmaster.pid").exists(), "it was shut down, not killed"
    assert_kept(start()[1])


def test_left_over_servers_are_taken_over(start: Daemon) -> None:
    daemon, told = start("--no-death-signal")
    write(told)
    with watching(servers_of(told)) as watches:
        daemon.kill()
        daemon.wait(30)
        assert not any(has_ended(watch) for watch in watches)
        _, told = start()
        assert all(has_ended(watch) for watch in watches)
    assert_kept(told)


def test_servers_of_the_ordinary_user_have_no_rights(start: Daemon, identity: list[str]) -> None:
    _, told = start()
    for server in servers_of(told):
        status = Path(f"/proc/{server.pid}/status").read_text()
        rights = {line.split()[0]: int(line.split()[1], 16) for line in status.splitlines() if line.startswith("Cap")}
        if identity:
            assert server.uids().real == ORDINARY_UID
            assert rights["CapPrm:"] == 0
        elif "postgres" in server.name() and os.geteuid() == 0:
            assert server.uids().real != 0
            assert rights["CapPrm:"].bit_count() == 1


@pytest.mark.parametrize("identity", ["ordinary user"], indirect=True)
def test_a_home_that_the_user_may_not_write_is_named(start: Daemon, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    daemon, told = start(place=tmp_path / "home")
    assert daemon.wait(30) == 1
    assert told["type"] == "PermanentError"
    assert told["error"].startswith(f"can not write {tmp_path}")
    assert told["error"].endswith("Permission denied")
    assert "NAIVE_HOME" in told["hint"]


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user has no rights to lose")
@pytest.mark.parametrize("identity", ["this user"], indirect=True)
def test_root_without_the_right_to_be_another_is_told(start: Daemon) -> None:
    daemon, told = start(prefix=NO_SUCH_RIGHT)
    assert daemon.wait(30) == 78
    assert told["type"] == "ConfigError"
    assert "lacks setuid" in told["error"]
    assert "ordinary user" in told["hint"]
