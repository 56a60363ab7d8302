"""What an exchange client is: an actor, registered as `names.client(account)`, that understands these messages.

Requests are told; what became of an order comes back to the account's execution manager as account events, in the
order in which the exchange said it. So a time-out is no answer, and a late answer is still one. What a client tells
its execution manager:

- order events (`domain/events.py`), CancelRefused, BalanceUpdated;
- OrderNotSent: the order certainly never left, nothing happened;
- OrderUnknown: it may have left; the execution manager then asks, and never sends it again blindly;
- Reconnecting, once for each loss; then Reconnected and at once an AccountSnapshot, taken after it had subscribed
  again, then what came meanwhile;
- BooksDoubted when a refusal shows that we do not know what the exchange knows;
- MarketStatus whenever it changes which symbols are halted, and ClientTrouble when entries must wait;
- ReconcilePace when the exchange's limits allow routine snapshots less often, or more often, than before.

An execution manager that has crashed knows nothing of what its predecessor was told, and its client may live on. So
whoever asks for a snapshot is told again what is halted and what is wrong, and gets it when the client is connected.

An entry leaves within `SEND_WITHIN_S` of its commit or never, however long it lay in a mailbox: its execution manager
refuses it, or its client gives it up (OrderNotSent). An exit has as long from when its manager sends it, and is sent
again then. So nobody has to fear an order which still waits somewhere: the manager's own time-out is longer, and who
takes over from one that was killed knows when its last order has left.
"""

import math
from decimal import Decimal
from typing import Literal

import msgspec

from naive_daemon.domain.events import BalanceUpdated, OrderFilled
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.domain.side import Side

SEND_WITHIN_S = 2.0
TOO_LATE = "its time was over before it could be sent"


class SendOrder(msgspec.Struct, frozen=True):
    """Put an order on the exchange's book. Its intent is in the journal by now. A sell goes before a buy.

    `until_s`: later than that, by the daemon's monotonic clock, it is not sent any more.
    """

    order: Order
    until_s: float = math.inf


class SendCancel(msgspec.Struct, frozen=True):
    """Take an order off the book. It goes before everything else."""

    symbol: str
    client_order_id: str


class AskSnapshot(msgspec.Struct, frozen=True):
    """Request: what rests, and what does the account own, read now? Answered by AccountSnapshot.

    `is_routine`: nobody has a reason to doubt the books, so everything else goes before it.
    """

    is_routine: bool = False


class AskOrder(msgspec.Struct, frozen=True):
    """Request: what does the exchange know of one order? Answered by OrderReport."""

    symbol: str
    client_order_id: str


class AskBalances(msgspec.Struct, frozen=True):
    """Request: what does the account own? Answered by a tuple of BalanceUpdated."""


class ExchangeOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the exchange has it, ours or not; quantities in base. `time_ns`: when it last changed there."""

    symbol: str
    client_order_id: str
    exchange_order_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    filled: Decimal
    status: OrderStatus
    time_ns: int
    reason: str | None = None


class AccountSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Every order that rests on the exchange for the account, whoever placed it, and all balances.

    `maker_fee`: a ratio, what its orders pay now; None where the exchange does not say.
    """

    account: str
    orders: tuple[ExchangeOrder, ...]
    balances: tuple[BalanceUpdated, ...]
    maker_fee: Decimal | None = None


class OrderReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange says of one order, with all of its fills, oldest first.

    Without an order it has not found it, which proves nothing yet, unless `is_final`: then it was never placed.
    """

    symbol: str
    client_order_id: str
    order: ExchangeOrder | None
    fills: tuple[OrderFilled, ...] = ()
    is_final: bool = False


class OrderNotSent(msgspec.Struct, frozen=True, kw_only=True):
    """The order certainly did not reach the exchange, or was turned away for now; it may be sent again, as it is.

    `retry_after_s`: not before so many seconds.
    """

    account: str
    symbol: str
    client_order_id: str
    reason: str
    retry_after_s: float = 1.0

    @classmethod
    def of(cls, order: Order, reason: str, retry_after_s: float) -> "OrderNotSent":
        """Tell it of an order."""
        return cls(
            account=order.key.account,
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            reason=reason,
            retry_after_s=retry_after_s,
        )


class Reconnecting(msgspec.Struct, frozen=True):
    """The account's stream is lost; `origin` says where and why. Once for each loss, however many attempts follow."""

    account: str
    origin: str


class Reconnected(msgspec.Struct, frozen=True):
    """The account's stream is back; an AccountSnapshot follows."""

    account: str


class MarketStatus(msgspec.Struct, frozen=True):
    """The symbols that the exchange has halted or lists no more: no entries there, exits rest and are tried."""

    account: str
    halted: frozenset[str]


class ReconcilePace(msgspec.Struct, frozen=True):
    """How seldom books may be compared as a routine, in seconds: the accounts here share the exchange's limits."""

    account: str
    period_s: float


class BooksDoubted(msgspec.Struct, frozen=True):
    """The exchange has refused for what it has and we do not know of (a balance that is not there): compare soon."""

    account: str
    reason: str


class ClientTrouble(msgspec.Struct, frozen=True):
    """Why no entry may be placed for now, by kind; a `reason` of None says that this kind is over."""

    account: str
    kind: Literal["credentials", "ban", "order limit", "clock"]
    reason: str | None
