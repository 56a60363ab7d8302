"""What add, enable and disable share: they wait until the daemon does with accounts what was asked, and say so."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import click
import msgspec
from sqlalchemy import Engine

from naive_daemon.cli.account_standing import DOWN, OFF, UP
from naive_daemon.cli.command import Options
from naive_daemon.cli.confirmation import await_states
from naive_daemon.cli.not_running import not_running
from naive_daemon.cli.output import emit, progress, say
from naive_daemon.cli.traded import traded
from naive_daemon.clock import WallClock
from naive_daemon.domain.account import AccountCondition
from naive_daemon.domain.errors import NaiveError
from naive_daemon.logs.bounded_text import printable
from naive_daemon.storage.postgres.accounts import AccountSaid, OperatorAccounts

_NAMED_MAX = 10
_LINES_MAX = 20


class AccountChanged(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one account; `confirmed` is None where nobody waited for the daemon."""

    account: str
    message: str
    confirmed: bool | None
    state: str | None
    reason: str | None


def wait_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of those that wait for the daemon."""
    for decorate in (
        click.option("--timeout", "timeout_s", type=click.FloatRange(min=0), default=30, show_default=True,
                     metavar="S", help="Wait so many seconds at most."),
        click.option("--no-wait", is_flag=True, help="Do not wait until the daemon has done it."),
    ):  # fmt: skip
        command = decorate(command)
    return command


class AccountsWait:
    """Waits until the daemon's answer to what stands in the rows is `goal`, a state."""

    def __init__(self, url: str, engine: Engine, configured: str, names: Sequence[str], goal: str) -> None:
        self._url = url
        self._accounts = OperatorAccounts(engine)
        self._goal = goal
        self._names = names
        self._not_running = not_running(url, engine, configured, "it will do so when it starts")
        self._configured = configured
        self.is_daemon_running = bool(traded(url, engine, [configured]))

    def report(self, options: Options, messages: Mapping[str, str], timeout_s: float) -> None:
        """Wait, print what became of each account; raises NaiveError (exit 1) when one does not do what was asked."""
        waits = self.is_daemon_running and timeout_s > 0
        unsettled = self._wait(options, timeout_s) if waits else {}
        rows = [_changed(name, message, unsettled.get(name), waited=waits) for name, message in messages.items()]
        emit(options, {"daemon_running": self.is_daemon_running, "accounts": rows}, lambda: _print(rows))
        if not self.is_daemon_running:
            say(options, self._not_running)
        if unsettled:
            raise self._complaint(unsettled, timeout_s)

    def _wait(self, options: Options, timeout_s: float) -> dict[str, AccountSaid]:
        failed: dict[str, AccountSaid] = {}

        def settled(name: str, said: AccountSaid) -> bool:
            if said.is_answer and said.condition.state == self._goal:
                return True
            if self._failure(said) is not None:
                failed[name] = said
                return True
            return False

        with progress(options) as bar:
            task = bar.add_task("waiting for the daemon", total=len(self._names))
            late = await_states(
                self._url,
                self._read,
                {name: _silent(name) for name in self._names},
                settled,
                timeout_s=timeout_s,
                clock=WallClock(),
                advance=lambda done: bar.update(task, completed=done),
            )
        return failed | late

    def _read(self, names: Collection[str]) -> dict[str, AccountSaid]:
        said = self._accounts.said(self._configured, names) if self.is_daemon_running else {}
        return {name: said.get(name) or _silent(name) for name in names}

    def _failure(self, said: AccountSaid) -> str | None:
        """Say why an account has failed to come up; one that is being closed, perhaps to be opened anew, has not."""
        has_failed = said.is_answer and self._goal == UP and said.condition.state == DOWN
        return said.condition.reason if has_failed else None

    def _complaint(self, unsettled: Mapping[str, AccountSaid], timeout_s: float) -> NaiveError:
        for name, said in unsettled.items():
            if (reason := self._failure(said)) is not None:
                others = f" ({len(unsettled) - 1} more accounts are not up)" if len(unsettled) > 1 else ""
                return NaiveError(
                    f"account {name} is down: {printable(reason)}{others}",
                    hint="it is tried again by itself, ever more seldom; naive-daemon account enable tries at once",
                )
        named = ", ".join(list(unsettled)[:_NAMED_MAX]) + (" …" if len(unsettled) > _NAMED_MAX else "")
        return NaiveError(
            f"the daemon has not confirmed within {timeout_s:g} s: {named}",
            hint="the wish is kept, and the daemon will do it; naive-daemon account list shows how far it is",
        )


def _silent(name: str) -> AccountSaid:
    """Stand for an account that the daemon never spoke of: it is off."""
    return AccountSaid(condition=AccountCondition(account=name, state=OFF), is_answer=False)


def _changed(name: str, message: str, unsettled: AccountSaid | None, *, waited: bool) -> AccountChanged:
    condition = None if unsettled is None else unsettled.condition
    return AccountChanged(
        account=name,
        message=message,
        confirmed=condition is None if waited else None,
        state=None if condition is None else condition.state,
        reason=None if condition is None else condition.reason,
    )


def _print(rows: Sequence[AccountChanged]) -> None:
    if len(rows) > _LINES_MAX:
        for message, count in Counter(row.message for row in rows).items():
            click.echo(f"{count} accounts  {message}")
        rows = [row for row in rows if row.confirmed is False][:_LINES_MAX]
    width = max((len(row.account) for row in rows), default=0)
    for row in rows:
        doubt = f" (not confirmed: it is {row.state})" if row.confirmed is False else ""
        click.echo(f"{row.account:<{width}}  {row.message}{doubt}")
