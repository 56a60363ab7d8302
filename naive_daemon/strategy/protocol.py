"""What a strategy is: event and position in, decisions out.

It does no I/O, reads no clock, draws nothing, and holds no state outside its position; so it can be replayed, and a
trader that crashed can be taken over with its last position.
"""

from collections.abc import Hashable
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from naive_daemon.domain.candle import Candle
from naive_daemon.domain.cycle import Cycle, CycleResult
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import Order
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side


class Signal(msgspec.Struct, frozen=True):
    """What the market says to everybody who trades with the same settings: BUY is to enter, SELL is to leave.

    `price` is the market's (quote), `time_ns` when it was so; a candle's signal has its close and the end of it.
    `is_new` is False when it is told late, or again to a trader that starts: nobody enters then, whoever holds leaves.
    """

    side: Side
    price: Decimal
    time_ns: int
    is_new: bool = True


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a trader knows of its cycle: its orders are the truth, the rest is derived.

    Of the orders that were refused only the latest of each side are there; attempts are numbered all the same.
    `refused_price` is the market price at which an order was last refused; cleared when one is accepted. `signal` is
    the last one that was heard, new or old; after a restart it is told again. `free` is what the account has free of
    the base asset, read after the last order was refused for want of it; None while that is not known.
    """

    cycle: Cycle
    orders: tuple[Order, ...] = ()
    refused_price: Decimal | None = None
    signal: Signal | None = None
    free: Decimal | None = None

    def orders_of(self, side: Side) -> tuple[Order, ...]:
        """Give all orders of one side by their attempts, which time cannot put in another order."""
        orders = [order for order in self.orders if order.leg.side is side]
        if len(orders) > 1:  # seldom, and this is on the path of every decision
            orders.sort(key=lambda order: order.leg.attempt)
        return tuple(orders)

    def latest(self, side: Side) -> Order | None:
        """Give the order of one side with the highest attempt."""
        latest: Order | None = None
        for order in self.orders:
            if order.leg.side is side and (latest is None or order.leg.attempt >= latest.leg.attempt):
                latest = order
        return latest


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


StrategyEvent = Trade | OrderChanged | Resumed | EntriesClosed | Signal


class Place(msgspec.Struct, frozen=True):
    """Place a limit order, good till cancelled. Price on the tick, quantity (base) on the step."""

    side: Side
    price: Decimal
    quantity: Decimal


class Cancel(msgspec.Struct, frozen=True):
    """Cancel one of the position's orders."""

    client_order_id: str


class Wake(msgspec.Struct, frozen=True):
    """What to wait for; stands until the next decision. Strictly below, strictly above, or whatever comes next.

    With `every_trade` it is woken by each trade until it waits for something else, without asking again.
    """

    next_trade: bool = False
    below: Decimal | None = None
    above: Decimal | None = None
    every_trade: bool = False


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


class SharingStrategy(Strategy, Protocol):
    """A strategy whose decision on a trade is made once for all positions that look the same to it."""

    def sees(self, position: Position) -> Hashable | None:
        """Give all that `decide` looks at in a position when it gets a trade; None: decide for this one alone.

        Equal positions in that sense must have equal decisions, whose accounts and cycles they belong to being left
        out. It counts for the `decide` of its own class and of those above it, not for one that is written below.
        """


class MarketNeeds(msgspec.Struct, frozen=True, kw_only=True):
    """What signals are made of: closed candles of `interval`, or every trade where that is None.

    `history`: how many closed candles come before the first decision. `settings`: all that the signals depend on, in
    one order and one spelling: works that have equal needs share them.
    """

    interval: str | None = None
    history: int = 0
    settings: tuple[tuple[str, str], ...] = ()


class SignalStrategy(Strategy, Protocol):
    """A strategy with a side that only looks at the market, and is computed once for all who need the same.

    `decide` then gets a Signal among its events, for each position with its own size and limits. One that came while
    the orders were not known is only in `position.signal`, unless it is new: then it is an event once they are.
    """

    def needs(self, settings: TradeSettings) -> MarketNeeds:
        """Say what the signals of these settings are made of; raises InvalidSettingError for settings that are bad."""

    def analyse(self, state: Any, event: Candle | Trade, needs: MarketNeeds) -> tuple[Any, Signal | None]:
        """Take the next closed candle, or trade, and give the new state and the signal in it, if there is one.

        Pure: `state` is what it gave before, None at first, and is never changed in place.
        """
