"""How accounts stand: what is wanted of them, and what the daemon says; as `account list` and `status` show it."""

from datetime import datetime

import msgspec
from sqlalchemy import Engine

from naive_daemon.clock import to_datetime
from naive_daemon.domain.account import AccountSettings
from naive_daemon.logs.bounded_text import printable
from naive_daemon.storage.postgres import locks
from naive_daemon.storage.postgres.accounts import OperatorAccounts

UP, DOWN, OFF = "up", "down", "off"


class AccountStanding(msgspec.Struct, frozen=True, kw_only=True):
    """An account. `state` is opening, up, down (tried again at `retry_at`, UTC) or off; None while no daemon runs.

    `symbols_on`: how many symbols are wanted on, or are shutting down.
    """

    account: str
    is_configured: bool = False
    is_enabled: bool = True
    credentials: str | None = None
    state: str | None = None
    reason: str | None = None
    retry_at: datetime | None = None
    symbols_on: int = 0

    @property
    def trouble(self) -> str | None:
        """Say why the account is not traded though it shall be, in a line; None where it is, or where nobody knows."""
        if self.state != DOWN:
            return None
        again = "" if self.retry_at is None else f" (tried again at {self.retry_at:%H:%M:%SZ})"
        return f"account {self.account} is down: {printable(self.reason or 'nobody knows why')}{again}"


def read_accounts(url: str, engine: Engine, configured: str) -> list[AccountStanding]:
    """Read how a configured account, and those that were added beside it, stand; the configured one first."""
    accounts = OperatorAccounts(engine)
    rows = [AccountSettings(name=configured), *accounts.rows(configured)]
    runs = locks.holder(url, configured) is not None
    # What a daemon last said that is gone counts no more.
    said = accounts.said(configured) if runs else {}
    # A daemon that started without an account has nothing to say of it.
    unsaid = OFF if runs else None
    on = accounts.symbols_on()
    standings = []
    for row in rows:
        condition = said[row.name].condition if row.name in said else None
        retry_at_ns = None if condition is None else condition.retry_at_ns
        silent = None if row.is_enabled else unsaid
        standings.append(
            AccountStanding(
                account=row.name,
                is_configured=row.name == configured,
                is_enabled=row.is_enabled,
                credentials=row.credentials,
                state=silent if condition is None else condition.state,
                reason=None if condition is None else condition.reason,
                retry_at=None if retry_at_ns is None else to_datetime(retry_at_ns),
                symbols_on=on.get(row.name, 0),
            )
        )
    return standings
