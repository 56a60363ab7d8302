"""Metrics by HTTP, on one thread of their own: one reader at a time, each with a deadline for what it says.

Owned by the daemon: it takes the address before anything is opened, so that one which is not to be had is told in one
line, and listens from the moment that there is a system to see.
"""

import errno
import selectors
import socket
import sys
import threading
from http.server import HTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import urlsplit

import structlog
from prometheus_client import CollectorRegistry, GCCollector, MetricsHandler, ProcessCollector

from naive_daemon.config import Endpoint
from naive_daemon.domain.errors import ConfigError, TransientError
from naive_daemon.metrics.collector import DaemonCollector
from naive_daemon.otp import ActorSystem

READER_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 3.0
_ACCEPT_PAUSE_S = 0.5
_PASSING = (errno.EADDRINUSE, errno.ENOBUFS, errno.ENOMEM, socket.EAI_AGAIN)
_PATHS = ("/", "/metrics")


class MetricsServer:
    """Serves the metrics of one system; made, started and closed by the same thread.

    Raises ConfigError when the address can not be had, TransientError when it may be had later: another has it now.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._log: Any = structlog.get_logger("naive_daemon").bind(actor="metrics")
        self._server = _HttpServer(endpoint, self._log)
        self._wake_here, self._wake_there = socket.socketpair()
        self._thread: threading.Thread | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens, with the port that it got."""
        return self._server.endpoint

    def start(self, system: ActorSystem) -> None:
        """Listen, and answer from now on."""
        registry = CollectorRegistry()
        registry.register(DaemonCollector(system))
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self._server.RequestHandlerClass = _Handler.factory(registry)
        self._server.server_activate()
        self._thread = threading.Thread(target=self._serve, name="metrics", daemon=True)
        self._thread.start()
        self._log.info("metrics served", url=f"http://{self.endpoint}/metrics")

    def close(self) -> None:
        """End the thread and give the address back; may be called twice. A reader at hand is waited for, not long."""
        self._server.is_closing.set()
        self._wake_there.close()
        if self._thread is not None:
            self._thread.join(STOP_TIMEOUT_S)
            self._thread = None
        self._server.server_close()
        self._wake_here.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._server, selectors.EVENT_READ)
            selector.register(self._wake_here, selectors.EVENT_READ)
            while all(key.fileobj is not self._wake_here for key, _ in selector.select()):
                self._server.handle_request()


class _HttpServer(HTTPServer):
    """Has its address, but does not listen before `server_activate`."""

    timeout = 0.0  # `handle_request` is called when somebody is there; who has left meanwhile is not waited for
    allow_reuse_port = False  # two daemons must not share one address, each answering half of the time

    def __init__(self, endpoint: Endpoint, log: Any) -> None:
        self._log = log
        self.is_closing = threading.Event()
        self.address_family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
        super().__init__((endpoint.host, endpoint.port), MetricsHandler, bind_and_activate=False)
        try:
            self.server_bind()
        except OSError as error:
            self.server_close()
            refusal = TransientError if error.errno in _PASSING else ConfigError
            raise refusal(
                f"metrics can not be served at {endpoint}: {error.strerror or error}",
                hint="set metrics.listen to an address of this machine and a free port, or leave it out",
            ) from None

    @property
    def endpoint(self) -> Endpoint:
        """Where it is bound."""
        return Endpoint(*self.socket.getsockname()[:2])

    def server_bind(self) -> None:
        """Bind; HTTPServer would look up the host's name, which may take as long as a name server likes."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.endpoint

    def get_request(self) -> tuple[socket.socket, Any]:
        """Take the next reader. One for whom no file can be opened waits in the queue, and the thread rests a while."""
        try:
            return super().get_request()
        except BlockingIOError:
            raise  # it has left again
        except OSError as error:
            self._log.warning("metrics can take no connection", reason=error.strerror)
            self.is_closing.wait(_ACCEPT_PAUSE_S)
            raise

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what went wrong with a reader: one that left is nothing, anything else is a bug, and costs one answer."""
        error = sys.exception()
        if isinstance(error, OSError):
            self._log.debug("metrics reader left", reason=str(error))
        else:
            self._log.error("metrics failed", exc_info=error)


class _Handler(MetricsHandler):
    timeout = READER_TIMEOUT_S

    def do_GET(self) -> None:  # noqa: N802 - the name by which http.server finds it
        """Answer for the two paths that are known."""
        if urlsplit(self.path).path in _PATHS:
            super().do_GET()
        else:
            self.send_error(404)
