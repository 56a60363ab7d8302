"""What the journal keeps and how it is asked: the protocol that storage implements.

Writing is idempotent, because a commit whose answer was lost is written again: the same entries twice leave the same
rows. A position is the sum of its fills, so nothing here stores one.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from naive_daemon.domain.cycle import Cycle, CycleOutcome, CycleResult
from naive_daemon.domain.events import OrderEvent
from naive_daemon.domain.money import ZERO
from naive_daemon.domain.order import CycleKey, Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.strategy.result import was_refused

__all__ = [
    "AccountJournal",
    "Cycle",
    "CycleOutcome",
    "CycleRecorded",
    "CycleResult",
    "JournalEntry",
    "JournalStore",
    "OpenCycle",
    "OrderRecorded",
    "RiskJournal",
    "SideTotal",
    "SymbolJournal",
]

REFUSALS_KEPT_MAX = 8
"""So many refusals in a row make the longest pause (`trading/trader.py`): more of them decide nothing."""


class CycleRecorded(msgspec.Struct, frozen=True):
    """A cycle as it is now: started, its rebuy reported, or ended. Written whole, by its key."""

    cycle: Cycle


class OrderRecorded(msgspec.Struct, frozen=True):
    """An order as it is now, and the event that made it so. Without an event it is an intent, not yet sent.

    An OrderFilled event also writes its fill. An order that is older than what the journal knows (`is_stale_order`)
    changes nothing, but its fill still counts. What is read back has the trade ids of the fills that were written.
    """

    order: Order
    event: OrderEvent | None = None


JournalEntry = CycleRecorded | OrderRecorded


def is_stale_order(order: Order, known: Order) -> bool:
    """Say whether `order` is older than what is `known` of it, so that writing it must change nothing.

    What is over never reopens, `filled` never falls, and an intent never takes back what came of it.
    """
    if known.status.is_terminal:
        return not order.status.is_terminal or order.filled <= known.filled
    intent_again = order.status is OrderStatus.IN_FLIGHT and known.status is not OrderStatus.IN_FLIGHT
    return intent_again or order.filled < known.filled


def merge_cycle(cycle: Cycle, known: Cycle) -> Cycle:
    """Give what the journal holds once `cycle` is written over `known`: an end and a reported rebuy stay."""
    if known.result is not None and cycle.result is None:
        return known
    return msgspec.structs.replace(cycle, rebuy_reported=cycle.rebuy_reported or known.rebuy_reported)


def kept_orders(orders: Iterable[Order]) -> tuple[Order, ...]:
    """Give the orders of one cycle that its trader goes on with: of the refused ones the latest of each side.

    A leg may be refused for months. The latest attempt says how many there were.
    """
    known = tuple(orders)
    if len(known) <= REFUSALS_KEPT_MAX:  # as nearly always, with each event of an order
        return known
    refused = sorted((order for order in known if was_refused(order)), key=lambda order: order.leg.attempt)
    old = {
        order.client_order_id
        for side in Side
        for order in [order for order in refused if order.side is side][:-REFUSALS_KEPT_MAX]
    }
    return tuple(order for order in known if order.client_order_id not in old) if old else known


class OpenCycle(msgspec.Struct, frozen=True):
    """A cycle that has not ended, with the orders that are kept of it (`kept_orders`), oldest first."""

    cycle: Cycle
    orders: tuple[Order, ...]


class SymbolJournal(msgspec.Struct, frozen=True, kw_only=True):
    """What a leader needs to go on where it was.

    `last_cycles` maps each trader to the highest cycle number that any cycle or order of it ever had;
    `realised_pnl` is the sum over all cycles that ended, `completed` counts those that were sold. `dust_base` (base
    asset) is what cycles that ended could not sell, less what was given to later ones (`Cycle.dust_in`).
    """

    open_cycles: tuple[OpenCycle, ...]
    last_cycles: Mapping[int, int]
    completed: int
    realised_pnl: Decimal
    dust_base: Decimal = ZERO


class SideTotal(msgspec.Struct, frozen=True):
    """Everything ever filled on one side of one symbol: `filled` in base, `filled_quote` in quote asset."""

    symbol: str
    side: Side
    filled: Decimal
    filled_quote: Decimal


class AccountJournal(msgspec.Struct, frozen=True, kw_only=True):
    """What an account's books hold: its orders that are not over, and totals over all fills."""

    live_orders: tuple[Order, ...]
    totals: tuple[SideTotal, ...]
    commissions: Mapping[str, Decimal]
    orders_count: int
    fills_count: int


class RiskJournal(msgspec.Struct, frozen=True, kw_only=True):
    """What an account's risk is reckoned from: orders of cycles that have not ended, and what was realised since.

    `open_cycle_orders`: those that are kept of each cycle (`kept_orders`), oldest first. `realised_pnl`: by symbol, in
    its quote asset, of cycles that ended at `since_ns` or later. `sent_ns`: when each order was made whose intent is of
    `sent_since_ns` or later, sent or not, oldest first.
    """

    open_cycle_orders: tuple[Order, ...]
    realised_pnl: Mapping[str, Decimal]
    sent_ns: tuple[int, ...] = ()


class JournalStore(Protocol):
    """Where the journal lives. Not for use by two threads at once."""

    def write(self, entries: Sequence[JournalEntry]) -> None:
        """Make all entries durable in one transaction; raises TransientError when the store is away."""

    def load_symbol(self, account: str, symbol: str) -> SymbolJournal:
        """Read what a leader of (account, symbol) starts from."""

    def load_symbols(self, keys: Sequence[tuple[str, str]]) -> tuple[SymbolJournal, ...]:
        """Read the same for many (account, symbol) at once, in the order of `keys`."""

    def load_cycle(self, key: CycleKey) -> tuple[Order, ...]:
        """Read the orders of one cycle, ended or not, that are kept of it (`kept_orders`), oldest first."""

    def load_cycles(self, keys: Sequence[CycleKey]) -> tuple[tuple[Order, ...], ...]:
        """Read the same for many cycles at once, in the order of `keys`."""

    def load_orders(self, client_order_ids: Sequence[str]) -> tuple[Order, ...]:
        """Read those of these orders that there are, oldest first."""

    def load_account(self, account: str) -> AccountJournal:
        """Read what the account's execution manager and a paper exchange start from."""

    def load_risk(self, account: str, since_ns: int, sent_since_ns: int) -> RiskJournal:
        """Read what the account's limits are measured by; `since_ns` is when today began."""

    def claim(self, account: str) -> str | None:
        """Become the one writer of one more account; says in words who is it already, where somebody is.

        What was claimed stays so over lost connections. Raises TransientError when the store is away.
        """

    def release(self, account: str) -> None:
        """Let somebody else write for an account that was claimed."""

    def keep(self) -> None:
        """Look whether the store is there, and hold again what went with a lost connection; raises TransientError."""

    def close(self) -> None:
        """Give up the connection; may be called twice."""
