"""What a command prints: JSON for programs, tables for people. One function decides which."""

import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click
import msgspec

from naive_daemon.cli.command import Options
from naive_daemon.domain.money import plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

# A table is as wide as it needs to be; a narrower terminal breaks its lines. Half a number would be a wrong one.
_WIDTH_MAX = 1_000


def emit(options: Options, data: Any, text: Callable[[], None]) -> None:
    """Print `data` as one JSON value with --json, else call `text`, which prints for people.

    In JSON a decimal is a string without exponent, a time ISO in UTC, a struct an object.
    """
    if not options.json:
        text()
        return
    from naive_daemon.logs.rendering import plain_value

    encoded = msgspec.json.encode(plain_value(data))
    # Indented for eyes; a program that reads gets one line.
    shown = msgspec.json.format(encoded, indent=2) if sys.stdout.isatty() else encoded
    # As text: click writes bytes past standard output, and past who watches whether it can be written.
    click.echo(shown.decode())


def say(options: Options, line: str) -> None:
    """Print a line for people; with --json nothing."""
    if not options.json:
        click.echo(line)


def console() -> "Console":
    """Give a rich console on standard output."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False, width=_WIDTH_MAX)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; columns whose name ends with `>` are aligned to the right, cells are written by `cell`.

    Nothing is padded at the end of a line: one long reason would else have every row broken by a terminal.
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column.removesuffix(">"), justify="right" if column.endswith(">") else "left")
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    shown = console()
    with shown.capture() as captured:
        shown.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def cell(value: object) -> str:
    """Write a value into a table: nothing as a dash, decimals plainly, times to the second in UTC."""
    if value is None:
        return "-"
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return str(value)


def progress(options: Options) -> "Progress":
    """Give a rich progress bar on standard error, which shows only where a person watches."""
    from rich.console import Console
    from rich.progress import Progress

    return Progress(
        console=Console(stderr=True), transient=True, disable=options.json or not sys.stderr.isatty(), expand=False
    )
