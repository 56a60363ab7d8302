"""Adds up ended cycles of one group, a block or a symbol, in the order of their ends."""

from array import array
from collections.abc import Mapping, Sequence
from decimal import Decimal

from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.cycle import CycleOutcome
from naive_daemon.domain.money import EXACT, ZERO, total
from naive_daemon.report import ratio
from naive_daemon.report.figures import Figures
from naive_daemon.report.overlap import covered, peak
from naive_daemon.report.traded import TradedCycle

DAY_NS = 86_400 * NS_PER_S

_add, _subtract = EXACT.add, EXACT.subtract


class Span:
    """From when to just before when a report goes, in UTC nanoseconds. `is_past`: what is open now is not of it."""

    def __init__(self, from_ns: int, to_ns: int, *, is_past: bool = False) -> None:
        self.from_ns = from_ns
        self.to_ns = max(to_ns, from_ns + 1)
        self.is_past = is_past

    def days(self) -> range:
        """Give the numbers of the days that it touches, from 1970."""
        return range(self.from_ns // DAY_NS, (self.to_ns - 1) // DAY_NS + 1)


class Fall:
    """The realised PnL so far, and the deepest fall of it from a former peak; all start at 0."""

    def __init__(self) -> None:
        self.total = self.top = self.deepest = ZERO
        self._top_then = ZERO

    def add(self, amount: Decimal) -> None:
        """Go on by the result of a cycle."""
        self.total = _add(self.total, amount)
        if self.total > self.top:
            self.top = self.total
        elif self.depth > self.deepest:
            self.deepest, self._top_then = self.depth, self.top

    @property
    def depth(self) -> Decimal:
        """How far the total is below its peak now."""
        return _subtract(self.top, self.total)

    def share(self, capital: Decimal) -> Decimal | None:
        """Give the deepest fall's share of the capital and the peak from which it fell."""
        return ratio.ratio(self.deepest, _add(capital, self._top_then))


class Tally:
    """Adds up; `daily` is the realised PnL by number of the day."""

    def __init__(self) -> None:
        self.fall = Fall()
        self.fees: dict[str, Decimal] = {}
        self.daily: dict[int, Decimal] = {}
        self.open_cycles = 0
        self._cycles = self._abandoned = self._traded = self._wins = self._losses = 0
        self._streak = self._longest_streak = 0
        self._gains = self._lost = self._turnover = ZERO
        self._results: list[Decimal] = []
        self._lengths_ns = array("q")
        self._held: list[tuple[int, int]] = []
        self._budgets: list[tuple[int, int, Decimal]] = []

    def add(self, cycle: TradedCycle) -> None:
        """Add a cycle that has ended."""
        end_ns = cycle.finished_ns
        if end_ns is None:
            raise ValueError(f"cycle {cycle.key} has not ended")
        completed = cycle.outcome is CycleOutcome.COMPLETED
        self._cycles += completed
        self._abandoned += not completed
        self._commit(cycle, end_ns)
        add_fees(self.fees, cycle.fees)
        self._turnover = _add(self._turnover, cycle.turnover)
        if cycle.bought:
            self._traded += 1
            self._results.append(cycle.realised_pnl)
            self._lengths_ns.append(end_ns - cycle.started_ns)
        self._judge(cycle.realised_pnl)
        day = end_ns // DAY_NS
        self.daily[day] = _add(self.daily.get(day, ZERO), cycle.realised_pnl)

    def add_open(self, cycle: TradedCycle, to_ns: int) -> None:
        """Add what an open cycle has committed and held up to now."""
        self.open_cycles += 1
        self._commit(cycle, max(to_ns, cycle.started_ns))

    def figures(self, span: Span, unrealised_pnl: Decimal | None) -> Figures:
        """Give the figures."""
        capital = peak(self._budgets)
        returns = self._returns(span, capital)
        lengths = sorted(self._lengths_ns)
        results = sorted(self._results)
        return Figures(
            cycles=self._cycles,
            abandoned=self._abandoned,
            wins=self._wins,
            losses=self._losses,
            win_rate=ratio.ratio(self._wins, self._traded),
            realised_pnl=self.fall.total,
            unrealised_pnl=unrealised_pnl,
            average_pnl=ratio.average(total(results), len(results)),
            median_pnl=ratio.median(results),
            best_pnl=results[-1] if results else None,
            worst_pnl=results[0] if results else None,
            gross_profit=self._gains,
            gross_loss=self._lost,
            profit_factor=ratio.ratio(self._gains, self._lost),
            fees=dict(sorted(self.fees.items())),
            turnover=self._turnover,
            capital=capital,
            max_drawdown=self.fall.deepest,
            max_drawdown_share=self.fall.share(capital),
            sharpe=ratio.sharpe(returns),
            sortino=ratio.sortino(returns),
            average_length_s=ratio.ratio(sum(lengths), len(lengths) * NS_PER_S),
            median_length_s=_seconds(ratio.median([Decimal(length) for length in lengths])),
            losing_streak=self._longest_streak,
            time_in_market=self._time_in_market(span),
            open_cycles=None if span.is_past else self.open_cycles,
        )

    def _commit(self, cycle: TradedCycle, to_ns: int) -> None:
        self._budgets.append((cycle.started_ns, to_ns, cycle.budget))
        if cycle.entered_ns is not None and cycle.entered_ns < to_ns:
            self._held.append((cycle.entered_ns, to_ns))

    def _judge(self, result: Decimal) -> None:
        self.fall.add(result)
        if result > 0:
            self._wins += 1
            self._gains = _add(self._gains, result)
            self._streak = 0
        elif result < 0:
            self._losses += 1
            self._lost = _subtract(self._lost, result)
            self._streak += 1
            self._longest_streak = max(self._longest_streak, self._streak)

    def _returns(self, span: Span, capital: Decimal) -> Sequence[Decimal]:
        """Give the daily returns, in 28 digits, half-even."""
        if not capital:
            return ()
        return [ratio.ROUNDED.divide(self.daily.get(day, ZERO), capital) for day in span.days()]

    def _time_in_market(self, span: Span) -> Decimal | None:
        within = ((max(start, span.from_ns), min(end, span.to_ns)) for start, end in self._held)
        return ratio.ratio(covered([one for one in within if one[0] < one[1]]), span.to_ns - span.from_ns)


def add_fees(paid: dict[str, Decimal], fees: Mapping[str, Decimal]) -> None:
    """Add fees to what was paid, each asset for itself."""
    for asset, amount in fees.items():
        if amount:
            paid[asset] = _add(paid.get(asset, ZERO), amount)


def _seconds(length_ns: Decimal | None) -> Decimal | None:
    return None if length_ns is None else ratio.ratio(length_ns, NS_PER_S)
