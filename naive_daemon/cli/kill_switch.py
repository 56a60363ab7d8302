"""`naive-daemon kill-switch on|off|show`."""

from collections.abc import Collection, Sequence

import click
import msgspec
from sqlalchemy import Engine

from naive_daemon.cli.command import Group, Options, pass_options
from naive_daemon.cli.confirmation import await_states
from naive_daemon.cli.database import open_engine
from naive_daemon.cli.looking_values import SecondsType
from naive_daemon.cli.output import emit, progress
from naive_daemon.cli.traded import traded
from naive_daemon.clock import WallClock
from naive_daemon.domain.errors import NaiveError, UsageError
from naive_daemon.domain.limits import KillCancel, KillSwitch
from naive_daemon.logs.bounded_text import printable
from naive_daemon.storage.postgres.accounts import OperatorAccounts
from naive_daemon.storage.postgres.safeguards import OperatorSafeguards

_REASON_MAX = 200
_NEVER_SEEN = -1
_WAIT_MAX_S = 3_600
_CANCELLED = {
    KillCancel.NOTHING: "orders that rest stay",
    KillCancel.ENTRIES: "buys without any fill are cancelled",
}

_timeout = click.option(
    "--timeout",
    "timeout_s",
    type=SecondsType(0, _WAIT_MAX_S),
    default=30,
    show_default=True,
    metavar="SECONDS",
    help="Wait so long, at most, until running daemons obey; 0 waits for nobody.",
)


class SwitchReport(msgspec.Struct, frozen=True, kw_only=True):
    """What --json prints. `accounts`: those that a daemon trades now, and whether it obeys the switch as it is."""

    is_on: bool
    was_on: bool
    cancel: KillCancel
    reason: str
    accounts: dict[str, bool]

    @property
    def disobeying(self) -> list[str]:
        """Name the accounts whose daemon has not confirmed."""
        return [account for account, obeys in self.accounts.items() if not obeys]


@click.group(cls=Group, invoke_without_command=True)
@pass_options
@click.pass_context
def kill_switch(context: click.Context, options: Options) -> None:
    """Stop all entries of all accounts at once, or let them go on again.

    Without a command, shows which it is. Exits go on. The switch survives every restart: entries stay stopped until
    somebody switches it off. It can be set while no daemon runs, and with SQL: UPDATE kill_switch SET is_on = true.

    Example:
      naive-daemon kill-switch on --cancel entries --reason "exchange behaves oddly"
      naive-daemon kill-switch off

    """
    if context.invoked_subcommand is None:
        _show(options)


@kill_switch.command()
@pass_options
def show(options: Options) -> None:
    """Show whether entries are stopped, and whether running daemons obey.

    Example:
      naive-daemon kill-switch show

    """
    _show(options)


@kill_switch.command()
@click.option(
    "--cancel",
    type=click.Choice([choice.value for choice in KillCancel]),
    help="What is taken off the book: nothing, or buys without any fill (entries). Unless given it is nothing, or what "
    "a switch that is on already takes.",
)
@click.option("--reason", default="", metavar="TEXT", help="Why; shown wherever an entry waits.")
@_timeout
@pass_options
def on(options: Options, *, cancel: str | None, reason: str, timeout_s: float) -> None:
    """Stop all entries of all accounts, and wait until every running daemon has.

    Example:
      naive-daemon kill-switch on --cancel entries --reason "exchange behaves oddly"

    """
    text = " ".join(reason.split())
    if len(text) > _REASON_MAX:
        raise UsageError(f"--reason has {len(text)} characters: at most {_REASON_MAX} are shown")
    _switch(options, timeout_s, is_on=True, cancel=None if cancel is None else KillCancel(cancel), reason=text)


@kill_switch.command()
@_timeout
@pass_options
def off(options: Options, *, timeout_s: float) -> None:
    """Let entries be placed again, on all accounts.

    Example:
      naive-daemon kill-switch off

    """
    _switch(options, timeout_s, is_on=False)


def _show(options: Options) -> None:
    with open_engine(options, options.load_config(), reads_only=True) as (url, engine):
        switch = OperatorSafeguards(engine).kill_switch()
        daemons = _Daemons(url, engine)
        accounts = daemons.traded()
        obeying = {account: seen >= switch.revision for account, seen in daemons.seen(accounts).items()}
    report = _report(switch, was_on=switch.is_on, accounts=obeying)
    emit(options, report, lambda: _print_state(report))


