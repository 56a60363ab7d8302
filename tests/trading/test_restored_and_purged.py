"""A journal that was restored and had been purged before: old orders that the exchange still tells of are no loss."""

from collections.abc import Callable
from decimal import Decimal

from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.order import CycleKey, Leg, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.client import ExchangeOrder, OrderReport
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.execution.order_id import client_order_id
from naive_daemon.restoration import LostJournal
from tests.trading.plant import FEE, instrument

PURGED_BEFORE_NS = 1_000


def told(cycle: int, status: OrderStatus, time_ns: int) -> ExchangeOrder:
    leg = Leg(Side.BUY)
    return ExchangeOrder(
        symbol="AAAQ",
        client_order_id=client_order_id("test", CycleKey("main", "AAAQ", 1, cycle), leg),
        exchange_order_id=str(cycle),
        side=leg.side,
        price=Decimal(100),
        quantity=Decimal(1),
        filled=Decimal(1) if status is OrderStatus.FILLED else Decimal(0),
        status=status,
        time_ns=time_ns,
    )


class Remembered:
    """An exchange that tells of an old order that is over, an old one that rests, and a new one that is over."""

    orders = (
        told(1, OrderStatus.FILLED, PURGED_BEFORE_NS - 1),
        told(2, OrderStatus.FILLED, PURGED_BEFORE_NS),
        told(3, OrderStatus.OPEN, PURGED_BEFORE_NS - 1),
    )

    def resting(self) -> tuple[ExchangeOrder, ...]:
        return self.orders[2:]

    def reports(
        self, symbol: str, first_order_id: int | None, is_wanted: Callable[[ExchangeOrder], bool]
    ) -> tuple[OrderReport, ...]:
        return tuple(
            OrderReport(symbol=symbol, client_order_id=order.client_order_id, order=order, fills=fills(order))
            for order in self.orders
            if is_wanted(order)
        )


def fills(order: ExchangeOrder) -> tuple[OrderFilled, ...]:
    if not order.filled:
        return ()
    fill = OrderFilled(
        account="main",
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        exchange_order_id=order.exchange_order_id,
        trade_id=order.exchange_order_id,
        price=order.price,
        quantity=order.filled,
        commission=Decimal(0),
        commission_asset="AAA",
        time_ns=order.time_ns,
    )
    return (fill,)


def rebuilt(purged_before_ns: int) -> set[int]:
    """Give the cycles of the orders that an empty journal has got back."""
    journal = MemoryJournal()
    LostJournal(
        account="main",
        owner="test",
        instruments={"AAAQ": instrument("AAAQ")},
        fee=FEE,
        newest={},
        settings=(),
        purged_before_ns=purged_before_ns,
    ).rebuild(journal, Remembered())
    return {order.key.cycle for order in journal.orders()}


def test_an_order_that_was_purged_is_not_counted_again() -> None:
    assert rebuilt(PURGED_BEFORE_NS) == {2, 3}


def test_without_a_purge_every_order_is_one_that_was_lost() -> None:
    assert rebuilt(0) == {1, 2, 3}
