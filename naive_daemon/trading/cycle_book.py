"""The cycles of one symbol, as its leader counts them: numbers never used twice, settings, totals, dust. Pure.

Dust is conserved: what is on the books is what ended cycles could not sell, less what was given to any cycle, as the
journal has it too. All of it is given to the next fresh cycle, unless the settings keep it.
"""

from decimal import Decimal

import msgspec

from naive_daemon.domain.cycle import Cycle, CycleOutcome
from naive_daemon.domain.money import EXACT, ZERO
from naive_daemon.domain.order import CycleKey
from naive_daemon.domain.settings import Dust, TradeSettings
from naive_daemon.execution.journal_store import OpenCycle, SymbolJournal
from naive_daemon.strategy.protocol import Position
from naive_daemon.strategy.result import cycle_result, withheld
from naive_daemon.trading.context import SymbolContext


class CycleBook:
    """Numbers of the last cycles by trader; `completed` and `realised_pnl` (quote asset) of all that ever ended.

    `dust` (base asset) is what is on the books now. `withheld` is the part of it that the exchange would not sell: it
    stays on the books, and is tried again after the next start only. `fee`: what cycles that begin reckon with.
    """

    def __init__(self, context: SymbolContext) -> None:
        self._context = context
        self.fee = context.fee
        self._last: dict[int, int] = {}
        self.completed = 0
        self.realised_pnl = ZERO
        self.dust = ZERO
        self.withheld = ZERO

    def open(self, journal: SymbolJournal) -> None:
        """Go on where the journal stands."""
        self._last = dict(journal.last_cycles)
        self.completed, self.realised_pnl = journal.completed, journal.realised_pnl
        self.dust = journal.dust_base

    def resume(self, opened: OpenCycle, settings: TradeSettings) -> Position:
        """Take a cycle up again; one that has placed nothing yet takes settings, fee and dust as they are now."""
        if opened.orders:
            return Position(cycle=opened.cycle, orders=opened.orders)
        self.dust = EXACT.add(self.dust, opened.cycle.dust_in)
        return Position(cycle=self._settled(opened.cycle.key, settings, opened.cycle.started_ns))

    def abandon(self, cycle: Cycle, now_ns: int) -> Cycle:
        """End a cycle that has placed nothing."""
        position = Position(cycle=cycle)
        result = cycle_result(position, self._context.instrument, now_ns, CycleOutcome.ABANDONED)
        ended = with_cycle(position, result=result)
        self.end(ended)
        return ended.cycle

    def fresh(self, trader: int, settings: TradeSettings, now_ns: int) -> Cycle:
        """Make the trader's next cycle."""
        number = max(self._last.get(trader, 0) + 1, self._context.cycle_floor)
        self._last[trader] = number
        return self._settled(CycleKey(self._context.account, self._context.symbol, trader, number), settings, now_ns)

    def end(self, position: Position) -> None:
        """Add what a cycle has brought, and what it could not sell."""
        result = position.cycle.result
        if result is None:
            return
        self.completed += result.outcome is CycleOutcome.COMPLETED
        self.realised_pnl = EXACT.add(self.realised_pnl, result.realised_pnl)
        self.dust = EXACT.add(self.dust, result.dust_base)
        self.withheld = EXACT.add(self.withheld, withheld(position, self._context.instrument))

    def _settled(self, key: CycleKey, settings: TradeSettings, started_ns: int) -> Cycle:
        """Give a cycle with these settings; its budget is a share of theirs, in 28 digits, half-even."""
        return Cycle(
            key=key,
            budget=settings.budget / settings.chunks,
            fee=self.fee,
            settings=settings,
            started_ns=started_ns,
            dust_in=ZERO if settings.dust is Dust.KEEP else self._give_dust(),
        )

    def _give_dust(self) -> Decimal:
        given = EXACT.subtract(self.dust, self.withheld)
        self.dust = self.withheld
        return given


def with_cycle(position: Position, **changes: object) -> Position:
    """Give a position whose cycle has changed."""
    return msgspec.structs.replace(position, cycle=msgspec.structs.replace(position.cycle, **changes))
