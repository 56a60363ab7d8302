"""The journal of a simulated process: what it has committed is in the books, which outlive it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from naive_daemon.domain.errors import PermanentError, TransientError
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.execution.journal_store import (
    AccountJournal,
    JournalEntry,
    OrderRecorded,
    RiskJournal,
    SymbolJournal,
)
from naive_daemon.execution.memory_journal import MemoryJournal
from tests.simulation.life import Life
from tests.simulation.odds import Odds
from tests.simulation.stores.outages import Outages
from tests.simulation.stores.postgres import SimulatedConnection

LINGERS_S = 20.0
"""PostgreSQL finds a peer that vanished without a word dead within about that, and holds its locks until then."""

FORMER = "a former process"

_OneLeg = tuple[CycleKey, Leg]


class SimulatedJournal:
    """Implements JournalStore, and fails as PostgresJournal does.

    - Whatever may befall a commit on a SimulatedConnection befalls `write`, and `claim` and `release` (at
      `journal.lock`); what may befall a question, loads and `keep`. A new connection takes all locks again.
    - `refused` at `journal.claim`: the session of a former process, whose machine was lost, still holds the lock.
    - A second order for one leg of a cycle is refused for good, as by the unique index `orders_leg`.

    `on_write` is told what was committed, with the commit; `on_wait` what may not have been, and is to be tried again.
    Nothing is written for a process that is over.
    """

    def __init__(
        self,
        books: MemoryJournal,
        odds: Odds,
        outages: Outages,
        life: Life,
        on_write: Callable[[Sequence[JournalEntry]], None],
        *,
        on_wait: Callable[[Sequence[JournalEntry]], None] = lambda _: None,
    ) -> None:
        self._books = books
        self._odds = odds
        self._outages = outages
        self._connection = SimulatedConnection(odds, outages, life)
        self._on_write = on_write
        self._on_wait = on_wait
        self._claimed: set[str] = set()
        self._known: set[str] = set()
        self._orders_by_leg: dict[_OneLeg, str] = {}
        self._note({(order.key, order.leg): order.client_order_id for order in books._orders.values()})

    def write(self, entries: Sequence[JournalEntry]) -> None:
        """Make all entries durable, or none."""
        if not entries:
            return
        try:
            self._connection.commit("journal.write", partial(self._commit, entries))
        except TransientError:
            self._on_wait(entries)
            raise

    def load_symbol(self, account: str, symbol: str) -> SymbolJournal:
        """Read what a leader of (account, symbol) starts from."""
        self._connection.ask("journal.load")
        return self._books.load_symbol(account, symbol)

    def load_symbols(self, keys: Sequence[tuple[str, str]]) -> tuple[SymbolJournal, ...]:
        """Read the same for many (account, symbol)."""
        self._connection.ask("journal.load")
        return self._books.load_symbols(keys)

    def load_cycle(self, key: CycleKey) -> tuple[Order, ...]:
        """Read what is kept of the orders of one cycle, oldest first."""
        self._connection.ask("journal.load")
        return self._books.load_cycle(key)

    def load_cycles(self, keys: Sequence[CycleKey]) -> tuple[tuple[Order, ...], ...]:
        """Read the same for many cycles."""
        self._connection.ask("journal.load")
        return self._books.load_cycles(keys)

    def load_orders(self, client_order_ids: Sequence[str]) -> tuple[Order, ...]:
        """Read those of these orders that there are."""
        self._connection.ask("journal.load")
        return self._books.load_orders(client_order_ids)

    def load_account(self, account: str) -> AccountJournal:
        """Read what the account's execution manager and a paper exchange start from."""
        self._connection.ask("journal.load")
        return self._books.load_account(account)

    def load_risk(self, account: str, since_ns: int, sent_since_ns: int) -> RiskJournal:
        """Read what the account's limits are measured by."""
        self._connection.ask("journal.load")
        return self._books.load_risk(account, since_ns, sent_since_ns)

    def claim(self, account: str) -> str | None:
        """Take one more account's lock, unless a former process has it still."""
        self._connection.reach()
        if account in self._claimed:
            return None
        lock = f"lock of {account}"
        if (size := self._odds.strikes("refused", "journal.claim")) is not None:
            self._outages.take_away(lock, size * LINGERS_S)
        if self._outages.is_away(lock):
            return FORMER
        self._connection.commit("journal.lock", lambda: None)
        self._claimed.add(account)
        return None

    def release(self, account: str) -> None:
        """Give a lock back."""
        self._connection.commit("journal.lock", partial(self._claimed.discard, account))

    def keep(self) -> None:
        """Look whether the server is there."""
        self._connection.ask("journal.keep")

    def close(self) -> None:
        """Give up the connection: the next use makes a new one."""

    def _commit(self, entries: Sequence[JournalEntry]) -> None:
        self._refuse_second_orders(entries)
        self._books.write(entries)
        self._on_write(entries)

    def _refuse_second_orders(self, entries: Sequence[JournalEntry]) -> None:
        fresh: dict[_OneLeg, str] = {}
        for entry in entries:
            if isinstance(entry, OrderRecorded) and entry.order.client_order_id not in self._known:
                order = entry.order
                leg, name = (order.key, order.leg), order.client_order_id
                known = self._orders_by_leg.get(leg) or fresh.setdefault(leg, name)
                if known != name:
                    raise PermanentError(f"{name} is a second order for the leg of {known}: orders_leg is unique")
        self._note(fresh)

    def _note(self, orders_by_leg: Mapping[_OneLeg, str]) -> None:
        self._orders_by_leg.update(orders_by_leg)
        self._known.update(orders_by_leg.values())
