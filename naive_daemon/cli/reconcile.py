"""`naive-daemon reconcile`."""

from typing import TYPE_CHECKING

import click
import msgspec

from naive_daemon.cli.account_choice import account_option
from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.output import emit, print_table

if TYPE_CHECKING:
    from naive_daemon.console.protocol import Reconciled

_COLUMNS = ("what", "symbol", "order", "journal", "exchange")


@click.command(cls=Command)
@account_option("The account; the configured one, or the only one that the daemon trades, unless given.")
@pass_options
def reconcile(options: Options, *, account: str | None) -> None:
    """Have a running daemon compare its journal with the exchange now.

    Shows where they differed, with what each side said. What differs is repaired towards the exchange, as it is at
    every start and while the daemon runs. Orders of others are counted and left alone; orphans, which have our mark
    and no cycle, are adopted: naive-daemon orders --orphans.

    Example:
      naive-daemon reconcile

    """
    from naive_daemon.cli.looking import ask_of_account
    from naive_daemon.console.protocol import RECONCILE_TIMEOUT_S, AskReconcile, Reconciled

    found = ask_of_account(options, account, AskReconcile, Reconciled, RECONCILE_TIMEOUT_S)
    emit(options, msgspec.structs.asdict(found), lambda: _print(found))


def _print(found: "Reconciled") -> None:
    if found.differences:
        rows = [(one.kind, one.symbol, one.order, one.journal, one.exchange) for one in found.differences]
        print_table(_COLUMNS, rows)
        click.echo(f"account {found.account}: {found.live_here} live orders in the journal, {found.live_there} there")
    else:
        click.echo(f"account {found.account}: journal and exchange agree: {_orders(found.live_here)}")
    if found.orphans:
        click.echo(f"{_orders(found.orphans)} adopted as orphans; naive-daemon orders --orphans shows them")
    if found.foreign:
        click.echo(f"{_orders(found.foreign)} of others there, left alone")


def _orders(count: int) -> str:
    return "1 order" if count == 1 else f"{count} orders"
