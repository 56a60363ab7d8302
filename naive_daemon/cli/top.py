"""`naive-daemon top`."""

import sys
from typing import TYPE_CHECKING

import click
import msgspec

from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.looking_values import SecondsType
from naive_daemon.cli.output import console, emit

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from naive_daemon.console.protocol import LoadShown
    from naive_daemon.otp import LoadOrder

_COLUMNS = ("actor", "#>", "class", "state", "messages/s>", "busy>", "mailbox>", "handled>")


@click.command(cls=Command)
@click.option(
    "--interval",
    "interval_s",
    type=SecondsType(0.1, 10),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="Measure for so long.",
)
@click.option(
    "--sort",
    "order",
    type=click.Choice(["rate", "mailbox", "busy"]),
    default="rate",
    show_default=True,
    help="Who comes first: by messages handled, messages that wait, or time in the handler.",
)
@click.option(
    "--count", type=click.IntRange(1, 200), default=20, show_default=True, metavar="N", help="Show so many actors."
)
@click.option("--once", is_flag=True, help="Measure once, print and end.")
@pass_options
def top(options: Options, *, interval_s: float, order: "LoadOrder", count: int, once: bool) -> None:
    """Show which actors of a running daemon have the most work.

    Goes on until Ctrl-C; measures once where no terminal shows it, and with --json.

    Example:
      naive-daemon top --sort mailbox
      naive-daemon top --once --count 5

    """
    from naive_daemon.cli.looking import console_client
    from naive_daemon.console.protocol import AskLoad, LoadShown

    client = console_client(options)

    def measure() -> LoadShown:
        return client.ask(AskLoad(interval_s, order, count), LoadShown, more_s=interval_s)

    if once or options.json or not sys.stdout.isatty():
        shown = measure()
        emit(options, msgspec.structs.asdict(shown), lambda: console().print(_picture(shown)))
        return
    try:
        _show_until_interrupted(measure)
    except KeyboardInterrupt:
        return  # the way to end it


def _show_until_interrupted(measure: "Callable[[], LoadShown]") -> None:
    from rich.console import Console
    from rich.live import Live

    first = measure()  # before the screen is taken: an error belongs below the command
    terminal = Console(highlight=False, markup=False, emoji=False)
    with Live(_picture(first), console=terminal, screen=True, auto_refresh=False) as live:
        while True:
            live.update(_picture(measure()), refresh=True)


def _picture(shown: "LoadShown") -> "RenderableType":
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from naive_daemon.cli.looking import STATE_STYLES

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in _COLUMNS:
        table.add_column(column.removesuffix(">"), justify="right" if column.endswith(">") else "left")
    for one in shown.load.busiest:
        table.add_row(
            one.name,
            str(one.number),
            one.actor_class,
            Text(one.state.value, STATE_STYLES[one.state]),
            f"{one.rate_per_s:.1f}",
            f"{one.busy_ratio:.1%}",
            str(one.mailbox),
            str(one.handled),
        )
    return Group(_system_line(shown), Text(), table)


def _system_line(shown: "LoadShown") -> "RenderableType":
    from rich.text import Text

    from naive_daemon.cli.looking import size

    load = shown.load
    return Text.assemble(
        f"actors {load.actors}   messages/s {load.messages_per_s:.1f}   memory {size(shown.rss_bytes)}"
        f"   pool threads {load.threads}   ",
        (f"stuck {load.stuck}", "bold red" if load.stuck else ""),
        f"   replaced {load.replaced}   ",
        (f"lost {load.lost}", "bold red" if load.lost else ""),
        f"   over {load.over_s:.1f} s",
    )
