"""`naive-daemon backtest --grid`: runs the points and shows them, the best first."""

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from naive_daemon.cli.command import Options
from naive_daemon.cli.output import emit, print_table, progress
from naive_daemon.cli.report_output import say_written, write_text
from naive_daemon.domain.errors import NaiveError
from naive_daemon.domain.money import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from naive_daemon.grid.data import Tested
    from naive_daemon.grid.outcome import Outcome
    from naive_daemon.grid.points import Grid
    from naive_daemon.logs import LogFormat, LogLevel
    from naive_daemon.market.columns import Stretch
    from naive_daemon.market.recorded_columns import RecordedColumns

_ROWS = 20


def run_grid(
    options: Options, recording: "RecordedColumns", grid: "Grid", source: str, *, rank_by: str, workers: int | None
) -> "Tested":
    """Run all points, with a progress bar, and rank them."""
    from importlib.metadata import version

    from naive_daemon.clock import NS_PER_S, WallClock
    from naive_daemon.grid.data import Tested
    from naive_daemon.grid.flow import PointsFlow
    from naive_daemon.grid.outcome import RankBy, ranked
    from naive_daemon.grid.shared import written
    from naive_daemon.grid.workers import cores, crew

    outcomes: list[Outcome] = []
    flow = PointsFlow(grid.points)
    log: tuple[LogLevel, LogFormat] = ("debug" if options.debug else "warning", "json" if options.json else "auto")
    instrument = grid.points[0].plan.instrument
    workers = min(workers or cores(), len(grid.points))
    wall = WallClock()
    began_s = wall.monotonic_s()
    # The crew first: neither who reads nor who shows progress has started a thread then.
    with crew(workers, log) as hands, progress(options) as bar:
        task = bar.add_task("reading", total=recording.bytes_total)

        def stretches() -> "Iterator[Stretch]":
            for stretch in recording.stretches():
                bar.update(task, completed=recording.bytes_read)
                yield stretch

        with written(stretches()) as market:
            bar.remove_task(task)
            task = bar.add_task(f"{len(grid.points)} backtests", total=len(grid.points))

            def take(outcome: "Outcome") -> None:
                outcomes.append(outcome)
                bar.advance(task)

            hands.run(market, flow.in_order(), take)
    return Tested(
        source=source,
        version=version("naive-daemon"),
        symbol=instrument.symbol,
        quote_asset=instrument.quote_asset,
        trades=market.trades,
        grid=grid,
        outcomes=ranked(outcomes, RankBy(rank_by)),
        rank_by=RankBy(rank_by),
        signals=flow.signals_count(),
        workers=workers,
        wall_ns=round((wall.monotonic_s() - began_s) * NS_PER_S),
    )


def show_grid(options: Options, tested: "Tested", top: int | None, page: Path | None) -> None:
    """Print the points, and write the page; raises NaiveError at the end when a point has failed."""
    from naive_daemon.grid.data import grid_data

    size_bytes = 0
    if page is not None:
        from naive_daemon.grid.page import render

        size_bytes = write_text(page, render(tested))
    emit(options, grid_data(tested, top), lambda: _print(tested, top or _ROWS))
    if page is not None and not options.json:
        say_written(page, size_bytes)
    failed = [outcome for outcome in tested.outcomes if outcome.error is not None]
    if failed:
        _refuse(failed, len(tested.outcomes))


def _print(tested: "Tested", top: int) -> None:
    keys = [axis.key for axis in tested.grid.axes]
    quote = tested.quote_asset
    print_table(
        ("#>", *(f"{key}>" for key in keys), f"PnL {quote}>", "realised>", "open>", "cycles>", "win rate>", "sharpe>",
         f"drawdown {quote}>", "orders>"),
        [_row(rank, outcome, keys) for rank, outcome in enumerate(tested.outcomes[:top], 1)],
    )  # fmt: skip
    count = len(tested.outcomes)
    if count > top:
        click.echo(f"the best {top} of {count} by {tested.rank_by}; --top and --json show more")
    left_out = len(tested.grid.left_out)
    if left_out:
        click.echo(f"{left_out} combinations are left out: {tested.grid.left_out[0]}")


def _row(rank: int, outcome: "Outcome", keys: list[str]) -> list[object]:
    from naive_daemon.grid.outcome import RankBy
    from naive_daemon.report import rounding

    given: list[object] = [rank, *(outcome.changes[key] for key in keys)]
    summary, figures = outcome.summary, outcome.figures
    if summary is None:
        return [*given, outcome.error, *[None] * 7]
    gains = [_gain(outcome.value(each)) for each in (RankBy.PNL, RankBy.REALISED_PNL, RankBy.OPEN_PNL)]
    if figures is None:
        return [*given, *gains, summary.cycles, None, None, None, summary.orders]
    return [
        *given,
        *gains,
        summary.cycles,
        rounding.percentage(figures.win_rate),
        rounding.figure(figures.sharpe),
        plain(figures.max_drawdown),
        summary.orders,
    ]


def _gain(value: "Decimal | None") -> str:
    from naive_daemon.report import rounding

    return rounding.signed(value, 8).rstrip("0").rstrip(".")


def _refuse(failed: "list[Outcome]", count: int) -> NoReturn:
    first = failed[0]
    settings = " ".join(f"{key}={value}" for key, value in first.changes.items())
    raise NaiveError(
        f"{len(failed)} of {count} backtests failed; {settings}: {first.error}",
        hint="the same settings with --set and without --grid show more",
    )
