"""`naive-daemon replay`."""

from datetime import UTC
from pathlib import Path

import click

from naive_daemon.cli.account_choice import account_option
from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.output import progress
from naive_daemon.cli.recorded_report import show_result, tested
from naive_daemon.cli.recording import find_instrument, recording_options, tell_skipped, write_orders
from naive_daemon.cli.report_output import heading
from naive_daemon.cli.run import logging_to_terminal
from naive_daemon.cli.trade_setting import read_trade_settings


@click.command(cls=Command)
@recording_options
@click.option(
    "--speed",
    metavar="N|max",
    default="max",
    show_default=True,
    help="1 is as recorded, 50 fifty times faster, max as fast as the machine can.",
)
@account_option("Trade as this account; a fresh one unless given.")
@pass_options
def replay(
    options: Options,
    *,
    file: Path,
    symbol: str | None,
    exchange_info: Path | None,
    settings: tuple[str, ...],
    fill_model: str | None,
    speed: str,
    account: str | None,
    skip_bad: bool,
    orders_file: Path | None,
    page: Path | None,
) -> None:
    """Trade through a recorded file with the daemon and its databases.

    It is the daemon that `run` starts, on paper, fed from FILE, and it ends with the file. Every order, fill and cycle
    is in the journal afterwards, under an account of its own, and they are the ones that `backtest` gives. While it
    runs, `status`, `stop` and `shutdown` take `--account`.

    Example:
      naive-daemon replay XRPETH-aggTrades-2019-10-11.csv --speed 50 --set chunks=3 --set budget=2.5

    """
    from naive_daemon.clock import WallClock, to_datetime
    from naive_daemon.replay import ReplayRecording, run_replay
    from naive_daemon.report.line import Line
    from naive_daemon.world import World

    clock = WallClock()
    stamp = to_datetime(clock.now_ns()).astimezone(UTC).strftime("replay-%Y%m%d-%H%M%S")
    given = {
        "market.feed": str(file),
        "exchange.name": "paper",
        "market.speed": speed,
        "exchange.exchange_info": exchange_info,
        "exchange.fill_model": fill_model,
        "account": account or stamp,
    }
    config = options.load_config(given)
    trade, fee = read_trade_settings(settings, config.exchange.maker_fee)
    config = options.load_config({**given, "exchange.maker_fee": fee})
    recording = ReplayRecording(file, symbol, skip_bad=skip_bad)
    if page is not None:
        recording.price = Line()
    with logging_to_terminal(options, config, quiet=True), progress(options) as bar:
        task = bar.add_task(f"replay as {config.account}", total=recording.bytes_total)
        world = World(config, clock, recording, is_alone=True)
        instrument = find_instrument(world.instruments, recording.symbol)
        result = run_replay(world, recording, trade, lambda: bar.update(task, completed=recording.bytes_read))
    if orders_file is not None:
        write_orders(orders_file, result.orders)
    above = heading(config.account, tested("Replay", file, trade, fee), clock)
    rows = [("account", config.account)]
    show_result(options, result, instrument, above, page=page, price=recording.price, rows=rows)
    tell_skipped(recording)
