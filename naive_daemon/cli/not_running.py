"""What commands say where no daemon trades the account that is meant."""

from sqlalchemy import Engine

from naive_daemon.storage.postgres import locks
from naive_daemon.storage.postgres.accounts import OperatorAccounts


def not_running(url: str, engine: Engine, account: str, then: str) -> str:
    """Say that no daemon runs, and what `then` comes; or for which accounts one does: perhaps another was meant."""
    others = other_daemons(url, engine, account)
    return f"the daemon is not running; {then}" if not others else elsewhere(account, others)


def other_daemons(url: str, engine: Engine, account: str) -> tuple[str, ...]:
    """Name the daemons that run on this database, by their configured accounts, where none trades the account."""
    accounts = OperatorAccounts(engine)
    live = locks.holders(url, {account, *accounts.daemons()})
    return () if account in live else tuple(sorted(live))


def elsewhere(account: str, others: tuple[str, ...]) -> str:
    """Say which daemons run instead of the one that is meant."""
    run = "one runs for account" if len(others) == 1 else "others run for the accounts"
    return f"no daemon trades account {account} here; {run} {', '.join(others)} (NAIVE_ACCOUNT or --account)"
