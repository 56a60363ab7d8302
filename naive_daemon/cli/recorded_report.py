"""The report of what was traded on a recording: the same for `backtest` and `replay`."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from naive_daemon.cli.command import Options
from naive_daemon.cli.output import emit, print_table
from naive_daemon.cli.recording import summary_data, summary_rows
from naive_daemon.cli.report_output import say_written, write_page
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import plain
from naive_daemon.domain.settings import TradeSettings

if TYPE_CHECKING:
    from naive_daemon.backtest import BacktestResult
    from naive_daemon.market.columns import Stretch
    from naive_daemon.replay import ReplayResult
    from naive_daemon.report.line import Line
    from naive_daemon.report.maker import Heading, Made

LAST_TRADE = "last trade of the recording"


def watched(stretches: "Iterable[Stretch]", price: "Line") -> "Iterator[Stretch]":
    """Give the trades, and their prices to the line."""
    for stretch in stretches:
        price.extend(stretch.points())
        yield stretch


def tested(
    what: str,
    path: Path,
    trade: TradeSettings,
    fee: Decimal,
    without: Sequence[str] = (),  # noqa: PT028 - no test
) -> str:
    """Say what was tested: the file and the settings that figures depend on, those `without` left out."""
    given = {**msgspec.structs.asdict(trade), "fee": fee}
    given |= dict(given.pop("parameters"))
    settings = ", ".join(
        f"{key} {plain(value) if isinstance(value, Decimal) else value}"
        for key, value in given.items()
        if key not in without
    )
    return f"{what} of {path.name} with {settings}"


def show_result(
    options: Options,
    result: "BacktestResult | ReplayResult",
    instrument: Instrument,
    above: "Heading",
    *,
    page: Path | None,
    price: "Line | None",
    rows: Sequence[tuple[str, object]] = (),
) -> None:
    """Print the summary, below `rows`; write the page, if there is to be one. JSON has the whole report as well."""
    from naive_daemon.report.data import report_data

    data = summary_data(result.summary)
    size_bytes = 0
    if page is not None or options.json:
        made = _make(result, instrument, above, price)
        data["report"] = report_data(made.report)
        size_bytes = 0 if page is None else write_page(page, made)
    emit(options, data, lambda: print_table(("what", "figure>"), [*rows, *summary_rows(result.summary)]))
    if page is not None and not options.json:
        say_written(page, size_bytes)


def _make(
    result: "BacktestResult | ReplayResult", instrument: Instrument, above: "Heading", price: "Line | None"
) -> "Made":
    from naive_daemon.report.maker import LastPrice, ReportMaker
    from naive_daemon.report.traded import traded_cycles

    maker = ReportMaker({instrument.symbol: instrument})
    maker.extend(traded_cycles(result.cycles, result.orders))
    last = result.last
    prices = {} if last is None else {last.symbol: LastPrice(last.price, last.time_ns, LAST_TRADE)}
    made = maker.make(above, prices)
    for curve in made.symbol_curves.values():
        curve.price = price
    return made
