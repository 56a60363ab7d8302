"""Asks the exchange what became of orders, a few at a time, until it is known. Part of the execution manager."""

from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from naive_daemon import names
from naive_daemon.domain.events import (
    OrderAccepted,
    OrderCancelled,
    OrderEvent,
    OrderExpired,
    OrderRejected,
    OrderUnknown,
)
from naive_daemon.domain.order import Ending, Order, OrderStatus
from naive_daemon.execution.client import AskOrder, ExchangeOrder, OrderReport
from naive_daemon.execution.inquiry import Inquiries, Inquiry, Verdict
from naive_daemon.execution.order_books import OrderBooks
from naive_daemon.otp import Actor, RequestFailed

ASK_TIMEOUT_S = 30.0
NEVER_PLACED = "the exchange never had it"
LOST = "the exchange does not know it any more"
NOT_FOUND = "the exchange does not find it"

_ENDINGS: Mapping[OrderStatus, type[OrderCancelled | OrderExpired | OrderRejected]] = {
    OrderStatus.CANCELLED: OrderCancelled,
    OrderStatus.EXPIRED: OrderExpired,
    OrderStatus.REJECTED: OrderRejected,
}
"""How an order ends, other than by its fills."""


class Ask(msgspec.Struct, frozen=True):
    """Time to ask about an order."""

    client_order_id: str


class Asking:
    """Belongs to one execution manager, `actor`; what is learnt goes to `take_event`.

    `is_awaited` says of an order whether it is on its way: that it is not found says nothing then.
    """

    def __init__(
        self,
        actor: Actor,
        account: str,
        books: OrderBooks,
        take_event: Callable[[OrderEvent], None],
        never_placed_after_s: float,
        *,
        is_awaited: Callable[[str], bool],
    ) -> None:
        self._actor = actor
        self._account = account
        self._books = books
        self._take_event = take_event
        self._never_placed_after_s = never_placed_after_s
        self._is_awaited = is_awaited
        self._inquiries = Inquiries()

    def __contains__(self, client_order_id: str) -> bool:
        return client_order_id in self._inquiries

    def __len__(self) -> int:
        return len(self._inquiries)

    def ask_now(self, order: Order) -> None:
        """Ask about an order now."""
        self._inquiries.add(order.client_order_id, order.symbol, self._now_s())
        self._inquiries.ready(order.client_order_id)
        self._ask_next()

    def ask_later(self, order: Order) -> None:
        """Ask about an order after a pause, which grows: its own event may come first."""
        inquiry = self._inquiries.add(order.client_order_id, order.symbol, self._now_s())
        if not inquiry.is_due:
            inquiry.is_due = True
            self._actor.send_after(inquiry.pause_s(), Ask(order.client_order_id))

    def take_time(self, client_order_id: str) -> None:
        """Ask about an order whose pause is over, unless all is known by now."""
        self._inquiries.ready(client_order_id)
        self._ask_next()

    def close(self, client_order_id: str) -> None:
        """Ask no more about an order."""
        self._inquiries.close(client_order_id)

    def doubts(self, event: OrderEvent) -> bool:
        """Say of what a client told whether it is an end that is not to be believed yet; the order is then asked for.

        That is so when more was filled before it than we know of, or may have been, since the order is asked for just
        now. Whose order it is would else decide that it is over with less than it has.
        """
        if not isinstance(event, OrderCancelled | OrderExpired):
            return False
        order = self._books.live.get(event.client_order_id)
        if order is None:
            return False
        is_asked = event.client_order_id in self._inquiries
        is_doubtful = is_asked if event.filled is None else event.filled > order.filled
        if is_doubtful:
            self.ask_now(order)
        return is_doubtful

    def adopt(self, report: OrderReport) -> None:
        """Take over what the exchange says of a live order: its acceptance, its fills, and its end behind them.

        An end is believed only when all fills before it have been seen: fills read later than orders.
        """
        there = report.order
        if there is None:
            return
        order = self._books.live.get(there.client_order_id)
        if order is None:
            return
        if there.status is not OrderStatus.REJECTED and (
            order.exchange_order_id is None or not order.status.is_resting
        ):
            self.accept(there)
        for fill in report.fills:
            self._take_event(fill)
        order = self._books.live.get(there.client_order_id)
        if order is None:
            return
        if order.filled < there.filled:
            self.ask_later(order)
            return
        self.close(order.client_order_id)
        self._end(there)

    def accept(self, there: ExchangeOrder) -> None:
        """Take over that an order is on the book."""
        self._take_event(
            OrderAccepted(
                account=self._account,
                symbol=there.symbol,
                client_order_id=there.client_order_id,
                exchange_order_id=there.exchange_order_id,
                time_ns=self._actor.system.clock.now_ns(),
            )
        )

    def _end(self, there: ExchangeOrder) -> None:
        ending = _ENDINGS.get(there.status)
        if ending is not None:
            self._take_event(
                ending(
                    account=self._account,
                    symbol=there.symbol,
                    client_order_id=there.client_order_id,
                    time_ns=self._actor.system.clock.now_ns(),
                    reason=there.reason or f"{there.status.value} while nobody listened",
                )
            )

    def _ask_next(self) -> None:
        client = self._actor.system.whereis(names.client(self._account))
        for client_order_id, inquiry in self._inquiries.take(self._now_s()):
            self._actor.request(
                client,
                AskOrder(inquiry.symbol, client_order_id),
                partial(self._take_answer, client_order_id, inquiry),
                ASK_TIMEOUT_S,
            )

    def _take_answer(self, client_order_id: str, inquiry: Inquiry, answer: OrderReport | RequestFailed) -> None:
        self._inquiries.answered(inquiry)
        order = self._books.live.get(client_order_id)
        if order is None:
            self.close(client_order_id)
        elif isinstance(answer, RequestFailed):
            self._actor.log.info("order not asked for", order=client_order_id, reason=str(answer.reason))
            self.ask_later(order)
        elif answer.order is not None:
            self.adopt(answer)
        else:
            self._take_not_found(order, inquiry, is_final=answer.is_final)
        if inquiry.is_asked_again and (live := self._books.live.get(client_order_id)) is not None:
            self.ask_now(live)
        self._ask_next()

    def _take_not_found(self, order: Order, inquiry: Inquiry, *, is_final: bool) -> None:
        was_placed = order.exchange_order_id is not None
        verdict = inquiry.not_found(self._never_placed_after_s, was_placed=was_placed)
        if is_final or verdict is Verdict.NEVER_PLACED:
            self._tell(OrderRejected, order, NEVER_PLACED)
        elif verdict is Verdict.LOST:
            self._actor.log.error("order is lost", order=order.client_order_id, symbol=order.symbol)
            self._tell(OrderExpired, order, LOST)
        else:
            if order.status is not OrderStatus.UNKNOWN and not self._is_awaited(order.client_order_id):
                self._tell(OrderUnknown, order, NOT_FOUND)
            self.ask_later(order)

    def _tell(self, kind: type[Ending], order: Order, reason: str) -> None:
        self._take_event(order.event(kind, self._actor.system.clock.now_ns(), reason))

    def _now_s(self) -> float:
        return self._actor.system.clock.monotonic_s()
