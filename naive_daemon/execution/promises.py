"""What is promised of every order, as questions that can be asked of the orders themselves. Pure.

Each predicate gives None where the promise is kept, or what was seen in a few words. The execution manager asks them
of its books before an order leaves and after each event; the simulation asks them from outside.
"""

import enum
from decimal import Decimal

import msgspec

from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.money import EXACT, plain
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.domain.side import Side


class Promise(enum.StrEnum):
    """What is promised."""

    ONE_LIVE_ORDER = "one live order"
    """Of a trader, cycle and side no two orders live."""
    SENT_ONCE = "sent once"
    """No order is sent that was sent before."""
    INTENT_FIRST = "intent first"
    """Every order of ours at the exchange is in the journal, and belongs to a cycle that is open, as each fill does."""
    OVER_IS_OVER = "over is over"
    """An order that is over here does not rest at the exchange."""
    FILLS_ADD_UP = "fills add up"
    """A trade id has one meaning for an order, and the fills of an order are no more than the order."""
    WITHIN_BUDGET = "within budget"
    """The buys of a cycle cost no more than its budget."""
    DOWN_BUYS_NOTHING = "down buys nothing"
    """A symbol of which nothing runs, being off or in quarantine, places no entry."""


BROKEN = "promise broken: "
"""With this begins what is said of entries that a broken promise holds."""


class Broken(msgspec.Struct, frozen=True, kw_only=True):
    """A promise that was broken by an order of `symbol`, and what was seen."""

    promise: Promise
    symbol: str
    seen: str

    def __str__(self) -> str:
        return f"{BROKEN}{self.promise}: {self.seen}"


def second_of_leg(order: Order, live: Order | None) -> str | None:
    """Look at an order beside the one of its trader, cycle and side that lives, if there is one."""
    if live is None or live.client_order_id == order.client_order_id:
        return None
    return f"{order.client_order_id} while {live.client_order_id} is {live.status.value}"


def sent_before(order: Order, known: Order | None) -> str | None:
    """Look at an order that is about to be sent beside the one that is known by its id, if there is one."""
    return None if known is None else f"{order.client_order_id} again, it is {known.status.value}"


def over_budget(order: Order, spent: Decimal, budget: Decimal) -> str | None:
    """Look at an order that is about to be sent; `spent` is what the other buys of its cycle cost or may still cost."""
    if order.side is not Side.BUY:
        return None
    cost = EXACT.multiply(order.price, order.quantity)
    if EXACT.add(spent, cost) <= budget:
        return None
    return f"{order.client_order_id} for {plain(cost)} beside {plain(spent)} spent of {plain(budget)}"


def bought_down(order: Order, *, is_down: bool) -> str | None:
    """Look at an order that is about to be sent; `is_down` says whether nothing of its symbol runs."""
    return f"{order.client_order_id} though {order.symbol} is down" if is_down and order.side is Side.BUY else None


def overfilled(order: Order) -> str | None:
    """Look at what was filled of an order."""
    if order.filled <= order.quantity:
        return None
    return f"{order.client_order_id} filled {plain(order.filled)} of {plain(order.quantity)}"


def outlived(order: Order, exchange_order_id: str, *, was_lost: bool) -> str | None:
    """Look at an order that is over here, and seems to rest at the exchange under `exchange_order_id`.

    Where the exchange has said itself that it is over, it may only have been read too late; not where it was refused,
    or `was_lost` by what the exchange has answered for long, or rests as another one.
    """
    was = order.exchange_order_id
    is_another = was is not None and was != exchange_order_id
    if order.status is not OrderStatus.REJECTED and not was_lost and not is_another:
        return None
    return f"{order.client_order_id} rests, and is {order.status.value} here"


def filled_late(order: Order, *, is_cycle_open: bool) -> str | None:
    """Look at what was filled of an order; what its cycle bought after its end is sold by nobody."""
    if is_cycle_open or not order.filled:
        return None
    return f"{order.client_order_id} filled {plain(order.filled)} though its cycle has ended"


def left_out(cycle: Cycle, bought: Decimal) -> str | None:
    """Look at a cycle that has ended beside what was bought of it: a fill may have crossed its end."""
    if cycle.result is None or bought <= cycle.result.bought:
        return None
    return f"{cycle.key} bought {plain(bought)}, and ended with {plain(cycle.result.bought)}"


def contradicted(first: OrderFilled, second: OrderFilled) -> str | None:
    """Look at two fills of an order with the same trade id."""
    if (first.price, first.quantity) == (second.price, second.quantity):
        return None
    return f"trade {first.trade_id} is {_shown(first)}, and {_shown(second)}"


def _shown(fill: OrderFilled) -> str:
    return f"{plain(fill.quantity)} for {plain(fill.price)} of {fill.client_order_id}"
