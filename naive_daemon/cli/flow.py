"""`naive-daemon flow`."""

from typing import TYPE_CHECKING, Any

import click
import msgspec

from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.output import emit
from naive_daemon.cli.symbols import SymbolType

if TYPE_CHECKING:
    from naive_daemon.redflow import ClusterView, GraphView

_LINES_MAX = 200
"""So many clusters are listed for people who have not said how deep; JSON has them all, up to the daemon's bound."""


@click.command(cls=Command)
@click.option("--symbol", type=SymbolType(), metavar="SYMBOL", help="Show what is traded of this symbol only.")
@click.option(
    "--depth",
    type=click.IntRange(1, 4),
    metavar="N",
    help="Show so many levels; without it as many as are easy to read.",
)
@pass_options
def flow(options: Options, *, symbol: str | None, depth: int | None) -> None:
    """Show what a running daemon's works share: streams, candles, signals and decisions, each with its accounts.

    A work, here a source, is one account trading one symbol with one set of settings. What stands in one line is there
    once for all works below it; with each stream, candles and signals stands whether it is open, or why it waits.
    Lower levels are counted where there is too much to list.

    Example:
      naive-daemon flow
      naive-daemon flow --symbol BTCUSDT --depth 2

    """
    from naive_daemon.cli.looking import console_client
    from naive_daemon.console.protocol import AskFlow, FlowShown
    from naive_daemon.market.flow import DEPTH_MAX, SHOWN_MAX
    from naive_daemon.redflow import print_graph

    shown_max = SHOWN_MAX if options.json or depth is not None else _LINES_MAX
    graph = console_client(options).ask(AskFlow(symbol, depth or DEPTH_MAX, shown_max), FlowShown).graph
    emit(options, msgspec.to_builtins(graph), lambda: click.echo(print_graph(_in_words(graph))))


def _in_words(graph: "GraphView") -> "GraphView":
    return msgspec.structs.replace(graph, clusters=tuple(map(_cluster_in_words, graph.clusters)))


def _cluster_in_words(cluster: "ClusterView") -> "ClusterView":
    return msgspec.structs.replace(
        cluster, data=_words(cluster.data), clusters=tuple(map(_cluster_in_words, cluster.clusters))
    )


def _words(data: Any) -> str | None:
    """Tell a ClusterShown as the daemon has sent it."""
    if data is None:
        return None
    told = [data["what"], data["state"], data["reason"]]
    return ": ".join(word for word in told if word) or None
