"""A symbol's crash reaches no other, nor costs it more than it must, when only actors of symbols are struck.

Who stands above all of them goes on, and a symbol starts again by itself as often as it may before it is quarantined.
"""

from typing import Any, NamedTuple

from naive_daemon import names
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.settings import SymbolSettings, TradingStatus
from tests.simulation.promises.violation import demand
from tests.simulation.stores.outages import POSTGRES
from tests.trading.table import Key

OF_SYMBOLS = frozenset({"trader", "traders", "leader", "symbol"})
HARMLESS = frozenset({"feed", "watchman", "player", "control"})
"""They are asked nothing by those who start a symbol, and are started again beside it."""

OVER_SYMBOLS = HARMLESS | {"switches"}
"""They stop symbols and start them, and what runs goes on without them."""
SWITCHES_MAX = 5
"""When they die more often, the supervisor of all trading is started anew, with all symbols (seed 1320)."""

DID_NOT_START = ("did not start", "shutdown(failed_to_start_child")
"""What crashes before it has started once is not started again by its supervisor (OTP; seed 4002645)."""

STRIKES = frozenset({"crash", "crash after", "kill", "stall", "stuck", "mishap"})
"""Kinds of faults that end or hold up a part of the daemon."""


class _Run(NamedTuple):
    """What runs of a symbol that is wanted, and what it runs for: what is wanted of it and of its account.

    `is_on`: the switches know that it is wanted, and its leader has said that it trades.
    """

    tree: object
    row: SymbolSettings
    account: object
    account_row: AccountSettings | None
    is_on: bool

    def is_stopped(self, now: "_Run | None") -> bool:
        """Say whether it runs no more, though it is wanted as before."""
        if now is None or not self.is_on or self.tree is None:
            return False
        is_enabled = self.account_row is None or self.account_row.is_enabled
        is_wanted = now.row is self.row and now.account is self.account and now.account_row is self.account_row
        return is_wanted and is_enabled and now.tree is not self.tree


def _running(world: Any) -> dict[Key, _Run]:
    system, table, switches = world.system, world.table, world.actor(names.SWITCHES)
    if system is None:
        return {}
    runs = {}
    for key, row in table.rows.items():
        if row.status is TradingStatus.ON:
            known = None if switches is None else switches._symbols.get(key)
            tree = system.whereis(names.symbol_supervisor(*key))
            is_revoked = key[0] in world.exchange.revoked
            account = None if is_revoked else system.whereis(names.account_supervisor(key[0]))
            is_on = known is not None and known.settings == row and known.state == "on"
            # One that is older than its account's tree is stopped, as soon as the switches hear that that began anew.
            is_on &= tree is not None and account is not None and account.number < tree.number
            runs[key] = _Run(tree, row, account, table.accounts.get(key[0]), is_on)
    return runs


class Isolation:
    """Compares the symbols' supervisor from one look to the next, and knows who was struck in a life."""

    def __init__(self) -> None:
        self._life: object = None
        self._above: object = None
        self._running: dict[Key, _Run] = {}
        self._looked_at = 0
        self._struck: list[str] = []
        self._is_hindered = False

    def check(self, world: Any) -> None:
        """See that those above and beside are as before, unless somebody else was struck in this life."""
        befallen = world.odds.befallen
        fresh, self._looked_at = befallen[self._looked_at :], len(befallen)
        above = None if world.system is None else world.system.whereis(names.SYMBOLS)
        is_same_life = world.life is self._life and world.system is not None
        if not is_same_life:
            self._struck, self._is_hindered = [], False
        self._struck += [fault.place for fault in fresh if fault.kind in STRIKES and fault.kind != "mishap"]
        self._is_hindered |= world.outages.is_away(POSTGRES) or any(
            fault.place.startswith("journal.") for fault in fresh
        )
        strikes = [*self._struck, *world.actor_faults.struck_by_mishap]
        struck = set(strikes)
        if is_same_life and self._above is not None and struck and struck <= OF_SYMBOLS:
            detail = f"struck: {sorted(struck)}"
            demand(above is self._above, "a symbol's crash reaches no other symbol", detail)
        if world.system is not None and not self._is_hindered and struck <= OF_SYMBOLS | HARMLESS:
            self._see_quarantined(world, strikes)
        running = _running(world)
        if is_same_life and struck <= OVER_SYMBOLS and strikes.count("switches") <= SWITCHES_MAX:
            stopped = [key for key, before in self._running.items() if before.is_stopped(running.get(key))]
            demand(not stopped, "a symbol that is wanted is stopped by nobody", f"{stopped}, struck: {sorted(struck)}")
        self._life, self._above, self._running = world.life, above, running

    def _see_quarantined(self, world: Any, struck: list[str]) -> None:
        """See that nothing is quarantined that may crash once more."""
        switches = world.actor(names.SWITCHES)
        crashes = sum(place in OF_SYMBOLS for place in struck)
        if switches is None or "symbol" in struck or crashes > world.plan.restarts:
            return
        symbols = [(key, str(one.last_error)) for key, one in switches._symbols.items() if one.state == "quarantined"]
        quarantined = {key: error for key, error in symbols if not error.startswith(DID_NOT_START)}
        detail = f"{quarantined}, struck: {struck}, {world.plan.restarts} restarts"
        demand(not quarantined, "a symbol starts again before it is quarantined", detail)
