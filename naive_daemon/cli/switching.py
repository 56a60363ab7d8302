"""What start, stop and shutdown share: set what is wanted of symbols, say what that means, wait for the daemon.

Postgres holds what is wanted, so the commands work whether a daemon runs or not.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
import msgspec

from naive_daemon.cli.account_choice import (
    account_option,
    all_accounts_option,
    chosen_accounts,
    daemon_of,
    tell_left_out,
)
from naive_daemon.cli.account_standing import AccountStanding, read_accounts
from naive_daemon.cli.command import Options
from naive_daemon.cli.confirmation import Actual, Target
from naive_daemon.cli.database import open_engine
from naive_daemon.cli.not_running import not_running
from naive_daemon.cli.output import emit, say
from naive_daemon.cli.switch_wait import SwitchWait
from naive_daemon.cli.symbols import SymbolType, check_settled_or_listed, listed_symbols
from naive_daemon.cli.traded import traded
from naive_daemon.config import Config
from naive_daemon.domain.errors import NaiveError, UnreachableError
from naive_daemon.domain.settings import RestingOrders, TradingStatus
from naive_daemon.storage.postgres.settings import OperatorSettings

_NAMED_MAX = 10
ON, OFF, SHUTDOWN = TradingStatus.ON, TradingStatus.OFF, TradingStatus.SHUTDOWN

# What to say, by what is asked for and what stood there before.
_WORDS: dict[tuple[TradingStatus, TradingStatus], str] = {
    (ON, OFF): "started",
    (ON, ON): "already started",
    (ON, SHUTDOWN): "started again, its shutdown is taken back",
    (OFF, OFF): "already stopped",
    (OFF, ON): "stopped",
    (OFF, SHUTDOWN): "stopped",
    (SHUTDOWN, OFF): "already stopped",
    (SHUTDOWN, ON): "shutting down, it finishes what is open",
    (SHUTDOWN, SHUTDOWN): "already shutting down",
}


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator asks of symbols; `timeout_s` is 0 where nobody waits."""

    status: TradingStatus
    symbols: Sequence[str]
    account: str | None
    all_accounts: bool
    timeout_s: float
    stop_orders: RestingOrders | None = None
    shutdown_entries: RestingOrders | None = None


