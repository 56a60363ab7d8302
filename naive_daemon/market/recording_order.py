"""Leaves out the rows of a recording that are out of order, for a reader who wants that.

Which of two rows that contradict each other is wrong is told by those that follow: the newest are held until a later
one confirms them, so a wild row costs itself, and not all that come after it. Memory: a few rows.
"""

from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.events import Trade

_FAR_NS = 86_400 * NS_PER_S
_FAR_IDS = 10_000_000  # more than any market prints in a day
_CONFIRMING = 3
"""Rows in order that must follow one that jumped far ahead; one is enough for any other."""


class OrderedTrades:
    """Takes trades as they stand in the file and gives them in order; `dropped` counts those that were left out."""

    def __init__(self) -> None:
        self.dropped = 0
        self._last: Trade | None = None
        self._held: list[Trade] = []
        self._rivals: list[Trade] = []  # in order among themselves and after the last, but not with those held

    def take(self, trade: Trade) -> list[Trade]:
        """Take the next trade; gives those that it confirms."""
        if not self._held or _follows(trade, self._held[-1]):
            self._held.append(trade)
        elif _follows(trade, self._rivals[-1] if self._rivals else self._last):
            self._rivals.append(trade)
            if len(self._rivals) > len(self._held):
                self._held, self._rivals = self._rivals, self._held
                self._drop_rivals()
        else:
            self.dropped += 1
        return self._confirmed() if len(self._held) > (_CONFIRMING if self._is_far() else 1) else []

    def rest(self) -> list[Trade]:
        """Give what is left at the end of the file; a last row that jumped far ahead was confirmed by none."""
        if self._is_far() and len(self._held) == 1:
            self._held, self._rivals = self._rivals, self._held
        self._drop_rivals()
        return self._held

    def _confirmed(self) -> list[Trade]:
        self._drop_rivals()
        *confirmed, newest = self._held
        self._held = [newest]
        self._last = confirmed[-1]
        return confirmed

    def _drop_rivals(self) -> None:
        self.dropped += len(self._rivals)
        self._rivals = []

    def _is_far(self) -> bool:
        """Say whether what is held jumped far ahead of the last confirmed trade."""
        if self._last is None or not self._held:
            return False
        first = self._held[0]
        return first.time_ns - self._last.time_ns > _FAR_NS or first.trade_id - self._last.trade_id > _FAR_IDS


def _follows(trade: Trade, other: Trade | None) -> bool:
    return other is None or (trade.trade_id > other.trade_id and trade.time_ns >= other.time_ns)
