"""How much may be asked of the exchange: weights and numbers of orders, by its own limits. Pure: time is told.

Owned by one gateway; one budget for everything that an account does. The exchange counts in windows that begin at whole
multiples of their length since the epoch, so times are milliseconds of the exchange's clock.

Invariants: what was granted in a window, with what the exchange says of it, is never over its limit; whoever goes
before another is granted whatever that one would be; during a ban nothing is granted.
"""

from collections.abc import Iterable
from enum import IntEnum

import msgspec


class Priority(IntEnum):
    """Who goes first."""

    CANCEL = 0
    EXIT = 1
    QUESTION = 2
    ENTRY = 3


_SHARES = {Priority.CANCEL: 100, Priority.EXIT: 95, Priority.QUESTION: 90, Priority.ENTRY: 80}
"""Up to which percentage of a limit each may go: the rest is kept for those before it."""


class Kind(IntEnum):
    """What is counted. Binance's limits of other kinds (RAW_REQUESTS, CONNECTIONS) are never near."""

    WEIGHT = 0
    ORDERS = 1


class Limit(msgspec.Struct, frozen=True):
    """One of the exchange's limits: so many in each window of `window_ms`."""

    kind: Kind
    window_ms: int
    maximum: int


class Cost(msgspec.Struct, frozen=True):
    """What a request costs."""

    weight: int
    orders: int = 0


DEFAULT_LIMITS = (
    Limit(Kind.WEIGHT, 60_000, 6_000),
    Limit(Kind.ORDERS, 10_000, 50),
    Limit(Kind.ORDERS, 86_400_000, 160_000),
)
"""Binance's, until exchangeInfo has said what holds (`rateLimits`)."""


class _Window:
    """One limit, and what is used of it in the window that is now. `in_flight`: of this, what has no answer yet."""

    __slots__ = ("in_flight", "limit", "number", "used")

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.number = -1
        self.used = 0
        self.in_flight = 0

    def turn_to(self, now_ms: int) -> None:
        number = now_ms // self.limit.window_ms
        if number != self.number:  # also when the clock was put back: the exchange has the same clock
            self.number = number
            self.used = self.in_flight = 0

    def cost(self, cost: Cost) -> int:
        return cost.weight if self.limit.kind is Kind.WEIGHT else cost.orders

    def allows(self, cost: Cost, priority: Priority) -> bool:
        amount = self.cost(cost)
        # The first request of a window is always allowed, however small the limit or large the request.
        room = self.limit.maximum * _SHARES[priority] // 100
        return amount == 0 or self.used == 0 or self.used + amount <= room


class Grant(msgspec.Struct, frozen=True):
    """What was granted, and when: given back to `settle` when its answer has come, or none will."""

    cost: Cost
    at_ms: int


class Budget:
    """See the module."""

    def __init__(self, limits: Iterable[Limit] = DEFAULT_LIMITS) -> None:
        self._windows = [_Window(limit) for limit in limits]
        self._banned_until_ms = 0
        self._orders_until_ms = 0

    def take(self, cost: Cost, priority: Priority, now_ms: int) -> Grant | None:
        """Grant a request, or not now: `next_chance_ms` says when."""
        if now_ms < self._banned_until_ms or (cost.orders and now_ms < self._orders_until_ms):
            return None
        for window in self._windows:
            window.turn_to(now_ms)
            if not window.allows(cost, priority):
                return None
        for window in self._windows:
            amount = window.cost(cost)
            window.used += amount
            window.in_flight += amount
        return Grant(cost, now_ms)

    def next_chance_ms(self, cost: Cost, priority: Priority, now_ms: int) -> int:
        """Say when what is not granted now may be granted: after now, and unless others come first."""
        chances = [now_ms + 1, self._banned_until_ms]
        if cost.orders:
            chances.append(self._orders_until_ms)
        for window in self._windows:
            window.turn_to(now_ms)
            if not window.allows(cost, priority):
                chances.append((window.number + 1) * window.limit.window_ms)
        return max(chances)

    def settle(self, grant: Grant, now_ms: int) -> None:
        """Note that a granted request has got its answer, or will get none: the exchange has counted it by now."""
        for window in self._windows:
            window.turn_to(now_ms)
            if grant.at_ms // window.limit.window_ms == window.number:
                window.in_flight = max(0, window.in_flight - window.cost(grant.cost))

    def correct(self, kind: Kind, window_ms: int, count: int, now_ms: int) -> None:
        """Take over what the exchange says is used in a window: it knows of others, and of what it gave back.

        What is still on its way may not be in its count, so it is added.
        """
        for window in self._windows:
            window.turn_to(now_ms)
            if window.limit.kind is kind and window.limit.window_ms == window_ms:
                window.used = max(0, count) + window.in_flight

    def relimit(self, limits: Iterable[Limit]) -> None:
        """Take over the exchange's limits; what is used of one that stays is kept."""
        known = {(window.limit.kind, window.limit.window_ms): window for window in self._windows}
        windows = []
        for limit in limits:
            window = known.get((limit.kind, limit.window_ms)) or _Window(limit)
            window.limit = limit
            windows.append(window)
        if windows:
            self._windows = windows

    def ban_until(self, until_ms: int) -> None:
        """Grant nothing before a moment. A ban that is longer already stays."""
        self._banned_until_ms = max(self._banned_until_ms, until_ms)

    def no_orders_until(self, until_ms: int) -> None:
        """Grant no order before a moment; everything else goes on."""
        self._orders_until_ms = max(self._orders_until_ms, until_ms)

    def is_banned(self, now_ms: int) -> bool:
        """Say whether nothing may be sent at all."""
        return now_ms < self._banned_until_ms

    def are_orders_stopped(self, now_ms: int) -> bool:
        """Say whether the exchange has said that no order may be placed for now."""
        return now_ms < self._orders_until_ms
