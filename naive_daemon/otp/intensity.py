"""How many restarts a supervisor may make before it gives up."""

from collections import deque


class Intensity:
    """Counts restarts in a sliding window, inclusive at its edge, at the clock's full resolution (OTP rule 47)."""

    def __init__(self, max_restarts: object, period_s: object) -> None:
        if isinstance(max_restarts, bool) or not isinstance(max_restarts, int) or max_restarts < 0:
            raise ValueError(f"max_restarts={max_restarts!r} is not a whole number >= 0")
        if isinstance(period_s, bool) or not isinstance(period_s, int | float) or not period_s > 0:
            raise ValueError(f"period_s={period_s!r} is not a number of seconds > 0")
        self.max_restarts = max_restarts
        self.period_s = period_s
        self._restarts: deque[float] = deque()

    def exceeded_by_restart_at(self, now_s: float) -> bool:
        """Charge a restart at a monotonic time in seconds; True when that is one too many."""
        restarts = self._restarts
        while restarts and restarts[0] < now_s - self.period_s:
            restarts.popleft()
        restarts.append(now_s)
        return len(restarts) > self.max_restarts

    @property
    def left(self) -> int:
        """How many restarts the present window still allows, at the last charge."""
        return max(0, self.max_restarts - len(self._restarts))
