"""A symbol's crash reaches no other: who stands above all of them goes on when only actors of symbols are struck."""

from typing import TYPE_CHECKING, Any

from naive_daemon import names
from tests.simulation.violation import demand

if TYPE_CHECKING:
    from naive_daemon.otp import Ref

OF_SYMBOLS = frozenset({"trader", "traders", "leader", "symbol"})


class Isolation:
    """Compares the symbols' supervisor from one look to the next."""

    def __init__(self) -> None:
        self._life: object = None
        self._above: Ref | None = None

    def check(self, world: Any) -> None:
        """See that the supervisor of all symbols is the same as before, unless anybody above was struck meanwhile."""
        struck = world.actor_faults.struck
        above = None if world.system is None else world.system.whereis(names.SYMBOLS)
        if world.life is self._life and self._above is not None and world.system is not None:
            places = {place for _, place in struck}  # all of this life: what was struck earlier may still spread
            only_symbols = bool(places) and places <= OF_SYMBOLS
            goes_on = above is self._above or not only_symbols
            demand(goes_on, "a symbol's crash reaches no other symbol", f"struck: {sorted(places)}")
        self._life, self._above = world.life, above
