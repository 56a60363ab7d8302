"""`naive-daemon replay`."""

from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import click

from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.output import emit, print_table, progress
from naive_daemon.cli.recording import (
    find_instrument,
    recording_options,
    summary_data,
    summary_rows,
    tell_skipped,
    write_orders,
)
from naive_daemon.cli.run import logging_to_terminal
from naive_daemon.cli.trade_setting import read_trade_settings

if TYPE_CHECKING:
    from naive_daemon.replay import ReplayResult


@click.command(cls=Command)
@recording_options
@click.option(
    "--speed",
    metavar="N|max",
    default="max",
    show_default=True,
    help="1 is as recorded, 50 fifty times faster, max as fast as the machine can.",
)
@click.option("--account", metavar="NAME", help="Trade as this account; a fresh one unless given.")
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
    with logging_to_terminal(options, config, quiet=True), progress(options) as bar:
        task = bar.add_task(f"replay as {config.account}", total=recording.bytes_total)
        world = World(config, clock, recording)
        find_instrument(world.instruments, recording.symbol)
        result = run_replay(world, recording, trade, lambda: bar.update(task, completed=recording.bytes_read))
    if orders_file is not None:
        write_orders(orders_file, result.orders)
    emit(options, summary_data(result.summary), lambda: _print(result, config.account))
    tell_skipped(recording)


def _print(result: "ReplayResult", account: str) -> None:
    print_table(("what", "figure>"), [("account", account), *summary_rows(result.summary)])
