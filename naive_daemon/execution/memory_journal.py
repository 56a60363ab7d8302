"""The journal of a backtest: JournalStore in memory, with the same answers as the durable one."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from naive_daemon.domain.events import FillKey, OrderFilled
from naive_daemon.domain.money import EXACT, ZERO, total
from naive_daemon.domain.order import CycleKey, Order
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import (
    AccountJournal,
    Cycle,
    CycleOutcome,
    CycleRecorded,
    JournalEntry,
    OpenCycle,
    OrderRecorded,
    RiskJournal,
    SideTotal,
    SymbolJournal,
    is_stale_order,
    kept_orders,
    merge_cycle,
)


class MemoryJournal:
    """Implements JournalStore. Loading looks at everything, which a backtest does once for each symbol.

    `held_elsewhere`: accounts that somebody else writes for, and who; a backtest's are all its own.
    """

    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}
        self._cycles: dict[CycleKey, Cycle] = {}
        self._ids_by_cycle: defaultdict[CycleKey, list[str]] = defaultdict(list)
        self._fills: dict[FillKey, tuple[Side, OrderFilled]] = {}
        self._trade_ids: defaultdict[str, set[str]] = defaultdict(set)
        self.held_elsewhere: dict[str, str] = {}

    def write(self, entries: Sequence[JournalEntry]) -> None:
        """Apply all entries in order."""
        for entry in entries:
            match entry:
                case OrderRecorded(order, event):
                    self._write_order(order)
                    if isinstance(event, OrderFilled):
                        self._write_fill(order, event)
                case CycleRecorded(cycle):
                    known = self._cycles.get(cycle.key)
                    self._cycles[cycle.key] = cycle if known is None else merge_cycle(cycle, known)

    def load_symbol(self, account: str, symbol: str) -> SymbolJournal:
        """Read what a leader of (account, symbol) starts from."""
        cycles = sorted((c for c in self._cycles.values() if _names(c.key, account, symbol)), key=lambda c: c.key)
        ordered = [key for key in self._ids_by_cycle if _names(key, account, symbol)]
        results = [cycle.result for cycle in cycles if cycle.result is not None]
        return SymbolJournal(
            open_cycles=tuple(OpenCycle(cycle, self.load_cycle(cycle.key)) for cycle in cycles if cycle.result is None),
            last_cycles=_last_cycles([*(cycle.key for cycle in cycles), *ordered]),
            completed=sum(result.outcome is CycleOutcome.COMPLETED for result in results),
            realised_pnl=total(result.realised_pnl for result in results),
            dust_base=EXACT.subtract(total(result.dust_base for result in results), total(c.dust_in for c in cycles)),
        )

    def load_symbols(self, keys: Sequence[tuple[str, str]]) -> tuple[SymbolJournal, ...]:
        """Read the same for many (account, symbol)."""
        return tuple(self.load_symbol(*key) for key in keys)

    def load_cycle(self, key: CycleKey) -> tuple[Order, ...]:
        """Read the orders of one cycle that are kept of it, oldest first."""
        return kept_orders(self._read(self._orders[name] for name in self._ids_by_cycle.get(key, ())))

    def load_cycles(self, keys: Sequence[CycleKey]) -> tuple[tuple[Order, ...], ...]:
        """Read the same for many cycles."""
        return tuple(self.load_cycle(key) for key in keys)

    def load_orders(self, client_order_ids: Sequence[str]) -> tuple[Order, ...]:
        """Read those of these orders that there are, oldest first."""
        return self._read(self._orders[name] for name in set(client_order_ids) & self._orders.keys())

    def load_account(self, account: str) -> AccountJournal:
        """Read what the account's execution manager and a paper exchange start from."""
        orders = [order for order in self._orders.values() if order.key.account == account]
        fills = [(side, fill) for side, fill in self._fills.values() if fill.account == account]
        commissions: defaultdict[str, Decimal] = defaultdict(Decimal)
        for _, fill in fills:
            if fill.commission:
                commissions[fill.commission_asset] = EXACT.add(commissions[fill.commission_asset], fill.commission)
        return AccountJournal(
            live_orders=self._read(order for order in orders if not order.status.is_terminal),
            totals=_totals(fills),
            commissions=dict(commissions),
            orders_count=len(orders),
            fills_count=len(fills),
        )

    def load_risk(self, account: str, since_ns: int, sent_since_ns: int) -> RiskJournal:
        """Read what the account's limits are measured by."""
        cycles = [cycle for cycle in self._cycles.values() if cycle.key.account == account]
        realised: defaultdict[str, Decimal] = defaultdict(Decimal)
        for cycle in cycles:
            if cycle.result is not None and cycle.result.finished_ns >= since_ns:
                realised[cycle.key.symbol] = EXACT.add(realised[cycle.key.symbol], cycle.result.realised_pnl)
        opened = (order for cycle in cycles if cycle.result is None for order in self.load_cycle(cycle.key))
        made = (order.created_ns for order in self._orders.values() if order.key.account == account)
        return RiskJournal(
            open_cycle_orders=self._read(opened),
            realised_pnl=dict(realised),
            sent_ns=tuple(sorted(made_ns for made_ns in made if made_ns >= sent_since_ns)),
        )

    def orders(self) -> tuple[Order, ...]:
        """Give all orders, oldest first."""
        return self._read(self._orders.values())

    def cycles(self) -> tuple[Cycle, ...]:
        """Give all cycles as they are now, by their keys."""
        return tuple(sorted(self._cycles.values(), key=lambda cycle: cycle.key))

    def claim(self, account: str) -> str | None:
        """Say who writes for the account, if not we."""
        return self.held_elsewhere.get(account)

    def release(self, account: str) -> None:
        """Do nothing: nobody waits for it."""

    def keep(self) -> None:
        """Do nothing: memory is always there."""

    def close(self) -> None:
        """Keep everything: there is no connection to give up."""

    def _write_order(self, order: Order) -> None:
        known = self._orders.get(order.client_order_id)
        if known is None:
            self._ids_by_cycle[order.key].append(order.client_order_id)
        if known is None or not is_stale_order(order, known):
            self._orders[order.client_order_id] = order

    def _write_fill(self, order: Order, fill: OrderFilled) -> None:
        if fill.key not in self._fills:
            self._fills[fill.key] = (order.side, fill)
            self._trade_ids[order.client_order_id].add(fill.trade_id)

    def _read(self, orders: Iterable[Order]) -> tuple[Order, ...]:
        """Give orders oldest first, with the trade ids of their fills."""
        known = (
            msgspec.structs.replace(order, trade_ids=frozenset(self._trade_ids.get(order.client_order_id, ())))
            for order in orders
        )
        return tuple(sorted(known, key=lambda order: (order.created_ns, order.client_order_id)))


def _names(key: CycleKey, account: str, symbol: str) -> bool:
    return key.account == account and key.symbol == symbol


def _last_cycles(keys: Iterable[CycleKey]) -> dict[int, int]:
    last: dict[int, int] = {}
    for key in keys:
        last[key.trader] = max(key.cycle, last.get(key.trader, 0))
    return last


def _totals(fills: Iterable[tuple[Side, OrderFilled]]) -> tuple[SideTotal, ...]:
    sums: dict[tuple[str, Side], SideTotal] = {}
    for side, fill in fills:
        known = sums.get((fill.symbol, side), SideTotal(fill.symbol, side, ZERO, ZERO))
        sums[fill.symbol, side] = SideTotal(
            fill.symbol,
            side,
            EXACT.add(known.filled, fill.quantity),
            EXACT.add(known.filled_quote, EXACT.multiply(fill.price, fill.quantity)),
        )
    return tuple(sums[key] for key in sorted(sums))
