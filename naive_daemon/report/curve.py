"""What charts are drawn from, kept to a bound while cycles go by."""

from naive_daemon.domain.money import EXACT
from naive_daemon.report.line import Line, Sample
from naive_daemon.report.tally import Fall
from naive_daemon.report.traded import TradedCycle

CYCLES_MAX = 500
"""So many cycles are marked on a price chart at the most."""


class BlockCurve:
    """The realised PnL and its drawdown at the end of each cycle; a drawdown is 0 or less."""

    def __init__(self) -> None:
        self.realised_pnl = Line()
        self.drawdown = Line()

    def add(self, time_ns: int, fall: Fall) -> None:
        """Take what stands after a cycle."""
        self.realised_pnl.add(time_ns, fall.total)
        self.drawdown.add(time_ns, EXACT.minus(fall.depth))


class SymbolCurve:
    """A symbol's cycles, for its price chart. `price` is the market's, where a recording has it."""

    def __init__(self) -> None:
        self.cycles: Sample[TradedCycle] = Sample(CYCLES_MAX)
        self.price: Line | None = None

    def add(self, cycle: TradedCycle) -> None:
        """Take a cycle that has bought something."""
        if cycle.bought:
            self.cycles.add(cycle)
