"""What an exchange client is: an actor, registered as `names.client(account)`, that understands these messages.

It answers nothing directly. What became of an order comes back to the account's execution manager as account events,
in the order in which the exchange said it; so a time-out is no answer, and a late answer is still one.
"""

import msgspec

from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.order import Order


class SendOrder(msgspec.Struct, frozen=True):
    """Put an order on the exchange's book. Its intent is in the journal by now."""

    order: Order


class SendCancel(msgspec.Struct, frozen=True):
    """Take an order off the book."""

    symbol: str
    client_order_id: str


class AskOrders(msgspec.Struct, frozen=True):
    """Request: what has the exchange of these ids? Answered by OrdersFound."""

    client_order_ids: tuple[str, ...]


class AskBalances(msgspec.Struct, frozen=True):
    """Request: what does the account own? Answered by a tuple of BalanceUpdated."""


class OrdersFound(msgspec.Struct, frozen=True):
    """The orders the exchange has, by client order id, and their fills, oldest first.

    `is_final`: what is missing was certainly never placed.
    """

    orders: dict[str, Order]
    is_final: bool
    fills: tuple[OrderFilled, ...] = ()
