"""`naive-daemon account disable|enable`."""

from collections.abc import Sequence

import click

from naive_daemon.cli.account_add import read_reference, refuse_shared_keys, tell_unread
from naive_daemon.cli.account_choice import AccountType, unknown_account
from naive_daemon.cli.account_confirmation import AccountsWait, wait_options
from naive_daemon.cli.account_standing import OFF, UP
from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.database import open_engine
from naive_daemon.config import Config
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.errors import UsageError
from naive_daemon.storage.postgres.accounts import OperatorAccounts, belongs_elsewhere

# What to say, by what is asked for and what stood there before.
_WORDS = {
    (True, True): "already enabled, tried again if it was down",
    (True, False): "enabled",
    (False, True): "disabled",
    (False, False): "already disabled",
}
_SAME_REFERENCE = (
    "has this reference already, tried again if it was down; a key that was changed where it is, is read after account "
    "disable and enable"
)


@click.command(cls=Command)
@click.argument("names", nargs=-1, required=True, type=AccountType(), metavar="NAME...")
@wait_options
@pass_options
def disable(options: Options, *, names: tuple[str, ...], timeout_s: float, no_wait: bool) -> None:
    """End the trading of accounts, orders that rest stay.

    The trading of all its symbols ends at once. Orders that rest on the exchange stay there, and what is wanted of the
    symbols is kept, so that account enable goes on where it was. To have orders cancelled or everything sold, stop or
    shut down its symbols first. An account is never removed: its orders and cycles name it.

    Example:
      naive-daemon account disable second

    """
    _switch(options, names, is_enabled=False, timeout_s=0 if no_wait else timeout_s)


@click.command(cls=Command)
@click.argument("names", nargs=-1, required=True, type=AccountType(), metavar="NAME...")
@click.option(
    "--credentials",
    metavar="REFERENCE",
    help="Where the account's key is from now on: env:PREFIX, credential:NAME or file:/path. Never the key itself.",
)
@wait_options
@pass_options
def enable(
    options: Options, *, names: tuple[str, ...], credentials: str | None, timeout_s: float, no_wait: bool
) -> None:
    """Let accounts go on where they were.

    Its credentials are read afresh. An account that is enabled already, and down, is tried again at once. With
    --credentials the reference to its key is corrected; an account that trades is closed, and opened with the new one.
    A key that was changed where it is, in the same file, is read after account disable and account enable.

    Example:
      naive-daemon account enable second
      naive-daemon account enable second --credentials file:/etc/naive-daemon/second.toml

    """
    wait_s = 0 if no_wait else timeout_s
    if credentials is None:
        _switch(options, names, is_enabled=True, timeout_s=wait_s)
        return
    if len(set(names)) != 1:
        raise UsageError("--credentials goes with one account", hint="naive-daemon account enable NAME --credentials …")
    _enable_with(options, names[0], read_reference(credentials), wait_s)


def _enable_with(options: Options, name: str, credentials: str, timeout_s: float) -> None:
    config = options.load_config()
    with open_engine(options, config) as (url, engine):
        accounts = OperatorAccounts(engine)
        _check(accounts, config, [name])
        wanted = AccountSettings(name=name, beside=config.account, credentials=credentials)
        unread = refuse_shared_keys(config, accounts.rows(), [wanted])
        wait = AccountsWait(url, engine, config.account, [name], UP)
        before = accounts.enable_with(name, credentials)
        tell_unread(options, unread)
        wait.report(options, {name: _message(before, credentials)}, timeout_s)


def _message(before: AccountSettings, credentials: str) -> str:
    if not before.is_enabled:
        return "enabled, its credentials are set"
    return "its credentials are set" if before.credentials != credentials else _SAME_REFERENCE


def _switch(options: Options, names: Sequence[str], *, is_enabled: bool, timeout_s: float) -> None:
    config = options.load_config()
    wanted = list(dict.fromkeys(names))
    with open_engine(options, config) as (url, engine):
        accounts = OperatorAccounts(engine)
        _check(accounts, config, wanted)
        wait = AccountsWait(url, engine, config.account, wanted, UP if is_enabled else OFF)
        before = accounts.set_enabled(wanted, is_enabled=is_enabled)
        wait.report(options, {name: _WORDS[is_enabled, before[name]] for name in wanted}, timeout_s)


def _check(accounts: OperatorAccounts, config: Config, names: Sequence[str]) -> None:
    """Refuse what is no account that was added to the daemon of this configuration."""
    if config.account in names:
        raise UsageError(
            f"account {config.account} is the configured one, which is always traded",
            hint="naive-daemon stop SYMBOL ends the trading of its symbols; NAIVE_ACCOUNT configures another account",
        )
    added = {one.name: one.beside for one in accounts.rows()}
    for name in names:
        if name not in added:
            raise unknown_account(name, [*added, config.account])
        if added[name] != config.account:
            raise belongs_elsewhere(name, added[name])
