"""What the journal keeps and how it is asked: the protocol that storage implements.

Writing is idempotent, because a commit whose answer was lost is written again: the same entries twice leave the same
rows. A position is the sum of its fills, so nothing here stores one.
"""

import enum
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from naive_daemon.domain.events import OrderEvent
from naive_daemon.domain.order import CycleKey, Order
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side


class CycleOutcome(enum.StrEnum):
    """How a trade cycle ended: sold, or given up before anything was bought."""

    COMPLETED = "completed"
    ABANDONED = "abandoned"


class CycleResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a cycle that ended has brought; money in the quote asset, `dust_base` in the base asset.

    `realised_pnl` = sells net of commission − what the buys cost, commission in the quote asset included.
    """

    outcome: CycleOutcome
    finished_ns: int
    bought: Decimal
    sold: Decimal
    buy_price: Decimal | None
    sell_price: Decimal | None
    fees: Mapping[str, Decimal]
    realised_pnl: Decimal
    dust_base: Decimal


class Cycle(msgspec.Struct, frozen=True, kw_only=True):
    """A trade cycle: its settings hold from its first to its last order, whatever is set meanwhile.

    `budget` is this trader's share in the quote asset, `fee` the maker rate it reckons with.
    """

    key: CycleKey
    budget: Decimal
    fee: Decimal
    settings: TradeSettings
    started_ns: int
    rebuy_reported: bool = False
    result: CycleResult | None = None


class CycleRecorded(msgspec.Struct, frozen=True):
    """A cycle as it is now: started, its rebuy reported, or ended. Written whole, by its key."""

    cycle: Cycle


class OrderRecorded(msgspec.Struct, frozen=True):
    """An order as it is now, and the event that made it so. Without an event it is an intent, not yet sent.

    An OrderFilled event also writes its fill.
    """

    order: Order
    event: OrderEvent | None = None


JournalEntry = CycleRecorded | OrderRecorded


class OpenCycle(msgspec.Struct, frozen=True):
    """A cycle that has not ended, with all of its orders, oldest first."""

    cycle: Cycle
    orders: tuple[Order, ...]


class SymbolJournal(msgspec.Struct, frozen=True, kw_only=True):
    """What a leader needs to go on where it was: `last_cycles` maps each trader to its highest cycle number."""

    open_cycles: tuple[OpenCycle, ...]
    last_cycles: Mapping[int, int]
    completed: int
    realised_pnl: Decimal


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


class JournalStore(Protocol):
    """Where the journal lives. Not for use by two threads at once."""

    def write(self, entries: Sequence[JournalEntry]) -> None:
        """Make all entries durable in one transaction; raises TransientError when the store is away."""

    def load_symbol(self, account: str, symbol: str) -> SymbolJournal:
        """Read what a leader of (account, symbol) starts from."""

    def load_account(self, account: str) -> AccountJournal:
        """Read what the account's execution manager and a paper exchange start from."""

    def close(self) -> None:
        """Give up the connection; may be called twice."""
