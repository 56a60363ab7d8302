"""Orders and cancels on their way out, and what their answers mean for them (execution.md, rules 1, 3, 4, 5, 10).

Owned by one gateway, used on its loop only. Invariant: of each order that comes in, the execution manager is told one
of these: it was accepted, rejected, certainly not sent, or nobody knows; and nothing is sent twice.
"""

from collections.abc import Callable
from typing import Any

from naive_daemon.clock import Clock
from naive_daemon.domain.events import (
    INSUFFICIENT,
    CancelRefused,
    OrderAccepted,
    OrderCancelled,
    OrderRejected,
    OrderUnknown,
)
from naive_daemon.domain.money import ZERO, plain
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.exchange.binance.budget import Cost, Priority
from naive_daemon.exchange.binance.delivery import Delivery
from naive_daemon.exchange.binance.oddity import Oddities
from naive_daemon.exchange.binance.questions import AskError, Questions
from naive_daemon.exchange.binance.reading import Reader, Told
from naive_daemon.exchange.binance.request import Request
from naive_daemon.exchange.binance.sender import NOT_CONNECTED, Sender
from naive_daemon.exchange.binance.signal import (
    Accepted,
    BadCredentials,
    Banned,
    ClockOff,
    Duplicate,
    NotFound,
    NotSent,
    OrderLimit,
    Refused,
    Signal,
    Unknown,
)
from naive_daemon.exchange.binance.status import ending_of
from naive_daemon.exchange.binance.wire import WireError
from naive_daemon.execution.client import SEND_WITHIN_S, TOO_LATE, BooksDoubted, OrderNotSent, OrderReport

CREDENTIALS_PAUSE_S = 60.0
"""When an order may be tried again that was refused for the key: somebody must mend it."""
RETRY_S = 1.0

_PLACE_COST = Cost(weight=1, orders=1)
_CANCEL_COST = Cost(weight=1)


