"""The metadata of accounts in Redis: what is said to be written is there, and what was known once is not forgotten."""

from typing import TYPE_CHECKING

from naive_daemon import names
from naive_daemon.account.metadata import SymbolMetadata
from naive_daemon.account.metadata_document import decode, key_of
from naive_daemon.account.metadata_keeper import MetadataState
from naive_daemon.cache import layout
from tests.simulation.promises.violation import demand
from tests.simulation.stores.outages import REDIS

if TYPE_CHECKING:
    from naive_daemon.account.metadata_keeper import MetadataKeeper
    from tests.simulation.world import World

EMPTIED = ("emptied", REDIS)
REFUSED = ("refused", "cache.key")
"""What is refused for what is under its key counts as written, and all is written again within a minute."""


class KeptMetadata:
    """Compares one look with the next. What is in a Redis that was emptied is known anew."""

    def __init__(self) -> None:
        self._looked_at = 0
        self._values: dict[str, bytes | None] = {}
        self._known: dict[str, dict[str, SymbolMetadata]] = {}
        self._doubted: set[str] = set()

    def check(self, world: "World") -> None:
        """Look at the document of each account."""
        befallen = world.odds.befallen
        fresh = {(fault.kind, fault.place) for fault in befallen[self._looked_at :]}
        self._looked_at = len(befallen)
        if EMPTIED in fresh:
            self._known.clear()
        if EMPTIED in fresh or REFUSED in fresh:
            self._doubted.update(world.plan.accounts)
        for account in world.plan.accounts:
            (value,) = world.store.values([layout.key_of(layout.GENERAL, key_of(account))])
            if value != self._values.get(account):
                self._values[account] = value
                self._take(account, {} if value is None else decode(account, value))
            self._hold(world, account)

    def _take(self, account: str, kept: dict[str, SymbolMetadata]) -> None:
        for symbol, known in self._known.get(account, {}).items():
            now = kept.get(symbol)
            is_there = now is not None and (now.last_closed_price is not None or known.last_closed_price is None)
            demand(is_there, "metadata is not forgotten", f"{account} {symbol}: {known} has become {now}")
        self._known[account] = kept

    def _hold(self, world: "World", account: str) -> None:
        """See that what is not said to wait is in Redis."""
        actor = world.actor(names.account(account))
        keeper: MetadataKeeper | None = None if actor is None else actor._keeper
        if keeper is None or keeper.health.state is not MetadataState.RESTORED or keeper.health.is_pending:
            return
        is_written = self._known.get(account, {}) == keeper._table.all()
        if is_written:
            self._doubted.discard(account)
        elif account not in self._doubted:  # else it was lost or refused, and that is not noticed yet
            detail = f"{account}: {self._known.get(account)} in Redis, {keeper._table.all()}"
            demand(is_written, "metadata that is said to be written is in Redis", detail)
