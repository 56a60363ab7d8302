"""The command line: one command a file, each loaded only when it is called, so that `--help` answers at once."""

import gc
import os
import sys
from typing import NoReturn

import click

from naive_daemon.cli.boundary import run
from naive_daemon.cli.command import LazyGroup, Loading

COLLECTED_AFTER = 50_000
"""Allocations before Python looks for garbage. What a command loads stays: to look through it again and again, every
700 allocations, was a seventh of the time that a command takes to start."""

COMMANDS = {
    "run": Loading(
        "naive_daemon.cli.run:run",
        "Trade until Ctrl-C or SIGTERM, with servers of its own where none are configured.",
    ),
    "start": Loading("naive_daemon.cli.start:start", "Trade symbols."),
    "stop": Loading("naive_daemon.cli.stop:stop", "End the trading of symbols now."),
    "shutdown": Loading("naive_daemon.cli.shutdown:shutdown", "Let symbols finish what is open, then end."),
    "status": Loading("naive_daemon.cli.status:status", "Show what is wanted of symbols, and what is so."),
    "tree": Loading("naive_daemon.cli.tree:tree", "Show the actors of a running daemon, and how they are."),
    "flow": Loading(
        "naive_daemon.cli.flow:flow",
        "Show what a running daemon's works share: streams, candles, signals and decisions, each with its accounts.",
    ),
    "top": Loading("naive_daemon.cli.top:top", "Show which actors of a running daemon have the most work."),
    "actor": Loading("naive_daemon.cli.actor:actor", "Look into one actor of a running daemon."),
    "orders": Loading("naive_daemon.cli.orders:orders", "List orders, newest first."),
    "report": Loading(
        "naive_daemon.cli.report:report", "Report what trading has brought: PnL, fees, drawdown, by symbol and by day."
    ),
    "account": Loading(
        "naive_daemon.cli.account:account",
        "Show what an account has; add accounts, list, disable and enable them.",
    ),
    "reconcile": Loading(
        "naive_daemon.cli.reconcile:reconcile", "Have a running daemon compare its journal with the exchange now."
    ),
    "kill-switch": Loading(
        "naive_daemon.cli.kill_switch:kill_switch", "Stop all entries of all accounts at once, or let them go on again."
    ),
    "limits": Loading("naive_daemon.cli.limits:limits", "Show and change what an account may risk."),
    "replay": Loading(
        "naive_daemon.cli.replay:replay", "Trade through a recorded file with the daemon and its databases."
    ),
    "backtest": Loading(
        "naive_daemon.cli.backtest:backtest",
        "Trade through a recorded file, without servers, as fast as the machine can.",
    ),
    "settings": Loading("naive_daemon.cli.settings:settings", "Show and change how symbols are traded."),
    "seed": Loading("naive_daemon.cli.seed:seed", "Add settings for every symbol that the exchange lists."),
    "exchange": Loading(
        "naive_daemon.cli.exchange:exchange",
        "Serve a local exchange that speaks Binance's Spot API, and let it misbehave.",
    ),
    "db": Loading(
        "naive_daemon.cli.db:db", "Bring the database's schema up, down, or say where it stands; delete what is old."
    ),
}


@click.command(cls=LazyGroup, loadings=COMMANDS, version=True)
def cli() -> None:
    """Trade unattended: every symbol in its own supervised tree, on paper until told otherwise.

    Example:
      naive-daemon start BTCUSDT ETHUSDT
      naive-daemon status

    """


def main() -> NoReturn:
    """Run the command line and end the process with its exit code: the entry point of the installed program."""
    gc.set_threshold(COLLECTED_AFTER)
    # NumPy would start a thread for each core to multiply matrices, of which there are none.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.exit(run(cli, sys.argv[1:]))
