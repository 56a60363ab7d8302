"""The one list of database errors that mean: nothing is wrong with what was asked, try again."""

import psycopg

from naive_daemon.domain.errors import TransientError, UnreachableError

# Classes of SQLSTATE: 08 connection lost, 53 out of resources (disk, memory, connections), 57P the server goes away.
_CLASSES = ("08", "53", "57P")
_STATES = frozenset(
    {
        "40001",  # serialization failure
        "40P01",  # deadlock
        "55P03",  # a lock was not free in time
        "57014",  # the statement took too long
        "25006",  # the server became a standby: a new connection may find the primary
    }
)


class DatabaseAwayError(TransientError, UnreachableError):
    """The database does not answer or does not let us in: the daemon waits and retries, a command exits with 69."""


def is_retryable(error: psycopg.Error) -> bool:
    """Say whether the same statement may succeed later; an error without SQLSTATE is a broken connection."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate in _STATES or error.sqlstate.startswith(_CLASSES)


def needs_new_connection(error: psycopg.Error) -> bool:
    """Say whether the connection is of no use any more."""
    state = error.sqlstate
    return is_retryable(error) and (state is None or state == "25006" or state.startswith(("08", "57P")))


def one_line(error: BaseException) -> str:
    """Give the first line of an error's text; its type's name where there is no text."""
    text = str(error).strip()
    return text.splitlines()[0].strip() if text else type(error).__name__
