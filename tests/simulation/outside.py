"""A world without actors, for tests of its parts: what is outside of a process, and what is opened from inside."""

from typing import TYPE_CHECKING

from naive_daemon.cache.memory import MemoryStore
from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.trading.desired_state import SettingsListenerOwner
from tests.simulation.agenda import Agenda
from tests.simulation.life import Life
from tests.simulation.odds import Fault, Odds
from tests.simulation.stores.cache import SimulatedCache
from tests.simulation.stores.journal import SimulatedJournal
from tests.simulation.stores.listener import SimulatedListener
from tests.simulation.stores.outages import Outages
from tests.simulation.stores.settings import SimulatedSettings
from tests.trading.table import Table

if TYPE_CHECKING:
    from naive_daemon.execution.journal_store import JournalEntry


class Outside:
    """All that outlives a process, and the life of the one that runs."""

    def __init__(self, *faults: Fault) -> None:
        self.clock = VirtualClock()
        self.agenda = Agenda(self.clock)
        self.odds = Odds(0, given=faults)
        self.outages = Outages(self.clock)
        self.books = MemoryJournal()
        self.held = MemoryStore()
        self.table = Table()
        self.told: list[JournalEntry] = []
        self.life = Life()

    def journal(self) -> SimulatedJournal:
        return SimulatedJournal(self.books, self.odds, self.outages, self.life, self.told.extend)

    def cache(self, queue_max: int = 100) -> SimulatedCache:
        return SimulatedCache(self.held, self.odds, self.outages, self.life, self.clock, queue_max=queue_max)

    def settings(self) -> SimulatedSettings:
        return SimulatedSettings(self.table, self.odds, self.outages, self.life)

    def listener(self, owner: SettingsListenerOwner) -> SimulatedListener:
        return SimulatedListener(self.table, owner, self.odds, self.agenda, self.outages, self.life)

    def restart(self) -> None:
        """Have a new process in place of the one that was."""
        self.life = Life()

    def wait(self, seconds: float) -> None:
        until_ns = self.clock.now_ns() + round(seconds * NS_PER_S)
        self.agenda.run_due()
        while (due_ns := self.agenda.due_ns) is not None and due_ns <= until_ns:
            self.clock.advance_to(due_ns)
            self.agenda.run_due()
        self.clock.advance_to(until_ns)


def fault(kind: str, place: str, number: int = 1, size: float = 0.5) -> Fault:
    return Fault(kind, place, number, size)
