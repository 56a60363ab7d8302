"""Which accounts a daemon trades now: those whose locks it holds, or is about to take again."""

import socket
from collections.abc import Collection
from contextlib import closing

import psutil
from sqlalchemy import Engine

from naive_daemon.storage.postgres import locks
from naive_daemon.storage.postgres.accounts import OperatorAccounts
from naive_daemon.storage.postgres.presence import STOPPED, PostgresPresence, Presence

_SILENT_MAX_MS = 10_000


def traded(url: str, engine: Engine, accounts: Collection[str]) -> frozenset[str]:
    """Name those of `accounts` that a daemon trades.

    A daemon that the database was away from lives some seconds without its locks: it counts while it says so, unless
    it was killed on this machine since.
    """
    held = frozenset(locks.holders(url, accounts))
    rest = frozenset(accounts) - held
    if not rest:
        return held
    if not _lives_without_lock(url):
        return frozenset(locks.holders(url, accounts))  # it may have its locks again by now
    return held | rest & OperatorAccounts(engine).said_to_be_up()


def _lives_without_lock(url: str) -> bool:
    with closing(PostgresPresence(url)) as presence:
        living = {locks.session_name(row.pid, row.host) for row in presence.all() if _lives(row)}
    return not living <= {holder.application for holder in locks.daemons(url)}


def _lives(row: Presence) -> bool:
    return row.state != STOPPED and row.silent_ms < _SILENT_MAX_MS and not _was_killed(row)


def _was_killed(row: Presence) -> bool:
    """Say whether a daemon of this machine is gone, which could not say so any more; of others nobody can tell."""
    if row.host != socket.gethostname():
        return False
    try:
        return bool(psutil.Process(row.pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
