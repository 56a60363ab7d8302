"""`naive-daemon tree`."""

from typing import TYPE_CHECKING

import click
import msgspec

from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.looking_values import ActorNameType
from naive_daemon.cli.output import console, emit

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree as Drawing

    from naive_daemon.otp import Node, Tree


@click.command(cls=Command)
@click.argument("name", type=ActorNameType(), required=False, metavar="[NAME]")
@click.option("--depth", type=click.IntRange(1, 32), default=32, metavar="N", help="Show so many levels.")
@pass_options
def tree(options: Options, *, name: str | None, depth: int) -> None:
    """Show the actors of a running daemon, and how they are.

    Each with its number, state, restarts by its supervisor, messages that wait and messages handled. NAME is an actor's
    name or number, and shows what is below it. No actor is asked, so one that hangs is shown like any other.

    Example:
      naive-daemon tree
      naive-daemon tree trading --depth 2

    """
    from naive_daemon.cli.looking import console_client
    from naive_daemon.console.protocol import AskTree, TreeShown

    shown = console_client(options).ask(AskTree(name, depth), TreeShown).tree
    emit(options, msgspec.to_builtins(shown), lambda: _print(shown))


def _print(shown: "Tree") -> None:
    from rich.tree import Tree as Drawing

    for root in shown.roots:
        drawing = Drawing(_line(root))
        _draw(root, drawing)
        console().print(drawing)
    if shown.left_out:
        click.echo(_left_out(shown.left_out))


def _draw(node: "Node", drawing: "Drawing") -> None:
    for child in node.children:
        _draw(child, drawing.add(_line(child)))
    if node.left_out:
        drawing.add(_left_out(node.left_out))


def _left_out(count: int) -> str:
    return f"… {count} more"


def _line(node: "Node") -> "Text":
    from rich.text import Text

    from naive_daemon.cli.looking import STATE_STYLES

    number = "" if node.number is None else f"  #{node.number}"
    line = Text.assemble((node.name, "bold"), (number, "dim"), "  ", (node.state.value, STATE_STYLES[node.state]))
    line.append(f"  restarts {node.restarts}" if node.restarts else "")
    if node.number is not None:
        line.append(f"  mailbox {node.mailbox}  handled {node.handled}")
    return line
