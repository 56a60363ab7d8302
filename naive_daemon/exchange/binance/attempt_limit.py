"""How often an address may be connected to: Binance allows 300 attempts in 5 minutes for each IP.

Owned by one loop, or shared by several. Invariant: in any 5 minutes no more than `ATTEMPTS_MAX` attempts begin, whoever
asks.
"""

import asyncio
import threading
from collections import deque

ATTEMPTS_MAX = 60
"""Fewer than allowed: the accounts' connections (`address.py`) need most of them."""
PERIOD_S = 300.0


class AttemptLimit:
    """Waits until one more attempt may begin."""

    def __init__(self, attempts_max: int = ATTEMPTS_MAX, period_s: float = PERIOD_S) -> None:
        self._attempts_max = attempts_max
        self._period_s = period_s
        self._began: deque[float] = deque()
        self._lock = threading.Lock()

    def wait_s(self, now_s: float) -> float:
        """Give how many seconds to wait; at 0 the attempt may begin, and is counted."""
        with self._lock:
            while self._began and now_s - self._began[0] >= self._period_s:
                self._began.popleft()
            if len(self._began) >= self._attempts_max:
                return self._began[0] + self._period_s - now_s
            self._began.append(now_s)
            return 0.0

    async def enter(self) -> None:
        """Wait for one's turn."""
        loop = asyncio.get_running_loop()
        while True:
            wait_s = self.wait_s(loop.time())
            if wait_s == 0:
                return
            await asyncio.sleep(wait_s)
