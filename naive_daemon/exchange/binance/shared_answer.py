"""An answer that is the same for every account: asked by one, taken over by all others that want no newer one.

Owned by whoever owns the accounts; used from several loops, under its lock. Invariant: no two ask at the same time,
unless the first one has not come back within `ASK_WITHIN_S`.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

ASK_WITHIN_S = 30.0
LOOK_S = 0.05
"""How often it is looked whether the one who asks has its answer."""


class SharedAnswer(Generic[T]):
    """See the module. `now_s` gives monotonic time."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        self._answer: T | None = None
        self._asked_s = 0.0
        self._taken_until_s: float | None = None

    async def get(self, ask: Callable[[], Awaitable[T]], since_s: float) -> T:
        """Give an answer that was asked for at a moment or later, by whoever; raises what one's own `ask` does."""
        while not self._take_turn(since_s):
            if (answer := self._known(since_s)) is not None:
                return answer
            await asyncio.sleep(LOOK_S)
        asked_s = self._now_s()
        try:
            answer = await ask()
            with self._lock:
                self._answer, self._asked_s = answer, asked_s
            return answer
        finally:
            with self._lock:
                self._taken_until_s = None

    def _take_turn(self, since_s: float) -> bool:
        """Say whether it is one's own turn to ask, now."""
        with self._lock:
            now_s = self._now_s()
            is_taken = self._taken_until_s is not None and now_s < self._taken_until_s
            if is_taken or (self._answer is not None and self._asked_s >= since_s):
                return False
            self._taken_until_s = now_s + ASK_WITHIN_S
            return True

    def _known(self, since_s: float) -> T | None:
        with self._lock:
            return self._answer if self._asked_s >= since_s else None
