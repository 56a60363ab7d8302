"""Makes every connection to PostgreSQL: bounded, in UTC, alive or reported dead, and silent about the password."""

import re
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import TupleRow

from naive_daemon.clock import WallClock
from naive_daemon.domain.errors import ConfigError
from naive_daemon.storage.postgres.condition import DatabaseAwayError, one_line

APPLICATION_NAME = "naive-daemon"
CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 60_000
DEFAULT_PORT = 5432

_Result = TypeVar("_Result")

# A peer that vanished without a word is found dead in about 20 s, whether we wait for it or write to it.
_LIVENESS = {"keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 20_000}

ANSWER_GRACE_S = 5.0
"""How much longer than the server allows a statement we wait for its answer: the server may be frozen."""

# A server set to lose the last commits would lose intents: an asynchronous commit is switched off for us.
_SESSION = """
SELECT set_config('TimeZone', 'UTC', false), set_config('statement_timeout', %s, false),
       set_config('synchronous_commit',
                  CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
                       ELSE current_setting('synchronous_commit') END, false)
"""


class _BoundedConnection(psycopg.Connection[TupleRow]):
    """Gives a server up that does not answer: neither TCP nor the server's own time-out sees that it is frozen."""

    answer_s: float | None = CONNECT_TIMEOUT_S

    def wait(self, gen: PQGen[_Result], *args: Any, **kwargs: Any) -> _Result:
        """Wait for an answer; the connection is of no use any more when none came in time."""
        if self.answer_s is None:
            return super().wait(gen, *args, **kwargs)
        try:
            return super().wait(_within(gen, self.answer_s), *args, **kwargs)
        except _NoAnswerError:
            self.pgconn.finish()
            raise


class _NoAnswerError(psycopg.OperationalError):
    pass


def _within(waiting: PQGen[_Result], seconds: float) -> PQGen[_Result]:
    """Carry what `waiting` waits for, which is resumed several times a second, and end it when the time is over."""
    clock = WallClock()
    deadline_s = clock.monotonic_s() + seconds
    try:
        wanted = next(waiting)
        while True:
            ready = yield wanted
            if not ready and clock.monotonic_s() > deadline_s:
                raise _NoAnswerError(f"the server has not answered within {seconds:g} s")
            wanted = waiting.send(ready)
    except StopIteration as done:
        result: _Result = done.value
        return result


def connect(
    url: str,
    *,
    application_name: str = APPLICATION_NAME,
    statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
    autocommit: bool = True,
) -> psycopg.Connection:
    """Connect to a `postgresql://` URL within 5 s for each address that it names.

    How long a statement may block its caller is bounded, whatever happens to the server: one that works too long is
    cancelled by the server after `statement_timeout_ms` (60 s; 0 means no bound at all); a server whose machine is gone
    is found dead by TCP in about 20 s; one that is frozen, behind a unix socket or on a machine that still answers for
    it, is given up here after `statement_timeout_ms` and 5 s: psycopg.OperationalError, and the connection is closed.
    Raises DatabaseAwayError (exit code 69) that names host, port and database,
    and ConfigError (78) for a URL that can not be read; neither ever holds the password.
    """
    parameters = read_url(url)
    # What the URL says of time-outs and keepalives wins over ours.
    chosen: dict[str, str | int] = {"connect_timeout": CONNECT_TIMEOUT_S, **_LIVENESS, **parameters}
    conninfo = make_conninfo("", **(chosen | {"application_name": application_name}))
    try:
        connection = _BoundedConnection.connect(conninfo, autocommit=True)
        try:
            connection.execute(_SESSION, (str(statement_timeout_ms),))
            connection.autocommit = autocommit
            connection.answer_s = statement_timeout_ms / 1_000 + ANSWER_GRACE_S if statement_timeout_ms else None
        except psycopg.Error:
            connection.close()
            raise
    except psycopg.Error as error:
        reason = _reason(error, parameters)
    else:
        return connection
    # Raised outside of the handler: the driver's error may quote what it was given, so it is not kept as the cause.
    raise DatabaseAwayError(
        f"{describe(url)} does not let us in: {reason}",
        hint="see that the server runs and that NAIVE_DATABASE_URL names it, its user and its database",
    )


def read_url(url: str) -> dict[str, str]:
    """Give the parameters of a `postgresql://` URL; raises ConfigError that does not repeat it."""
    bare = re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql://", url.strip())
    parameters: dict[str, str] | None = None
    if bare.startswith("postgresql://"):
        try:
            parameters = {key: str(value) for key, value in conninfo_to_dict(bare).items()}
        except psycopg.ProgrammingError:
            parameters = None
    if parameters is None:
        raise ConfigError(
            "the database URL can not be read",
            hint="it looks like postgresql://user:password@host:5432/database; special characters are %-encoded",
        )
    return parameters


def describe(url: str) -> str:
    """Name the server and the database of a URL for an operator, without user and password."""
    parameters = read_url(url)
    host = parameters.get("host") or parameters.get("hostaddr") or ""
    database = parameters.get("dbname") or parameters.get("user") or "(default)"
    if not host or host.startswith(("/", "@")):
        return f"PostgreSQL at socket {host or '(default)'}, database {database}"
    return f"PostgreSQL at {host}:{parameters.get('port', DEFAULT_PORT)}, database {database}"


def _reason(error: psycopg.Error, parameters: dict[str, str]) -> str:
    """Give the last part of the driver's first line: what the server or the system said."""
    line = one_line(error)
    reason = re.split(r"(?:failed: )?FATAL: +|failed: |error: ", line)[-1]
    password = parameters.get("password")
    return reason.replace(password, "…") if password else reason
