"""`naive-daemon backtest`."""

import sys
from pathlib import Path

import click

from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.grid_option import grid_options, read_grid, refuse_grid
from naive_daemon.cli.grid_run import run_grid, show_grid
from naive_daemon.cli.output import progress
from naive_daemon.cli.recorded_report import show_result, tested, watched
from naive_daemon.cli.recording import find_instrument, recording_options, tell_skipped, write_orders
from naive_daemon.cli.report_output import heading
from naive_daemon.cli.trade_setting import read_trade_settings


@click.command(cls=Command)
@recording_options
@grid_options
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
    grid: tuple[str, ...],
    rank_by: str | None,
    top: int | None,
    workers: int | None,
) -> None:
    """Trade through a recorded file, without servers, as fast as the machine can.

    FILE has the layout of Binance's public downloads: trades or aggTrades, plain, .zip or .gz. The same file with the
    same settings gives the same orders, always. --json has under `report` what `report --json` prints.

    With --grid every combination of the values given is tested, on all cores, and the points are ranked; --report then
    writes a page with a heat map of any two of the settings.

    Example:
      naive-daemon backtest XRPETH-aggTrades-2019-10-11.csv --set chunks=3 --set budget=2.5
      naive-daemon backtest XRPETH-aggTrades-2019-10-11.csv --report report.html
      naive-daemon backtest XRPETH-aggTrades-2019-10-11.csv --grid chunks=3,5,8 --grid profit_interval=0.0005,0.001

    """
    from naive_daemon.backtest import ACCOUNT, BacktestPlan, run_stretches
    from naive_daemon.clock import WallClock
    from naive_daemon.exchange.listing import list_instruments
    from naive_daemon.exchange.paper.engine import FillModel
    from naive_daemon.logs import configure_logs
    from naive_daemon.market.recorded_columns import RecordedColumns
    from naive_daemon.report.line import Line

    refuse_grid(grid, {"--rank-by": rank_by, "--top": top, "--workers": workers}, orders_file)
    config = options.load_config(
        {
            "market.feed": str(file),
            "exchange.name": "paper",
            "exchange.exchange_info": exchange_info,
            "exchange.fill_model": fill_model,
        }
    )
    configure_logs("debug" if options.debug else "warning", "json" if options.json else "auto", sys.stderr)
    # Of a grid each point has settings of its own, and these alone need not go together.
    trade, fee = read_trade_settings(() if grid else settings, config.exchange.maker_fee)
    recording = RecordedColumns(file, symbol, skip_bad=skip_bad)
    plan = BacktestPlan(
        instrument=find_instrument(list_instruments(config, WallClock()), recording.symbol),
        settings=trade,
        fee=fee,
        fill_model=FillModel(config.exchange.fill_model),
        shutdown_at=shutdown_at,
    )
    if grid:
        points = read_grid(grid, settings, plan)
        first = points.points[0].plan
        source = tested("Grid", file, first.settings, first.fee, without=[axis.key for axis in points.axes])
        found = run_grid(options, recording, points, source, rank_by=rank_by or "pnl", workers=workers)
        show_grid(options, found, top, page)
        tell_skipped(recording)
        return
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
