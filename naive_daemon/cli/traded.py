"""Which accounts a daemon trades now: those whose locks it holds, or is about to take again."""

from collections.abc import Collection
from contextlib import closing

from sqlalchemy import Engine

from naive_daemon.storage.postgres import locks
from naive_daemon.storage.postgres.accounts import OperatorAccounts
from naive_daemon.storage.postgres.presence import STOPPED, PostgresPresence

_SILENT_MAX_MS = 10_000


def traded(url: str, engine: Engine, accounts: Collection[str]) -> frozenset[str]:
    """Name those of `accounts` that a daemon trades.

    A daemon that the database was away from lives some seconds without its locks: it counts while it says so.
    """
    held = frozenset(locks.holders(url, accounts))
    rest = frozenset(accounts) - held
    if not rest or not _lives_without_lock(url):
        return held
    return held | rest & OperatorAccounts(engine).said_to_be_up()


def _lives_without_lock(url: str) -> bool:
    with closing(PostgresPresence(url)) as presence:
        living = {row.pid for row in presence.all() if row.state != STOPPED and row.silent_ms < _SILENT_MAX_MS}
    return not living <= {holder.pid for holder in locks.daemons(url)}
