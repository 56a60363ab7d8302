"""What came of a point of a grid, and which point is the best."""

import enum
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from naive_daemon.backtest import ACCOUNT, BacktestResult
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import ZERO
from naive_daemon.report.figures import Figures
from naive_daemon.report.maker import Heading, LastPrice, ReportMaker
from naive_daemon.report.traded import traded_cycles
from naive_daemon.trading.summary import Summary

LAST_TRADE = "last trade of the recording"


class RankBy(enum.StrEnum):
    """By which figure points are ranked: the highest first, of the drawdown the lowest."""

    PNL = "pnl"
    CYCLES = "cycles"
    WIN_RATE = "win_rate"
    SHARPE = "sharpe"
    DRAWDOWN = "drawdown"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """A point's result; `error` says why there is none. `figures`: the report's, None where nothing was traded."""

    number: int
    changes: dict[str, str]
    summary: Summary | None = None
    figures: Figures | None = None
    error: str | None = None

    def value(self, rank_by: RankBy) -> Decimal | None:
        """Give the figure that it is ranked by; None is "not known"."""
        if self.summary is None:
            return None
        figures = self.figures
        match rank_by:
            case RankBy.PNL:
                return self.summary.realised_pnl
            case RankBy.CYCLES:
                return Decimal(self.summary.cycles)
            case RankBy.WIN_RATE:
                return None if figures is None else figures.win_rate
            case RankBy.SHARPE:
                return None if figures is None else figures.sharpe
            case RankBy.DRAWDOWN:
                return ZERO if figures is None else figures.max_drawdown


def outcome_of(number: int, changes: dict[str, str], result: BacktestResult, instrument: Instrument) -> Outcome:
    """Give the figures of a backtest, as its report has them."""
    maker = ReportMaker({instrument.symbol: instrument})
    maker.extend(traded_cycles(result.cycles, result.orders))
    last = result.last
    prices = {} if last is None else {last.symbol: LastPrice(last.price, last.time_ns, LAST_TRADE)}
    report = maker.make(Heading(account=ACCOUNT, version="", source="", made_at_ns=0), prices).report
    figures = next((block.figures for block in report.blocks), None)
    return Outcome(number=number, changes=changes, summary=result.summary, figures=figures)


def ranked(outcomes: Iterable[Outcome], rank_by: RankBy) -> list[Outcome]:
    """Give the best first, of equals that of the lower number; what is not known comes last, and then what failed."""

    def place(outcome: Outcome) -> tuple[bool, bool, Decimal, int]:
        value = outcome.value(rank_by)
        worth = ZERO if value is None else value if rank_by is RankBy.DRAWDOWN else -value
        return outcome.summary is None, value is None, worth, outcome.number

    return sorted(outcomes, key=place)
