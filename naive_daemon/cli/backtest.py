"""`naive-daemon backtest`."""

import sys
from pathlib import Path

import click

from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.output import progress
from naive_daemon.cli.recorded_report import show_result, tested, watched
from naive_daemon.cli.recording import find_instrument, recording_options, tell_skipped, write_orders
from naive_daemon.cli.report_output import heading
from naive_daemon.cli.trade_setting import read_trade_settings


@click.command(cls=Command)
@recording_options
@click.option("--shutdown-at", type=click.IntRange(min=0), metavar="N", help="Shut down just before trade N (from 0).")
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
    page: Path | None,
) -> None:
    """Trade through a recorded file, without servers, as fast as the machine can.

    FILE has the layout of Binance's public downloads: trades or aggTrades, plain, .zip or .gz. The same file with the
    same settings gives the same orders, always. --json has under `report` what `report --json` prints.

    Example:
      naive-daemon backtest XRPETH-aggTrades-2019-10-11.csv --set chunks=3 --set budget=2.5
      naive-daemon backtest XRPETH-aggTrades-2019-10-11.csv --report report.html

    """
    from naive_daemon.backtest import ACCOUNT, BacktestPlan, run_stretches
    from naive_daemon.clock import WallClock
    from naive_daemon.exchange.listing import list_instruments
    from naive_daemon.exchange.paper.engine import FillModel
    from naive_daemon.logs import configure_logs
    from naive_daemon.market.recorded_columns import RecordedColumns
    from naive_daemon.report.line import Line

    config = options.load_config(
        {
            "market.feed": str(file),
            "exchange.name": "paper",
            "exchange.exchange_info": exchange_info,
            "exchange.fill_model": fill_model,
        }
    )
    configure_logs("debug" if options.debug else "warning", "json" if options.json else "auto", sys.stderr)
    trade, fee = read_trade_settings(settings, config.exchange.maker_fee)
    recording = RecordedColumns(file, symbol, skip_bad=skip_bad)
    plan = BacktestPlan(
        instrument=find_instrument(list_instruments(config, WallClock()), recording.symbol),
        settings=trade,
        fee=fee,
        fill_model=FillModel(config.exchange.fill_model),
        shutdown_at=shutdown_at,
    )
    with progress(options) as bar:
        task = bar.add_task("backtest", total=recording.bytes_total)
        price = None if page is None else Line()
        stretches = recording.stretches() if price is None else watched(recording.stretches(), price)
        result = run_stretches(stretches, plan, lambda _: bar.update(task, completed=recording.bytes_read))
    if orders_file is not None:
        write_orders(orders_file, result.orders)
    above = heading(ACCOUNT, tested("Backtest", file, trade, fee), WallClock())
    show_result(options, result, plan.instrument, above, page=page, price=price)
    tell_skipped(recording)
