"""One connection that is made when it is needed, thrown away when it is lost, and made again at the next use."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from naive_daemon.domain.errors import TransientError
from naive_daemon.storage.postgres.condition import is_retryable, needs_new_connection, one_line
from naive_daemon.storage.postgres.connection import APPLICATION_NAME, connect, describe


class Session:
    """Holds a connection in autocommit: each statement is a transaction, unless the caller opens one.

    `on_connect` runs on every new connection before its first use (a lock that must not be without its connection);
    when it raises, the connection is closed. Two threads that use it take turns.
    """

    def __init__(
        self,
        url: str,
        *,
        application_name: str = APPLICATION_NAME,
        on_connect: Callable[[psycopg.Connection], None] | None = None,
    ) -> None:
        self._url = url
        self._application_name = application_name
        self._on_connect = on_connect
        self._connection: psycopg.Connection | None = None
        self._use = threading.Lock()
        self._has_ended = False

    def open(self) -> None:
        """Connect now rather than at the first use; raises DatabaseAwayError."""
        with self.connection():
            pass

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """Lend the connection; raises TransientError for what `condition` lists, anything else as it is.

        After a lost connection the next use makes a new one. Nobody knows whether a statement whose answer was lost
        took effect, so only idempotent ones belong here.
        """
        try:
            with self._use, self._lent() as connection:
                yield connection
        finally:
            if self._has_ended:
                self.end()

    def close(self) -> None:
        """Give up the connection; may be called twice, and a later use connects again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def end(self) -> None:
        """Give up the connection for good, from any thread; a later use raises TransientError. May be called twice.

        A connection that is in use just now is closed by its user: to pull it away from under a thread is not safe.
        """
        self._has_ended = True
        if self._use.acquire(blocking=False):
            try:
                self.close()
            finally:
                self._use.release()

    @contextmanager
    def _lent(self) -> Iterator[psycopg.Connection]:
        if self._has_ended:
            raise TransientError(f"{describe(self._url)}: this connection was given up for a new one")
        connection = self._connected()
        try:
            yield connection
        except psycopg.Error as error:
            if connection.closed or needs_new_connection(error):
                self.close()
            if is_retryable(error):
                raise TransientError(f"{describe(self._url)}: {one_line(error)}") from error
            raise

    def _connected(self) -> psycopg.Connection:
        if self._connection is None:
            connection = connect(self._url, application_name=self._application_name)
            try:
                if self._on_connect is not None:
                    self._on_connect(connection)
            except psycopg.Error as error:
                connection.close()
                if is_retryable(error):
                    raise TransientError(f"{describe(self._url)}: {one_line(error)}") from error
                raise
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection
