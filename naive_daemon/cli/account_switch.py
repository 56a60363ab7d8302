"""`naive-daemon account disable|enable`."""

from collections.abc import Sequence

import click

from naive_daemon.cli.account_choice import AccountType, unknown_account
from naive_daemon.cli.account_confirmation import AccountsWait, wait_options
from naive_daemon.cli.account_standing import OFF, UP
from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.database import open_engine
from naive_daemon.domain.errors import UsageError
from naive_daemon.storage.postgres.accounts import OperatorAccounts

# What to say, by what is asked for and what stood there before.
_WORDS = {
    (True, True): "already enabled, tried again if it was down",
    (True, False): "enabled",
    (False, True): "disabled",
    (False, False): "already disabled",
}


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
@wait_options
@pass_options
def enable(options: Options, *, names: tuple[str, ...], timeout_s: float, no_wait: bool) -> None:
    """Let accounts go on where they were.

    Its credentials are read afresh. An account that is enabled already, and down, is tried again at once.

    Example:
      naive-daemon account enable second

    """
    _switch(options, names, is_enabled=True, timeout_s=0 if no_wait else timeout_s)


def _switch(options: Options, names: Sequence[str], *, is_enabled: bool, timeout_s: float) -> None:
    config = options.load_config()
    wanted = list(dict.fromkeys(names))
    if config.account in wanted:
        raise UsageError(
            f"account {config.account} is the configured one, which is always traded",
            hint="naive-daemon stop SYMBOL ends the trading of its symbols; NAIVE_ACCOUNT configures another account",
        )
    with open_engine(options, config) as (url, engine):
        accounts = OperatorAccounts(engine)
        added = [one.name for one in accounts.rows()]
        for name in wanted:
            if name not in added:
                raise unknown_account(name, [*added, config.account])
        wait = AccountsWait(url, engine, config.account, wanted, UP if is_enabled else OFF)
        before = accounts.set_enabled(wanted, is_enabled=is_enabled)
        wait.report(options, {name: _WORDS[is_enabled, before[name]] for name in wanted}, timeout_s)
