"""`naive-daemon status`."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import click

from naive_daemon.cli.account_choice import (
    account_option,
    all_accounts_option,
    daemon_of,
    every_account,
    known_account,
    refuse_both,
)
from naive_daemon.cli.account_standing import AccountStanding
from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.confirmation import Wakening
from naive_daemon.cli.database import open_engine
from naive_daemon.cli.kill_switch import state_line
from naive_daemon.cli.not_running import elsewhere
from naive_daemon.cli.output import emit, print_table
from naive_daemon.cli.standing import DaemonStanding, Standing, SymbolStanding, read_standing
from naive_daemon.cli.standing_alone import read_alone
from naive_daemon.cli.symbols import SymbolType, check_settled_or_listed, listed_symbols
from naive_daemon.clock import WallClock
from naive_daemon.console.client import ConsoleClient
from naive_daemon.domain.errors import NaiveError, UnreachableError, UsageError
from naive_daemon.logs.bounded_text import printable
from naive_daemon.storage.postgres.migrate import SchemaMismatchError
from naive_daemon.storage.postgres.notify import Listener
from naive_daemon.storage.postgres.settings import OperatorSettings

# Figures such as profit change without a notification.
_REFRESH_S = 2
# Its answer adds to what the database says; a daemon that hangs must not hold up the rest.
_CONSOLE_TIMEOUT_S = 1
_CHANNELS = ("naive_actual", "naive_settings", "naive_safeguards", "naive_accounts")
_NAMED_MAX = 6
_TROUBLES_MAX = 20
_COLUMNS = (
    "account", "symbol", "desired", "actual", "traders>", "orders>", "cycles>", "realised pnl>", "restarts>",
    "last error",
)  # fmt: skip


@click.command(cls=Command)
@click.argument("symbols", nargs=-1, type=SymbolType(), metavar="[SYMBOL]...")
@account_option("Only this account; all of them unless given.")
@all_accounts_option("All accounts, as without --account.")
@click.option("--all", "everything", is_flag=True, help="Show symbols too that are off, as they should be.")
@click.option("--watch", is_flag=True, help="Show every change, until Ctrl-C.")
@pass_options
def status(
    options: Options,
    *,
    symbols: tuple[str, ...],
    account: str | None,
    all_accounts: bool,
    everything: bool,
    watch: bool,
) -> None:
    """Show what is wanted of symbols, and what is so.

    Of all accounts, unless one is named; the trouble of an account stands above the table.

    Without symbols, those that are off, and are meant to be, are left out, unless a promise was broken there. A symbol
    that is held trades on, but places no entry for now; the reason stands below the table. While the database is away,
    the daemon of this home tells what it knows itself. With --watch a home that has its own database needs its daemon.

    Example:
      naive-daemon status
      naive-daemon status BTCUSDT --json

    """
    if watch and options.json:
        raise UsageError("--watch is for people: it does not go with --json")
    refuse_both(account, all_accounts=all_accounts)
    config = options.load_config()
    console = ConsoleClient(config.home, WallClock().monotonic_s, _CONSOLE_TIMEOUT_S)

    def read_without_database(refused: str | None = None) -> Standing | None:
        return read_alone(config.account, account, symbols, everything=everything, console=console, refused=refused)

    # Asked first: a database that is away, or frozen, would be waited for.
    alone = read_without_database()
    if alone is not None:
        if not watch:
            emit(options, alone, lambda: _print(alone))
            return
        _watch_alone(read_without_database)
    with ExitStack() as stack:
        try:
            url, engine = stack.enter_context(
                open_engine(options, config, reads_only=True, may_start=not watch, wait_s=0)
            )
        except (UnreachableError, SchemaMismatchError) as error:
            refused = error.message if isinstance(error, UnreachableError) else None
            told = None if watch else read_without_database(refused)
            if told is not None:
                emit(options, told, lambda: _print(told))
                return
            if config.database.url is not None:
                raise
            # The daemon of this home may be just starting, and its database with it.
            url, engine = stack.enter_context(open_engine(options, config, reads_only=True, may_start=not watch))
        if account is not None:
            known_account(engine, config.account, account)
        if symbols:
            rows = OperatorSettings(engine).rows(account)
            check_settled_or_listed(symbols, (row.symbol for row in rows), lambda: listed_symbols(config))

        def read() -> Standing:
            accounts = every_account(engine, config.account) if account is None else [account]
            daemon = daemon_of(engine, config.account, account)
            return read_standing(url, engine, daemon, accounts, symbols, everything=everything, console=console)

        if watch:
            _watch(url, read, read_without_database)
        else:
            standing = read()
            emit(options, standing, lambda: _print(standing))


def _watch_alone(read: Callable[[], Standing | None]) -> None:
    """Show what the daemon says, until its database is back."""
    wakening = Wakening()
    while (standing := read()) is not None:
        click.clear()
        _print(standing)
        wakening.wait(_REFRESH_S)


def _watch(url: str, read: Callable[[], Standing], read_without_database: Callable[[], Standing | None]) -> None:
    wakening = Wakening()
    listener = Listener(url, _CHANNELS, wakening)
    listener.start()
    try:
        while not wakening.ended:
            try:
                standing = read_without_database() or read()
            except UnreachableError:  # it went away just now, and the daemon has not noticed yet
                wakening.wait(_REFRESH_S)
                continue
            click.clear()
            _print(standing)
            wakening.wait(_REFRESH_S)
    finally:
        listener.stop()
    raise NaiveError("the database's notifications are not heard any more", hint="start the command again")


def _print(standing: Standing) -> None:
    click.echo(_daemon_line(standing.daemon))
    for line in standing.daemon.degraded:
        click.echo(f"degraded: {printable(line)}")
    for line in standing.daemon.warnings:
        click.echo(f"warning: {printable(line)}")
    for line in account_lines(standing.accounts):
        click.echo(line)
    if standing.kill_switch is not None and standing.kill_switch.is_on:
        click.echo(state_line(standing.kill_switch))
    if not standing.symbols:
        click.echo("no symbol is on; naive-daemon start SYMBOL switches one on, status --all shows all")
        return
    rows = [
        (
            row.account, row.symbol, row.desired, _actual(row), row.traders, row.open_orders, row.cycles,
            row.realised_pnl, row.restarts, row.last_error,
        )
        for row in standing.symbols
    ]  # fmt: skip
    above = [one.account for one in standing.accounts] or [standing.daemon.account]
    several = len({*(row.account for row in standing.symbols), *above}) > 1
    first = 0 if several else 1
    print_table(_COLUMNS[first:], [row[first:] for row in rows])
    for reason, symbols in _held(standing.symbols, with_account=several).items():
        named = ", ".join(symbols[:_NAMED_MAX]) + (" …" if len(symbols) > _NAMED_MAX else "")
        noun = "1 symbol" if len(symbols) == 1 else f"{len(symbols)} symbols"
        click.echo(f"held: {printable(reason)} ({noun}: {named})")


def _actual(row: SymbolStanding) -> str | None:
    return row.actual if row.held is None else f"{row.actual}, held"


def account_lines(accounts: Sequence[AccountStanding]) -> list[str]:
    """Say how many accounts do what they shall, where there are several, and which do not."""
    lines = []
    states = Counter(one.state for one in accounts if one.state is not None)
    if len(accounts) > 1 and states:
        lines.append(f"{len(accounts)} accounts: {', '.join(f'{count} {state}' for state, count in states.items())}")
    disabled = [one.account for one in accounts if not one.is_enabled]
    if disabled:
        named = ", ".join(disabled[:_NAMED_MAX]) + (" …" if len(disabled) > _NAMED_MAX else "")
        lines.append(f"disabled: {named}")
    troubles = [one.trouble for one in accounts if one.trouble is not None]
    lines += troubles[:_TROUBLES_MAX]
    if len(troubles) > _TROUBLES_MAX:
        lines.append(f"and {len(troubles) - _TROUBLES_MAX} more accounts are down: naive-daemon account list")
    return lines


def _held(rows: Sequence[SymbolStanding], *, with_account: bool) -> dict[str, list[str]]:
    """Give the symbols by the reason for which they place no entry."""
    held: dict[str, list[str]] = {}
    for row in rows:
        if row.held is not None:
            held.setdefault(row.held, []).append(f"{row.account} {row.symbol}" if with_account else row.symbol)
    return held


def _daemon_line(daemon: DaemonStanding) -> str:
    if not daemon.running and daemon.others:
        return elsewhere(daemon.account, daemon.others)
    if not daemon.running:
        return f"account {daemon.account}: the daemon is not running; what is wanted is kept until it starts"
    there = f" on {daemon.host}" if daemon.host else ""
    place = f"process {daemon.pid}{there}" if daemon.pid else "its process is not known"
    if daemon.state is None:
        return f"account {daemon.account}: the daemon is running ({place})"
    return (
        f"account {daemon.account}: the daemon is {daemon.state} ({place}, feed {daemon.feed}, "
        f"exchange {daemon.exchange}, since {daemon.started_at}){_health(daemon)}"
    )


def _health(daemon: DaemonStanding) -> str:
    if daemon.actors is None:
        return ""
    return (
        f"; {daemon.actors} actors, {daemon.stuck_threads} threads stuck, {daemon.replaced_threads} replaced, "
        f"{daemon.lost_threads} lost"
    )
