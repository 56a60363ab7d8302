"""The cycles of one symbol, as its leader counts them: numbers never used twice, settings, totals. Pure."""

from naive_daemon.domain.cycle import Cycle, CycleOutcome, CycleResult
from naive_daemon.domain.money import ZERO
from naive_daemon.domain.order import CycleKey
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.execution.journal_store import SymbolJournal
from naive_daemon.trading.context import SymbolContext


class CycleBook:
    """Numbers of the last cycles by trader; `completed` and `realised_pnl` (quote asset) of all that ever ended."""

    def __init__(self, context: SymbolContext) -> None:
        self._context = context
        self._last: dict[int, int] = {}
        self.completed = 0
        self.realised_pnl = ZERO

    def open(self, journal: SymbolJournal) -> None:
        """Go on where the journal stands."""
        self._last = dict(journal.last_cycles)
        self.completed, self.realised_pnl = journal.completed, journal.realised_pnl

    def fresh(self, trader: int, settings: TradeSettings, now_ns: int) -> Cycle:
        """Make the trader's next cycle."""
        number = self._last.get(trader, 0) + 1
        self._last[trader] = number
        return self.settled(CycleKey(self._context.account, self._context.symbol, trader, number), settings, now_ns)

    def settled(self, key: CycleKey, settings: TradeSettings, started_ns: int) -> Cycle:
        """Give a cycle with these settings; its budget is a share of theirs, in 28 digits, half-even."""
        return Cycle(
            key=key,
            budget=settings.budget / settings.chunks,
            fee=self._context.fee,
            settings=settings,
            started_ns=started_ns,
        )

    def end(self, result: CycleResult | None) -> None:
        """Add what a cycle has brought."""
        if result is not None:
            self.completed += result.outcome is CycleOutcome.COMPLETED
            self.realised_pnl += result.realised_pnl
