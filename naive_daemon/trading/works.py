"""The works of one leader: one for each distinct set of settings that its cycles and its present settings have. Pure.

A cycle keeps its settings to its end. So a changed setting adds a work at once, and the former one goes with the last
cycle that has it.
"""

from collections import Counter
from collections.abc import Callable

from naive_daemon.domain.settings import TradeSettings
from naive_daemon.market.work import Work, WorkId

WorkOf = Callable[[TradeSettings], Work]


class Works:
    """Counts who trades with which settings, and says what that changes for the streams' owner.

    `work_of` makes the work of some settings; whatever it raises leaves everything as it was.
    """

    def __init__(self, work_of: WorkOf) -> None:
        self._work_of = work_of
        self._holders: Counter[TradeSettings] = Counter()
        self._touched: dict[TradeSettings, None] = {}
        self._told: dict[TradeSettings, Work] = {}
        self._present: TradeSettings | None = None

    @property
    def told(self) -> tuple[Work, ...]:
        """Give the works that there are for the streams' owner, as it was last told."""
        return tuple(self._told.values())

    def hold(self, settings: TradeSettings) -> None:
        """Note a cycle with these settings."""
        self._holders[settings] += 1
        self._touched[settings] = None

    def release(self, settings: TradeSettings) -> None:
        """Note the end of a cycle with these settings."""
        self._holders[settings] -= 1
        if not self._holders[settings]:
            del self._holders[settings]
        self._touched[settings] = None

    def want(self, settings: TradeSettings | None) -> None:
        """Note the settings of cycles to come; None: there will be none."""
        if settings == self._present:
            return
        former, self._present = self._present, settings
        if settings is not None:
            self.hold(settings)
        if former is not None:
            self.release(former)

    def changes(self) -> tuple[tuple[Work, ...], tuple[WorkId, ...]]:
        """Give what is to be added and what is to be removed since it was asked last; tell it in this order."""
        added, gone = self._added(), [settings for settings in self._touched if settings not in self._holders]
        self._told.update(added)
        removed = tuple(self._told.pop(settings).id for settings in gone if settings in self._told)
        self._touched.clear()
        return tuple(added.values()), removed

    def _added(self) -> dict[TradeSettings, Work]:
        return {
            settings: self._work_of(settings)
            for settings in self._touched
            if settings in self._holders and settings not in self._told
        }
