"""What must hold of a run of the daemon: safety after every step, liveness once all is healed and quiet."""

from collections.abc import Sequence
from typing import Any

from naive_daemon.domain.events import AccountEvent, Trade
from naive_daemon.domain.order import Order
from naive_daemon.execution.journal_store import JournalEntry
from naive_daemon.execution.memory_journal import MemoryJournal
from tests.simulation.plan import Plan
from tests.simulation.violation import Violation, refuse
from tests.trading.table import Table

__all__ = ["Promises", "Violation"]


class Promises:
    """Hears of everything at the moment when it has happened; raises Violation."""

    def __init__(self, plan: Plan, books: MemoryJournal, table: Table, exchange: Any) -> None:
        self._plan = plan
        self._books = books
        self._table = table
        self._exchange = exchange

    def market_prints(self, trade: Trade) -> None:
        """Hear of a trade before anybody else does."""

    def order_arrives(self, order: Order) -> None:
        """Hear of an order that has reached the exchange."""
        refuse(order.client_order_id not in self._books._orders, "intent first", order)

    def events_occur(self, events: Sequence[AccountEvent]) -> None:
        """Hear of what the exchange has done, before the daemon does."""

    def entries_written(self, entries: Sequence[JournalEntry]) -> None:
        """Hear of what was committed in the journal, right after it was, told to the daemon or not."""

    def heals(self) -> None:
        """Hear that nothing goes wrong from now on."""

    def check(self, world: Any) -> None:
        """Look at everything, between two beats."""

    def check_rest(self, world: Any) -> None:
        """Look at everything once all is healed and quiet."""
