"""Symbols that are to have no order: what lives of them is cancelled, until nothing is left or they are traded again.

Part of the execution manager.
"""

from collections.abc import Callable, Iterable

import msgspec

from naive_daemon.domain.money import ZERO
from naive_daemon.domain.order import Order
from naive_daemon.domain.side import Side
from naive_daemon.otp import Actor, Timer

CLEAR_PERIOD_S = 5.0
"""How often a symbol that is being cleared is looked through for orders that have come since."""


class ClearAgain(msgspec.Struct, frozen=True):
    """Time to look again whether a symbol has orders."""

    symbol: str


class Clearing:
    """Belongs to one execution manager, `actor`; `cancel` has an order cancelled, `live_of` gives a symbol's orders."""

    def __init__(self, actor: Actor, live_of: Callable[[str], list[Order]], cancel: Callable[[str], None]) -> None:
        self._actor = actor
        self._live_of = live_of
        self._cancel = cancel
        self._timers: dict[str, Timer] = {}

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._timers

    def clear(self, symbol: str) -> None:
        """Cancel what lives of a symbol, and look again later: an order may still be on its way here."""
        self.leave(symbol)
        live = self._live_of(symbol)
        for order in live:
            self._cancel(order.client_order_id)
        if live:
            self._timers[symbol] = self._actor.send_after(CLEAR_PERIOD_S, ClearAgain(symbol))

    def clear_entries(self, live: Iterable[Order]) -> None:
        """Cancel the entries of which nothing is filled, once."""
        for order in [order for order in live if order.side is Side.BUY and order.filled == ZERO]:
            self._cancel(order.client_order_id)

    def clear_again(self, symbol: str) -> None:
        """Look again, unless the symbol is traded again, and its timer had fired before."""
        if symbol in self._timers:
            self.clear(symbol)

    def leave(self, symbol: str) -> None:
        """Cancel no more of a symbol."""
        timer = self._timers.pop(symbol, None)
        if timer is not None:
            timer.cancel()
