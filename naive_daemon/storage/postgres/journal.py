"""The journal in PostgreSQL. Owned by the journal actor's thread.

Invariant: what `write` returned from is on disk, whole; what it raised for is there whole or not at all.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
from psycopg import Connection

from naive_daemon.domain.events import FillKey, OrderFilled
from naive_daemon.domain.order import CycleKey, Order
from naive_daemon.execution.journal_store import (
    AccountJournal,
    Cycle,
    CycleRecorded,
    JournalEntry,
    OpenCycle,
    OrderRecorded,
    RiskJournal,
    SideTotal,
    SymbolJournal,
    is_stale_order,
    merge_cycle,
)
from naive_daemon.storage.postgres import journal_sql
from naive_daemon.storage.postgres.journal_row import CycleRecord, FillRecord, OrderRecord, TotalRecord
from naive_daemon.storage.postgres.locks import AccountClaim
from naive_daemon.storage.postgres.session import Session

_encode = msgspec.json.Encoder(decimal_format="string").encode
_orders = msgspec.json.Decoder(list[OrderRecord]).decode
_cycles = msgspec.json.Decoder(list[CycleRecord]).decode
_totals = msgspec.json.Decoder(list[TotalRecord]).decode
_numbers = msgspec.json.Decoder(dict[int, int]).decode
_amounts = msgspec.json.Decoder(dict[str, Decimal]).decode


class PostgresJournal:
    """Implements JournalStore on one connection.

    `claim` names the accounts whose writer this journal is: its connection holds their locks, so that whoever lost the
    lock can not write either. Any use may then raise AccountHeldError. A journal that is made with the same claim takes
    the place of this one, also while a killed thread still writes. Not for use by two threads at once.
    """

    def __init__(self, url: str, *, claim: AccountClaim | None = None) -> None:
        claim = claim or AccountClaim(())
        self._bearer = claim.bearer()
        self._session = Session(url, application_name=claim.application_name, on_connect=self._bearer.take)

    def open(self) -> None:
        """Connect and take the locks now; raises DatabaseAwayError or AccountHeldError."""
        self._session.open()

    def write(self, entries: Sequence[JournalEntry]) -> None:
        """Make all entries durable in one transaction; raises TransientError when the database is away.

        Writing the same entries again changes nothing, so a commit whose answer was lost is simply repeated.
        """
        if not entries:
            return
        rows = _Batch(entries).rows()
        with self._session.connection() as connection:
            connection.execute(journal_sql.write(tuple(rows)), rows)

    def load_symbol(self, account: str, symbol: str) -> SymbolJournal:
        """Read what a leader of (account, symbol) starts from, as of one moment."""
        (found,) = self.load_symbols([(account, symbol)])
        return found

    def load_symbols(self, keys: Sequence[tuple[str, str]]) -> tuple[SymbolJournal, ...]:
        """Read the same for many (account, symbol), all as of one moment."""
        asked = _encode([{"account": account, "symbol": symbol} for account, symbol in keys]).decode()
        with self._session.connection() as connection:
            rows = connection.execute(journal_sql.LOAD_SYMBOLS, {"keys": asked}).fetchall()
        return tuple(_symbol_journal(row) for row in rows)

    def load_cycle(self, key: CycleKey) -> tuple[Order, ...]:
        """Read the orders of one cycle, ended or not, that are kept of it, oldest first."""
        (orders,) = self.load_cycles([key])
        return orders

    def load_cycles(self, keys: Sequence[CycleKey]) -> tuple[tuple[Order, ...], ...]:
        """Read the same for many cycles."""
        with self._session.connection() as connection:
            rows = connection.execute(journal_sql.LOAD_CYCLES, {"keys": _encode(keys).decode()}).fetchall()
        return tuple(tuple(record.order() for record in _orders(orders)) for (orders,) in rows)

    def load_orders(self, client_order_ids: Sequence[str]) -> tuple[Order, ...]:
        """Read those of these orders that there are, oldest first."""
        with self._session.connection() as connection:
            (orders,) = _one(connection, journal_sql.LOAD_ORDERS, {"ids": list(client_order_ids)})
        return tuple(record.order() for record in _orders(orders))

    def load_account(self, account: str) -> AccountJournal:
        """Read what the account's books start from."""
        with self._session.connection() as connection:
            row = _one(connection, journal_sql.LOAD_ACCOUNT, {"account": account})
        orders, totals, commissions, orders_count, fills_count = row
        return AccountJournal(
            live_orders=tuple(record.order() for record in _orders(orders)),
            totals=tuple(SideTotal(t.symbol, t.side, t.filled, t.filled_quote) for t in _totals(totals)),
            commissions=_amounts(commissions),
            orders_count=orders_count,
            fills_count=fills_count,
        )

    def load_risk(self, account: str, since_ns: int, sent_since_ns: int) -> RiskJournal:
        """Read what the account's limits are measured by."""
        asked = {"account": account, "since_ns": since_ns, "sent_since_ns": sent_since_ns}
        with self._session.connection() as connection:
            orders, pnl, sent_ns = _one(connection, journal_sql.LOAD_RISK, asked)
        return RiskJournal(
            open_cycle_orders=tuple(record.order() for record in _orders(orders)),
            realised_pnl=_amounts(pnl),
            sent_ns=tuple(sent_ns),
        )

    def history(self, account: str) -> tuple[tuple[Order, ...], tuple[Cycle, ...]]:
        """Read all orders and cycles an account ever had, oldest first: for a replay's summary."""
        with self._session.connection() as connection:
            orders, cycles = _one(connection, journal_sql.HISTORY, {"account": account})
        return (
            tuple(record.order() for record in _orders(orders)),
            tuple(record.as_cycle() for record in _cycles(cycles)),
        )

    def claim(self, account: str) -> str | None:
        """Hold one more account's lock from now on, over lost connections too; says who has it where that fails.

        Where another daemon has come between at a new connection, the next use raises AccountHeldError: a fresh
        journal holds none but what its claim names.
        """
        with self._session.connection() as connection:
            held_by = self._bearer.add(connection, account)
        return None if held_by is None else str(held_by)

    def release(self, account: str) -> None:
        """Give back what was claimed; nothing happens with any other."""
        with self._session.connection() as connection:
            self._bearer.remove(connection, account)

    def keep(self) -> None:
        """Take the locks again if the connection was lost: an account that nobody writes for just now has its daemon.

        Raises TransientError when the database is away, and AccountHeldError when another daemon has come between.
        """
        with self._session.connection() as connection:
            connection.execute("SELECT 1")

    def close(self) -> None:
        """Give up the connection and the locks with it; may be called twice."""
        self._session.close()

    def end(self) -> None:
        """Close for good, from any thread, also while another one writes; may be called twice."""
        self._session.end()


