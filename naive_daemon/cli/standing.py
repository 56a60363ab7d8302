"""How things stand: the daemon, its accounts, and each symbol's wish and deed, as `status` shows them."""

from collections.abc import Collection, Sequence
from decimal import Decimal

import msgspec
from sqlalchemy import Engine, Text, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from naive_daemon.cli.account_standing import AccountStanding, read_accounts
from naive_daemon.cli.confirmation import Target
from naive_daemon.cli.not_running import other_daemons
from naive_daemon.clock import to_datetime
from naive_daemon.condition import degradations, warnings_of
from naive_daemon.console.client import ConsoleClient, ConsoleRefusedError
from naive_daemon.console.protocol import AskCondition, AskHealth, ConditionShown, HealthShown
from naive_daemon.domain.errors import UnreachableError
from naive_daemon.domain.limits import KillSwitch
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.storage.postgres import locks
from naive_daemon.storage.postgres.engine import begin
from naive_daemon.storage.postgres.models import OrderRow
from naive_daemon.storage.postgres.presence import PostgresPresence, Presence
from naive_daemon.storage.postgres.report import Report
from naive_daemon.storage.postgres.safeguards import OperatorSafeguards

CONDITION_MORE_S = 3.0
"""Three actors are asked for their condition, one after the other, and a server that is frozen may hold them up."""

_LIVE = tuple(status.value for status in OrderStatus if not status.is_terminal)


class DaemonStanding(msgspec.Struct, frozen=True, kw_only=True):
    """The daemon that trades an account; times are ISO in UTC, the rest None where it is not known.

    `others`: for which accounts daemons run on this database instead, where none trades this one. `silent_s` is the age
    of its last heartbeat. `actors`, `stuck_threads`, `replaced_threads` and `lost_threads` say
    how its runtime is, `degraded` what it does without and `warnings` what is to be mended, a line each, to who may
    use its home.
    """

    account: str
    running: bool
    pid: int | None = None
    host: str | None = None
    owner: str | None = None
    version: str | None = None
    feed: str | None = None
    exchange: str | None = None
    state: str | None = None
    started_at: str | None = None
    silent_s: float | None = None
    actors: int | None = None
    stuck_threads: int | None = None
    replaced_threads: int | None = None
    lost_threads: int | None = None
    degraded: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


class SymbolStanding(msgspec.Struct, frozen=True, kw_only=True):
    """A symbol: what is wanted, what is so, what it has brought; `realised_pnl` in the quote asset.

    `actual` is None for a symbol that no daemon ever spoke of; while no daemon runs it is what the last one said.
    `held`: why no entry is placed for now: a limit, the kill switch, no connection, a broken promise. `desired` and
    `open_orders` are None while the database is away.
    """

    account: str
    symbol: str
    desired: TradingStatus | None
    actual: str | None
    traders: int
    open_orders: int | None
    cycles: int
    realised_pnl: Decimal
    restarts: int
    held: str | None
    last_error: str | None


class Standing(msgspec.Struct, frozen=True):
    """What `status --json` prints; nobody knows of accounts and kill switch while the database is away."""

    daemon: DaemonStanding
    kill_switch: KillSwitch | None
    accounts: list[AccountStanding]
    symbols: list[SymbolStanding]


def read_standing(
    url: str,
    engine: Engine,
    configured: str,
    accounts: Sequence[str],
    symbols: Sequence[str],
    *,
    everything: bool,
    console: ConsoleClient,
) -> Standing:
    """Read how `accounts` stand; without `symbols`, those that are off in wish and deed only with `everything`.

    A `console` that nobody answers is left out: another home's daemon trades these accounts, or none.
    """
    open_orders = _open_orders(engine, accounts)
    report = Report(engine).status(accounts[0] if len(accounts) == 1 else None, symbols, everything=everything)
    chosen = frozenset(accounts)
    rows = [
        SymbolStanding(
            account=row.account,
            symbol=row.symbol,
            desired=row.desired,
            actual=row.actual,
            traders=row.traders,
            open_orders=open_orders.get(Target(row.account, row.symbol), 0),
            cycles=row.completed_cycles,
            realised_pnl=row.realised_pnl,
            restarts=row.restarts,
            held=row.held,
            last_error=_with_retry(row.last_error, row.retry_at_ns),
        )
        for row in report
        if row.account in chosen
    ]
    standings = [one for one in read_accounts(url, engine, configured) if one.account in chosen]
    # An account that was added, and is down, has its daemon all the same: that of the configured account.
    spoken_for = any(one.state is not None for one in standings)
    daemon = _daemon(url, accounts[0], configured if spoken_for else accounts[0])
    if not daemon.running:
        daemon = msgspec.structs.replace(daemon, others=other_daemons(url, engine, daemon.account))
    return Standing(_with_health(daemon, console), OperatorSafeguards(engine).kill_switch(), standings, rows)


def _with_retry(error: str | None, retry_at_ns: int | None) -> str | None:
    """Say with a quarantined symbol's error when it is tried again."""
    if error is None or retry_at_ns is None:
        return error
    return f"{error} (tried again at {to_datetime(retry_at_ns):%H:%M:%SZ})"


def _daemon(url: str, account: str, other: str) -> DaemonStanding:
    """Read of the daemon that trades an account, or else another one."""
    holders = locks.holders(url, {account, other})
    holder = holders.get(account) or holders.get(other)
    if holder is None:
        return DaemonStanding(account=account, running=False)
    presence = _presence(url, holder)
    if presence is None:
        return DaemonStanding(account=account, running=True, pid=holder.pid, host=holder.host)
    return DaemonStanding(
        account=account,
        running=True,
        pid=presence.pid,
        host=presence.host,
        owner=presence.owner,
        version=presence.version,
        feed=presence.feed,
        exchange=presence.exchange,
        state=presence.state,
        started_at=to_datetime(presence.started_ns).isoformat(),
        silent_s=presence.silent_ms / 1_000,
    )


def _with_health(daemon: DaemonStanding, console: ConsoleClient) -> DaemonStanding:
    if not daemon.running:
        return daemon
    try:
        shown = console.ask(AskHealth(), HealthShown)
        if shown.pid != daemon.pid:  # the home belongs to a daemon that trades another account
            return daemon
        condition = console.ask(AskCondition(), ConditionShown, CONDITION_MORE_S)
    except (UnreachableError, ConsoleRefusedError):
        return daemon
    health = shown.health
    return msgspec.structs.replace(
        daemon,
        actors=health.actors,
        stuck_threads=health.stuck,
        replaced_threads=health.replaced,
        lost_threads=health.lost,
        degraded=degradations(condition.journal, condition.cache),
        warnings=warnings_of(condition.cache),
    )


def _presence(url: str, holder: locks.Holder) -> Presence | None:
    """Find the row of the daemon that holds the lock; the rows of dead daemons stay behind."""
    reader = PostgresPresence(url)
    try:
        return next((row for row in reader.all() if row.pid == holder.pid), None)
    finally:
        reader.close()


def _open_orders(engine: Engine, accounts: Collection[str]) -> dict[Target, int]:
    named = func.any(literal(list(accounts), ARRAY(Text)))
    query = (
        select(OrderRow.account, OrderRow.symbol, func.count())
        .where(OrderRow.account == named, OrderRow.status.in_(_LIVE))
        .group_by(OrderRow.account, OrderRow.symbol)
    )
    with begin(engine) as connection:
        return {Target(account, symbol): count for account, symbol, count in connection.execute(query)}
