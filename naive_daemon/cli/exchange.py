"""`naive-daemon exchange serve|fault`."""

import click

from naive_daemon.cli.command import LazyGroup, Loading


@click.command(
    cls=LazyGroup,
    loadings={
        "serve": Loading(
            "naive_daemon.cli.exchange_serve:serve", "Serve a local exchange that speaks Binance's Spot API."
        ),
        "fault": Loading("naive_daemon.cli.exchange_fault:fault", "Let a local exchange misbehave on demand."),
    },
)
def exchange() -> None:
    """Serve a local exchange that speaks Binance's Spot API, and let it misbehave.

    It is there to test bots against, with money that does not exist.

    Example:
      naive-daemon exchange serve --port 8080
      naive-daemon exchange fault add lost-answer --where order.place --count 1 --url http://127.0.0.1:8080

    """
