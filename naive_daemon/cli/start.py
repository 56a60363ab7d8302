"""`naive-daemon start`."""

import click

from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.switching import Switch, run_switch, switch_options
from naive_daemon.domain.settings import TradingStatus


@click.command(cls=Command)
@switch_options
@pass_options
def start(
    options: Options,
    *,
    symbols: tuple[str, ...],
    account: str | None,
    all_accounts: bool,
    timeout_s: float,
    no_wait: bool,
) -> None:
    """Trade symbols.

    Each symbol's status becomes "on", and a running daemon starts it at once. A symbol that the exchange lists, and
    that has no settings yet, gets the default ones. A shutdown that is on its way is taken back; a quarantined symbol
    is tried again.

    Example:
      naive-daemon start BTCUSDT ETHUSDT

    """
    run_switch(
        options,
        Switch(
            status=TradingStatus.ON,
            symbols=symbols,
            account=account,
            all_accounts=all_accounts,
            timeout_s=0 if no_wait else timeout_s,
        ),
    )
