"""A drain starts no trader: from one look to the next, a leader that drains all the while makes no fresh cycle."""

from typing import TYPE_CHECKING, Any

from naive_daemon import names
from naive_daemon.domain.settings import TradingStatus
from tests.simulation.violation import demand

if TYPE_CHECKING:
    from tests.trading.table import Key

LOOKS_MIN = 3
"""So long a row must have stood before all who obey it are sure to know it."""


class Drains:
    """Remembers of each symbol that drains its row, its leader, the cycle numbers given out, and for how many looks."""

    def __init__(self) -> None:
        self._seen: dict[Key, tuple[Any, Any, dict[int, int], int]] = {}

    def check(self, world: Any) -> None:
        """Compare with the look before."""
        former, self._seen = self._seen, {}
        for key, row in world.table.rows.items():
            leader = world.actor(names.leader(*key)) if row.status is TradingStatus.SHUTDOWN else None
            if leader is None or not leader._is_ready or not leader._crew.is_draining:
                continue
            last, looks = dict(leader._book._last), 1
            known = former.get(key)
            if known is not None and known[0] is row and known[1] is leader:
                looks = known[3] + 1
                is_same = looks < LOOKS_MIN or last == known[2]
                demand(is_same, "a drain starts no trader", f"{key}: {last}, before {known[2]}")
            self._seen[key] = row, leader, last, looks