class SymbolSwitched(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one symbol; `confirmed` is None where nobody waited for the daemon."""

    account: str
    symbol: str
    before: TradingStatus
    desired: TradingStatus
    message: str
    confirmed: bool | None
    actual: str | None
    last_error: str | None


def switch_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the symbols and options that all switches take."""
    for decorate in (
        click.option("--timeout", "timeout_s", type=click.FloatRange(min=0), default=30, show_default=True,
                     metavar="S", help="Wait so many seconds at most."),
        click.option("--no-wait", is_flag=True, help="Do not wait until the daemon has done it."),
        all_accounts_option(),
        account_option(),
        click.argument("symbols", nargs=-1, required=True, type=SymbolType(), metavar="SYMBOL..."),
    ):  # fmt: skip
        command = decorate(command)
    return command


def run_switch(options: Options, switch: Switch) -> None:
    """Set what is wanted, print what that means for each symbol, and wait until the daemon has done it.

    Raises UsageError for accounts and symbols that nobody knows, before anything is changed, and NaiveError (exit 1)
    when the daemon has not confirmed in time, has quarantined a symbol instead, or can not trade an account that shall
    start, or when another command was overtaking.
    """
    config = options.load_config()
    with open_engine(options, config) as (url, engine):
        accounts = chosen_accounts(engine, config.account, switch.account, all_accounts=switch.all_accounts)
        settings = OperatorSettings(engine)
        only = accounts[0] if len(accounts) == 1 else None
        rows = {Target(row.account, row.symbol): row.status for row in settings.rows(only)}
        have_rows = {target.symbol for target in rows if target.account in accounts}
        names = check_settled_or_listed(switch.symbols, have_rows, lambda: _listed(config, switch.status))
        targets = [Target(account, name) for account in accounts for name in names]
        resting = switch.shutdown_entries if switch.status is SHUTDOWN else switch.stop_orders
        wait = SwitchWait(url, engine, switch.status, switch.timeout_s, targets, resting=resting)
        before = _apply(settings, targets, rows, switch)
        running = traded(url, engine, accounts)
        daemon = daemon_of(engine, config.account, switch.account)
        known = {one.account: one for one in read_accounts(url, engine, daemon)}
        without_daemon = not_running(url, engine, daemon, "it will do so when it starts")
        standings = [known.get(name) or AccountStanding(account=name) for name in accounts]
        # Of one that is down nothing runs, so that a stop is done; anything else has to wait until it is up.
        idle = [one for one in standings if one.account not in running or (one.trouble and switch.status is not OFF)]
        awaited = [] if switch.timeout_s == 0 else _without(targets, idle)
        unsettled = wait.run(options, awaited) if awaited else {}
        awaited_set = frozenset(awaited)
        report = [_switched(target, before[target], switch, awaited_set, unsettled.get(target)) for target in targets]
        emit(options, {"daemon_running": bool(running), "symbols": report}, lambda: _print(report))
        tell_left_out(options, engine, config.account, all_accounts=switch.all_accounts)
    for line in dict.fromkeys(_idle_line(one, without_daemon) for one in idle):
        say(options, line)
    if unsettled:
        raise wait.complaint(unsettled)
    down = [one for one in idle if one.trouble]
    if down and switch.status is ON and switch.timeout_s > 0:
        named = ", ".join(one.account for one in down[:_NAMED_MAX]) + (" …" if len(down) > _NAMED_MAX else "")
        raise NaiveError(
            f"not traded now: {named}", hint="the wish is kept; naive-daemon account enable has it tried again at once"
        )


def _listed(config: Config, status: TradingStatus) -> Sequence[str]:
    """Give what may be named without settings; what is to be ended is known without the exchange, if it is away."""
    try:
        return listed_symbols(config)
    except UnreachableError:
        if status is ON:
            raise
        return ()


def _without(targets: Sequence[Target], idle: Sequence[AccountStanding]) -> list[Target]:
    names = frozenset(one.account for one in idle)
    return [target for target in targets if target.account not in names]


def _idle_line(one: AccountStanding, without_daemon: str) -> str:
    """Say why an account is not traded now."""
    if not one.is_enabled:
        return f"account {one.account} is disabled; it will do so after naive-daemon account enable {one.account}"
    if one.state is None:
        return without_daemon
    return one.trouble or f"account {one.account} is being opened; it will do so when it is up"


def _apply(
    settings: OperatorSettings, targets: Sequence[Target], rows: Mapping[Target, TradingStatus], switch: Switch
) -> dict[Target, TradingStatus]:
    """Set the status of all symbols in one transaction; gives what stood before, off for those without a row."""
    before = {target: rows.get(target, OFF) for target in targets}
    changed = targets if switch.status is ON else [target for target in targets if target in rows]
    wanted: dict[str, list[str]] = {}
    for account, symbol in changed:
        wanted.setdefault(account, []).append(symbol)
    changes = settings.set_statuses(
        wanted,
        switch.status,
        create=switch.status is ON,
        stop_orders=switch.stop_orders,
        shutdown_entries=switch.shutdown_entries,
    )
    stood = ((Target(account, one.symbol), one.before) for account, made in changes.items() for one in made)
    return before | {target: status or OFF for target, status in stood}


def _switched(
    target: Target, before: TradingStatus, switch: Switch, awaited: frozenset[Target], unsettled: Actual | None
) -> SymbolSwitched:
    return SymbolSwitched(
        account=target.account,
        symbol=target.symbol,
        before=before,
        desired=OFF if switch.status is SHUTDOWN and before is OFF else switch.status,
        message=_WORDS[switch.status, before],
        confirmed=unsettled is None if target in awaited else None,
        actual=unsettled.state if unsettled else None,
        last_error=unsettled.last_error if unsettled else None,
    )


def _print(report: Sequence[SymbolSwitched]) -> None:
    several = len({row.account for row in report}) > 1
    names = [f"{row.account}  {row.symbol}" if several else row.symbol for row in report]
    width = max(len(name) for name in names)
    for name, row in zip(names, report, strict=True):
        doubt = f" (not confirmed: it is {row.actual})" if row.confirmed is False else ""
        click.echo(f"{name:<{width}}  {row.message}{doubt}")
