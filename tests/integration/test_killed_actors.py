"""Actors of a whole daemon that are killed: a kill runs no `on_terminate`, and what they held must not stay behind."""

import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import tenacity

from naive_daemon import names
from naive_daemon.clock import WallClock
from naive_daemon.config import load_config
from naive_daemon.daemon import Daemon
from naive_daemon.otp import KILL, ActorSystem, Ref, send_exit
from naive_daemon.storage.embedded import EmbeddedPostgres
from naive_daemon.world import World

PATIENCE_S = 30.0
KILLS = 3
"""Fewer than the root's five restarts in a minute."""
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'naive-daemon%'"


def until(is_so: Callable[[], bool]) -> None:
    """Look again and again, for as long as anything may take."""
    tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda found: not found),
        stop=tenacity.stop_after_delay(PATIENCE_S),
        wait=tenacity.wait_fixed(0.02),
    )(is_so)


def listeners() -> int:
    return sum(thread.name == "postgres-listener" for thread in threading.enumerate())


class Assassin:
    """Kills an actor again and again, each time that the whole tree stands, and then ends the daemon."""

    def __init__(self, home: Path, name: names.Name) -> None:
        self._home = home
        self._name = name
        self._thread = threading.Thread(target=self._work)
        self._system: ActorSystem
        self.daemon: Daemon
        self.sessions: list[int] = []
        self.listeners: list[int] = []

    def begin(self, system: ActorSystem) -> None:
        self._system = system
        self._thread.start()

    def end(self) -> None:
        self._thread.join()

    def _work(self) -> None:
        try:
            watchman: Ref | None = None
            for _ in range(KILLS):
                watchman = self._await_other(names.WATCHMAN, watchman)
                self._count()
                victim = self._system.whereis(self._name)
                assert victim is not None
                send_exit(victim, KILL)
                self._await_other(self._name, victim)
            self._await_other(names.WATCHMAN, watchman)
            self._count()
        finally:
            self.daemon.stop("the test is over")

    def _await_other(self, name: names.Name, former: Ref | None) -> Ref | None:
        until(lambda: self._system.whereis(name) not in (None, former))
        return self._system.whereis(name)

    def _count(self) -> None:
        url = EmbeddedPostgres.running_url(self._home)
        assert url is not None
        with psycopg.connect(url, application_name="counting") as connection:
            until(lambda: listeners() == 1)
            (found,) = connection.execute(SESSIONS).fetchone() or (0,)
        self.sessions.append(found)
        self.listeners.append(listeners())


@pytest.mark.parametrize("name", [names.JOURNAL, names.CONTROL])
def test_a_killed_actor_that_holds_a_connection_is_replaced(
    name: names.Name, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("NAIVE_DATABASE_URL", "NAIVE_REDIS_URL", "NAIVE_CONFIG"):
        monkeypatch.delenv(key, raising=False)
    world = World(load_config(None, {"home": tmp_path}), WallClock())
    assassin = Assassin(tmp_path, name)
    daemon = assassin.daemon = Daemon(world, on_start=lambda world: world.seed(["BTCUSDT"]), on_system=assassin.begin)
    daemon.run()  # raises when the tree gives up
    assassin.end()
    assert assassin.listeners == [1] * (KILLS + 1)
    assert max(assassin.sessions) <= SESSIONS_MAX
    assert listeners() == 0


SESSIONS_MAX = 5
"""Journal, presence, desired state, listener; one more may just be ending."""
