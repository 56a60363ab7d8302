"""What is left of a recording, in order: taken trade by trade, or passed over in bulk where nobody waits for it."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from naive_daemon.domain.events import Trade

if TYPE_CHECKING:
    from naive_daemon.market.alerts import PriceBand
    from naive_daemon.market.columns import Stretch

_NEVER_NS = 2**63 - 1


class RecordedTrades(Iterator[Trade]):
    """Goes once over stretches of trades; raises what they raise."""

    def __init__(self, stretches: "Iterable[Stretch]") -> None:
        self._stretches = iter(stretches)
        self._stretch: Stretch | None = None
        self._place = 0

    def __next__(self) -> Trade:
        stretch = self._at_hand()
        if stretch is None:
            raise StopIteration
        self._place += 1
        return stretch.trade(self._place - 1)

    def pass_over(self, band: "PriceBand") -> int:
        """Go on to the next trade outside of the band, or to the end of the stretch; gives how many lay before that.

        It is 0 where the next trade is outside, and at the end of the recording.
        """
        stretch = self._at_hand()
        if stretch is None:
            return 0
        before = self._place
        self._place = stretch.seek(before, len(stretch), band, _NEVER_NS)
        return self._place - before

    @property
    def is_between(self) -> bool:
        """Whether a stretch has come to its end, and the next is not begun."""
        return self._stretch is not None and self._place == len(self._stretch)

    def _at_hand(self) -> "Stretch | None":
        while self._stretch is None or self._place == len(self._stretch):
            self._stretch, self._place = next(self._stretches, None), 0
            if self._stretch is None:
                return None
        return self._stretch
