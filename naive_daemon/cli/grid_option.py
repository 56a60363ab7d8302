"""`--grid KEY=A,B,C` of backtest, and what goes with it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from naive_daemon.cli.trade_setting import read_trade_settings
from naive_daemon.domain.errors import UsageError

if TYPE_CHECKING:
    from naive_daemon.backtest import BacktestPlan
    from naive_daemon.grid.points import Grid

RANKINGS = ("pnl", "realised_pnl", "open_pnl", "cycles", "win_rate", "sharpe", "drawdown")


def grid_options(command: Callable[..., None]) -> Callable[..., Any]:
    """Add the options of a grid."""
    for decorate in (
        click.option("--workers", type=click.IntRange(min=1, max=1024), metavar="N",
                     help="Processes of a grid; one for each core unless given."),
        click.option("--top", type=click.IntRange(min=1), metavar="N", help="Show the best N points of a grid only."),
        click.option("--rank-by", type=click.Choice(RANKINGS),
                     help="By what a grid is ranked; pnl unless given, which has what is open in it."),
        click.option("--grid", "grid", multiple=True, metavar="KEY=A,B,C",
                     help="Test every combination of these values of settings, on all cores; A..B:STEP is a range. "
                     "May be given for several settings."),
    ):  # fmt: skip
        command = decorate(command)
    return command


def refuse_grid(grid: Sequence[str], only_with: Mapping[str, object], orders_file: Path | None) -> None:
    """Refuse what only a grid has where there is none, and what it has not; raises UsageError."""
    for option, value in only_with.items():
        if value is not None and not grid:
            raise UsageError(f"{option} goes with --grid", hint="--grid chunks=3,5,8")
    if grid and orders_file is not None:
        raise UsageError("--orders does not go with --grid", hint="test the best point alone, with --set")


def read_grid(grid: Sequence[str], settings: Sequence[str], plan: "BacktestPlan") -> "Grid":
    """Read the axes and make the points, each of which is `plan` with settings of its own; raises UsageError."""
    import msgspec

    from naive_daemon.grid.points import make_grid, read_axes

    axes = read_axes(grid)
    fixed = [pair.partition("=")[0].strip() for pair in settings]
    both = [axis.key for axis in axes if axis.key in fixed]
    if both:
        raise UsageError(f"{both[0]} is in --set and in --grid", hint="give it once")

    def plan_of(changes: Mapping[str, str]) -> "BacktestPlan":
        pairs = [*settings, *(f"{key}={value}" for key, value in changes.items())]
        trade, fee = read_trade_settings(pairs, plan.fee)
        return msgspec.structs.replace(plan, settings=trade, fee=fee)

    return make_grid(axes, plan_of)
