"""A thread that listens to PostgreSQL's notifications for its owner.

Invariant: after each `listening` the owner may read the tables and miss nothing, because every later change is told.
What happened while the connection was away is never told, so the owner reads everything again at each `listening`.
"""

import selectors
import socket
import threading
from collections.abc import Sequence
from contextlib import closing
from typing import Protocol

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus

from naive_daemon.clock import Clock, WallClock
from naive_daemon.domain.errors import TransientError
from naive_daemon.storage.postgres.condition import DatabaseAwayError, is_retryable, one_line
from naive_daemon.storage.postgres.connection import connect, describe

BACKOFF_MIN_S = 0.125
BACKOFF_MAX_S = 5.0
PROBE_INTERVAL_S = 10.0
PROBE_TIMEOUT_S = 5.0


class ListenerOwner(Protocol):
    """Who is told; every method is called by the listener's thread, must be quick and must not raise."""

    def listening(self) -> None:
        """Read everything: a connection listens, for the first time or again."""

    def notified(self, channel: str, payload: str) -> None:
        """Take a notification of `channel`."""

    def connection_lost(self, error: TransientError) -> None:
        """Know that nothing is heard any more; told once, until it listens again."""

    def listener_ended(self) -> None:
        """Know that the thread died of an error, which `threading.excepthook` was given."""


class Listener:
    """Owns one thread and one connection; connects again after 125 ms, doubled up to 5 s.

    The connection is probed when nothing was heard for `probe_interval_s`, and is given up when the answer takes longer
    than `probe_timeout_s`: a frozen server is as bad as a dead one.
    """

    def __init__(
        self,
        url: str,
        channels: Sequence[str],
        owner: ListenerOwner,
        *,
        clock: Clock | None = None,
        probe_interval_s: float = PROBE_INTERVAL_S,
        probe_timeout_s: float = PROBE_TIMEOUT_S,
    ) -> None:
        self._url = url
        self._channels = tuple(channels)
        self._owner = owner
        self._clock = clock or WallClock()
        self._probe_interval_s = probe_interval_s
        self._probe_timeout_s = probe_timeout_s
        self._stopping = threading.Event()
        # Written to by `stop`, so that a wait for notifications ends at once.
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="postgres-listener", daemon=True)
        self._told_lost = False
        self._listening_since_s: float | None = None

    def start(self) -> None:
        """Start the thread; connecting happens there."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it: at once, or up to 5 s for an attempt to connect. May be called twice."""
        self._stopping.set()
        if self._wake_writer.fileno() >= 0:
            self._wake_writer.send(b"\0")
        if self._thread.ident is not None:
            self._thread.join()
        self._wake_writer.close()
        self._wake_reader.close()

    def _run(self) -> None:
        try:
            self._listen_until_stopped()
        finally:
            if not self._stopping.is_set():
                self._owner.listener_ended()

    def _listen_until_stopped(self) -> None:
        backoff_s = BACKOFF_MIN_S
        while not self._stopping.is_set():
            self._listening_since_s = None
            lost = self._listen_once()
            if lost is None:
                return
            if not self._told_lost:
                self._told_lost = True
                self._owner.connection_lost(lost)
            # Only a connection that held for a while starts the back-off anew: one that drops at once must not spin.
            if self._held_s() > BACKOFF_MAX_S:
                backoff_s = BACKOFF_MIN_S
            self._stopping.wait(backoff_s)
            backoff_s = min(backoff_s * 2, BACKOFF_MAX_S)

    def _held_s(self) -> float:
        since_s = self._listening_since_s
        return 0.0 if since_s is None else self._clock.monotonic_s() - since_s

    def _listen_once(self) -> TransientError | None:
        """Listen on one connection to its end; None when stopped, else why it ended."""
        try:
            with closing(connect(self._url)) as connection:
                for channel in self._channels:
                    connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                self._told_lost = False
                self._listening_since_s = self._clock.monotonic_s()
                self._owner.listening()
                _Conversation(connection, self._owner).hold(
                    self._wake_reader, self._stopping, self._probe_interval_s, self._probe_timeout_s
                )
        except DatabaseAwayError as error:
            return error
        except psycopg.Error as error:
            if not is_retryable(error):
                raise
            return TransientError(f"{describe(self._url)}: {one_line(error)}")
        return None


class _Conversation:
    """One connection that listens: notifications, and a probe in quiet times."""

    def __init__(self, connection: psycopg.Connection, owner: ListenerOwner) -> None:
        self._pgconn = connection.pgconn
        self._owner = owner
        self._probing = False

    def hold(
        self, wake: socket.socket, stopping: threading.Event, probe_interval_s: float, probe_timeout_s: float
    ) -> None:
        """Deliver until stopped; raises psycopg.OperationalError when the connection is dead."""
        self._deliver()  # what came with the answers to LISTEN makes no socket readable
        while not stopping.is_set():
            wait_s = probe_timeout_s if self._probing else probe_interval_s
            is_readable = self._wait(wake, wait_s)
            if stopping.is_set():
                return
            if is_readable:
                self._pgconn.consume_input()
                self._deliver()
            elif self._probing:
                raise psycopg.OperationalError(f"no answer to a probe within {probe_timeout_s} s")
            else:
                self._pgconn.send_query(b"SELECT 1")
                self._probing = True

    def _wait(self, wake: socket.socket, wait_s: float) -> bool:
        # Not `select.select`, which refuses a socket of a number that a daemon with many accounts reaches.
        with selectors.PollSelector() as selector:
            selector.register(self._pgconn.socket, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            return bool(selector.select(wait_s))

    def _deliver(self) -> None:
        while (told := self._pgconn.notifies()) is not None:
            self._owner.notified(told.relname.decode(), told.extra.decode())
        while self._probing and not self._pgconn.is_busy():
            result = self._pgconn.get_result()
            if result is None:
                self._probing = False
            elif result.status != ExecStatus.TUPLES_OK:
                raise psycopg.OperationalError(result.error_message.decode("utf-8", "replace"))
