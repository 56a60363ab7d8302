"""A way to PostgreSQL that loses answers: what was asked has happened there, and whoever asked is never told.

`with PostgresProxy(url) as proxy:` and connect to `proxy.url`; each connection has two threads, ended with the proxy.
"""

import contextlib
import random
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from psycopg.conninfo import conninfo_to_dict

_CHUNK = 65_536
_END_TIMEOUT_S = 10.0


class PostgresProxy:
    """Passes on what is said between clients and the server that `url` names by its socket.

    `lose_next` loses the next answer; `likelihood` of losing any, drawn from `seed`. A client that has lost an answer
    has lost its connection, and the server its client.
    """

    def __init__(self, url: str, seed: int = 0) -> None:
        server = conninfo_to_dict(url)
        self._server = f"{server['host']}/.s.PGSQL.{server.get('port', 5432)}"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"postgresql://{server['user']}@127.0.0.1:{self._listener.getsockname()[1]}/{server['dbname']}"
        self._draw = random.Random(seed)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._sockets: set[socket.socket] = set()
        self._has_ended = False
        self._shall_lose_next = False
        self.likelihood = 0.0
        self.lost = 0

    def __enter__(self) -> Self:
        self._start(self._take_all)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._has_ended = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            open_sockets = list(self._sockets)
        for one in open_sockets:
            _cut(one)
        for thread in self._threads:
            thread.join(_END_TIMEOUT_S)
            assert not thread.is_alive(), "a thread of the proxy does not end"

    def lose_next(self) -> None:
        """Lose the next answer to anybody."""
        self._shall_lose_next = True

    def heal(self) -> None:
        """Lose nothing from now on."""
        self._shall_lose_next, self.likelihood = False, 0.0

    def _take_all(self) -> None:
        while not self._has_ended:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                server.connect(self._server)
            except OSError:  # it is away, and so it is for who came
                self._end(client, server)
                continue
            with self._lock:
                self._sockets |= {client, server}
            self._start(self._carry_requests, client, server)
            self._start(self._carry_answers, client, server)

    def _carry_requests(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := client.recv(_CHUNK):
                server.sendall(data)
        except OSError:
            pass
        self._end(client, server)

    def _carry_answers(self, client: socket.socket, server: socket.socket) -> None:
        try:
            while data := server.recv(_CHUNK):
                if self._loses():
                    break
                client.sendall(data)
        except OSError:
            pass
        self._end(client, server)

    def _loses(self) -> bool:
        with self._lock:
            loses = self._shall_lose_next or self._draw.random() < self.likelihood
            self._shall_lose_next = False
            self.lost += loses
        return loses

    def _end(self, *sockets: socket.socket) -> None:
        for one in sockets:
            _cut(one)
        with self._lock:
            self._sockets -= set(sockets)

    def _start(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        with self._lock:
            self._threads.append(thread)
        thread.start()


def _cut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
