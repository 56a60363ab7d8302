"""`naive-daemon stop`."""

import click

from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.switching import Switch, run_switch, switch_options
from naive_daemon.domain.settings import RestingOrders, TradingStatus


@click.command(cls=Command)
@switch_options
@click.option(
    "--orders",
    type=click.Choice([choice.value for choice in RestingOrders]),
    default=RestingOrders.KEEP.value,
    show_default=True,
    help="What becomes of orders that rest: they stay for the next start, or are cancelled.",
)
@pass_options
def stop(
    options: Options,
    *,
    symbols: tuple[str, ...],
    account: str | None,
    all_accounts: bool,
    timeout_s: float,
    no_wait: bool,
    orders: str,
) -> None:
    """End the trading of symbols now.

    Each symbol's status becomes "off". Orders that rest on the exchange stay there, and the next start takes them up
    again, unless --orders cancel is given. To finish what is open first, use shutdown.

    Example:
      naive-daemon stop BTCUSDT --orders cancel

    """
    run_switch(
        options,
        Switch(
            status=TradingStatus.OFF,
            symbols=symbols,
            account=account,
            all_accounts=all_accounts,
            timeout_s=0 if no_wait else timeout_s,
            stop_orders=RestingOrders(orders),
        ),
    )
