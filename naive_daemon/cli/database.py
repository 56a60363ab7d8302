"""How a command gets at the database: a configured server, the running daemon's embedded one, or its own for a moment.

Invariant: a command that starts embedded servers holds the home's lock for as long as they run, so it and a starting
daemon never meet.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import tenacity
from sqlalchemy import Engine

from naive_daemon.cli.command import Options
from naive_daemon.config import Config
from naive_daemon.console.client import NoDaemonError
from naive_daemon.domain.errors import NaiveError
from naive_daemon.home import HomeInUseError, HomeLock, read_holder
from naive_daemon.logs import configure_logs
from naive_daemon.storage.embedded import EmbeddedPostgres
from naive_daemon.storage.postgres import locks, migrate
from naive_daemon.storage.postgres.engine import DatabaseAwayError, make_engine

# How long a daemon that is just starting may take until its database answers, or another command until it leaves.
_WAIT_S = 30
_POLL_S = 0.1


class UnusedHomeError(NaiveError):
    """There is nothing to read: no daemon was ever here."""


@contextmanager
def open_database(
    options: Options,
    config: Config,
    *,
    schema: bool = True,
    reads_only: bool = False,
    may_start: bool = True,
    wait_s: float = _WAIT_S,
) -> Iterator[str]:
    """Lend the URL of the database for the length of a command.

    With `schema` its schema is the one that this program needs: an embedded database that no daemon uses is brought up
    to it, any other is only checked. A command that `reads_only` makes no home: there is nothing to read in a new one,
    and a relative or mistyped path would get a database. One that may not start a server, `may_start`, has that of the
    daemon that runs, or none: it would keep the home from a daemon for as long as it lasts. `wait_s`: how long the
    database of a daemon that runs may take until it answers. Raises UnreachableError, SchemaMismatchError,
    HomeInUseError, UnusedHomeError, NoDaemonError and what embedded servers raise.
    """
    configure_logs("debug" if options.debug else "warning", "json" if options.json else "auto", sys.stderr)
    if config.database.url is not None:
        url = config.database.url.get_secret_value()
        if schema:
            migrate.check(url)
        yield url
        return
    if reads_only:
        _refuse_unused(config.home)
    with _embedded(options, config.home, schema=schema, may_start=may_start, wait_s=wait_s) as url:
        yield url


@contextmanager
def open_engine(
    options: Options, config: Config, *, reads_only: bool = False, may_start: bool = True, wait_s: float = _WAIT_S
) -> Iterator[tuple[str, Engine]]:
    """Lend the URL and an SQLAlchemy engine of the database, its schema as this program needs it."""
    with open_database(options, config, reads_only=reads_only, may_start=may_start, wait_s=wait_s) as url:
        engine = make_engine(url)
        try:
            yield url, engine
        finally:
            engine.dispose()


def refuse_while_traded(config: Config, url: str) -> None:
    """Refuse to change tables under a daemon: it would lose its journal, and crash again and again."""
    holder = read_holder(config.home)
    trading = [str(daemon) for daemon in locks.daemons(url)]
    # A daemon that is only just starting in this home holds no account yet.
    if config.database.url is None and holder.role == "daemon" and holder.pid is not None:
        trading.append(f"process {holder.pid}, which uses {config.home},")
    if trading:
        raise NaiveError(
            f"{trading[0]} trades with this database: nothing of it is changed now",
            hint="stop that daemon first: Ctrl-C, kill, or systemctl stop naive-daemon",
        )


@contextmanager
def _embedded(options: Options, home: Path, *, schema: bool, may_start: bool, wait_s: float) -> Iterator[str]:
    lock = HomeLock(home, role="command")
    running = _take(lock, home)
    if running is not None:
        _await_answer(running, schema=schema, wait_s=wait_s)
        yield running
        return
    with lock:
        if not may_start:
            raise NoDaemonError(f"no daemon runs in {home}", hint="start one there: naive-daemon run")
        server = EmbeddedPostgres(home)
        if not (home / "postgres").exists() and sys.stderr.isatty() and not options.json:
            click.echo(f"making a database in {home} …", err=True)
        try:
            url = server.start()
            if schema:
                migrate.upgrade(url)
            yield url
        finally:
            server.stop()


def _refuse_unused(home: Path) -> None:
    try:
        is_usable = home.is_dir() or not home.exists()
        has_data = (home / "postgres" / "data").exists()
    except PermissionError:
        return  # taking the home says what is wrong with it, as it does of one that is a file
    # A daemon that is making its database right now has left its process id.
    if is_usable and not has_data and read_holder(home).pid is None:
        raise UnusedHomeError(
            f"no daemon has ever used {home.absolute()}",
            hint="name the daemon's home with --home or NAIVE_HOME, or start one there: naive-daemon run",
        )


def _take(lock: HomeLock, home: Path) -> str | None:
    """Take the home (None), or give the URL of the server that the daemon which holds it runs."""
    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(HomeInUseError),
        stop=tenacity.stop_after_delay(_WAIT_S),
        wait=tenacity.wait_fixed(_POLL_S),
        reraise=True,
    )
    return attempts(_take_once, lock, home)


def _take_once(lock: HomeLock, home: Path) -> str | None:
    try:
        lock.acquire()
    except HomeInUseError as error:
        holder = read_holder(home)
        url = EmbeddedPostgres.running_url(home) if holder.role == "daemon" else None
        if url is None:
            if holder.role == "daemon":
                error.hint = "if it uses a database of its own, name that one here too: NAIVE_DATABASE_URL"
            raise
        return url
    return None


def _await_answer(url: str, *, schema: bool, wait_s: float) -> None:
    """Wait for a database that a daemon has just started, and may still be bringing up to its schema."""
    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type((DatabaseAwayError, migrate.SchemaMismatchError)),
        stop=tenacity.stop_after_delay(wait_s),
        wait=tenacity.wait_fixed(_POLL_S),
        reraise=True,
    )
    attempts(migrate.check if schema else migrate.current, url)
