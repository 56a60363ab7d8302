"""When books are compared while nothing asks for it. Part of the execution manager."""

from collections.abc import Callable

import msgspec

from naive_daemon.otp import Actor

PACE_STEP = 1.5
"""By how much comparisons must have become rarer for the log to say so again."""


class RoundDue(msgspec.Struct, frozen=True):
    """Time to compare again."""


class Rounds:
    """Belongs to one execution manager, `actor`; `every_s` None compares at the start and after reconnections only."""

    def __init__(self, actor: Actor, every_s: float | None, begin: Callable[[], None]) -> None:
        self._actor = actor
        self._every_s = every_s
        self._begin = begin
        self._pace_s = 0.0

    def take_due(self) -> None:
        """Compare, and once more after a while."""
        self._begin()
        self.begin_later()

    def begin_later(self) -> None:
        """Compare after a while, no more often than the exchange's limits allow."""
        if self._every_s is not None:
            self._actor.send_after(max(self._every_s, self._pace_s), RoundDue())

    def take_pace(self, period_s: float) -> None:
        """Compare no more often than every `period_s`."""
        if self._every_s is not None and period_s > max(self._every_s, PACE_STEP * self._pace_s):
            self._actor.log.info("books are compared less often", every_s=round(period_s), wanted_s=self._every_s)
        self._pace_s = period_s
