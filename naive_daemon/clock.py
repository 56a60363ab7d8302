"""The only place that reads the wall clock. Times are UTC in integer nanoseconds; waits use monotonic time."""

import time
from datetime import UTC, datetime
from typing import Protocol

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
NS_PER_US = 1_000


class Clock(Protocol):
    """Where an actor gets the time from."""

    def now_ns(self) -> int:
        """UTC now, in nanoseconds since the epoch."""

    def monotonic_s(self) -> float:
        """Seconds that never go back, for measuring waits."""


class WallClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """UTC now, in nanoseconds since the epoch."""
        return time.time_ns()

    monotonic_s = staticmethod(time.monotonic)
    """Seconds that never go back; the library's own function, since a dispatcher asks twice for each turn."""


class VirtualClock:
    """A clock that stands until somebody moves it: replays and simulations."""

    def __init__(self, start_ns: int = 0) -> None:
        self._now_ns = start_ns

    def now_ns(self) -> int:
        """UTC now, in nanoseconds since the epoch."""
        return self._now_ns

    def monotonic_s(self) -> float:
        """Seconds since the epoch of this clock."""
        return self._now_ns / NS_PER_S

    def advance_to(self, time_ns: int) -> None:
        """Move forward; a time that has passed is ignored."""
        self._now_ns = max(self._now_ns, time_ns)


def to_datetime(time_ns: int) -> datetime:
    """Give UTC nanoseconds as an aware datetime, floored to whole microseconds."""
    seconds, rest = divmod(time_ns, NS_PER_S)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // NS_PER_US)


def from_datetime(moment: datetime) -> int:
    """Give an aware datetime as UTC nanoseconds, exactly."""
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * NS_PER_S + delta.microseconds * NS_PER_US
