"""`naive-daemon shutdown`."""

import click

from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.switching import Switch, run_switch, switch_options
from naive_daemon.domain.settings import RestingOrders, TradingStatus


@click.command(cls=Command)
@switch_options
@click.option(
    "--entries",
    type=click.Choice([choice.value for choice in RestingOrders]),
    default=RestingOrders.KEEP.value,
    show_default=True,
    help="What becomes of buys without any fill: they are waited for, or cancelled.",
)
@pass_options
def shutdown(
    options: Options,
    *,
    symbols: tuple[str, ...],
    account: str | None,
    all_accounts: bool,
    timeout_s: float,
    no_wait: bool,
    entries: str,
) -> None:
    """Let symbols finish what is open, then end.

    Each symbol's status becomes "shutdown": no trader starts any more, those that run end their cycle, and after the
    last one the status becomes "off", also across restarts of the daemon. The command waits until the daemon has
    taken this up, not until it is done.

    Example:
      naive-daemon shutdown BTCUSDT --entries cancel

    """
    run_switch(
        options,
        Switch(
            status=TradingStatus.SHUTDOWN,
            symbols=symbols,
            account=account,
            all_accounts=all_accounts,
            timeout_s=0 if no_wait else timeout_s,
            shutdown_entries=RestingOrders(entries),
        ),
    )
