"""Where the servers are that a trial kills: the daemon's own under its home, or an operator's, known by their URLs."""

import contextlib
import shutil
from pathlib import Path
from typing import Protocol

import psutil

from naive_daemon.storage.embedded import EmbeddedPostgres, EmbeddedRedis
from tests.e2e.place import Place, await_end

POSTGRES = "postgres"
REDIS = "redis-server"
LAYOUTS = ("embedded", "own")


class Layout(Protocol):
    """Servers that can be struck. `is_embedded`: the daemon starts them, and they end with it."""

    is_embedded: bool

    def prepare(self, place: Place) -> None:
        """Start what the daemon does not start, and tell the place of it."""

    def processes(self, server: str) -> list[psutil.Process]:
        """Give a server's processes, its main one first; none while it does not run."""

    def revive(self, server: str) -> None:
        """Start a server again whose start is not the daemon's affair."""

    def empty_redis(self) -> None:
        """Throw away all that Redis has on disk; it must have ended."""

    def redis_url(self) -> str:
        """Give the URL of the Redis that runs now."""

    def stop(self) -> None:
        """End what `prepare` has started."""


class Embedded:
    """The servers of the daemon's home."""

    is_embedded = True

    def __init__(self, home: Path) -> None:
        self._home = home
        self._place = Place(home)

    def prepare(self, place: Place) -> None:
        """Do nothing: the daemon starts them."""

    def processes(self, server: str) -> list[psutil.Process]:
        """Give them by their working directory."""
        return processes_of(self._place, server)

    def revive(self, server: str) -> None:
        """Do nothing: the daemon does, or the next one will."""

    def empty_redis(self) -> None:
        """Remove its data; the next start makes a new directory."""
        shutil.rmtree(self._home / "redis" / "data")

    def redis_url(self) -> str:
        """Give the URL of its socket."""
        url = EmbeddedRedis.running_url(self._home)
        assert url is not None
        return url

    def stop(self) -> None:
        """Do nothing: they end with the daemon."""


class Own:
    """An operator's servers: the trial starts them, on the same data each time; for its main thread."""

    is_embedded = False

    def __init__(self, home: Path) -> None:
        self._home = home
        self._place = Place(self._home)
        self._postgres = EmbeddedPostgres(self._home)
        self._redis = EmbeddedRedis(self._home)

    def prepare(self, place: Place) -> None:
        """Start both, and bring the schema up as an operator does."""
        place.environment |= {"NAIVE_DATABASE_URL": self._postgres.start(), "NAIVE_REDIS_URL": self._redis.start()}
        answer = place("db", "upgrade")
        assert answer.code == 0, answer.err

    def processes(self, server: str) -> list[psutil.Process]:
        """Give them by their working directory."""
        return processes_of(self._place, server)

    def revive(self, server: str) -> None:
        """Start it on its former data, where it was."""
        (self._postgres if server == POSTGRES else self._redis).start()

    def empty_redis(self) -> None:
        """Remove its data; the next start makes a new directory."""
        shutil.rmtree(self._home / "redis" / "data")

    def redis_url(self) -> str:
        """Give the URL of its socket."""
        return self._redis.start()

    def stop(self) -> None:
        """End both, and remove their data."""
        self._redis.stop()
        self._postgres.stop()
        self._place.clear()


def make_layout(name: str, home: Path) -> Layout:
    """Make the one of LAYOUTS that is called so, for the daemon of this home."""
    return Embedded(home) if name == "embedded" else Own(home.with_name("own"))


def processes_of(place: Place, server: str) -> list[psutil.Process]:
    """Give the processes of this name that work in a place: the one that started the others first."""
    parents: dict[psutil.Process, int] = {}
    for process in place.servers():
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name() == server:
                parents[process] = process.ppid()
    pids = {process.pid for process in parents}
    return sorted(parents, key=lambda process: parents[process] in pids)


def await_ends(processes: list[psutil.Process]) -> None:
    """Wait until all have ended."""
    for process in processes:
        try:
            await_end(process.pid)
        except ProcessLookupError:
            continue
