"""What the daemon keeps in Redis, compared with the journal once all is at rest: what lives is in both."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any

from naive_daemon.account.metadata import SymbolMetadata
from naive_daemon.account.metadata_document import decode, key_of
from naive_daemon.cache.cache import STATE
from naive_daemon.cache.database import Integrity
from naive_daemon.storage.redis.cache_database import RedisCacheDatabase
from naive_daemon.storage.redis.config import RedisCacheConfig
from naive_daemon.strategy.protocol import Position as TraderPosition
from tests.e2e.books import LIVE, Books, Row

CycleOf = tuple[str, int, int]
QUOTE = "USDT"
"""The quote asset of all symbols of a trial."""


def cache_differences(books: Books, redis_url: str, off: Collection[str] = ()) -> list[str]:
    """Tell everything on which cache and journal do not agree.

    Of symbols that are `off` no trader runs that would say how it stands, nor say it again to a cache that was emptied.
    """
    database = RedisCacheDatabase(RedisCacheConfig.from_url(redis_url, trader=books.owner))
    try:
        integrity = database.check_integrity()
        return [
            *([] if integrity == Integrity() else [f"the cache's indexes do not fit: {integrity}"]),
            *_of_orders(books, database),
            *_of_positions(books, database),
            *_of_traders(books, database, off),
            *_of_metadata(books, database),
        ]
    finally:
        database.close()


def _of_orders(books: Books, database: RedisCacheDatabase) -> Iterator[str]:
    cached = database.load_orders()
    journaled = {order["client_order_id"]: order for order in books.orders}
    for name, order in cached.items():
        row = journaled.get(name)
        if row is None:
            yield f"order {name} is in the cache, and in no journal"
        elif (order.status.value, order.filled) != (row["status"], row["filled"]):
            yield f"order {name}: {order.status}, {order.filled} in the cache, {row['status']}, {row['filled']} here"
    live = {name for name, order in journaled.items() if order["status"] in LIVE}
    yield from (f"order {name} lives, and is not in the cache" for name in live - cached.keys())
    indexed = database.load_index_orders_open() | database.load_index_orders_in_flight()
    yield from (f"order {name} is live in one of journal and index only" for name in live ^ indexed)


def _of_positions(books: Books, database: RedisCacheDatabase) -> Iterator[str]:
    expected = {f"{books.account}/{'/'.join(map(str, cycle))}": held for cycle, held in _held(books).items()}
    cached = {name: position.quantity for name, position in database.load_positions().items() if position.is_open}
    for name in expected.keys() | cached.keys():
        if expected.get(name) != cached.get(name):
            yield f"position {name}: {cached.get(name)} in the cache, {expected.get(name)} by the fills"


def _of_traders(books: Books, database: RedisCacheDatabase, off: Collection[str]) -> Iterator[str]:
    """Compare what traders have reported with the journal; one that has placed nothing yet need not have reported."""
    orders: defaultdict[CycleOf, dict[str, Any]] = defaultdict(dict)
    for order in books.orders:
        orders[_cycle(order)][order["client_order_id"]] = (order["status"], order["filled"])
    opened = {_cycle(row): row for row in books.cycles if row["outcome"] is None}
    known: set[CycleOf] = set()
    for name, fields in database.load_strategies().items():
        position = database.encoding.decode(fields[STATE], TraderPosition, name)
        key = position.cycle.key
        if key.symbol in off:
            continue
        cycle = key.symbol, key.trader, key.cycle
        known.add(cycle)
        if cycle not in opened:
            yield f"the trader of cycle {cycle} is in the cache, and the cycle is not open"
            continue
        if position.cycle.rebuy_reported != opened[cycle]["rebuy_reported"]:
            yield f"the trader of cycle {cycle} does not know its rebuy: {position.cycle.rebuy_reported}"
        here = {order.client_order_id: (order.status.value, order.filled) for order in position.orders}
        if here != orders[cycle]:
            yield f"the trader of cycle {cycle} knows {here}, and the journal {orders[cycle]}"
    missing = {cycle for cycle in opened if orders[cycle] and cycle[0] not in off} - known
    yield from (f"the trader of cycle {cycle} is not in the cache" for cycle in missing)


def _of_metadata(books: Books, database: RedisCacheDatabase) -> Iterator[str]:
    """Compare what the account remembers of symbols: how many cycles hold something, and what some cycle has brought.

    Which one was the last may be a little older after a kill: what changes is written a moment later.
    """
    kept = database.load_object(key_of(books.account))
    symbols = {} if kept is None else decode(books.account, kept)
    bought = {order["client_order_id"]: _cycle(order) for order in books.orders if order["side"] == "BUY"}
    with_fills = {bought[fill["client_order_id"]] for fill in books.fills if fill["side"] == "BUY"}
    entries = Counter(row["symbol"] for row in books.cycles if row["outcome"] is None and _cycle(row) in with_fills)
    for symbol in entries.keys() | symbols.keys():
        known = symbols.get(symbol, SymbolMetadata())
        if known.entries_long != entries[symbol]:
            yield f"{symbol} has {entries[symbol]} cycles that hold something, and {known.entries_long} in the metadata"
        brought = {row["realised_pnl"] for row in books.cycles if row["symbol"] == symbol and row["outcome"]}
        if known.last_cycle_profit is not None and known.last_cycle_profit not in brought:
            yield f"no cycle of {symbol} has brought {known.last_cycle_profit}, as the metadata have it"


def _held(books: Books) -> dict[CycleOf, Decimal]:
    """Give what each open cycle has bought and not sold, net of commission; a cycle that holds nothing is left out."""
    cycles = {order["client_order_id"]: _cycle(order) for order in books.orders}
    opened = {_cycle(row) for row in books.cycles if row["outcome"] is None}
    held: defaultdict[CycleOf, Decimal] = defaultdict(Decimal)
    for fill in books.fills:
        cycle = cycles[fill["client_order_id"]]
        if cycle in opened:
            held[cycle] += fill["quantity"] if fill["side"] == "BUY" else -fill["quantity"]
            held[cycle] -= fill["commission"] if fill["commission_asset"] == fill["symbol"].removesuffix(QUOTE) else 0
    return {cycle: quantity for cycle, quantity in held.items() if quantity}


def _cycle(row: Row) -> CycleOf:
    return row["symbol"], row["trader"], row["cycle"]
