"""Orders: placing, testing, cancelling, and asking for them (Binance, "Trading endpoints")."""

from decimal import Decimal
from typing import Any

from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.money import ZERO, floor_to
from naive_daemon.domain.side import Side
from naive_daemon.exchange.server.account_requests import order_commission
from naive_daemon.exchange.server.new_order import NewOrder
from naive_daemon.exchange.server.operation import Call
from naive_daemon.exchange.server.order import OrderKind, TimeInForce, VenueOrder
from naive_daemon.exchange.server.order_answers import cancelled_answer, order_answer, placed_answer
from naive_daemon.exchange.server.parameters import Parameters
from naive_daemon.exchange.server.refusal import (
    BAD_PRECISION,
    CANCEL_REJECTED,
    INVALID_MESSAGE,
    MANDATORY,
    NEW_ORDER_REJECTED,
    PARAM_NOT_REQUIRED,
    UNKNOWN_ORDER,
    RefusedError,
    missing,
    no_such_order,
)

STATUS_PLACES = ("order.status", "all")
_INVALID = {"side": (-1117, "Invalid side."), "type": (-1116, "Invalid orderType.")}
_CONDITIONAL = {
    "STOP_LOSS": "Stop loss orders are not supported for this symbol.",
    "STOP_LOSS_LIMIT": "Stop loss orders are not supported for this symbol.",
    "TAKE_PROFIT": "Take profit orders are not supported for this symbol.",
    "TAKE_PROFIT_LIMIT": "Take profit orders are not supported for this symbol.",
}
_NOT_FOUND_FOR_S = 10.0
_FINEST = Decimal("0.00000001")
_LIMIT, _LIMIT_MAX = 500, 1_000


def place(call: Call) -> dict[str, Any]:
    """Place an order."""
    wanted = _wanted(call)
    venue = call.exchange.venue
    kind = _answer_kind(call.parameters, wanted.kind)
    order = venue.place(call.account, wanted)
    return placed_answer(order, kind, venue.records.fills_of(order.order_id), call.unit_ns)


def test(call: Call) -> dict[str, Any]:
    """Say whether an order would be taken, and its fees when they are asked for; it is not taken."""
    call.exchange.venue.check(call.account, _wanted(call))
    return order_commission(call.exchange.rules) if call.parameters.text("computeCommissionRates") == "true" else {}


def status(call: Call) -> dict[str, Any]:
    """Show one order."""
    order_id, client_order_id = _named(call.parameters)
    symbol = _symbol(call)
    order = call.exchange.venue.records.find(call.account, symbol, order_id, client_order_id)
    if order is None or _is_hidden(call, order):
        raise no_such_order()
    return order_answer(order, call.unit_ns)


def cancel(call: Call) -> dict[str, Any]:
    """Cancel one order."""
    parameters = call.parameters
    order_id, client_order_id = _named(parameters)
    cancel_id = parameters.client_id("newClientOrderId")
    order = call.exchange.venue.cancel(call.account, _symbol(call), order_id, client_order_id, cancel_id)
    return cancelled_answer(order, call.unit_ns)


def cancel_all(call: Call) -> list[dict[str, Any]]:
    """Cancel every order of a symbol."""
    venue, account = call.exchange.venue, call.account
    symbol = _symbol(call)
    orders = venue.records.open_orders(account, symbol)
    if not orders:
        raise RefusedError(CANCEL_REJECTED, UNKNOWN_ORDER)
    cancelled = [venue.cancel(account, symbol, order.order_id, None, None) for order in orders]
    return [cancelled_answer(order, call.unit_ns) for order in cancelled]


def open_orders(call: Call) -> list[dict[str, Any]]:
    """Show what rests, of one symbol or of all."""
    symbol = call.parameters.text("symbol")
    if symbol is not None:
        symbol = _symbol(call)
    orders = call.exchange.venue.records.open_orders(call.account, symbol)
    return [order_answer(order, call.unit_ns) for order in orders]


