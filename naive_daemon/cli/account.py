"""`naive-daemon account show|add|list|disable|enable`."""

import click

from naive_daemon.cli.account_choice import account_option
from naive_daemon.cli.command import LazyGroup, Loading, Options, pass_options


@click.command(
    cls=LazyGroup,
    invoke_without_command=True,
    loadings={
        "show": Loading(
            "naive_daemon.cli.account_show:show",
            "Show what an account of a running daemon has: balances, positions, open orders, and the session so far.",
        ),
        "add": Loading("naive_daemon.cli.account_add:add", "Let the daemon trade more accounts."),
        "list": Loading("naive_daemon.cli.account_list:list_accounts", "List accounts, and how each of them is."),
        "disable": Loading(
            "naive_daemon.cli.account_switch:disable", "End the trading of accounts, orders that rest stay."
        ),
        "enable": Loading("naive_daemon.cli.account_switch:enable", "Let accounts go on where they were."),
    },
)
@account_option("Without a command: the account to show.")
@pass_options
@click.pass_context
def account(context: click.Context, options: Options, *, account: str | None) -> None:
    """Show what an account has; add accounts, list, disable and enable them.

    Without a command, shows the account that a running daemon trades, as show does. The configured account is always
    traded; more accounts stand in the database, each with a reference to where its key is, and a daemon that runs takes
    them up at once.

    Example:
      naive-daemon account
      naive-daemon account add second --credentials env:SECOND
      naive-daemon account list

    """
    if context.invoked_subcommand is None:
        from naive_daemon.cli.account_show import show_account

        show_account(options, account)