def _switch(
    options: Options, timeout_s: float, *, is_on: bool, cancel: KillCancel | None = None, reason: str = ""
) -> None:
    """Set the switch and wait for running daemons; raises NaiveError when one is late, or is told otherwise."""
    config = options.load_config()
    with open_engine(options, config) as (url, engine):
        safeguards, daemons = OperatorSafeguards(engine), _Daemons(url, engine)
        before, after = safeguards.set_kill_switch(is_on=is_on, cancel=cancel, reason=reason)
        obeying = daemons.obey(options, daemons.traded(config.account), after.revision, timeout_s)
        now = safeguards.kill_switch()
    report = _report(after, was_on=before.is_on, accounts=obeying)
    emit(options, report, lambda: _print_change(report))
    if (now.is_on, now.cancel) != (after.is_on, after.cancel):
        cancels = f", --cancel {now.cancel}," if now.is_on else ""
        raise NaiveError(
            f"the kill switch was set {'on' if now.is_on else 'off'}{cancels} by another command meanwhile",
            hint="what was asked for last holds; naive-daemon kill-switch shows it",
        )
    if report.disobeying and timeout_s > 0:
        raise NaiveError(
            f"the daemon has not confirmed within {timeout_s:g} s: {', '.join(report.disobeying)}",
            hint="the switch is set, and the daemon will obey it; naive-daemon kill-switch shows whether it does",
        )


class _Daemons:
    """The daemons that trade accounts of this database now."""

    def __init__(self, url: str, engine: Engine) -> None:
        self._url = url
        self._engine = engine
        self._safeguards = OperatorSafeguards(engine)
        self._accounts = OperatorAccounts(engine)

    def traded(self, *others: str) -> list[str]:
        """Name the accounts that a daemon trades, of those that the database knows and `others`."""
        return sorted(traded(self._url, self._engine, {*self._accounts.known(), *others}))

    def seen(self, accounts: Collection[str]) -> dict[str, int]:
        """Give which revision of the switch each account obeys."""
        seen = self._safeguards.seen()
        return {account: seen.get(account, _NEVER_SEEN) for account in accounts}

    def obey(self, options: Options, accounts: Sequence[str], revision: int, timeout_s: float) -> dict[str, bool]:
        """Wait until all obey the switch of this revision, or a later one; says who does. Who has ended is left out."""
        if not accounts or timeout_s == 0:
            return {account: seen >= revision for account, seen in self.seen(accounts).items()}
        with progress(options) as bar:
            task = bar.add_task("waiting for the daemon", total=len(accounts))
            late = await_states(
                self._url,
                self.seen,
                dict.fromkeys(accounts, _NEVER_SEEN),
                lambda _, seen: seen >= revision,
                timeout_s=timeout_s,
                clock=WallClock(),
                advance=lambda done: bar.update(task, completed=done),
            )
        ended = frozenset(late) - traded(self._url, self._engine, late)
        return {account: account not in late for account in accounts if account not in ended}


def _report(switch: KillSwitch, *, was_on: bool, accounts: dict[str, bool]) -> SwitchReport:
    return SwitchReport(
        is_on=switch.is_on, was_on=was_on, cancel=switch.cancel, reason=switch.reason, accounts=accounts
    )


def state_line(switch: KillSwitch | SwitchReport) -> str:
    """Say in a line what the switch does."""
    if not switch.is_on:
        return "the kill switch is off: entries are placed"
    reason = f" ({printable(switch.reason)})" if switch.reason else ""
    return f"the kill switch is ON{reason}: no account places an entry, exits go on; {_CANCELLED[switch.cancel]}"


def _print_state(report: SwitchReport) -> None:
    click.echo(state_line(report))
    _print_accounts(report)


def _print_change(report: SwitchReport) -> None:
    if report.is_on == report.was_on:
        click.echo(f"the kill switch was {'on' if report.is_on else 'off'} before")
    _print_state(report)


def _print_accounts(report: SwitchReport) -> None:
    if not report.accounts:
        click.echo("no daemon is running; one that starts obeys it")
    for account, obeys in report.accounts.items():
        click.echo(f"account {account}: the daemon {'obeys' if obeys else 'has not confirmed that it obeys'}")
