"""Which symbols the daemon has confirmed to place no entry of: from then on none may come, until one is started again.

Confirmed is what the daemon itself has written as the actual state, of the very revision of the row that wanted it. An
entry that was decided on a trade of before then may still be on its way to the journal.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.settings import SymbolSettings, TradeSettings, TradingStatus
from naive_daemon.execution.client import SEND_WITHIN_S
from naive_daemon.otp.clock import Clock
from naive_daemon.trading.desired_state import ActualState
from tests.simulation.promises.prints import Prints
from tests.trading.table import Key, Table

CLOSED = ("off", "drained", "shutdown")
BEHIND_S = 60
"""So long after a start, what is committed may be of the drain before it: a journal may be behind (seed 640052)."""

K = TypeVar("K")


class Heard(dict[K, Any], Generic[K]):
    """A table's rows, with somebody who hears of each that is written."""

    def __init__(self, rows: dict[K, Any], hear: Callable[[K, Any], None]) -> None:
        super().__init__(rows)
        self._hear = hear

    def __setitem__(self, key: K, row: Any) -> None:
        self._hear(key, row)
        super().__setitem__(key, row)


class Closings:
    """Hears of every row and of every actual state that is written in a table. `shown`: the daemon's clock."""

    def __init__(self, table: Table, prints: Prints, shown: Clock) -> None:
        self._prints = prints
        self._shown = shown
        self._table = table
        self._closed_ns: dict[Key, int] = {}
        self._closed_by_clock_ns: dict[Key, int] = {}
        self._closed_s: dict[Key, float] = {}
        self._behind_ns: dict[Key, int] = {}
        self.settings: dict[Key, list[TradeSettings]] = {}
        self.open: dict[Key, int] = {}
        for key, row in table.rows.items():
            self._note_settings(key, row)
        table.rows = Heard(table.rows, self._take_row)
        table.actual = Heard(table.actual, self._take_actual)

    def forbids(self, key: Key, decided_ns: int) -> bool:
        """Say whether an entry that was decided at that time of the market must not be."""
        closed_ns = self._closed_ns.get(key)
        return closed_ns is not None and decided_ns > closed_ns

    def forbids_cycle(self, key: Key, started_ns: int) -> bool:
        """Say whether a cycle that was begun then, by the daemon's clock, must not be.

        One from the future was begun before that clock was set back: nobody knows when.
        """
        closed_ns = self._closed_by_clock_ns.get(key)
        return closed_ns is not None and closed_ns < started_ns <= self._shown.now_ns()

    def lets_leave(self, key: Key) -> bool:
        """Say whether an entry may still leave: what was on its way may, as long as it may wait to be sent."""
        closed_s = self._closed_s.get(key)
        return closed_s is None or self._shown.monotonic_s() <= closed_s + SEND_WITHIN_S

    def is_stopped(self, account: str) -> bool:
        """Say whether the daemon has confirmed a kill switch that is on."""
        switch = self._table.safeguards.kill_switch
        return switch.is_on and self._table.kill_switch_seen.get(account) == switch.revision

    def is_current(self, revision: int) -> bool:
        """Say whether a kill switch of this revision is on now."""
        switch = self._table.safeguards.kill_switch
        return switch.is_on and switch.revision == revision

    def chunks_min(self, key: Key) -> int:
        """Give how many traders there are at least while a symbol is on; 0 where that is not certain."""
        return 0 if key not in self.open else min(settings.chunks for settings in self.settings[key])

    def _take_row(self, key: Key, row: SymbolSettings) -> None:
        self._note_settings(key, row)
        was = self._table.rows.get(key)
        if row.status is not TradingStatus.ON:
            self.open.pop(key, None)
        elif was is not None and was.status is not TradingStatus.ON:
            self._closed_ns.pop(key, None)
            self._closed_by_clock_ns.pop(key, None)
            self._closed_s.pop(key, None)
            self._behind_ns[key] = self._prints.last_ns + BEHIND_S * NS_PER_S

    def _take_actual(self, key: Key, actual: ActualState) -> None:
        row = self._table.rows.get(key)
        is_answer = row is None or row.revision == actual.revision
        is_wanted = row is not None and row.status is TradingStatus.ON
        if actual.state != "on" or not is_wanted:
            self.open.pop(key, None)
        elif is_answer and self._prints.last_ns >= self._behind_ns.get(key, 0):
            self.open.setdefault(key, self._prints.last_ns)
        if is_answer and actual.state in CLOSED and not is_wanted:
            self._closed_ns.setdefault(key, self._prints.last_ns)
            self._closed_by_clock_ns.setdefault(key, self._shown.now_ns())
            self._closed_s.setdefault(key, self._shown.monotonic_s())

    def _note_settings(self, key: Key, row: SymbolSettings) -> None:
        ever = self.settings.setdefault(key, [])
        if row.trade not in ever:
            ever.append(row.trade)
