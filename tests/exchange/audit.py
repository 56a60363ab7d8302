"""Journal and exchange, compared to the last order and fill once everything has come to rest."""

from collections import Counter
from decimal import Decimal
from typing import Any

from naive_daemon.execution.order_id import is_ours
from tests.e2e.books import Books, Row
from tests.exchange.local_exchange import LocalExchange

# Binance Spot API, "Enums": order status, and what it is called here.
STATUSES = {
    "NEW": "open",
    "PARTIALLY_FILLED": "partly_filled",
    "FILLED": "filled",
    "CANCELED": "cancelled",
    "EXPIRED": "expired",
    "REJECTED": "rejected",
}


def disagreements(books: Books, exchange: LocalExchange) -> list[str]:
    """Tell everything on which the two do not agree; nothing of ours may be lost, doubled, orphaned or miscounted."""
    there = [order for order in exchange.admin("GET", "/admin/orders") if is_ours(order["clientOrderId"], books.owner)]
    fills = [fill for fill in exchange.admin("GET", "/admin/fills") if is_ours(fill["clientOrderId"], books.owner)]
    here = {order["client_order_id"]: order for order in books.orders}
    return [
        *_doubled(there),
        *(line for order in there for line in _of_order(order, here.get(order["clientOrderId"]))),
        *_lost(here, {order["clientOrderId"] for order in there}),
        *_of_fills(fills, books.fills),
    ]


def _doubled(there: list[Row]) -> list[str]:
    counts = Counter(order["clientOrderId"] for order in there)
    return [f"{name} was placed {count} times" for name, count in counts.items() if count > 1]


def _of_order(there: Row, here: Row | None) -> list[str]:
    name = there["clientOrderId"]
    if here is None:
        return [f"{name} is on the exchange ({there['status']}), and in no journal"]
    pairs: list[tuple[str, Any, Any]] = [
        ("symbol", here["symbol"], there["symbol"]),
        ("side", here["side"], there["side"]),
        ("price", here["price"], Decimal(there["price"])),
        ("quantity", here["quantity"], Decimal(there["origQty"])),
        ("filled", here["filled"], Decimal(there["executedQty"])),
        ("status", here["status"], STATUSES[there["status"]]),
    ]
    return [f"{name}: {what} is {ours} here, {theirs} there" for what, ours, theirs in pairs if ours != theirs]


def _lost(here: dict[str, Row], there: set[str]) -> list[str]:
    """Tell what never came to the exchange and is not known here as over, without any fill."""
    missing = (order for name, order in here.items() if name not in there)
    return [
        f"{order['client_order_id']} is {order['status']} here, and was never on the exchange"
        for order in missing
        if order["status"] not in ("rejected", "cancelled") or order["filled"]
    ]


def _of_fills(there: list[Row], here: list[Row]) -> list[str]:
    ours = {(fill["symbol"], fill["trade_id"], fill["client_order_id"]): fill for fill in here}
    theirs = {(fill["symbol"], str(fill["id"]), fill["clientOrderId"]): fill for fill in there}
    lines = [f"fill {key} is not booked" for key in theirs.keys() - ours.keys()]
    lines += [f"fill {key} never was" for key in ours.keys() - theirs.keys()]
    for key in ours.keys() & theirs.keys():
        fill, other = ours[key], theirs[key]
        booked = fill["price"], fill["quantity"], fill["commission"], fill["commission_asset"]
        true = (
            Decimal(other["price"]),
            Decimal(other["qty"]),
            Decimal(other["commission"]),
            other["commissionAsset"],
        )
        if booked != true:
            lines.append(f"fill {key} is booked as {booked}, and was {true}")
    return lines
