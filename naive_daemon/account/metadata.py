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


Note = EntriesNoted | CycleNoted


def noted(known: SymbolMetadata | None, note: Note) -> SymbolMetadata:
    """Give a symbol's metadata as it is after a note. A cycle that was sold at no known price leaves the last one."""
    known = known or SymbolMetadata()
    match note:
        case EntriesNoted(_, long, short, opened_ns):
            return msgspec.structs.replace(known, entries_long=long, entries_short=short, opened_ns=opened_ns)
        case CycleNoted(_, closed_price, profit):
            price = known.last_closed_price if closed_price is None else closed_price
            return msgspec.structs.replace(known, last_closed_price=price, last_cycle_profit=profit)
