"""A Redis of one test, on a TCP port of its own, that can be killed, and a line to it that loses answers."""

import contextlib
import os
import queue
import signal
import socket
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis
import tenacity

from naive_daemon.storage.embedded import redis as embedded
from naive_daemon.storage.redis.cache_database import RedisCacheDatabase
from naive_daemon.storage.redis.config import RedisCacheConfig

PATIENCE_S = 30.0
PORT_MAX = 55_000


def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda found: not found),
        wait=tenacity.wait_fixed(0.01),
        stop=tenacity.stop_after_delay(PATIENCE_S),
    )(condition)


def free_port() -> int:
    """Find a port whose fellow 10,000 above, the bus of a cluster, is a port, too."""
    while True:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port: int = taken.getsockname()[1]
        if port < PORT_MAX:
            return port


class RedisServer:
    """Keeps its data over a kill, as its append-only file does."""

    def __init__(self, home: Path, *options: str) -> None:
        self._home = home
        self._options = options
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> "RedisServer":
        self._home.mkdir(exist_ok=True)
        fixed = {"port": str(self.port), "dir": str(self._home), "appendonly": "yes", "save": "", "bind": "127.0.0.1"}
        options = [part for name, value in fixed.items() for part in (f"--{name}", value)]
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [embedded._redis_server(), *options, *self._options], stdout=log, stderr=log
            )
        until(self._answers)
        return self

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def freeze(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def do(self, *command: str | bytes | int) -> Any:
        with redis.Redis(port=self.port, protocol=2) as client:
            return client.execute_command(*command)

    def _answers(self) -> bool:
        try:
            self.do("PING")
        except (redis.BusyLoadingError, redis.ConnectionError) as error:
            return isinstance(error, redis.AuthenticationError)
        return True

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(how)
            process.wait(PATIENCE_S)


@contextlib.contextmanager
def running(home: Path, *options: str) -> Iterator[RedisServer]:
    server = RedisServer(home, *options).start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def opened(url: str, **fields: Any) -> Iterator[RedisCacheDatabase]:
    """Open a cache database with a name of its own, unless one is given; close it afterwards."""
    settings: dict[str, Any] = {"trader": uuid.uuid4().hex, "wait_s": PATIENCE_S} | fields
    database = RedisCacheDatabase(RedisCacheConfig.from_url(url, **settings))
    try:
        yield database
    finally:
        database.close()


class Line:
    """A line to a port: hands bytes on, both ways.

    Told to, it loses the answer to the next EXEC and ends; or it holds that EXEC back, whoever has given up meanwhile.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.lost = 0
        self.shall_lose = False
        self.shall_hold = False
        self._holds: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._released = threading.Event()
        self._ends: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._run(self._accept)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def release(self) -> None:
        """Hand on what is held back; returns once that is done."""
        self._holds.put(None)
        assert self._released.wait(PATIENCE_S)

    def close(self) -> None:
        self._holds.put(None)
        for end in (self._listener, *self._ends):
            _shut(end)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        for end in (self._listener, *self._ends):
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                self._ends += [near, far]
                loses = threading.Event()
                self._run(lambda near=near, far=far, loses=loses: self._ask(near, far, loses))
                self._run(lambda near=near, far=far, loses=loses: self._answer(near, far, loses))

    def _ask(self, near: socket.socket, far: socket.socket, loses: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while content := near.recv(65_536):
                if self.shall_lose and b"EXEC\r\n" in content:
                    self.shall_lose = False
                    loses.set()
                if self.shall_hold and b"EXEC\r\n" in content:
                    self._hold()
                    _hand_on(far, content)
                    self._released.set()
                else:
                    far.sendall(content)
        _shut(far)

    def _hold(self) -> None:
        self.shall_hold = False
        self._holds.get()

    def _answer(self, near: socket.socket, far: socket.socket, loses: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while content := far.recv(65_536):
                if loses.is_set():
                    self.lost += 1
                    break
                near.sendall(content)
        _shut(near)
        _shut(far)

    def _run(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work)
        self._threads.append(thread)
        thread.start()


def _hand_on(far: socket.socket, content: bytes) -> None:
    """Send, and wait until the server has read it, or has ended the connection."""
    with contextlib.suppress(OSError):
        far.sendall(content)
        far.shutdown(socket.SHUT_WR)
        far.settimeout(PATIENCE_S)
        while far.recv(65_536):
            pass


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