class Orders:
    """See the module. `is_connected`: whether events are delivered now."""

    def __init__(
        self,
        account: str,
        sender: Sender,
        questions: Questions,
        reader: Reader,
        delivery: Delivery,
        *,
        oddities: Oddities,
        clock: Clock,
        spawn: Callable[[Callable[[], Any]], None],
        is_connected: Callable[[], bool],
    ) -> None:
        self._account = account
        self._sender = sender
        self._questions = questions
        self._reader = reader
        self._delivery = delivery
        self._oddities = oddities
        self._clock = clock
        self._spawn = spawn
        self._is_connected = is_connected

    # Placing --------------------------------------------------------------------------------------------------------

    def place(self, order: Order, until_s: float) -> None:
        """Send an order until then: a sell before a buy, and a buy only while events are delivered."""
        is_exit = order.side is Side.SELL
        left_s = until_s - self._clock.monotonic_s()
        if left_s <= 0.0:
            self._not_sent(order, TOO_LATE, RETRY_S)
            return
        if not is_exit and not self._is_connected():
            self._not_sent(order, NOT_CONNECTED, RETRY_S)
            return
        self._sender.submit(
            Request(
                "POST",
                "/api/v3/order",
                (
                    ("symbol", order.symbol),
                    ("side", order.side.value),
                    ("type", "LIMIT"),
                    ("timeInForce", "GTC"),
                    ("quantity", plain(order.quantity)),
                    ("price", plain(order.price)),
                    ("newClientOrderId", order.client_order_id),
                    ("newOrderRespType", "FULL"),
                ),
                lambda signal: self._take_placed(order, signal),
                cost=_PLACE_COST,
                priority=Priority.EXIT if is_exit else Priority.ENTRY,
                within_s=min(left_s, SEND_WITHIN_S),
                ws_method="order.place",
                name=order.client_order_id,
            )
        )

    def _take_placed(self, order: Order, signal: Signal) -> None:
        match signal:
            case Accepted(body):
                self._accepted(order, body)
            case Duplicate():
                # Our own, sent before: the id is made from trader, cycle and leg. The live one is taken over.
                self._spawn(lambda: self._adopt(order.symbol, order.client_order_id))
            case Refused(_, reason) | NotFound(reason):
                if INSUFFICIENT in reason:
                    self._delivery.tell(BooksDoubted(self._account, reason))
                self._delivery.tell(
                    OrderRejected(
                        account=self._account,
                        symbol=order.symbol,
                        client_order_id=order.client_order_id,
                        time_ns=self._clock.now_ns(),
                        reason=reason,
                    )
                )
            case Unknown(reason):
                self._unknown(order.symbol, order.client_order_id, reason)
            case NotSent(reason, retry_after_s):
                self._not_sent(order, reason, retry_after_s)
            case ClockOff(reason):
                self._not_sent(order, reason, RETRY_S)
            case BadCredentials(reason):
                self._not_sent(order, reason, CREDENTIALS_PAUSE_S)
            case Banned(reason, for_s) | OrderLimit(reason, for_s):
                self._not_sent(order, reason, for_s)

    def _accepted(self, order: Order, body: bytes) -> None:
        try:
            told = self._reader.placed(body, order.client_order_id)
        except WireError as error:
            self._oddities.note("unreadable answer to an order", str(error))
            self._unknown(order.symbol, order.client_order_id, "the answer can not be read")
            return
        self._delivery.events(told)

    def _not_sent(self, order: Order, reason: str, retry_after_s: float) -> None:
        self._delivery.tell(OrderNotSent.of(order, reason, retry_after_s))

    def _unknown(self, symbol: str, client_order_id: str, reason: str) -> None:
        self._delivery.tell(
            OrderUnknown(
                account=self._account,
                symbol=symbol,
                client_order_id=client_order_id,
                time_ns=self._clock.now_ns(),
                reason=reason,
            )
        )

    # Cancelling -----------------------------------------------------------------------------------------------------

    def cancel(self, symbol: str, client_order_id: str) -> None:
        """Take an order off the book, before everything else; one that still waits to be sent is not sent."""
        if self._sender.withdraw(client_order_id):
            self._delivery.tell(
                OrderCancelled(
                    account=self._account,
                    symbol=symbol,
                    client_order_id=client_order_id,
                    time_ns=self._clock.now_ns(),
                    reason="cancelled before it was sent",
                    filled=ZERO,
                )
            )
            return
        self._sender.submit(
            Request(
                "DELETE",
                "/api/v3/order",
                (("symbol", symbol), ("origClientOrderId", client_order_id)),
                lambda signal: self._take_cancelled(symbol, client_order_id, signal),
                cost=_CANCEL_COST,
                priority=Priority.CANCEL,
                within_s=SEND_WITHIN_S,
                ws_method="order.cancel",
            )
        )

    def _take_cancelled(self, symbol: str, client_order_id: str, signal: Signal) -> None:
        if not isinstance(signal, Accepted):
            # Whatever it is: the order may be live, filled or gone. Who is told so asks.
            self._delivery.tell(
                CancelRefused(
                    account=self._account,
                    symbol=symbol,
                    client_order_id=client_order_id,
                    time_ns=self._clock.now_ns(),
                    reason=getattr(signal, "reason", type(signal).__name__),
                )
            )
        elif not self._is_connected():
            # No event will come. While one does, it comes after the fills, which an answer may overtake.
            self._spawn(lambda: self._adopt(symbol, client_order_id))

    # Taking over ----------------------------------------------------------------------------------------------------

    async def _adopt(self, symbol: str, client_order_id: str) -> None:
        """Ask what the exchange has of an order, and tell it as events."""
        try:
            report = await self._questions.report(symbol, client_order_id)
        except AskError as error:
            self._unknown(symbol, client_order_id, str(error))
            return
        if report.order is None:
            self._unknown(symbol, client_order_id, "the exchange does not find it")
        else:
            self._delivery.events(_events_of(self._account, report))


def _events_of(account: str, report: OrderReport) -> list[Told]:
    order = report.order
    if order is None:
        return []
    accepted = OrderAccepted(
        account=account,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        exchange_order_id=order.exchange_order_id,
        time_ns=order.time_ns,
    )
    told = [Told(accepted, None)] if order.status is not OrderStatus.REJECTED else []
    told += [Told(fill, ("trade", fill.symbol, int(fill.trade_id))) for fill in report.fills]
    ending = ending_of(order.status)
    if ending is not None:
        told.append(
            Told(
                ending(
                    account=account,
                    symbol=order.symbol,
                    client_order_id=order.client_order_id,
                    time_ns=order.time_ns,
                    reason=order.reason or order.status.value,
                ),
                None,
            )
        )
    return told
