"""Commands on a machine without a server: they bring their own for a moment, or use the running daemon's."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from naive_daemon.home import HomeLock
from naive_daemon.storage.embedded import EmbeddedPostgres
from naive_daemon.storage.postgres import migrate

PROGRAM = Path(sys.executable).with_name("naive-daemon")


def test_a_command_starts_the_servers_and_stops_them(console: Any, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert console("start", "BTCUSDT", "--home", str(home)).code == 0
    assert EmbeddedPostgres.running_url(home) is None
    rows = console("--home", str(home), "status", "--json").data["symbols"]
    assert [(row["symbol"], row["desired"]) for row in rows] == [("BTCUSDT", "on")]
    with HomeLock(home):
        pass


def test_nobody_watches_a_home_with_a_server_of_his_own(console: Any, tmp_path: Path) -> None:
    """It would hold the home for as long as he watches, and no daemon could start."""
    assert console("start", "BTCUSDT", "--home", str(tmp_path)).code == 0
    answer = console("status", "--watch", "--home", str(tmp_path))
    assert answer.code == 69
    assert answer.err.startswith(f"error: no daemon runs in {tmp_path}\nhint: start one there")
    with HomeLock(tmp_path):
        pass


@pytest.mark.parametrize("words", [("status",), ("orders",), ("settings", "list"), ("db", "current")])
def test_a_command_that_only_reads_makes_no_home(console: Any, tmp_path: Path, words: tuple[str, ...]) -> None:
    home = tmp_path / "mistyped"
    answer = console(*words, "--home", str(home))
    assert answer.code == 1
    assert answer.err.startswith(f"error: no daemon has ever used {home}\nhint: name the daemon's home")
    assert not home.exists()


def test_beside_a_daemon_its_servers_are_used(console: Any, tmp_path: Path) -> None:
    with HomeLock(tmp_path):
        server = EmbeddedPostgres(tmp_path)
        try:
            url = server.start()
            migrating = threading.Thread(target=migrate.upgrade, args=(url,))
            migrating.start()  # as a daemon does that has just begun; the command waits for it
            answer = console("start", "BTCUSDT", "--home", str(tmp_path))
            migrating.join()
            assert (answer.code, answer.err) == (0, "")
            assert EmbeddedPostgres.running_url(tmp_path) == url
        finally:
            server.stop()


def test_commands_at_the_same_time_take_turns(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("NAIVE_")}
    environment["NAIVE_HOME"] = str(tmp_path)
    commands = [
        subprocess.Popen([PROGRAM, "start", name, "--json"], env=environment, stdout=subprocess.DEVNULL)
        for name in ("BTCUSDT", "ETHUSDT")
    ]
    assert [command.wait(timeout=100) for command in commands] == [0, 0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root could spoil another account's home")
def test_root_does_not_trade_from_another_accounts_home(console: Any, tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, -1)
    answer = console("start", "BTCUSDT", "--home", str(tmp_path))
    assert answer.code == 78
    assert "hint: run this as that account: sudo -u '#12345' naive-daemon" in answer.err
    assert list(tmp_path.iterdir()) == []
