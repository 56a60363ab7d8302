"""The SQLAlchemy engine of commands and migrations, on connections from `connection`."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError

from naive_daemon.domain.errors import UnreachableError
from naive_daemon.storage.postgres.condition import DatabaseAwayError, needs_new_connection, one_line
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

    Raises DatabaseAwayError when the connection is lost on the way; other database errors as SQLAlchemy gives them.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.Error) and needs_new_connection(error.orig):
            raise DatabaseAwayError(
                f"the connection to PostgreSQL was lost: {one_line(error.orig)}", hint="see that the server runs"
            ) from error
        raise
