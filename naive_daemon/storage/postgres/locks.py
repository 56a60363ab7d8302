"""One writer for each account: an advisory lock that a database session holds, and that dies with it.

Some accounts are held for as long as the process lives: without their locks it has no session at all. More may be
claimed and given back while a session lives. The session's application name says which process on which host it belongs
to, so a daemon that is refused, and a command that asks, can say who trades the account.
"""

import hashlib
import os
import re
import socket
import threading
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import psycopg

from naive_daemon.clock import from_datetime
from naive_daemon.domain.errors import PermanentError, TransientError
from naive_daemon.storage.postgres.connection import APPLICATION_NAME, connect

# A daemon that was killed a moment ago frees its lock within milliseconds; nobody waits longer than this for it.
WAIT_MS = 2_000
_NAME_BYTES_MAX = 63

_HOLDER = """
SELECT a.application_name, a.backend_start, a.pid
FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32) | l.objid::bigint = %s
"""

_HOLDERS = """
SELECT (l.classid::bigint << 32) | l.objid::bigint, a.application_name, a.backend_start, a.pid
FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND (l.classid::bigint << 32) | l.objid::bigint = ANY(%s)
"""

# Our daemons' sessions, by the name that AccountClaim gives them: the accounts that they hold are told by no key.
_DAEMONS = """
SELECT DISTINCT a.application_name, a.backend_start, a.pid
FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND a.application_name ~ %s
ORDER BY a.backend_start
"""
_NAME = rf"^{APPLICATION_NAME} (\d+)@(.*)$"


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who writes for an account. `pid` and `host` are the daemon's, None where the database does not tell them to us.

    `backend_pid` is the process in the database server; `since_ns` is when it began, None where it is hidden.
    `account` is empty where any account was asked for.
    """

    account: str
    application: str
    pid: int | None
    host: str | None
    backend_pid: int
    since_ns: int | None

    def __str__(self) -> str:
        if self.pid is None:
            return f"{self.application or 'another program'} (database process {self.backend_pid})"
        return f"process {self.pid} on {self.host}"


class AccountHeldError(PermanentError):
    """Another daemon trades this account."""

    def __init__(self, account: str, holder: Holder | None) -> None:
        super().__init__(
            f"account {account} is traded by {holder or 'another daemon'} already",
            hint="stop that daemon first; one account has one daemon",
        )
        self.account = account
        self.holder = holder


class AccountClaim:
    """The accounts whose locks one session after another of this process holds. For use by any thread.

    One claim for the life of the process: only it knows the session that held the locks last, and can end it.
    """

    def __init__(self, accounts: Iterable[str]) -> None:
        # In one order everywhere, so that two claims can not wait for each other.
        self.accounts = tuple(sorted(set(accounts)))
        self.former: tuple[Any, ...] | None = None
        self.turn = threading.Lock()
        self._bearer: Bearer | None = None

    @property
    def application_name(self) -> str:
        """Name of a session that holds this claim; plain when there is nothing to hold."""
        if not self.accounts:
            return APPLICATION_NAME
        return session_name(os.getpid(), socket.gethostname())

    def bearer(self) -> "Bearer":
        """Give a new bearer the right to the locks; former bearers lose it, and what they had claimed beside."""
        self._bearer = Bearer(self)
        return self._bearer

    def is_borne_by(self, bearer: "Bearer") -> bool:
        """Say whether a bearer still has the right to the locks."""
        return bearer is self._bearer


class Bearer:
    """Who takes the locks of a claim for each of its sessions, one after another.

    A bearer that was killed may still be at work in its thread: it can neither keep the locks nor take them back, and
    is told so by a TransientError.
    """

    def __init__(self, claim: AccountClaim) -> None:
        self._claim = claim
        self._more: set[str] = set()

    def take(self, connection: psycopg.Connection) -> None:
        """Take all locks for a new session; raises AccountHeldError, and then holds none that matters: close it.

        Raises TransientError while our own last session does not end: the server is slow, and nobody else is there.
        """
        with self._claim.turn:
            self._check()
            self._take(connection)

    def add(self, connection: psycopg.Connection, account: str) -> Holder | None:
        """Claim one more account for this session and those that follow it, without waiting; gives who has it else."""
        with self._claim.turn:
            self._check()
            if account in self._claim.accounts or account in self._more:
                return None
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_key(account),)).fetchone()
            if row is None or not row[0]:
                return _holder(connection, account) or _unknown(account)
            self._more.add(account)
            return None

    def remove(self, connection: psycopg.Connection, account: str) -> None:
        """Give one back that was added; nothing happens with any other."""
        with self._claim.turn:
            self._check()
            if account in self._more:
                connection.execute("SELECT pg_advisory_unlock(%s)", (_key(account),))
                self._more.remove(account)

    def _check(self) -> None:
        if not self._claim.is_borne_by(self):
            accounts = ", ".join(self._claim.accounts)
            raise TransientError(f"another writer of this process has taken over {accounts}")

    def _take(self, connection: psycopg.Connection) -> None:
        claim = self._claim
        if not claim.accounts and not self._more:
            return
        self._end_former(connection)
        for account in sorted({*claim.accounts, *self._more}):
            try:
                _lock(connection, account)
            except AccountHeldError as error:
                former, holder = claim.former, error.holder
                if former is not None and holder is not None and holder.backend_pid == former[0]:
                    raise TransientError(f"our last session for {account} has not ended yet: {holder}") from error
                raise
        claim.former = connection.execute(
            "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()"
        ).fetchone()

    def _end_former(self, connection: psycopg.Connection) -> None:
        # Our last connection was lost on our side; the server may not know yet and keep its locks until it does.
        if self._claim.former is not None:
            connection.execute(
                "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s",
                (WAIT_MS, *self._claim.former),
            )


def session_name(pid: int, host: str) -> str:
    """Name the sessions by which a process holds locks, as the server gives it: plain letters, and not too many."""
    return f"{APPLICATION_NAME} {pid}@{host}".encode("ascii", "replace")[:_NAME_BYTES_MAX].decode()


def holder(url: str, account: str) -> Holder | None:
    """Say who writes for an account now; None means that no daemon trades it. Raises DatabaseAwayError."""
    with connect(url) as connection:
        return _holder(connection, account)


def holders(url: str, accounts: Iterable[str]) -> dict[str, Holder]:
    """Say who writes for each of these accounts now, in one question; those that nobody trades are left out."""
    names = {_key(account): account for account in accounts}
    with connect(url) as connection:
        rows = connection.execute(_HOLDERS, (list(names),)).fetchall()
    return {names[key]: _read_holder(names[key], row) for key, *row in rows}


def daemons(url: str) -> tuple[Holder, ...]:
    """Say who trades any account of this database now, the oldest first. Raises DatabaseAwayError."""
    with connect(url) as connection:
        return tuple(_read_holder("", row) for row in connection.execute(_DAEMONS, (_NAME,)))


def _lock(connection: psycopg.Connection, account: str) -> None:
    try:
        # The time-out holds for this transaction only; the lock is the session's and outlives it.
        with connection.transaction():
            connection.execute("SELECT set_config('lock_timeout', %s, true)", (str(WAIT_MS),))
            connection.execute("SELECT pg_advisory_lock(%s)", (_key(account),))
    except psycopg.errors.LockNotAvailable:
        raise AccountHeldError(account, _holder(connection, account)) from None


def _holder(connection: psycopg.Connection, account: str) -> Holder | None:
    row = connection.execute(_HOLDER, (_key(account),)).fetchone()
    return None if row is None else _read_holder(account, row)


def _unknown(account: str) -> Holder:
    """Give a holder of whom the server says nothing: it went away just now, or is not for us to see."""
    return Holder(account=account, application="", pid=None, host=None, backend_pid=0, since_ns=None)


def _read_holder(account: str, row: Sequence[Any]) -> Holder:
    application, started_at, backend_pid = row
    named = re.fullmatch(_NAME, application or "")
    return Holder(
        account=account,
        application=application or "",
        pid=int(named[1]) if named else None,
        host=named[2] if named else None,
        backend_pid=backend_pid,
        since_ns=None if started_at is None else from_datetime(started_at),
    )


def _key(account: str) -> int:
    digest = hashlib.sha256(f"{APPLICATION_NAME}/account/{account}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
