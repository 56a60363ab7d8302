"""Where a system has the time from. Whoever makes one brings it: otp itself reads no clock."""

from typing import Protocol


class Clock(Protocol):
    """What tells a system the time."""

    def now_ns(self) -> int:
        """UTC now, in nanoseconds since the epoch."""

    def monotonic_s(self) -> float:
        """Seconds that never go back."""


class MovableClock(Clock, Protocol):
    """A clock that stands until it is moved."""

    def advance_to(self, time_ns: int) -> None:
        """Move forward; a time that has passed is ignored."""
