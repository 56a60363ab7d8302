"""The wall clock that the daemon is shown: somebody sets it, forward and back, while time itself goes on."""

from naive_daemon.clock import NS_PER_S, VirtualClock


class ShownClock:
    """Implements Clock over the time that passes."""

    def __init__(self, time: VirtualClock) -> None:
        self._time = time
        self._ahead_ns = 0

    def now_ns(self) -> int:
        """UTC as the daemon reads it."""
        return self._time.now_ns() + self._ahead_ns

    def monotonic_s(self) -> float:
        """Seconds that never go back, however the clock is set."""
        return self._time.monotonic_s()

    def set_ahead(self, seconds: float) -> None:
        """Set the clock so far ahead of true time, behind it where negative."""
        self._ahead_ns = round(seconds * NS_PER_S)
