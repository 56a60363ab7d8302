"""Cancels that are wanted, until their orders are over. Part of the execution manager.

A cancel that timed out or was refused proves nothing: the order stays open until the exchange says otherwise, so it is
asked for, and the cancel is sent again, with growing pauses.
"""

from collections.abc import Callable

import msgspec

from naive_daemon import names
from naive_daemon.domain.order import Order
from naive_daemon.execution.client import SendCancel
from naive_daemon.otp import Actor, Timer

AGAIN_FIRST_S = 5.0
AGAIN_MAX_S = 60.0


class CancelAgain(msgspec.Struct, frozen=True):
    """Time to look whether a cancelled order is over."""

    client_order_id: str


class _Wanted(msgspec.Struct):
    pause_s: float
    timer: Timer


class Cancels:
    """Belongs to one execution manager, `actor`; `ask` has the exchange asked about an order."""

    def __init__(self, actor: Actor, account: str, ask: Callable[[Order], None]) -> None:
        self._actor = actor
        self._account = account
        self._ask = ask
        self._wanted: dict[str, _Wanted] = {}

    def __contains__(self, client_order_id: str) -> bool:
        return client_order_id in self._wanted

    def want(self, order: Order) -> None:
        """Cancel an order, once; it goes on by itself."""
        if order.client_order_id not in self._wanted:
            self._wanted[order.client_order_id] = _Wanted(AGAIN_FIRST_S, self._later(order, AGAIN_FIRST_S))
            self._send(order)

    def send_once(self, order: Order) -> None:
        """Cancel what is over in our books; nobody waits for what comes of it."""
        self._send(order)

    def take_again(self, order: Order | None, client_order_id: str) -> None:
        """Send the cancel of an order that still lives once more, and ask about it."""
        wanted = self._wanted.get(client_order_id)
        if wanted is None:
            return
        if order is None:
            del self._wanted[client_order_id]
            return
        wanted.pause_s = min(wanted.pause_s * 2, AGAIN_MAX_S)
        wanted.timer = self._later(order, wanted.pause_s)
        self._send(order)
        self._ask(order)

    def close(self, client_order_id: str) -> None:
        """Forget a cancel: its order is over."""
        wanted = self._wanted.pop(client_order_id, None)
        if wanted is not None:
            wanted.timer.cancel()

    def _send(self, order: Order) -> None:
        self._actor.system.tell(names.client(self._account), SendCancel(order.symbol, order.client_order_id))

    def _later(self, order: Order, pause_s: float) -> Timer:
        return self._actor.send_after(pause_s, CancelAgain(order.client_order_id))
