"""`naive-daemon report`."""

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from naive_daemon.cli.account_choice import account_option, known_account
from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.database import open_engine
from naive_daemon.cli.moment import MomentType
from naive_daemon.cli.output import emit, progress
from naive_daemon.cli.report_output import heading, print_report, say_written, write_page
from naive_daemon.cli.symbols import SymbolType, check_known
from naive_daemon.clock import WallClock
from naive_daemon.domain.errors import NaiveError, UsageError
from naive_daemon.storage.postgres.cycle_history import CycleHistory
from naive_daemon.storage.postgres.settings import OperatorSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from naive_daemon.config import Config
    from naive_daemon.domain.instrument import Instrument
    from naive_daemon.report.maker import Heading, LastPrice, Made

# Which assets a symbol is made of never changes, so an old list of Binance's is as good as a new one.
_LISTING_KEPT_S = 365 * 86_400.0
DAEMON_PRICE = "running daemon"
_CONSOLE_TIMEOUT_S = 2.0


@click.command(cls=Command)
@click.argument("symbols", nargs=-1, type=SymbolType(), metavar="[SYMBOL]...")
@click.option("--symbol", "named", multiple=True, type=SymbolType(), metavar="SYMBOL", help="The same as an argument.")
@account_option()
@click.option(
    "--since",
    "since_ns",
    type=MomentType(),
    metavar="TIME",
    help="Cycles that ended then or later: 2024-05-01T10:00Z, 24h, 7d.",
)
@click.option(
    "--until",
    "until_ns",
    type=MomentType(),
    metavar="TIME",
    help="Cycles that ended before; what is open now is left out.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print one row for each ended cycle, for spreadsheets.")
@click.option(
    "--html", "page", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a page with charts."
)
@pass_options
def report(
    options: Options,
    *,
    symbols: tuple[str, ...],
    named: tuple[str, ...],
    account: str | None,
    since_ns: int | None,
    until_ns: int | None,
    as_csv: bool,
    page: Path | None,
) -> None:
    """Report what trading has brought: PnL, fees, drawdown, by symbol and by day.

    The page that --html writes is one file that needs no network: how the profit grew, the cycles on the price, the
    drawdown, and what every figure means. Without symbols, all that were ever traded are in it.

    Example:
      naive-daemon report
      naive-daemon report BTCUSDT --since 7d --html report.html
      naive-daemon report --csv > cycles.csv

    """
    if as_csv and options.json:
        raise UsageError("--csv and --json both want standard output: give one of them")
    if since_ns is not None and until_ns is not None and until_ns <= since_ns:
        raise UsageError("--until is not after --since: nothing can have ended between")
    config = options.load_config()
    chosen = list(dict.fromkeys([*symbols, *named]))
    with open_engine(options, config, reads_only=True) as (_, engine):
        config = options.load_config({"account": known_account(engine, config.account, account)})
        everything = CycleHistory(engine, config.account)
        traded = everything.symbols()
        if chosen:
            rows = OperatorSettings(engine).rows(config.account)
            check_known(chosen, [*traded, *(row.symbol for row in rows)])
        history = CycleHistory(engine, config.account, chosen) if chosen else everything
        instruments = _instruments(config) if traded else {}
        if as_csv:
            _print_rows(history, instruments, since_ns, until_ns)
        if page is None and as_csv:
            return
        above = heading(config.account, "From the journal", WallClock(), since_ns, until_ns)
        with progress(options) as bar:
            bar.add_task("report", total=None)
            made = _make(config, history, instruments, above)
    size_bytes = 0 if page is None else write_page(page, made)
    if not as_csv:
        _show(options, made)
    if page is not None and not as_csv and not options.json:
        say_written(page, size_bytes)


def _show(options: Options, made: "Made") -> None:
    from naive_daemon.report.data import report_data

    emit(options, report_data(made.report), lambda: print_report(made.report))


def _instruments(config: "Config") -> "Mapping[str, Instrument]":
    from naive_daemon.exchange.listing import list_instruments

    return list_instruments(config, WallClock(), kept_s=_LISTING_KEPT_S)


def _print_rows(
    history: CycleHistory, instruments: "Mapping[str, Instrument]", since_ns: int | None, until_ns: int | None
) -> None:
    from naive_daemon.report.sheet import COLUMNS, row

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(row(cycle, instruments) for cycle in history.ended(since_ns, until_ns))


def _make(config: "Config", history: CycleHistory, instruments: "Mapping[str, Instrument]", above: "Heading") -> "Made":
    from naive_daemon.report.maker import ReportMaker

    maker = ReportMaker(instruments)
    maker.extend(history.ended(above.since_ns, above.until_ns))
    prices: Mapping[str, LastPrice] = {}
    if not above.is_past:
        opened = history.opened()
        maker.extend(opened)
        symbols = sorted({cycle.key.symbol for cycle in opened if cycle.entered_ns is not None or cycle.dust_in})
        prices = {**history.last_fills(symbols), **_daemon_prices(config, symbols)}
    return maker.make(above, prices)


def _daemon_prices(config: "Config", symbols: "Sequence[str]") -> "dict[str, LastPrice]":
    """Ask the home's daemon for the last prices of what it holds; where it does not tell, last fills have to do."""
    from naive_daemon.account.view import PRICES_WITHIN_S
    from naive_daemon.console.client import ConsoleClient
    from naive_daemon.console.protocol import AccountShown, AskAccount
    from naive_daemon.report.maker import LastPrice

    clock = WallClock()
    if not symbols:
        return {}
    try:
        console = ConsoleClient(config.home, clock.monotonic_s, _CONSOLE_TIMEOUT_S)
        view = console.ask(AskAccount(config.account), AccountShown, PRICES_WITHIN_S).view
    except NaiveError:  # no daemon, or one that trades another account, or one that is busy
        return {}
    asked_ns = clock.now_ns()
    return {
        one.symbol: LastPrice(one.last_price, asked_ns, DAEMON_PRICE)
        for one in view.positions
        if one.last_price is not None and one.symbol in symbols
    }
