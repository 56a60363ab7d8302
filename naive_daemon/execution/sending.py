"""Orders on their way out: sent once, waited for, and sent again only when they certainly never left.

Part of the execution manager. An order that got no answer in time is unknown from then on. An entry that could not
leave is refused; an exit waits with growing pauses, and goes out as it is.
"""

from collections.abc import Callable, Iterable

import msgspec

from naive_daemon import names
from naive_daemon.domain.events import OrderCancelled, OrderEvent, OrderRejected, OrderUnknown
from naive_daemon.domain.order import Ending, Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.client import SEND_WITHIN_S, OrderNotSent, SendOrder
from naive_daemon.execution.order_books import OrderBooks
from naive_daemon.otp import Actor, Timer

RESEND_MAX_S = 30.0
_INHERITED = "inherited"
"""Stands for all entries that a predecessor may have left with the client; no order has this id."""


class Overdue(msgspec.Struct, frozen=True):
    """An order has had its time for an answer."""

    client_order_id: str


class Resend(msgspec.Struct, frozen=True):
    """Time to send an exit that did not leave."""

    client_order_id: str


class InheritedSent(msgspec.Struct, frozen=True):
    """Whatever a predecessor had handed to the client has left by now, or was given up."""


class _Unsent(msgspec.Struct):
    pause_s: float
    timer: Timer | None


class Sending:
    """Belongs to one execution manager, `actor`; what is learnt goes to `take_event`."""

    def __init__(
        self,
        actor: Actor,
        account: str,
        books: OrderBooks,
        take_event: Callable[[OrderEvent], None],
        timeout_s: float,
    ) -> None:
        self._actor = actor
        self._account = account
        self._books = books
        self._take_event = take_event
        self._timeout_s = timeout_s
        self._in_flight: dict[str, Timer] = {}
        self._unsent: dict[str, _Unsent] = {}
        self._waiters: list[tuple[set[str], Callable[[], None]]] = []
        self._has_inherited = False
        self.is_draining = False

    def inherit(self, orders: Iterable[Order]) -> None:
        """Take live orders over from a predecessor: its client may live on, and have entries that it still sends.

        Also one that the predecessor asked for when it had taken it over itself, and that was not found yet.
        """
        if any(not order.status.is_resting and order.side is Side.BUY for order in orders):
            self._has_inherited = True
            self._actor.send_after(SEND_WITHIN_S, InheritedSent())

    def take_inherited_sent(self) -> None:
        """Wait no more for what a predecessor has left."""
        self._has_inherited = False
        self._wait_no_more_for(_INHERITED)

    def waits_for(self, client_order_id: str) -> bool:
        """Say whether an order is on its way, or waits to be sent: then it need not be asked for."""
        return client_order_id in self._in_flight or client_order_id in self._unsent

    def is_unsent(self, client_order_id: str) -> bool:
        """Say whether an order certainly is not on the exchange, and waits to be sent."""
        unsent = self._unsent.get(client_order_id)
        return unsent is not None and unsent.timer is not None

    def send(self, order: Order, until_s: float) -> None:
        """Send an order that is in the books, until then."""
        timer = self._actor.send_after(self._timeout_s, Overdue(order.client_order_id))
        self._in_flight[order.client_order_id] = timer
        if not self._actor.system.tell(names.client(self._account), SendOrder(order, until_s)):
            # The client is down, so nothing left; it takes the manager with it when it starts again.
            self.reject(order, "not connected to the exchange")

    def until_s(self) -> float:
        """Say until when what is sent now may leave."""
        return self._actor.system.clock.monotonic_s() + SEND_WITHIN_S

    def resend(self, client_order_id: str) -> None:
        """Send an exit whose pause is over, unless it has been cancelled or the daemon ends."""
        unsent, order = self._unsent.get(client_order_id), self._books.live.get(client_order_id)
        if unsent is not None and unsent.timer is not None and order is not None and not self.is_draining:
            unsent.timer = None
            self.send(order, self.until_s())

    def take_overdue(self, client_order_id: str) -> None:
        """Call an order unknown that got no answer, unless one came in the moment in which its time was over."""
        if client_order_id not in self._in_flight:
            return
        self._stop_waiting(client_order_id)
        order = self._books.live.get(client_order_id)
        if order is not None and order.status is OrderStatus.IN_FLIGHT:
            self._tell(OrderUnknown, order, f"no answer for {self._timeout_s:g} s")

    def take_not_sent(self, event: OrderNotSent) -> None:
        """Refuse an entry that did not leave; keep an exit for later, if it is still waited for.

        What comes late counts, too: it ends an order that was unknown, and its trader places the next attempt. Of an
        order that the exchange has spoken of it says nothing.
        """
        order = self._books.live.get(event.client_order_id)
        if order is None or self.is_unsent(order.client_order_id):
            return
        if order.exchange_order_id is not None or order.filled:
            return
        is_waited_for = order.client_order_id in self._in_flight
        self._stop_waiting(order.client_order_id)
        if order.side is Side.BUY or self.is_draining or not is_waited_for:
            self.reject(order, f"not sent: {event.reason}")
            return
        former = self._unsent.get(order.client_order_id)
        doubled_s = 0.0 if former is None else min(2 * former.pause_s, RESEND_MAX_S)
        pause_s = max(event.retry_after_s, doubled_s)
        self._actor.log.warning("exit not sent", order=order.client_order_id, reason=event.reason, retry_s=pause_s)
        timer = self._actor.send_after(pause_s, Resend(order.client_order_id))
        self._unsent[order.client_order_id] = _Unsent(pause_s, timer)

    def follow(self, order: Order) -> None:
        """Wait no more for an order that the exchange has spoken of."""
        if order.status is OrderStatus.IN_FLIGHT:
            return
        self._stop_waiting(order.client_order_id)
        unsent = self._unsent.pop(order.client_order_id, None)
        if unsent is not None and unsent.timer is not None:
            unsent.timer.cancel()

    def withdraw(self, order: Order) -> None:
        """Cancel an order that never left."""
        self._tell(OrderCancelled, order, "never sent")

    def reject(self, order: Order, reason: str) -> None:
        """Refuse an order here."""
        self._tell(OrderRejected, order, reason)

    def drain(self, then: Callable[[], None]) -> None:
        """Take no order any more; call `then` when none is on its way."""
        self.is_draining = True
        self._when_answered(set(self._in_flight), then)

    def when_entries_are_answered(self, then: Callable[[], None]) -> None:
        """Call `then` when every entry that is on its way now has been answered, or is unknown."""
        live = self._books.live
        entries = {one for one in self._in_flight if one in live and live[one].side is Side.BUY}
        self._when_answered(entries | ({_INHERITED} if self._has_inherited else set()), then)

    def _when_answered(self, waited_for: set[str], then: Callable[[], None]) -> None:
        if waited_for:
            self._waiters.append((waited_for, then))
        else:
            then()

    def _stop_waiting(self, client_order_id: str) -> None:
        timer = self._in_flight.pop(client_order_id, None)
        if timer is None:
            return
        timer.cancel()
        self._wait_no_more_for(client_order_id)

    def _wait_no_more_for(self, what: str) -> None:
        for waiter in list(self._waiters):
            waited_for, then = waiter
            waited_for.discard(what)
            if not waited_for:
                self._waiters.remove(waiter)
                then()

    def _tell(self, kind: type[Ending], order: Order, reason: str) -> None:
        self._take_event(order.event(kind, self._actor.system.clock.now_ns(), reason))
