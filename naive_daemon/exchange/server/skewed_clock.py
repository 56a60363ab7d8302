"""The exchange's clock: the machine's, and by how much it is off on purpose. Owned by the server."""

from naive_daemon.clock import Clock


class SkewedClock:
    """A Clock that is `skew_ns` ahead of another (behind, when negative)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.skew_ns = 0

    def now_ns(self) -> int:
        """UTC as the exchange believes it, in nanoseconds since the epoch."""
        return self._clock.now_ns() + self.skew_ns

    def monotonic_s(self) -> float:
        """Seconds that never go back."""
        return self._clock.monotonic_s()
