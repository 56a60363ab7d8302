"""What the exchange limits, what a request costs, and who goes first. Values and one window's count; pure.

The exchange counts in windows that begin at whole multiples of their length since the epoch, so times are milliseconds
of the exchange's clock.
"""

from enum import IntEnum

import msgspec


class Priority(IntEnum):
    """Who goes first."""

    CANCEL = 0
    EXIT = 1
    QUESTION = 2
    ENTRY = 3
    UPKEEP = 4


SHARES = {
    Priority.CANCEL: 100,
    Priority.EXIT: 95,
    Priority.QUESTION: 90,
    Priority.ENTRY: 80,
    Priority.UPKEEP: 40,
}
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


CLOCK_ERROR_MS = 250
"""A window may have begun so much later there: the exchange's clock is known to half of the way there and back only."""


class Window:
    """One limit, and what is used of it in the window that is now. `in_flight`: of this, what has no answer yet."""

    __slots__ = ("in_flight", "limit", "number", "used")

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self.number = -1
        self.used = 0
        self.in_flight = 0

    def turn_to(self, now_ms: int) -> bool:
        """Begin anew when another window has begun, and say whether one has."""
        number = now_ms // self.limit.window_ms
        if number == self.number:
            return False
        # Also when the clock was put back: the exchange has the same clock.
        self.number = number
        self.used = self.in_flight = 0
        return True

    def room(self, priority: Priority) -> int:
        """Give up to how much one of this priority may go."""
        return self.limit.maximum * SHARES[priority] // 100

    def allows(self, amount: int, priority: Priority) -> bool:
        """Say whether so much more is within the limit."""
        # The first request of a window is always allowed, however small the limit or large the request.
        return amount == 0 or self.used == 0 or self.used + amount <= self.room(priority)

    def add(self, amount: int) -> None:
        """Count what was granted."""
        self.used += amount
        self.in_flight += amount

    def settle(self, amount: int, at_ms: int) -> None:
        """Count it no more as being on its way; `at_ms`: when it was granted."""
        if at_ms // self.limit.window_ms == self.number:
            self.in_flight = max(0, self.in_flight - amount)

    def correct(self, count: int, asked_ms: int) -> None:
        """Take over what the exchange says is used; what is on its way may not be in its count, so it is added.

        What was asked before this window has certainly begun there may be the count of the one before, and is ignored.
        """
        if (asked_ms - CLOCK_ERROR_MS) // self.limit.window_ms == self.number:
            self.used = max(0, count) + self.in_flight

    @property
    def end_ms(self) -> int:
        """When the next one begins."""
        return (self.number + 1) * self.limit.window_ms


def relimited(windows: list[Window], limits: tuple[Limit, ...]) -> list[Window]:
    """Give the windows of other limits; what is used of one that stays is kept. Without limits nothing changes."""
    if not limits:
        return windows
    known = {(window.limit.kind, window.limit.window_ms): window for window in windows}
    fresh = []
    for limit in limits:
        window = known.get((limit.kind, limit.window_ms)) or Window(limit)
        window.limit = limit
        fresh.append(window)
    return fresh
