"""An order while it rests on the paper exchange, and what it costs to let it rest. Owned by the engine."""

from decimal import Decimal

import msgspec

from naive_daemon.domain.events import OrderAccepted
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import EXACT, ZERO
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.domain.side import Side


class Resting:
    """An order on the book; `order` is replaced by what each fill makes of it, `number` is its place in time.

    Two of them are never equal, whatever they hold.
    """

    __slots__ = ("number", "order")

    def __init__(self, order: Order, number: int) -> None:
        self.order = order
        self.number = number

    def accepted(self, time_ns: int) -> OrderAccepted:
        """Give the event that says the order is on the book."""
        order = self.order
        return OrderAccepted(
            account=order.key.account,
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            exchange_order_id=order.exchange_order_id or str(self.number),
            time_ns=time_ns,
        )


def opened(order: Order, exchange_order_id: str, time_ns: int) -> Order:
    """Give a new order as it comes onto the book: open and without any fill, whatever its sender says of it."""
    return msgspec.structs.replace(
        order,
        status=OrderStatus.OPEN,
        exchange_order_id=exchange_order_id,
        updated_ns=time_ns,
        filled=ZERO,
        filled_quote=ZERO,
        commissions={},
        trade_ids=frozenset(),
        reason=None,
    )


def order_number(order: Order) -> int:
    """Give the order's number on this exchange, 0 when it has none."""
    number = order.exchange_order_id
    return int(number) if number is not None and number.isdecimal() else 0


def spent(instrument: Instrument, side: Side, price: Decimal, quantity: Decimal) -> tuple[str, Decimal]:
    """Give the asset that a trade on `side` gives away and how much of it, exactly; `quantity` is in base."""
    if side is Side.BUY:
        return instrument.quote_asset, EXACT.multiply(price, quantity)
    return instrument.base_asset, quantity


def received(instrument: Instrument, side: Side, price: Decimal, quantity: Decimal) -> tuple[str, Decimal]:
    """Give the asset that a trade on `side` brings and how much of it, exactly, before commission."""
    return spent(instrument, Side.SELL if side is Side.BUY else Side.BUY, price, quantity)
