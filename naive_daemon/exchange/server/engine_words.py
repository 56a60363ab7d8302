"""What the engine says, in the exchange's own words: its fills, its refusals, and how orders expire."""

from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.money import EXACT
from naive_daemon.exchange.paper.engine import INVALID_SYMBOL, TOO_MANY_ORDERS
from naive_daemon.exchange.paper.taking import SELF_TRADE
from naive_daemon.exchange.server.order import Fill, Status, VenueOrder
from naive_daemon.exchange.server.refusal import INVALID_MESSAGE, NEW_ORDER_REJECTED, RefusedError, unknown_symbol


def fill_of(order: VenueOrder, event: OrderFilled) -> Fill:
    """Give the fill that the engine tells of."""
    return Fill(
        trade_id=int(event.trade_id),
        order_id=order.order_id,
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        price=event.price,
        quantity=event.quantity,
        quote=EXACT.multiply(event.price, event.quantity),
        commission=event.commission,
        commission_asset=event.commission_asset,
        time_ns=event.time_ns,
        is_maker=event.is_maker,
    )


def refusal_of(reason: str) -> RefusedError:
    """Give the engine's refusal its code: static filters are -1013, what the book decides is -2010."""
    if reason == INVALID_SYMBOL:
        return unknown_symbol()
    is_static = reason.startswith("Filter failure") and reason != TOO_MANY_ORDERS
    return RefusedError(INVALID_MESSAGE if is_static else NEW_ORDER_REJECTED, reason)


def expired_status(reason: str | None) -> Status:
    """Say how an order that has expired stands."""
    return Status.EXPIRED_IN_MATCH if reason == SELF_TRADE else Status.EXPIRED
