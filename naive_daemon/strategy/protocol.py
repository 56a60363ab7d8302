"""What a strategy is: event and position in, decisions out.

It does no I/O, reads no clock, draws nothing, and holds no state outside its position; so it can be replayed, and a
trader that crashed can be taken over with its last position.
"""

from decimal import Decimal
from typing import Protocol

import msgspec

from naive_daemon.domain.cycle import Cycle, CycleResult
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import Order
from naive_daemon.domain.side import Side


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a trader knows of its cycle: its orders are the truth, the rest is derived.

    `refused_price` is the market price at which an order was last refused; cleared when one is accepted.
    """

    cycle: Cycle
    orders: tuple[Order, ...] = ()
    refused_price: Decimal | None = None

    def orders_of(self, side: Side) -> tuple[Order, ...]:
        """Give all orders of one side by their attempts, which time cannot put in another order."""
        return tuple(
            sorted((order for order in self.orders if order.side is side), key=lambda order: order.leg.attempt)
        )

    def latest(self, side: Side) -> Order | None:
        """Give the order of one side with the highest attempt."""
        orders = self.orders_of(side)
        return orders[-1] if orders else None


class OrderChanged(msgspec.Struct, frozen=True):
    """One of the position's orders has changed; the position holds it as it is now."""

    time_ns: int


class Resumed(msgspec.Struct, frozen=True):
    """The trader begins, or goes on after a crash or a restart; its orders have been confirmed by the exchange."""

    time_ns: int


class EntriesClosed(msgspec.Struct, frozen=True):
    """The symbol is shutting down: place no entry any more; `cancel` also takes entries back that have no fill."""

    time_ns: int
    cancel: bool


StrategyEvent = Trade | OrderChanged | Resumed | EntriesClosed


class Place(msgspec.Struct, frozen=True):
    """Place a limit order, good till cancelled. Price on the tick, quantity (base) on the step."""

    side: Side
    price: Decimal
    quantity: Decimal


class Cancel(msgspec.Struct, frozen=True):
    """Cancel one of the position's orders."""

    client_order_id: str


class Wake(msgspec.Struct, frozen=True):
    """What to wait for; stands until the next decision. Strictly below, strictly above, or whatever comes next."""

    next_trade: bool = False
    below: Decimal | None = None
    above: Decimal | None = None


class ReportRebuy(msgspec.Struct, frozen=True):
    """The price has fallen so far that one more trader may buy."""

    price: Decimal


class Refuse(msgspec.Struct, frozen=True):
    """An order was wanted at this market price and cannot be placed; `reason` says why."""

    reason: str
    price: Decimal


class Finish(msgspec.Struct, frozen=True):
    """The cycle is over."""

    result: CycleResult


Decision = Place | Cancel | Wake | ReportRebuy | Refuse | Finish


class Strategy(Protocol):
    """Decides for one position."""

    def decide(self, event: StrategyEvent, position: Position, instrument: Instrument) -> tuple[Decision, ...]:
        """Give what to do now; a Wake among the decisions replaces what was waited for before."""
