"""What start, stop and shutdown share: set what is wanted of symbols, say what that means, wait for the daemon.

Postgres holds what is wanted, so the commands work whether a daemon runs or not.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
import msgspec
from sqlalchemy import Engine

from naive_daemon.cli.command import Options
from naive_daemon.cli.confirmation import Actual, await_states, read_actual
from naive_daemon.cli.database import open_engine
from naive_daemon.cli.output import emit, progress, say
from naive_daemon.cli.symbols import SymbolType, check_known, listed_symbols
from naive_daemon.clock import WallClock
from naive_daemon.domain.errors import NaiveError
from naive_daemon.domain.settings import RestingOrders, TradingStatus
from naive_daemon.storage.postgres import locks
from naive_daemon.storage.postgres.settings import OperatorSettings

_NAMED_MAX = 10
NOT_RUNNING = "the daemon is not running; it will do so when it starts"
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
# In which states a symbol does what is asked for.
_SETTLED = {ON: frozenset({"on"}), OFF: frozenset({"off"}), SHUTDOWN: frozenset({"shutdown", "off"})}
_QUARANTINED = "quarantined"
# Which wishes of others undo what is asked for. A shutdown becomes off by itself, when everything is sold.
_UNDONE = {ON: frozenset({OFF, SHUTDOWN}), OFF: frozenset({ON, SHUTDOWN}), SHUTDOWN: frozenset({ON})}


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator asks of symbols; `timeout_s` is 0 where nobody waits."""

    status: TradingStatus
    symbols: Sequence[str]
    account: str | None
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
        click.option("--account", metavar="NAME", help="The account; the configured one unless given."),
        click.argument("symbols", nargs=-1, required=True, type=SymbolType(), metavar="SYMBOL..."),
    ):  # fmt: skip
        command = decorate(command)
    return command


def run_switch(options: Options, switch: Switch) -> None:
    """Set what is wanted, print what that means for each symbol, and wait until the daemon has done it.

    Raises UsageError for symbols that nobody knows, before anything is changed, and NaiveError (exit 1) when the
    daemon has not confirmed in time or has quarantined a symbol instead, or when another command was overtaking.
    """
    config = options.load_config({"account": switch.account})
    account = config.account
    with open_engine(options, config) as (url, engine):
        settings = OperatorSettings(engine)
        rows = {row.symbol: row.status for row in settings.rows(account)}
        names = check_known(switch.symbols, {**rows, **dict.fromkeys(listed_symbols(config), OFF)})
        wait = _Wait(url, engine, account, switch, read_actual(engine, account, names))
        before = _apply(settings, account, names, rows, switch)
        running = locks.holder(url, account) is not None
        waits = running and switch.timeout_s > 0
        unsettled = wait.run(options) if waits else {}
    report = [
        _switched(account, name, before[name], switch, unsettled=unsettled.get(name), waited=waits) for name in names
    ]
    emit(options, {"daemon_running": running, "symbols": report}, lambda: _print(report))
    if not running:
        say(options, NOT_RUNNING)
    if unsettled:
        raise wait.complaint(unsettled)


def _apply(
    settings: OperatorSettings, account: str, names: Sequence[str], rows: dict[str, TradingStatus], switch: Switch
) -> dict[str, TradingStatus]:
    """Set the status of all symbols in one statement; gives what stood there before, off for those without a row."""
    before = {name: rows.get(name, OFF) for name in names}
    if switch.status is ON:
        changed = names
    elif switch.status is OFF:
        changed = [name for name in names if name in rows]
    else:
        # A symbol that is off has nothing to finish, and stays off.
        changed = [name for name in names if before[name] is not OFF]
    if changed:
        changes = settings.set_status(
            account,
            changed,
            switch.status,
            create=switch.status is ON,
            stop_orders=switch.stop_orders,
            shutdown_entries=switch.shutdown_entries,
        )
        before |= {change.symbol: change.before or OFF for change in changes}
    return before


class _Wait:
    """Waits for the daemon to do what was asked for; `former` is what it last said before it was asked."""

    def __init__(self, url: str, engine: Engine, account: str, switch: Switch, former: Mapping[str, Actual]) -> None:
        self._url = url
        self._engine = engine
        self._account = account
        self._switch = switch
        self._former = former

    def run(self, options: Options) -> dict[str, Actual]:
        """Wait; gives the symbols that do not do what is asked for, and what they do."""
        failed: dict[str, Actual] = {}

        def settled(name: str, actual: Actual) -> bool:
            if actual.state in _SETTLED[self._switch.status]:
                return True
            if self._is_overtaken(actual) or self._has_failed(name, actual):
                failed[name] = actual
                return True
            return False

        with progress(options) as bar:
            task = bar.add_task("waiting for the daemon", total=len(self._former))
            late = await_states(
                self._url,
                lambda wanted: read_actual(self._engine, self._account, wanted),
                dict.fromkeys(self._former, Actual()),  # what stood before says nothing of what came of it
                settled,
                timeout_s=self._switch.timeout_s,
                clock=WallClock(),
                advance=lambda done: bar.update(task, completed=done),
            )
        return failed | late

    def complaint(self, unsettled: Mapping[str, Actual]) -> NaiveError:
        """Say which symbols do not do what was asked for."""
        for name, actual in unsettled.items():
            if self._is_overtaken(actual):
                return NaiveError(
                    f"{name} was set to {actual.desired} by another command meanwhile",
                    hint="what was asked for last holds; naive-daemon status shows it",
                )
            if self._has_failed(name, actual):
                others = f" ({len(unsettled) - 1} more symbols are not on)" if len(unsettled) > 1 else ""
                return NaiveError(
                    f"{name} is quarantined: {actual.last_error or 'it crashed'}{others}",
                    hint="it is tried again by itself, ever more seldom; naive-daemon start tries at once",
                )
        named = ", ".join(list(unsettled)[:_NAMED_MAX]) + (" …" if len(unsettled) > _NAMED_MAX else "")
        return NaiveError(
            f"the daemon has not confirmed within {self._switch.timeout_s:g} s: {named}",
            hint="the wish is kept, and the daemon will do it; naive-daemon status shows how far it is",
        )

    def _is_overtaken(self, actual: Actual) -> bool:
        return actual.desired in _UNDONE[self._switch.status]

    def _has_failed(self, name: str, actual: Actual) -> bool:
        # A quarantine from before the start is what the start is meant to end; a new one is its answer.
        fresh = actual.updated_ns != self._former[name].updated_ns
        return self._switch.status is ON and actual.state == _QUARANTINED and fresh


def _switched(
    account: str, name: str, before: TradingStatus, switch: Switch, *, unsettled: Actual | None, waited: bool
) -> SymbolSwitched:
    return SymbolSwitched(
        account=account,
        symbol=name,
        before=before,
        desired=OFF if switch.status is SHUTDOWN and before is OFF else switch.status,
        message=_WORDS[switch.status, before],
        confirmed=unsettled is None if waited else None,
        actual=unsettled.state if unsettled else None,
        last_error=unsettled.last_error if unsettled else None,
    )


def _print(report: Sequence[SymbolSwitched]) -> None:
    width = max(len(row.symbol) for row in report)
    for row in report:
        doubt = f" (not confirmed: it is {row.actual})" if row.confirmed is False else ""
        click.echo(f"{row.symbol:<{width}}  {row.message}{doubt}")
