"""What the account remembers of a symbol beside what the exchange can tell, and who tells it."""

from decimal import Decimal

import msgspec


class SymbolMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """Of one symbol: cycles that hold something on each side, since when, and what the last cycle sold at and brought.

    Times are UTC nanoseconds; the price and the profit are in the quote asset.
    """

    entries_long: int = 0
    entries_short: int = 0
    opened_ns: int | None = None
    last_closed_price: Decimal | None = None
    last_cycle_profit: Decimal | None = None


class EntriesNoted(msgspec.Struct, frozen=True):
    """To the account, from a leader: how many of the symbol's cycles hold something, and since when (None: none)."""

    symbol: str
    long: int
    short: int
    opened_ns: int | None


class CycleNoted(msgspec.Struct, frozen=True):
    """To the account, from a leader: a cycle was sold at this average price, and brought this much."""

    symbol: str
    closed_price: Decimal | None
    profit: Decimal
