"""The service manager: systemd's notifications, silent where there is no systemd (sd_notify(3)).

A service manager that is away for a moment, or a stale NOTIFY_SOCKET, costs a word and nothing else: a daemon with
orders open must not end because nobody listens.
"""

import socket
from collections.abc import Callable
from typing import Any

import structlog
from systemd_watchdog.systemd_watchdog import WatchDog


class SystemdNotifier:
    """Implements ServiceNotifier by the socket that systemd names in NOTIFY_SOCKET."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._watchdog = WatchDog(self._socket)
        self._is_heard = True
        self._log: Any = structlog.get_logger("naive_daemon").bind(actor="service")

    def ready(self) -> None:
        """Say that the tree is up."""
        self._say(self._watchdog.ready)

    def alive(self) -> None:
        """Feed the watchdog, at every call: a clock that somebody sets must not decide whether it is due."""
        self._say(self._watchdog.notify)

    def starting(self, text: str, seconds: int) -> None:
        """Say in words why the start takes long, and that it may take so many seconds more (EXTEND_TIMEOUT_USEC)."""
        self._say(lambda: self._watchdog.status(f"{text}\nEXTEND_TIMEOUT_USEC={seconds * 1_000_000}"))

    def status(self, text: str) -> None:
        """Say in words what the daemon does."""
        self._say(lambda: self._watchdog.status(text))

    def close(self) -> None:
        """Give the socket back; may be called twice."""
        self._socket.close()

    def _say(self, say: Callable[[], None]) -> None:
        try:
            say()
        except OSError as error:
            if self._is_heard:
                self._log.warning("the service manager can not be told", reason=error.strerror)
            self._is_heard = False
        else:
            self._is_heard = True
