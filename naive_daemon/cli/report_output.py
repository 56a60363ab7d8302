"""How commands show a report: as a table, as JSON, as a page in a file; the same for a journal and for a backtest."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from naive_daemon.cli.output import print_table
from naive_daemon.domain.errors import NaiveError
from naive_daemon.logs.bounded_text import printable

if TYPE_CHECKING:
    from naive_daemon.clock import Clock
    from naive_daemon.report.figures import Report
    from naive_daemon.report.maker import Heading, Made

NOTHING = "nothing was traded in this span"
_DAYS_MAX = 31
_MIB = 1024 * 1024


def heading(
    account: str, source: str, clock: "Clock", since_ns: int | None = None, until_ns: int | None = None
) -> "Heading":
    """Give what stands above a report that is made now, by this version."""
    from importlib.metadata import version

    from naive_daemon.report.maker import Heading

    return Heading(
        account=account,
        version=version("naive-daemon"),
        source=source,
        made_at_ns=clock.now_ns(),
        since_ns=since_ns,
        until_ns=until_ns,
    )


def write_page(path: Path, made: "Made") -> int:
    """Write the page and give its size in bytes; raises NaiveError when the file can not be written."""
    from naive_daemon.report.page import render

    return write_text(path, render(made))


def write_text(path: Path, text: str) -> int:
    """Write a page and give its size in bytes; raises NaiveError when the file can not be written."""
    page = text.encode("utf-8", "backslashreplace")  # a file's name may hold what is no text
    try:
        path.write_bytes(page)
    except OSError as error:
        raise NaiveError(f"{path} can not be written: {error.strerror}", hint="give another file") from None
    return len(page)


def say_written(path: Path, size_bytes: int) -> None:
    """Tell a person where the page is, and how large."""
    click.echo(f"{path} written ({size_bytes / _MIB:.1f} MiB): open it in any browser, it needs no network")


def print_report(report: "Report") -> None:
    """Print a report for people: figures rounded, the latest days only; --json has all, exactly."""
    from naive_daemon.report import rounding
    from naive_daemon.report.wording import figure_rows, price_lines, span_line

    click.echo(f"account {printable(report.account)}, {span_line(report)}")
    if report.is_empty:
        click.echo(NOTHING)
        return
    for block in report.blocks:
        places = rounding.places_of(block)
        click.echo()
        rows = figure_rows(block.figures, block.dust, printable(block.quote_asset), places)
        print_table((printable(block.quote_asset), "figure>"), [(row.label, row.shown) for row in rows])
        click.echo()
        print_table(
            ("symbol", "cycles>", "win rate>", "realised>", "unrealised>", "drawdown>", "turnover>"),
            [
                (
                    printable(one.symbol), one.figures.cycles, rounding.percentage(one.figures.win_rate),
                    rounding.signed(one.figures.realised_pnl, places),
                    rounding.signed(one.figures.unrealised_pnl, places),
                    rounding.money(one.figures.max_drawdown, places), rounding.amount(one.figures.turnover),
                )
                for one in block.symbols
            ],
        )  # fmt: skip
        click.echo()
        print_table(
            ("day (UTC)", "cycles>", "realised>", "sum>", "turnover>", "fees>"),
            [
                (
                    day.day, day.cycles, rounding.signed(day.realised_pnl, places),
                    rounding.signed(day.realised_pnl_total, places), rounding.amount(day.turnover),
                    rounding.amounts(day.fees),
                )
                for day in block.days[-_DAYS_MAX:]
            ],
        )  # fmt: skip
        if len(block.days) > _DAYS_MAX:
            click.echo(f"the last {_DAYS_MAX} of {len(block.days)} days; --json and --html have more")
    for line in price_lines(report):
        click.echo(f"unrealised PnL: {printable(line)}")
