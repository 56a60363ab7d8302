"""When accounts may connect: as often as the exchange allows by address, and hardly ever while it is away.

Owned by whoever owns the accounts; used from several loops, under its lock. Whether an address can be connected to, and
whether that is of any use, is the same for all accounts. So while it is not known to be, one of them tries for all, as
far apart as if it were alone: an exchange that is away for seconds would else use up the attempts of minutes, and
nobody could come back with it.
Invariant: that lasts from a loss, or an attempt that failed, until one of them has connected, and read what it has.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable

from naive_daemon.exchange.binance.attempt_limit import AttemptLimit

FIRST_S = 0.125
AWAY_MAX_S = 10.0
"""So far apart are attempts at the most: 30 of those that are allowed in 5 minutes."""
LOOK_S = 1.0
"""How often who waits looks whether another one has connected."""


class Door:
    """See the module. `limit`: how many attempts are allowed."""

    def __init__(self, limit: AttemptLimit) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._is_away = False
        self._pause_s = FIRST_S
        self._next_s = 0.0

    def note_away(self) -> None:
        """Say that a connection was lost, did not come about, or was of no use."""
        with self._lock:
            if not self._is_away:
                self._is_away, self._pause_s, self._next_s = True, FIRST_S, 0.0

    def note_there(self) -> None:
        """Say that an account has connected."""
        with self._lock:
            self._is_away = False

    def wait_s(self, now_s: float) -> float:
        """Give how many seconds to wait before one asks again; at 0 the attempt may begin, and is counted."""
        with self._lock:
            if self._is_away and now_s < self._next_s:
                return min(self._next_s - now_s, LOOK_S)
            wait_s = self._limit.wait_s(now_s)
            if self._is_away and wait_s == 0:
                self._next_s = now_s + self._pause_s
                self._pause_s = min(2 * self._pause_s, AWAY_MAX_S)
            return wait_s

    async def enter(self, wait_for_ban: Callable[[], Awaitable[None]]) -> None:
        """Wait for one's turn, and for the end of a ban: one that comes while others wait keeps them out, too."""
        loop = asyncio.get_running_loop()
        while True:
            await wait_for_ban()
            wait_s = self.wait_s(loop.time())
            if wait_s == 0:
                return
            await asyncio.sleep(wait_s)
