"""The doubles of the simulation as the contract suites use them: sound, or failing at every turn and asked again."""

from collections.abc import Callable
from typing import Any

import pytest

from naive_daemon.cache.database import CacheDatabase
from naive_daemon.cache.memory import MemoryStore
from naive_daemon.clock import VirtualClock
from naive_daemon.domain.errors import TransientError
from naive_daemon.execution.journal_store import JournalStore
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.storage.postgres.journal import PostgresJournal
from naive_daemon.trading.desired_state import DesiredStateStore
from tests.simulation.life import Life
from tests.simulation.odds import Fault, Odds
from tests.simulation.stores.cache import SimulatedCache
from tests.simulation.stores.journal import SimulatedJournal
from tests.simulation.stores.outages import Outages
from tests.simulation.stores.settings import SimulatedSettings
from tests.trading.table import Table

ATTEMPTS_MAX = 10
PLACES = (
    *("journal.write", "journal.load", "journal.lock", "journal.keep"),
    *("settings.read", "settings.write", "settings.drained"),
)
EVERY_OTHER = [
    Fault(kind, place, number, 0.5)
    for kind in ("refused", "commit unanswered")
    for place in PLACES
    for number in range(1, 400, 2)
]
"""Each statement is refused at first, and each commit is made once without an answer, and then again."""


class _Insistent:
    """Asks a store again when it fails for a while, as its actor does."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)

        def ask(*arguments: Any) -> Any:
            for _ in range(ATTEMPTS_MAX):
                try:
                    return method(*arguments)
                except TransientError:
                    continue
            raise AssertionError(f"{name} fails for ever")

        return ask


def _insistent(store: Any) -> Any:
    return _Insistent(store)


def journal_of(request: pytest.FixtureRequest) -> JournalStore:
    """Open the journal that a test's parameter names: `postgres`, `memory`, or one of the simulation's."""
    if request.param == "postgres":
        return PostgresJournal(request.getfixturevalue("migrated_url"))
    return MemoryJournal() if request.param == "memory" else journals(request.param)()


def journals(kind: str) -> Callable[[], JournalStore]:
    """Give what opens the simulation's journal again and again on the same books: `simulated`, or `failing`."""
    books, odds = MemoryJournal(), odds_of(kind)

    def opened() -> JournalStore:
        journal: JournalStore = SimulatedJournal(books, odds, Outages(VirtualClock()), Life(), lambda _: None)
        return _insistent(journal) if kind == "failing" else journal

    return opened


def settings_of(table: Table, kind: str) -> DesiredStateStore:
    """Give the simulation's store of settings."""
    settings: DesiredStateStore = SimulatedSettings(table, odds_of(kind), Outages(VirtualClock()), Life())
    return _insistent(settings) if kind == "failing" else settings


def odds_of(kind: str) -> Odds:
    return Odds(0, given=EVERY_OTHER if kind == "failing" else ())


def simulated_cache(held: MemoryStore) -> CacheDatabase:
    """Open the simulation's cache on what its Redis holds."""
    clock = VirtualClock()
    return SimulatedCache(held, odds_of("simulated"), Outages(clock), Life(), clock)
