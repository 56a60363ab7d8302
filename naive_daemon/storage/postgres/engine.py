"""The SQLAlchemy engine of commands and migrations, on connections from `connection`."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError

from naive_daemon.domain.errors import UnreachableError
from naive_daemon.storage.postgres.condition import DatabaseAwayError, is_retryable, needs_new_connection, one_line
from naive_daemon.storage.postgres.connection import STATEMENT_TIMEOUT_MS, connect, read_url

__all__ = ["DatabaseAwayError", "UnreachableError", "begin", "make_engine"]


def make_engine(url: str, *, statement_timeout_ms: int = STATEMENT_TIMEOUT_MS) -> Engine:
    """Make an engine of a `postgresql://` URL; connects at first use, and then as `connect` does and raises.

    The engine itself does not know the URL, so no repr and no traceback of SQLAlchemy can show the password.
    """
    read_url(url)
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(url, statement_timeout_ms=statement_timeout_ms, autocommit=False),
        pool_pre_ping=True,
    )


@contextmanager
def begin(engine: Engine) -> Iterator[Connection]:
    """Lend a connection inside a transaction that commits at the end.

    Raises DatabaseAwayError when the connection is lost on the way, or the server can not do it now (its disk is full,
    a lock is not free in time); other database errors as SQLAlchemy gives them.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.Error) and is_retryable(error.orig):
            raise _away(error.orig) from error
        raise


def _away(error: psycopg.Error) -> DatabaseAwayError:
    if needs_new_connection(error):
        return DatabaseAwayError(
            f"the connection to PostgreSQL was lost: {one_line(error)}", hint="see that the server runs"
        )
    return DatabaseAwayError(
        f"PostgreSQL can not do it now: {one_line(error)}", hint="see what the server lacks, and try again"
    )
