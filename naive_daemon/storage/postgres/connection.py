"""Makes every connection to PostgreSQL: bounded, in UTC, alive or reported dead, and silent about the password."""

import re

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from naive_daemon.domain.errors import ConfigError
from naive_daemon.storage.postgres.condition import DatabaseAwayError, one_line

APPLICATION_NAME = "naive-daemon"
CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 60_000
DEFAULT_PORT = 5432

# A peer that vanished without a word is found dead in about 20 s, whether we wait for it or write to it.
_LIVENESS = {"keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3, "tcp_user_timeout": 20_000}

# A server set to lose the last commits would lose intents: an asynchronous commit is switched off for us.
_SESSION = """
SELECT set_config('TimeZone', 'UTC', false), set_config('statement_timeout', %s, false),
       set_config('synchronous_commit',
                  CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
                       ELSE current_setting('synchronous_commit') END, false)
"""


def connect(
    url: str,
    *,
    application_name: str = APPLICATION_NAME,
    statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
    autocommit: bool = True,
) -> psycopg.Connection:
    """Connect to a `postgresql://` URL within 5 s for each address that it names.

    `statement_timeout_ms` of 0 means none. Raises DatabaseAwayError (exit code 69) that names host, port and database,
    and ConfigError (78) for a URL that can not be read; neither ever holds the password.
    """
    parameters = read_url(url)
    # What the URL says of time-outs and keepalives wins over ours.
    chosen: dict[str, str | int] = {"connect_timeout": CONNECT_TIMEOUT_S, **_LIVENESS, **parameters}
    conninfo = make_conninfo("", **(chosen | {"application_name": application_name}))
    try:
        connection = psycopg.connect(conninfo, autocommit=True)
        try:
            connection.execute(_SESSION, (str(statement_timeout_ms),))
            connection.autocommit = autocommit
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