def all_orders(call: Call) -> list[dict[str, Any]]:
    """Show a symbol's orders: from a number or a time on, else the newest."""
    parameters = call.parameters
    first = parameters.integer("orderId")
    start, end = parameters.integer("startTime"), parameters.integer("endTime")
    limit = parameters.limit(_LIMIT, _LIMIT_MAX)
    orders = call.exchange.venue.records.orders(call.account, _symbol(call))
    unit_ns = call.unit_ns
    found = [
        order
        for order in orders
        if (first is None or order.order_id >= first)
        and (start is None or order.created_ns // unit_ns >= start)
        and (end is None or order.created_ns // unit_ns <= end)
    ]
    is_from_start = first is not None or start is not None
    return [order_answer(order, unit_ns) for order in (found[:limit] if is_from_start else found[-limit:])]


def _wanted(call: Call) -> NewOrder:
    parameters = call.parameters
    symbol = parameters.required("symbol")
    side = _choice(parameters, "side", Side)
    if parameters.required("type") in _CONDITIONAL:
        raise RefusedError(NEW_ORDER_REJECTED, _CONDITIONAL[parameters.required("type")])
    kind = _choice(parameters, "type", OrderKind)
    price, quantity, quote = ZERO, ZERO, ZERO
    if kind is OrderKind.MARKET:
        _refuse(parameters, "price", "timeInForce", "stopPrice", "icebergQty")
        quantity, quote = _market_amount(parameters)
    else:
        price = _positive(parameters, "price")
        quantity = _positive(parameters, "quantity")
        _refuse(parameters, "quoteOrderQty", "stopPrice", "trailingDelta")
    if parameters.has("icebergQty"):
        raise RefusedError(NEW_ORDER_REJECTED, "Iceberg orders are not supported for this symbol.")
    return NewOrder(
        symbol=symbol,
        side=side,
        kind=kind,
        time_in_force=_time_in_force(parameters, kind),
        price=price,
        quantity=quantity,
        quote_quantity=quote,
        client_order_id=parameters.client_id("newClientOrderId"),
    )


def _time_in_force(parameters: Parameters, kind: OrderKind) -> TimeInForce:
    if kind is not OrderKind.LIMIT:
        _refuse(parameters, "timeInForce")
        return TimeInForce.GTC
    text = parameters.required("timeInForce")
    if text not in TimeInForce.__members__:
        raise RefusedError(-1115, "Invalid timeInForce.")
    return TimeInForce(text)


def _market_amount(parameters: Parameters) -> tuple[Decimal, Decimal]:
    if parameters.has("quantity") and parameters.has("quoteOrderQty"):
        _refuse(parameters, "quoteOrderQty")
    if parameters.has("quoteOrderQty"):
        return ZERO, _positive(parameters, "quoteOrderQty")
    return _positive(parameters, "quantity"), ZERO


def _positive(parameters: Parameters, name: str) -> Decimal:
    value = parameters.required_decimal(name)
    if value <= 0:
        raise RefusedError(INVALID_MESSAGE, f"Invalid {'price' if name == 'price' else 'quantity'}.")
    if floor_to(value, _FINEST) != value:
        raise RefusedError(BAD_PRECISION, f"Parameter '{name}' has too much precision.")
    return value


def _choice(parameters: Parameters, name: str, kinds: Any) -> Any:
    text = parameters.required(name)
    if text not in kinds.__members__:
        raise RefusedError(*_INVALID[name])
    return kinds[text]


def _answer_kind(parameters: Parameters, kind: OrderKind) -> str:
    text = parameters.text("newOrderRespType")
    if text is None:
        return "ACK" if kind is OrderKind.LIMIT_MAKER else "FULL"
    if text not in ("ACK", "RESULT", "FULL"):
        raise RefusedError(-1100, "Illegal characters found in parameter 'newOrderRespType'.")
    return text


def _refuse(parameters: Parameters, *names: str) -> None:
    for name in names:
        if parameters.has(name):
            raise RefusedError(PARAM_NOT_REQUIRED, f"Parameter '{name}' sent when not required.")


def _named(parameters: Parameters) -> tuple[int | None, str | None]:
    """Give the number and the client order id by which an order is meant; one of them must be there."""
    order_id, client_order_id = parameters.integer("orderId"), parameters.text("origClientOrderId")
    if order_id is None and client_order_id is None:
        raise RefusedError(MANDATORY, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
    return order_id, client_order_id


def _symbol(call: Call) -> str:
    """Give the symbol; one that was listed once and has orders still counts."""
    symbol = call.parameters.required("symbol")
    if not symbol:
        raise missing("symbol")
    exchange = call.exchange
    if symbol not in exchange.listings and not exchange.venue.records.orders(call.account, symbol):
        exchange.listings.instrument(symbol)
    return symbol


def _is_hidden(call: Call, order: VenueOrder) -> bool:
    """Say whether a fault hides an order that was placed a moment ago."""
    faults = call.exchange.faults
    if not faults.is_on:
        return False
    age_s = (call.exchange.clock.now_ns() - order.created_ns) / NS_PER_S
    return faults.hides(age_s, STATUS_PLACES, _NOT_FOUND_FOR_S)
