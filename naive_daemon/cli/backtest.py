"""`naive-daemon backtest`."""

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.output import emit, print_table, progress
from naive_daemon.cli.symbols import check_known
from naive_daemon.cli.trade_setting import read_trade_settings, set_option
from naive_daemon.domain.errors import NaiveError
from naive_daemon.domain.money import plain
from naive_daemon.domain.order import Order

if TYPE_CHECKING:
    from naive_daemon.domain.instrument import Instrument
    from naive_daemon.market.recording import Recording
    from naive_daemon.trading.summary import Summary

_COLUMNS = ("side", "price", "quantity", "status", "time", "trader", "cycle")


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--symbol", metavar="SYMBOL", help="The symbol; guessed from the file's name unless given.")
@click.option(
    "--exchange-info",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Binance's exchangeInfo with the symbol's filters; the configured or built-in listing unless given.",
)
@set_option
@click.option("--fill-model", type=click.Choice(["through", "volume"]), help="When an order on paper fills.")
@click.option("--shutdown-at", type=click.IntRange(min=0), metavar="N", help="Shut down just before trade N (from 0).")
@click.option("--skip-bad", is_flag=True, help="Leave out rows that are no trades, and count them.")
@click.option("--orders", "orders_file", type=click.Path(path_type=Path), metavar="FILE.csv", help="Write every order.")
@pass_options
def backtest(
    options: Options,
    *,
    file: Path,
    symbol: str | None,
    exchange_info: Path | None,
    settings: tuple[str, ...],
    fill_model: str | None,
    shutdown_at: int | None,
    skip_bad: bool,
    orders_file: Path | None,
) -> None:
    """Trade through a recorded file, without servers, as fast as the machine can.

    FILE has the layout of Binance's public downloads: trades or aggTrades, plain, .zip or .gz. The same file with the
    same settings gives the same orders, always.

    Example:
      naive-daemon backtest XRPETH-aggTrades-2019-10-11.csv --set chunks=3 --set budget=2.5

    """
    from naive_daemon.backtest import BacktestPlan, run_backtest  # noqa: PLC0415 - slow to load, and --help is not
    from naive_daemon.exchange.paper.engine import FillModel  # noqa: PLC0415
    from naive_daemon.logs import configure_logs  # noqa: PLC0415
    from naive_daemon.market.recording import Recording  # noqa: PLC0415
    from naive_daemon.world import load_instruments  # noqa: PLC0415

    config = options.load_config({"exchange.exchange_info": exchange_info, "exchange.fill_model": fill_model})
    configure_logs("debug" if options.debug else "warning", "json" if options.json else "auto", sys.stderr)
    trade, fee = read_trade_settings(settings, config.exchange.maker_fee)
    recording = Recording(file, symbol, skip_bad=skip_bad)
    plan = BacktestPlan(
        instrument=find_instrument(load_instruments(config), recording.symbol),
        settings=trade,
        fee=fee,
        fill_model=FillModel(config.exchange.fill_model),
        shutdown_at=shutdown_at,
    )
    with progress(options) as bar:
        task = bar.add_task("backtest", total=recording.bytes_total)
        result = run_backtest(recording, plan, lambda _: bar.update(task, completed=recording.bytes_read))
    if orders_file is not None:
        write_orders(orders_file, result.orders)
    emit(options, result.summary, lambda: print_table(("what", "figure>"), summary_rows(result.summary)))
    tell_skipped(recording)


def find_instrument(instruments: "Mapping[str, Instrument]", symbol: str) -> "Instrument":
    """Find the symbol in a listing; raises UsageError with the nearest names."""
    (name,) = check_known([symbol], instruments)
    return instruments[name]


def summary_rows(summary: "Summary") -> list[tuple[str, object]]:
    """Give the figures of a summary as rows of a table."""
    return [(name.replace("_", " "), value) for name, value in msgspec.structs.asdict(summary).items()]


def write_orders(path: Path, orders: Sequence[Order]) -> None:
    """Write one row for each order, oldest first; raises NaiveError when the file can not be written."""
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            writer.writerows(_row(order) for order in orders)
    except OSError as error:
        raise NaiveError(f"{path} can not be written: {error.strerror}", hint="give another file to --orders") from None


def _row(order: Order) -> tuple[object, ...]:
    from naive_daemon.clock import to_datetime  # noqa: PLC0415 - as above

    key = order.key
    time = to_datetime(order.created_ns).isoformat()
    return (
        order.side.value, plain(order.price), plain(order.quantity), order.status.value, time, key.trader, key.cycle,
    )  # fmt: skip


def tell_skipped(recording: "Recording") -> None:
    """Say on standard error how many rows were left out."""
    if recording.skipped:
        click.echo(f"{recording.path}: {recording.skipped} bad rows skipped", err=True)
