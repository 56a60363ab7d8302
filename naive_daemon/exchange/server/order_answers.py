"""Orders and fills as answers (Binance, "Trading endpoints"). Times are in units of `unit_ns` nanoseconds."""

from collections.abc import Iterable
from typing import Any

from naive_daemon.exchange.server.order import Fill, VenueOrder
from naive_daemon.exchange.server.text import amount

_ZERO = "0.00000000"
_SELF_TRADE_PREVENTION = "EXPIRE_MAKER"


def order_answer(order: VenueOrder, unit_ns: int) -> dict[str, Any]:
    """Give an order as a query shows it."""
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        **_state(order),
        "stopPrice": _ZERO,
        "icebergQty": _ZERO,
        "time": order.created_ns // unit_ns,
        "updateTime": order.updated_ns // unit_ns,
        "isWorking": True,
        "workingTime": order.created_ns // unit_ns,
        "origQuoteOrderQty": amount(order.quote_quantity),
        "selfTradePreventionMode": _SELF_TRADE_PREVENTION,
    }


def placed_answer(order: VenueOrder, kind: str, fills: Iterable[Fill], unit_ns: int) -> dict[str, Any]:
    """Give the answer to a new order: `kind` is ACK, RESULT or FULL."""
    answer: dict[str, Any] = {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "transactTime": order.created_ns // unit_ns,
    }
    if kind == "ACK":
        return answer
    answer |= _state(order)
    answer["origQuoteOrderQty"] = amount(order.quote_quantity)
    answer["workingTime"] = order.created_ns // unit_ns
    answer["selfTradePreventionMode"] = _SELF_TRADE_PREVENTION
    if kind == "FULL":
        answer["fills"] = [
            {
                "price": amount(fill.price),
                "qty": amount(fill.quantity),
                "commission": amount(fill.commission),
                "commissionAsset": fill.commission_asset,
                "tradeId": fill.trade_id,
            }
            for fill in fills
        ]
    return answer


def cancelled_answer(order: VenueOrder, unit_ns: int) -> dict[str, Any]:
    """Give the answer to a cancel."""
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.cancel_client_order_id,
        "transactTime": order.updated_ns // unit_ns,
        **_state(order),
        "origQuoteOrderQty": amount(order.quote_quantity),
        "selfTradePreventionMode": _SELF_TRADE_PREVENTION,
    }


def fill_answer(fill: Fill, unit_ns: int) -> dict[str, Any]:
    """Give a fill as `myTrades` shows it."""
    return {
        "symbol": fill.symbol,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "orderListId": -1,
        "price": amount(fill.price),
        "qty": amount(fill.quantity),
        "quoteQty": amount(fill.quote),
        "commission": amount(fill.commission),
        "commissionAsset": fill.commission_asset,
        "time": fill.time_ns // unit_ns,
        "isBuyer": fill.side.value == "BUY",
        "isMaker": fill.is_maker,
        "isBestMatch": True,
    }


def _state(order: VenueOrder) -> dict[str, Any]:
    state: dict[str, Any] = {
        "price": amount(order.price),
        "origQty": amount(order.quantity),
        "executedQty": amount(order.filled),
        "cummulativeQuoteQty": amount(order.filled_quote),
        "status": order.status.value,
        "timeInForce": order.time_in_force.value,
        "type": order.kind.value,
        "side": order.side.value,
    }
    if order.expiry_reason is not None:
        state["expiryReason"] = order.expiry_reason
    return state
