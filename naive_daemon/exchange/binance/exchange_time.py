"""What time it is at the exchange, whatever our own clock says.

Owned by one gateway. Invariant: once measured, it runs on monotonic time, so that nobody who sets our clock can make a
signed request too late or too early.
"""

from naive_daemon.clock import NS_PER_MS, NS_PER_S, Clock


class ExchangeTime:
    """Our clock's time until `measured` was called once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._exchange_s: float | None = None
        """The exchange's time less our monotonic one; to the microsecond, while it is asked for milliseconds."""

    def monotonic_s(self) -> float:
        """Give our own monotonic time, as `measured` wants it."""
        return self._clock.monotonic_s()

    def now_ms(self) -> int:
        """Give the exchange's time in milliseconds since the epoch, floored."""
        if self._exchange_s is None:
            return self._clock.now_ns() // NS_PER_MS
        return int((self._clock.monotonic_s() + self._exchange_s) * 1_000)

    def measured(self, server_ms: int, asked_s: float, answered_s: float) -> int:
        """Take over what the exchange said; gives by how many ms our clock is ahead, as far as is certain.

        `asked_s`, `answered_s`: our monotonic times; the exchange looked at its clock somewhere between them. What half
        of that time may explain is not counted.
        """
        middle_s = (asked_s + answered_s) / 2
        self._exchange_s = (server_ms + 0.5) / 1_000 - middle_s
        ours_ms = (self._clock.now_ns() - round((self._clock.monotonic_s() - middle_s) * NS_PER_S)) // NS_PER_MS
        ahead_ms = ours_ms - server_ms
        doubt_ms = int((answered_s - asked_s) * 500) + 1
        if abs(ahead_ms) <= doubt_ms:
            return 0
        return ahead_ms - doubt_ms if ahead_ms > 0 else ahead_ms + doubt_ms
