"""User events as JSON values: `executionReport` and `outboundAccountPosition` (Binance, "User Data Streams").

Made at the moment in which they happen, since an order goes on changing. Times are in units of `unit_ns` nanoseconds.
"""

from collections.abc import Iterable
from typing import Any

from naive_daemon.domain.money import ZERO
from naive_daemon.exchange.paper.ledger import Balance
from naive_daemon.exchange.server.order import Fill, VenueOrder
from naive_daemon.exchange.server.text import amount

_ZERO = amount(ZERO)


def execution_report(
    order: VenueOrder, execution: str, execution_id: int, time_ns: int, *, unit_ns: int, fill: Fill | None = None
) -> dict[str, Any]:
    """Give the event that tells what happened to an order: `execution` is Binance's `x`.

    On a cancel the client order id `c` is the cancel's own and `C` the order's.
    """
    cancel_id = order.cancel_client_order_id
    time = time_ns // unit_ns
    report: dict[str, Any] = {
        "e": "executionReport",
        "E": time,
        "s": order.symbol,
        "c": cancel_id or order.client_order_id,
        "S": order.side.value,
        "o": order.kind.value,
        "f": order.time_in_force.value,
        "q": amount(order.quantity),
        "p": amount(order.price),
        "P": _ZERO,
        "F": _ZERO,
        "g": -1,
        "C": order.client_order_id if cancel_id else "",
        "x": execution,
        "X": order.status.value,
        "r": "NONE",
        "i": order.order_id,
        "l": _ZERO,
        "z": amount(order.filled),
        "L": _ZERO,
        "n": "0",
        "N": None,
        "T": time,
        "t": -1,
        "I": execution_id,
        "w": order.on_book and order.status.is_live,
        "m": False,
        "M": False,
        "O": order.created_ns // unit_ns,
        "Z": amount(order.filled_quote),
        "Y": _ZERO,
        "Q": amount(order.quote_quantity),
    }
    if order.on_book:
        report["W"] = order.created_ns // unit_ns
    report["V"] = "EXPIRE_MAKER"
    if order.expiry_reason is not None:
        report["eR"] = order.expiry_reason
    if fill is not None:
        report |= {
            "l": amount(fill.quantity),
            "L": amount(fill.price),
            "n": amount(fill.commission),
            "N": fill.commission_asset,
            "t": fill.trade_id,
            "m": fill.is_maker,
            "M": True,
            "Y": amount(fill.quote),
        }
    return report


def account_position(balances: Iterable[tuple[str, Balance]], time_ns: int, unit_ns: int) -> dict[str, Any]:
    """Give the event that tells the absolute balances that have changed."""
    time = time_ns // unit_ns
    return {
        "e": "outboundAccountPosition",
        "E": time,
        "u": time,
        "B": [{"a": asset, "f": amount(balance.free), "l": amount(balance.locked)} for asset, balance in balances],
    }
