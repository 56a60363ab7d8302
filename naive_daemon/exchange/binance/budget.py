"""How much one account may ask of the exchange: its own numbers of orders, and its part of the address's weight. Pure.

Owned by one gateway; one budget for everything that an account does. Times are milliseconds of the exchange's clock.

Invariants: what was granted in a window, with what the exchange says of it, is never over its limit; whoever goes
before another is granted whatever that one would be; during a ban nothing is granted.
"""

from collections.abc import Iterable

import msgspec

from naive_daemon.exchange.binance.address_weight import AddressWeight
from naive_daemon.exchange.binance.limits import DEFAULT_LIMITS, Cost, Kind, Limit, Priority, Window, relimited

__all__ = ["DEFAULT_LIMITS", "Budget", "Cost", "Grant", "Kind", "Limit", "Priority"]


class Grant(msgspec.Struct, frozen=True):
    """What was granted, and when: given back to `settle` when its answer has come, or none will."""

    cost: Cost
    at_ms: int


class Budget:
    """See the module. `weight` is what the accounts of one address share; alone, it has one of its own."""

    def __init__(
        self, limits: Iterable[Limit] = DEFAULT_LIMITS, weight: AddressWeight | None = None, account: str = ""
    ) -> None:
        limits = tuple(limits)
        self._windows = [Window(limit) for limit in limits if limit.kind is Kind.ORDERS]
        self._weight = AddressWeight(limits) if weight is None else weight
        self._account = account
        self._orders_until_ms = 0
        self._order_stop_reason = ""

    def take(self, cost: Cost, priority: Priority, now_ms: int) -> Grant | None:
        """Grant a request, or not now: `next_chance_ms` says when."""
        if cost.orders and now_ms < self._orders_until_ms:
            return None
        for window in self._windows:
            window.turn_to(now_ms)
            if not window.allows(cost.orders, priority):
                return None
        if not self._weight.take(self._account, cost.weight, priority, now_ms):
            return None
        for window in self._windows:
            window.add(cost.orders)
        return Grant(cost, now_ms)

    def next_chance_ms(self, cost: Cost, priority: Priority, now_ms: int) -> int:
        """Say when what is not granted now may be granted: after now, and unless others come first."""
        chances = [self._weight.next_chance_ms(self._account, cost.weight, priority, now_ms)]
        if cost.orders:
            chances.append(self._orders_until_ms)
        for window in self._windows:
            window.turn_to(now_ms)
            if not window.allows(cost.orders, priority):
                chances.append(window.end_ms)
        return max(chances)

    def settle(self, grant: Grant, now_ms: int) -> None:
        """Note that a granted request has got its answer, or will get none: the exchange has counted it by now."""
        self._weight.settle(grant.cost.weight, grant.at_ms, now_ms)
        for window in self._windows:
            window.turn_to(now_ms)
            window.settle(grant.cost.orders, grant.at_ms)

    def correct(self, kind: Kind, window_ms: int, count: int, asked_ms: int) -> None:
        """Take over what the exchange says is used in a window: it knows of others, and of what it gave back.

        `asked_ms`: when that was sent which it has answered, after it was granted.
        """
        if kind is Kind.WEIGHT:
            self._weight.correct(window_ms, count, asked_ms)
            return
        for window in self._windows:
            if window.limit.window_ms == window_ms:
                window.correct(count, asked_ms)

    def relimit(self, limits: Iterable[Limit]) -> None:
        """Take over the exchange's limits; what is used of one that stays is kept."""
        limits = tuple(limits)
        self._weight.relimit(limits)
        self._windows = relimited(self._windows, tuple(limit for limit in limits if limit.kind is Kind.ORDERS))

    def ban_until(self, until_ms: int, reason: str = "") -> None:
        """Grant nothing before a moment, to no account of the address. A ban that is longer already stays."""
        self._weight.ban_until(until_ms, reason)

    def no_orders_until(self, until_ms: int, reason: str = "") -> None:
        """Grant no order of this account before a moment; everything else goes on. A longer stop already stays."""
        if until_ms > self._orders_until_ms:
            self._orders_until_ms, self._order_stop_reason = until_ms, reason

    def is_banned(self, now_ms: int) -> bool:
        """Say whether nothing may be sent at all."""
        return now_ms < self._weight.banned_until_ms()

    def ban(self, now_ms: int) -> tuple[str, float]:
        """Say why nothing may be sent, and for how many seconds, from whichever account the ban was learned."""
        return self._weight.ban_reason, max(0.0, (self._weight.banned_until_ms() - now_ms) / 1_000)

    def order_stop(self, now_ms: int) -> tuple[str, float]:
        """Say why no order may be placed, and for how many seconds."""
        return self._order_stop_reason, max(0.0, (self._orders_until_ms - now_ms) / 1_000)

    def are_orders_stopped(self, now_ms: int) -> bool:
        """Say whether the exchange has said that no order may be placed for now."""
        return now_ms < self._orders_until_ms
