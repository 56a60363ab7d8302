"""What backtest and replay share: the file and its options, and what they print and write of what came of it."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from naive_daemon.cli.symbols import check_known
from naive_daemon.cli.trade_setting import set_option
from naive_daemon.domain.errors import NaiveError
from naive_daemon.domain.money import plain
from naive_daemon.domain.order import Order

if TYPE_CHECKING:
    from naive_daemon.domain.instrument import Instrument
    from naive_daemon.market.recording import Recording
    from naive_daemon.trading.summary import Summary

_COLUMNS = ("side", "price", "quantity", "status", "time", "trader", "cycle")


def recording_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the recorded file and the options that go with it."""
    for decorate in (
        click.option(
            "--report",
            "page",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE.html",
            help="Write a page with charts and figures.",
        ),
        click.option(
            "--orders",
            "orders_file",
            type=click.Path(path_type=Path),
            metavar="FILE.csv",
            help="Write every order.",
        ),
        click.option("--skip-bad", is_flag=True, help="Leave out rows that are no trades, and count them."),
        click.option("--fill-model", type=click.Choice(["through", "volume"]), help="When an order on paper fills."),
        set_option,
        click.option(
            "--exchange-info",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Binance's exchangeInfo with the symbol's filters; the configured or built-in listing unless given.",
        ),
        click.option("--symbol", metavar="SYMBOL", help="The symbol; guessed from the file's name unless given."),
        click.argument("file", type=click.Path(path_type=Path)),
    ):
        command = decorate(command)
    return command


def find_instrument(instruments: "Mapping[str, Instrument]", symbol: str) -> "Instrument":
    """Find the symbol in a listing; raises UsageError with the nearest names."""
    (name,) = check_known([symbol], instruments)
    return instruments[name]


def summary_rows(summary: "Summary") -> list[tuple[str, object]]:
    """Give the figures of a summary as rows of a table."""
    return [(name.replace("_", " "), value) for name, value in msgspec.structs.asdict(summary).items()]


def summary_data(summary: "Summary") -> dict[str, object]:
    """Give the figures of a summary for JSON: money as strings, the time it took, `wall_s`, as a number."""
    return {**msgspec.structs.asdict(summary), "wall_s": float(summary.wall_s)}


def write_orders(path: Path, orders: Sequence[Order]) -> None:
    """Write one row for each order; raises NaiveError when the file can not be written.

    The oldest come first, and those of the same time in the order of their place in the trading, by number: so backtest
    and replay write the same file, wherever the orders come from.
    """
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            writer.writerows(_row(order) for order in sorted(orders, key=_place))
    except OSError as error:
        raise NaiveError(f"{path} can not be written: {error.strerror}", hint="give another file to --orders") from None


def _place(order: Order) -> tuple[int, str, int, int, str, int]:
    key, leg = order.key, order.leg
    return order.created_ns, key.symbol, key.trader, key.cycle, leg.side.value, leg.attempt


def _row(order: Order) -> tuple[object, ...]:
    from naive_daemon.clock import to_datetime

    key = order.key
    time = to_datetime(order.created_ns).isoformat()
    return (
        order.side.value, plain(order.price), plain(order.quantity), order.status.value, time, key.trader, key.cycle,
    )  # fmt: skip


def tell_skipped(recording: "Recording") -> None:
    """Say on standard error how many rows were left out."""
    if recording.skipped:
        click.echo(f"{recording.path}: {recording.skipped} bad rows skipped", err=True)
