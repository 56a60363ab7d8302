"""What came of a point of a grid, and which point is the best."""

import enum
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from naive_daemon.backtest import ACCOUNT, BacktestResult
from naive_daemon.domain.money import EXACT, ZERO, total
from naive_daemon.grid.points import Point
from naive_daemon.report.figures import Block, Figures
from naive_daemon.report.maker import Heading, LastPrice, ReportMaker
from naive_daemon.report.traded import traded_cycles
from naive_daemon.trading.summary import Summary

LAST_TRADE = "last trade of the recording"


class RankBy(enum.StrEnum):
    """By which figure points are ranked: the highest first, of the drawdown the lowest.

    The PnL is what was realised and what is open: a point that has bought and could not sell is no better for that.
    """

    PNL = "pnl"
    REALISED_PNL = "realised_pnl"
    OPEN_PNL = "open_pnl"
    CYCLES = "cycles"
    WIN_RATE = "win_rate"
    SHARPE = "sharpe"
    DRAWDOWN = "drawdown"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A point's result; `error` says why there is none. `figures`: the report's, None where nothing was traded.

    `open_pnl` is the report's unrealised PnL less the fee of a sale at the last price; None where no price is known.
    """

    number: int
    changes: dict[str, str]
    summary: Summary | None = None
    figures: Figures | None = None
    open_pnl: Decimal | None = None
    error: str | None = None

    def value(self, rank_by: RankBy) -> Decimal | None:
        """Give the figure that it is ranked by; None is "not known"."""
        if self.summary is None:
            return None
        figures = self.figures
        match rank_by:
            case RankBy.PNL:
                return None if self.open_pnl is None else EXACT.add(self.summary.realised_pnl, self.open_pnl)
            case RankBy.REALISED_PNL:
                return self.summary.realised_pnl
            case RankBy.OPEN_PNL:
                return self.open_pnl
            case RankBy.CYCLES:
                return Decimal(self.summary.cycles)
            case RankBy.WIN_RATE:
                return None if figures is None else figures.win_rate
            case RankBy.SHARPE:
                return None if figures is None else figures.sharpe
            case RankBy.DRAWDOWN:
                return ZERO if figures is None else figures.max_drawdown


def outcome_of(point: Point, result: BacktestResult) -> Outcome:
    """Give the figures of a backtest, as its report has them."""
    instrument = point.plan.instrument
    maker = ReportMaker({instrument.symbol: instrument})
    maker.extend(traded_cycles(result.cycles, result.orders))
    last = result.last
    prices = {} if last is None else {last.symbol: LastPrice(last.price, last.time_ns, LAST_TRADE)}
    report = maker.make(Heading(account=ACCOUNT, version="", source="", made_at_ns=0), prices).report
    block = next(iter(report.blocks), None)
    return Outcome(
        number=point.number,
        changes=point.changes,
        summary=result.summary,
        figures=None if block is None else block.figures,
        open_pnl=ZERO if block is None else _open_pnl(block, point.plan.fee),
    )


def _open_pnl(block: Block, fee: Decimal) -> Decimal | None:
    unrealised = block.figures.unrealised_pnl
    if unrealised is None:
        return None
    fees = (EXACT.multiply(EXACT.multiply(one.held or ZERO, one.price or ZERO), fee) for one in block.symbols)
    return EXACT.subtract(unrealised, total(fees))


def ranked(outcomes: Iterable[Outcome], rank_by: RankBy) -> list[Outcome]:
    """Give the best first, of equals that of the lower number; what is not known comes last, and then what failed."""

    def place(outcome: Outcome) -> tuple[bool, bool, Decimal, int]:
        value = outcome.value(rank_by)
        worth = ZERO if value is None else value if rank_by is RankBy.DRAWDOWN else -value
        return outcome.summary is None, value is None, worth, outcome.number

    return sorted(outcomes, key=place)
