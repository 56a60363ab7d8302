"""`naive-daemon account list`."""

from collections.abc import Sequence

import click

from naive_daemon.cli.account_standing import AccountStanding, read_accounts
from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.database import open_engine
from naive_daemon.cli.output import emit, print_table
from naive_daemon.logs.bounded_text import printable

_COLUMNS = ("account", "enabled", "credentials", "state", "symbols on>", "tried again", "reason")
CONFIGURED = "(configured)"


@click.command(cls=Command)
@pass_options
def list_accounts(options: Options) -> None:
    """List the configured account and those that were added, and how each of them is.

    State is what a running daemon says: opening, up, down (it is tried again by itself, and at once by account enable)
    or off; a dash while no daemon runs.

    Example:
      naive-daemon account list
      naive-daemon account list --json

    """
    config = options.load_config()
    with open_engine(options, config, reads_only=True) as (url, engine):
        found = read_accounts(url, engine, config.account)
    emit(options, found, lambda: print_accounts(found))


def print_accounts(found: Sequence[AccountStanding]) -> None:
    """Print accounts as a table."""
    rows = [
        (
            one.account, "yes" if one.is_enabled else "no", CONFIGURED if one.is_configured else one.credentials,
            one.state, one.symbols_on, one.retry_at, None if one.reason is None else printable(one.reason),
        )
        for one in found
    ]  # fmt: skip
    print_table(_COLUMNS, rows)
