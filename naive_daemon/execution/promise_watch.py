"""Sees that the promises hold where orders leave and where their events come in. Part of the execution manager.

A promise that is broken stops the entries of its symbol, and says so; exits and other symbols go on. Entries stay
stopped until an operator has looked. The order that would break one is refused before it leaves.

What it finds in the journal when it starts it holds again: two live orders of one leg, live orders that belong to no
open cycle, fills beyond an order. Else it begins anew with its manager: an order that was refused has left nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from decimal import Decimal

from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.money import total
from naive_daemon.domain.order import CycleKey, Order
from naive_daemon.domain.side import Side
from naive_daemon.execution.gatekeeper import PROMISE, Gatekeeper
from naive_daemon.execution.order_books import Contradiction, OrderBooks
from naive_daemon.execution.promises import (
    Broken,
    Promise,
    bought_down,
    filled_late,
    left_out,
    outlived,
    over_budget,
    overfilled,
    second_of_leg,
    sent_before,
)
from naive_daemon.otp import Actor


class PromiseWatch:
    """Belongs to one execution manager, `actor`. `broken`: by symbol, what has stopped its entries; the first counts.

    `spent_beside` gives what the other buys of an order's cycle cost or may still cost.
    """

    def __init__(
        self, actor: Actor, books: OrderBooks, gate: Gatekeeper, spent_beside: Callable[[Order], Decimal]
    ) -> None:
        self._actor = actor
        self._books = books
        self._gate = gate
        self._spent_beside = spent_beside
        self.broken: dict[str, Broken] = {}
        self._down: set[str] = set()
        self._bought_of_open: dict[CycleKey, dict[str, Decimal]] = {}
        self._counts: Counter[Promise] = Counter()

    def inherit(self, live: Iterable[Order], of_open_cycles: Iterable[Order]) -> None:
        """Look at what the journal has: the books hold its live orders already."""
        known = {order.client_order_id: order for order in of_open_cycles}
        for order in known.values():
            self.take_sent(order)
        for order in live:
            self._take(Promise.ONE_LIVE_ORDER, order, second_of_leg(order, self._books.live_of_leg(order)))
            if order.client_order_id not in known:
                self.take_stray(order)
        for order in known.values():
            self.take_order(order)

    def refusal(self, order: Order, budget: Decimal | None) -> str | None:
        """Say why an order may not leave; `budget` is its cycle's, where that is known."""
        promise, seen = Promise.ONE_LIVE_ORDER, second_of_leg(order, self._books.live_of_leg(order))
        if seen is None:
            promise, seen = Promise.DOWN_BUYS_NOTHING, bought_down(order, is_down=order.symbol in self._down)
        if seen is None and budget is not None:
            promise, seen = Promise.WITHIN_BUDGET, over_budget(order, self._spent_beside(order), budget)
        return None if seen is None else str(self._break(promise, order.symbol, seen))

    def is_sent(self, order: Order) -> bool:
        """Say whether an order was sent before; then it is not to be sent again."""
        return self._take(Promise.SENT_ONCE, order, sent_before(order, self._books.get(order.client_order_id)))

    def take_sent(self, order: Order) -> None:
        """Know that the cycle of an order that leaves is open."""
        self._bought_of_open.setdefault(order.key, {})

    def take_cycle_ends(self, cycles: Iterable[Cycle]) -> None:
        """Expect no fill of cycles that have ended any more, and none already that their results leave out."""
        for cycle in cycles:
            bought = self._bought_of_open.pop(cycle.key, {}).values()
            seen = left_out(cycle, total(bought))
            if seen is not None:
                self._break(Promise.INTENT_FIRST, cycle.key.symbol, seen)

    def is_open(self, key: CycleKey) -> bool:
        """Say whether a cycle is open, or was told of: it has a live order though it is not."""
        return key in self._bought_of_open

    def take_order(self, order: Order) -> None:
        """Look at what has become of an order."""
        is_open = self.is_open(order.key)
        self._take(Promise.INTENT_FIRST, order, filled_late(order, is_cycle_open=is_open))
        if is_open and order.filled and order.side is Side.BUY:
            self._bought_of_open[order.key][order.client_order_id] = order.filled
        if order.filled > order.quantity:
            self._take(Promise.FILLS_ADD_UP, order, overfilled(order))

    def take_contradiction(self, found: Contradiction) -> None:
        """Note two fills of an order with one trade id; the first one counts."""
        self._break(Promise.FILLS_ADD_UP, found.second.symbol, found.seen)

    def take_stray(self, order: Order) -> None:
        """Note a live order of ours that no intent or no open cycle explains; its fills are no news then."""
        self.take_sent(order)
        self._break(Promise.INTENT_FIRST, order.symbol, f"{order.client_order_id} belongs to no open cycle")

    def take_resting(self, order: Order, exchange_order_id: str, *, was_lost: bool) -> None:
        """Look at an order that is over here and seems to rest at the exchange."""
        self._take(Promise.OVER_IS_OVER, order, outlived(order, exchange_order_id, was_lost=was_lost))

    def take_end(self, symbol: str) -> None:
        """Expect no entry of a symbol any more."""
        self._down.add(symbol)

    def take_start(self, symbol: str) -> None:
        """Expect entries of a symbol again."""
        self._down.discard(symbol)

    def forgive(self, symbol: str) -> None:
        """Let entries of a symbol out again: an operator has looked."""
        if self.broken.pop(symbol, None) is not None:
            self._gate.release(PROMISE, symbol)

    def counted(self) -> dict[str, int]:
        """Give how often each promise was broken, also those that never were."""
        return {promise.value: self._counts[promise] for promise in Promise}

    def _take(self, promise: Promise, order: Order, seen: str | None) -> bool:
        if seen is not None:
            self._break(promise, order.symbol, seen)
        return seen is not None

    def _break(self, promise: Promise, symbol: str, seen: str) -> Broken:
        broken = Broken(promise=promise, symbol=symbol, seen=seen)
        self._counts[promise] += 1
        self._actor.log.error("promise broken", symbol=symbol, promise=promise.value, seen=seen)
        if symbol not in self.broken:
            self.broken[symbol] = broken
            self._gate.hold(PROMISE, str(broken), symbol)
        return broken
