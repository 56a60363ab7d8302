"""The console of a running daemon: answers who may use its home, and ends with the daemon.

Owns one thread that takes connections, and one for each connection, at most eight. Each connection has a deadline for
its request and for taking the answer, so whoever says nothing costs nobody else anything. Invariant: whoever opens the
console holds the home's lock, so a socket that lies there is a dead daemon's.
"""

import os
import selectors
import socket
import stat
import threading
from pathlib import Path
from typing import Any

import structlog

from naive_daemon.console.address import make_socket, socket_address
from naive_daemon.console.answering import Answering
from naive_daemon.console.line_stream import LineStream, PeerError
from naive_daemon.console.protocol import (
    REQUEST_BYTES_MAX,
    SOCKET_NAME,
    BadLineError,
    Refused,
    VersionMismatchError,
    decode_request,
    encode,
)
from naive_daemon.otp import LOOK_TIMEOUT_S, ActorSystem

CONNECTIONS_MAX = 8
REQUEST_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 3.0
LAST_WORDS_S = 1.0
_ACCEPT_PAUSE_S = 0.5


class ConsoleServer:
    """Serves one system from `home`: `start`, and `stop` before the system ends.

    A caller has `request_timeout_s` to say what he wants; a busy actor has `look_timeout_s` to come to rest.
    """

    def __init__(
        self,
        system: ActorSystem,
        home: Path,
        *,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
        look_timeout_s: float = LOOK_TIMEOUT_S,
    ) -> None:
        self._system = system
        self.home = home
        self._path = home / SOCKET_NAME
        self._is_stopping = threading.Event()
        self._answering = Answering(system, self._is_stopping.wait, look_timeout_s)
        self._request_timeout_s = request_timeout_s
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._wake_here, self._wake_there = socket.socketpair()
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._log: Any = structlog.get_logger("naive_daemon").bind(actor="console")

    def start(self) -> None:
        """Listen; where the home allows no socket, say so in the log and do without: trading goes on."""
        try:
            self._listener = self._listen()
        except OSError as error:
            self._log.error("no console", reason=error.strerror or str(error), path=str(self._path))
            return
        self._thread = threading.Thread(target=self._accept_all, args=(self._listener,), name="console", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End every connection and both kinds of thread, and take the socket away; may be called twice."""
        self._is_stopping.set()
        self._wake_there.close()
        if self._thread is not None:
            self._thread.join(STOP_TIMEOUT_S)
            self._thread = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            self._path.unlink(missing_ok=True)
        with self._lock:
            connections = dict(self._connections)
        for connection in connections.values():
            # For reading only: who waits for a request ends, who reads a trace hears of its end.
            _shut(connection, socket.SHUT_RD)
        deadline_s = self._system.clock.monotonic_s() + LAST_WORDS_S
        for thread, connection in connections.items():
            thread.join(max(0, deadline_s - self._system.clock.monotonic_s()))
            if thread.is_alive():
                _shut(connection, socket.SHUT_RDWR)
                thread.join(STOP_TIMEOUT_S)
        self._wake_here.close()

    def _listen(self) -> socket.socket:
        if self._path.is_socket():
            self._path.unlink()
        listener = make_socket()
        try:
            # Before it has a name: so the file is its owner's alone from its first moment.
            os.fchmod(listener.fileno(), stat.S_IRUSR | stat.S_IWUSR)
            with socket_address(self.home) as address:
                listener.bind(address)
            listener.listen(CONNECTIONS_MAX)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
        return listener

    def _accept_all(self, listener: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            selector.register(self._wake_here, selectors.EVENT_READ)
            while not self._is_stopping.is_set():
                selector.select()
                if not self._is_stopping.is_set():
                    self._accept(listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return  # it has left again
        except OSError as error:  # too many files are open; whoever calls waits in the queue meanwhile
            self._log.warning("the console can take no connection", reason=error.strerror)
            self._is_stopping.wait(_ACCEPT_PAUSE_S)
            return
        with self._lock:
            is_full = len(self._connections) >= CONNECTIONS_MAX
            if not is_full:
                thread = threading.Thread(target=self._serve, args=(connection,), name="console caller", daemon=True)
                self._connections[thread] = connection
        if is_full:
            _refuse(connection, Refused("too many", f"{CONNECTIONS_MAX} others look at this daemon at this moment"))
        else:
            self._start(thread, connection)

    def _start(self, thread: threading.Thread, connection: socket.socket) -> None:
        """Serve a caller on a thread of his own; where the machine gives none, he is told, and the next may come."""
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            with self._lock:
                del self._connections[thread]
            self._log.warning("the console can take no connection", reason=str(error))
            _refuse(connection, Refused("too many", "the daemon has no thread for one more at this moment"))

    def _serve(self, connection: socket.socket) -> None:
        try:
            self._answer(LineStream(connection, self._system.clock.monotonic_s))
        except PeerError as error:
            self._log.debug("console caller left", reason=str(error))
        except BaseException as error:  # noqa: BLE001 - a bug in a look costs that look, and is told
            self._log.error("console failed", exc_info=error)
        finally:
            with self._lock:
                del self._connections[threading.current_thread()]
            connection.close()

    def _answer(self, stream: LineStream) -> None:
        try:
            request = decode_request(stream.read(self._request_timeout_s, REQUEST_BYTES_MAX))
        except VersionMismatchError as error:
            stream.write(encode(Refused("version", str(error))), ANSWER_TIMEOUT_S)
            return
        except BadLineError as error:
            stream.write(encode(Refused("bad request", str(error))), ANSWER_TIMEOUT_S)
            return
        answers = self._answering.answers(request)
        try:
            for answer in answers:
                if answer is not None:
                    stream.write(encode(answer), ANSWER_TIMEOUT_S)
                elif not self._is_stopping.is_set() and stream.has_left():
                    return
        finally:
            answers.close()  # a trace ends with whoever reads it


def _refuse(connection: socket.socket, refused: Refused) -> None:
    """Answer without waiting for anything: a fresh connection has room for a line."""
    connection.setblocking(False)
    try:
        connection.send(encode(refused))
    except OSError:
        return  # it has left; there is nobody to tell
    finally:
        connection.close()


def _shut(connection: socket.socket, how: int) -> None:
    try:
        connection.shutdown(how)
    except OSError:
        return  # it has ended by itself
