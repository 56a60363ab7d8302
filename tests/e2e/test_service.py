"""Under systemd: readiness when the tree is up, the watchdog while it answers, and an end that asks for a restart."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.books import write
from tests.e2e.daemon import PATIENCE_S
from tests.e2e.place import Place

WATCHDOG_PERIODS = 2


class ServiceManager:
    """Stands for systemd: hears what is sent to NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(PATIENCE_S)

    def hear(self) -> str:
        """Wait for the next word."""
        return self._socket.recv(4096).decode().strip()

    def await_word(self, word: str) -> None:
        """Wait for this word, whatever comes before it."""
        while self.hear() != word:
            pass

    def hears_nothing(self) -> bool:
        """Say whether nothing was sent that was not heard yet."""
        self._socket.setblocking(False)
        try:
            self._socket.recv(4096)
        except BlockingIOError:
            return True
        return False

    def vanish(self) -> None:
        """Be gone, as systemd is in the moment of its own restart."""
        self._socket.close()
        self.path.unlink(missing_ok=True)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    made = ServiceManager(tmp_path / "notify")
    yield made
    made.vanish()


def test_readiness_and_watchdog(place: Place, manager: ServiceManager) -> None:
    place.environment |= {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "4000000"}
    daemon = place.run("--start", "BTCUSDT")
    assert manager.hear() == "READY=1"
    daemon.log.await_event("ready")
    events = [line["event"] for line in daemon.log.lines()]
    assert events.index("orders reconciled") < events.index("ready")
    assert manager.hear() == "STATUS=trading"
    for _ in range(WATCHDOG_PERIODS):
        manager.await_word("WATCHDOG=1")
    daemon.stop()
    manager.await_word("STATUS=stopping")


def test_a_daemon_that_does_not_start_is_not_ready(place: Place, manager: ServiceManager) -> None:
    place.environment |= {"NOTIFY_SOCKET": str(manager.path)}
    assert place("run", NAIVE_DATABASE_URL="postgresql://nobody@127.0.0.1:1/books").code == 69
    assert manager.hears_nothing()


def test_a_service_manager_that_vanishes_costs_nothing(place: Place, manager: ServiceManager) -> None:
    place.environment |= {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "2000000"}
    daemon = place.trade("--start", "BTCUSDT")
    manager.vanish()
    daemon.log.await_event("the service manager can not be told")
    daemon.log.await_event("buy placed")
    daemon.stop()
    assert not daemon.log.events("child terminated")


def test_rule_87_a_tree_that_gives_up_ends_the_process(place: Place) -> None:
    daemon = place.trade("--start", "BTCUSDT", "--speed", "20")
    daemon.log.await_event("buy placed")
    write(place.url, "DROP TABLE fills")
    assert daemon.await_end() == 1
    error = next(line for line in daemon.log.plain_lines() if line.startswith("error: "))
    assert error.startswith("error: the supervision tree has given up: ")
    assert place.servers() == []
