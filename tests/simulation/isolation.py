"""A symbol's crash reaches no other: who stands above all of them goes on when only actors of symbols are struck."""

from typing import Any

from naive_daemon import names
from tests.simulation.violation import demand

OF_SYMBOLS = frozenset({"trader", "traders", "leader", "symbol"})
STRIKES = frozenset({"crash", "crash after", "kill", "stall", "stuck", "mishap"})
"""Kinds of faults that end or hold up a part of the daemon."""


class Isolation:
    """Compares the symbols' supervisor from one look to the next, and knows who was struck in a life."""

    def __init__(self) -> None:
        self._life: object = None
        self._above: object = None
        self._looked_at = 0
        self._struck: set[str] = set()

    def check(self, world: Any) -> None:
        """See that the supervisor of all symbols is as before, unless somebody else was struck in this life."""
        befallen = world.odds.befallen
        fresh = {fault.place for fault in befallen[self._looked_at :] if fault.kind in STRIKES}
        self._looked_at = len(befallen)
        above = None if world.system is None else world.system.whereis(names.SYMBOLS)
        is_same_life = world.life is self._life and world.system is not None
        self._struck = self._struck | fresh if is_same_life else fresh
        if is_same_life and self._above is not None and self._struck and self._struck <= OF_SYMBOLS:
            detail = f"struck: {sorted(self._struck)}"
            demand(above is self._above, "a symbol's crash reaches no other symbol", detail)
        self._life, self._above = world.life, above
