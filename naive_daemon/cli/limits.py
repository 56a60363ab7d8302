"""`naive-daemon limits list|set`."""

from collections.abc import Mapping, Sequence
from typing import Any

import click
import msgspec

from naive_daemon.cli.account_choice import (
    account_option,
    all_accounts_option,
    chosen_accounts,
    daemon_of,
    known_account,
)
from naive_daemon.cli.command import Group, Options, pass_options
from naive_daemon.cli.database import open_engine
from naive_daemon.cli.not_running import not_running
from naive_daemon.cli.output import emit, print_table, say
from naive_daemon.cli.traded import traded
from naive_daemon.domain.errors import UsageError
from naive_daemon.domain.limits import RiskLimits, read_limit
from naive_daemon.domain.settings import InvalidSettingError
from naive_daemon.storage.postgres.safeguards import OperatorSafeguards

_COLUMNS = (
    "account", "open orders>", "symbol at risk>", "account at risk>", "orders per min>", "daily loss>",
)  # fmt: skip
_EXAMPLE = "naive-daemon limits set max_open_orders=10 max_daily_loss=50"


@click.group(cls=Group)
def limits() -> None:
    """Show and change what an account may risk.

    An entry that would go beyond a limit waits, and status says why; exits never wait.

    Example:
      naive-daemon limits list
      naive-daemon limits set max_open_orders=10 max_daily_loss=50

    """


@limits.command("list")
@account_option("Only this account.")
@pass_options
def list_limits(options: Options, *, account: str | None) -> None:
    """Show the limits of all accounts that have some; a dash is no limit.

    Amounts are in the quote asset.

    Example:
      naive-daemon limits list --account main

    """
    config = options.load_config()
    with open_engine(options, config, reads_only=True) as (_, engine):
        chosen = None if account is None else known_account(engine, config.account, account)
        found = OperatorSafeguards(engine).limits(chosen)
    emit(options, [_flat(owner, values) for owner, values in found.items()], lambda: _print(found))


@limits.command("set")
@click.argument("words", nargs=-1, required=True, metavar="KEY=VALUE...")
@account_option()
@all_accounts_option()
@pass_options
def set_limits(options: Options, *, words: tuple[str, ...], account: str | None, all_accounts: bool) -> None:
    """Change limits of an account; KEY=none takes one away. Nothing that rests is cancelled.

    Keys: max_open_orders, max_orders_per_min, and in the quote asset max_symbol_at_risk, max_account_at_risk (what
    buys of open cycles have cost or may cost) and max_daily_loss (of cycles that ended since 0:00 UTC).

    Example:
      naive-daemon limits set max_open_orders=10 max_daily_loss=50
      naive-daemon limits set --account second max_daily_loss=none

    """
    changes = _read_changes(words)
    config = options.load_config()
    with open_engine(options, config) as (url, engine):
        # Also those that are disabled: they may be enabled again, and must not come back without limits.
        accounts = chosen_accounts(engine, config.account, account, all_accounts=all_accounts, disabled_too=True)
        changed = OperatorSafeguards(engine).set_limits_of(accounts, changes)
        takes = (
            "the running daemon takes this at once"
            if traded(url, engine, accounts)
            else not_running(url, engine, daemon_of(engine, config.account, account), "it obeys when it starts")
        )
    flat = [_flat(owner, values) for owner, values in changed.items()]
    emit(options, flat if all_accounts else flat[0], lambda: _print(changed))
    say(options, takes)


def _read_changes(words: Sequence[str]) -> dict[str, str]:
    """Read `key=value` words; raises UsageError that has a line for each bad one."""
    changes: dict[str, str] = {}
    mistakes: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        key = key.strip().lower()
        if not equals:
            mistakes.append(f"{word} is refused: a limit is written as KEY=VALUE")
            continue
        if key in changes:
            mistakes.append(f"{key} is given twice")
        changes[key] = value
        try:
            read_limit(key, value)
        except InvalidSettingError as error:
            mistakes.append(str(error))
    if len(mistakes) == 1:
        raise UsageError(f"{mistakes[0]}; nothing was changed", hint=_EXAMPLE)
    if mistakes:
        raise UsageError("\n  ".join([f"{len(mistakes)} limits are wrong, nothing was changed:", *mistakes]))
    return changes


def _flat(account: str, values: RiskLimits) -> dict[str, Any]:
    return {"account": account, **msgspec.structs.asdict(values)}


def _print(found: Mapping[str, RiskLimits]) -> None:
    if not found:
        click.echo(f"no limits; {_EXAMPLE} sets some")
        return
    print_table(_COLUMNS, [(account, *msgspec.structs.astuple(values)) for account, values in found.items()])
