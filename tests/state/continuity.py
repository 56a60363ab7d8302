"""What may not change any more, compared between two moments: whatever was killed in between, nothing goes back."""

from collections.abc import Callable, Iterator
from typing import Any

from naive_daemon.domain.order import OrderStatus
from tests.e2e.books import Books, Row

OVER = {status.value for status in OrderStatus if status.is_terminal}
OF_CYCLE = ("budget", "fee", "started_ns")
OF_ORDER = ("symbol", "trader", "cycle", "side", "attempt", "price", "quantity")
OF_ENDED_CYCLE = ("outcome", "bought", "sold", "fees", "realised_pnl", "dust_base", "finished_ns")
OF_ENDED_ORDER = ("status", "filled", "filled_quote", "exchange_order_id")

Key = tuple[Any, ...]


def steps_back(before: Books, after: Books) -> list[str]:
    """Tell everything that was known before, and is not known or is otherwise now."""
    return [
        *_of_orders(before.orders, after.orders),
        *_of_fills(before.fills, after.fills),
        *_of_cycles(before.cycles, after.cycles),
    ]


def _of_orders(before: list[Row], after: list[Row]) -> Iterator[str]:
    for name, old, new in _pairs(before, after, lambda row: (row["client_order_id"],)):
        if new is None:
            yield f"order {name} is lost"
            continue
        yield from _changed(f"order {name}", OF_ORDER, old, new)
        if old["status"] in OVER:
            yield from _changed(f"order {name}", OF_ENDED_ORDER, old, new)
        if new["filled"] < old["filled"]:
            yield f"order {name} had filled {old['filled']}, and now {new['filled']}"


def _of_fills(before: list[Row], after: list[Row]) -> Iterator[str]:
    for name, old, new in _pairs(before, after, lambda row: (row["symbol"], row["trade_id"], row["client_order_id"])):
        if new != old:
            yield f"fill {name} was {old}, and is {new}"


def _of_cycles(before: list[Row], after: list[Row]) -> Iterator[str]:
    for name, old, new in _pairs(before, after, lambda row: (row["symbol"], row["trader"], row["cycle"])):
        if new is None:
            yield f"cycle {name} is lost"
            continue
        yield from _changed(f"cycle {name}", OF_CYCLE, old, new)
        if old["outcome"] is not None:
            yield from _changed(f"cycle {name}", OF_ENDED_CYCLE, old, new)
        if old["rebuy_reported"] and not new["rebuy_reported"]:
            yield f"cycle {name} has forgotten that it reported its rebuy"


def _pairs(before: list[Row], after: list[Row], key: Callable[[Row], Key]) -> Iterator[tuple[Key, Row, Row | None]]:
    now = {key(row): row for row in after}
    return ((key(row), row, now.get(key(row))) for row in before)


def _changed(what: str, fields: tuple[str, ...], old: Row, new: Row) -> Iterator[str]:
    return (f"{what}: {name} was {old[name]}, and is {new[name]}" for name in fields if old[name] != new[name])