class _Batch:
    """Entries applied in order to what else is in the batch, so that each row is written once."""

    def __init__(self, entries: Sequence[JournalEntry]) -> None:
        self._orders: dict[str, Order] = {}
        self._fills: dict[FillKey, FillRecord] = {}
        self._cycles: dict[CycleKey, Cycle] = {}
        for entry in entries:
            match entry:
                case OrderRecorded(order, event):
                    self._add_order(order)
                    if isinstance(event, OrderFilled):
                        self._fills.setdefault(event.key, FillRecord.of(order, event))
                case CycleRecorded(cycle):
                    known = self._cycles.get(cycle.key)
                    self._cycles[cycle.key] = cycle if known is None else merge_cycle(cycle, known)

    def rows(self) -> dict[str, str]:
        """Give the rows of each table that has some, as the JSON arrays that `journal_sql.write` reads."""
        rows = {
            "orders": [OrderRecord.of(order) for order in self._orders.values()],
            "fills": list(self._fills.values()),
            "cycles": [CycleRecord.of(cycle) for cycle in self._cycles.values()],
        }
        return {table: _encode(records).decode() for table, records in rows.items() if records}

    def _add_order(self, order: Order) -> None:
        known = self._orders.get(order.client_order_id)
        if known is None or not is_stale_order(order, known):
            self._orders[order.client_order_id] = order


def _symbol_journal(row: tuple[Any, ...]) -> SymbolJournal:
    cycles, orders, numbers, completed, realised_pnl, dust_base = row
    by_cycle: dict[CycleKey, list[Order]] = {}
    for record in _orders(orders):
        order = record.order()
        by_cycle.setdefault(order.key, []).append(order)
    opened = (record.as_cycle() for record in _cycles(cycles))
    return SymbolJournal(
        open_cycles=tuple(OpenCycle(cycle, tuple(by_cycle.get(cycle.key, ()))) for cycle in opened),
        last_cycles=_numbers(numbers),
        completed=completed,
        realised_pnl=realised_pnl,
        dust_base=dust_base,
    )


def _one(connection: Connection, sql: str, parameters: dict[str, Any]) -> tuple[Any, ...]:
    row = connection.execute(sql, parameters).fetchone()
    assert row is not None  # noqa: S101  # a SELECT of aggregates always gives a row
    return row
