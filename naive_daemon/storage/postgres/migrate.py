"""Brings the schema up, down, or says where it stands, through alembic's API.

Two processes that upgrade at once take turns: the second one finds the work done. A schema that this program does not
know is never touched. Alembic is loaded when there is something to move: the revision of a schema can be read without.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

import naive_daemon
from naive_daemon.domain.errors import ConfigError, PermanentError
from naive_daemon.storage.postgres.engine import make_engine

if TYPE_CHECKING:
    from alembic.config import Config

_NEWEST = "head"
# Any constant that no account's lock has; held by the session, because each revision commits by itself.
_LOCK_KEY = 0x6E61_6976_6500_0001


class SchemaMismatchError(ConfigError):
    """The database's schema and this program do not fit: to start again mends nothing (exit code 78)."""


def migrations_path() -> Path:
    """Find the migrations: inside an installed package, or beside it in a checkout."""
    package = Path(naive_daemon.__file__).resolve().parent
    for path in (package / "migrations", package.parent / "migrations"):
        if (path / "env.py").is_file():
            return path
    raise PermanentError(f"no migrations beside {package}", hint="install naive-daemon again: it is incomplete")


def head() -> str:
    """Give the newest revision that this program knows."""
    return _revisions()[-1]


def current(url: str) -> str | None:
    """Give the database's revision; None when it has no schema yet."""
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            return _current(connection)
    finally:
        engine.dispose()


def check(url: str) -> None:
    """Raise SchemaMismatchError unless the database's schema is exactly the one of this program."""
    found, wanted = current(url), head()
    if found == wanted:
        return
    _refuse_unknown(found)
    raise SchemaMismatchError(
        f"the database's schema is at revision {found or 'none'}, this program needs {wanted}",
        hint="run naive-daemon db upgrade",
    )


def upgrade(url: str, revision: str = _NEWEST) -> tuple[str | None, str | None]:
    """Upgrade the schema and give the revisions before and after; nothing to do is no error.

    Raises SchemaMismatchError when the schema is newer than this program; a failed revision leaves those before it.
    """
    with _serialised(url) as connection:
        before = _current(connection)
        if revision == _NEWEST and before == head():
            return before, before
        _refuse_unknown(before)
        from alembic import command  # noqa: PLC0415 - slow to load

        command.upgrade(_config(connection), revision)
        return before, _current(connection)


def downgrade(url: str, revision: str) -> tuple[str | None, str | None]:
    """Take the schema back to `revision` ("base" is nothing) and give the revisions before and after. Data is lost."""
    with _serialised(url) as connection:
        before = _current(connection)
        _refuse_unknown(before)
        from alembic import command  # noqa: PLC0415 - slow to load

        command.downgrade(_config(connection), revision)
        return before, _current(connection)


@contextmanager
def _serialised(url: str) -> Iterator[Connection]:
    engine = make_engine(url, statement_timeout_ms=0)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK_KEY})
            connection.commit()
            yield connection
    finally:
        engine.dispose()  # ends the session, and the lock with it, on every way out


def _config(connection: Connection) -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - slow to load

    config = Config()
    config.set_main_option("script_location", str(migrations_path()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _revisions() -> list[str]:
    """Give all revisions that this program knows, in their order: each file's name begins with its own."""
    found = sorted(path.name.partition("_")[0] for path in (migrations_path() / "versions").glob("[0-9]*_*.py"))
    if not found:
        raise PermanentError(f"no migrations in {migrations_path()}", hint="install naive-daemon again")
    return found


def _current(connection: Connection) -> str | None:
    """Read what alembic has written; a schema that it never moved has no such table."""
    has_table = connection.execute(text("SELECT to_regclass('alembic_version') IS NOT NULL")).scalar_one()
    rows = connection.execute(text("SELECT version_num FROM alembic_version")) if has_table else None
    revision: str | None = None if rows is None else rows.scalar_one_or_none()
    connection.rollback()  # reading began a transaction, and alembic wants to begin its own
    return revision


def _refuse_unknown(found: str | None) -> None:
    known = _revisions()
    if found is not None and found not in known:
        raise SchemaMismatchError(
            f"the database's schema is at revision {found}, which this program does not know: its newest is {head()}",
            hint="run the version of naive-daemon that made this schema, or a newer one",
        )
