"""Notifications of the settings in a simulated world: they come later, and are lost with the connection."""

from collections.abc import Callable

from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.errors import TransientError
from naive_daemon.storage.postgres.notify import BACKOFF_MAX_S, BACKOFF_MIN_S, PROBE_INTERVAL_S, PROBE_TIMEOUT_S
from naive_daemon.trading.desired_state import SettingsListenerOwner
from tests.simulation.agenda import Agenda
from tests.simulation.life import Life
from tests.simulation.odds import Odds
from tests.simulation.stores.outages import POSTGRES, Outages
from tests.trading.table import Table, TableListener

UNNOTICED_S = PROBE_INTERVAL_S + PROBE_TIMEOUT_S
"""A dead connection is found out within that."""


class SimulatedListener:
    """Implements SettingsListener, and fails as `storage.postgres.notify.Listener` does, whose thread is the agenda.

    - `notice lost`: the connection is dead, and this notification and all later ones are lost with it. That is found
      out by a probe up to 15 s later; then it connects again, after a pause that doubles, and has everything read.
    - The server is away when somebody notifies: found out at once, and connected again as soon as it is back.
    - `refused` at `listener.connect`: no connection is to be had this time.
    - `late`: the connection is frozen for up to 15 s; what is told comes later, and in order.
    - `duplicate`: the same is told twice, as of a row that was written twice.
    - `crash`: the thread dies of what nobody has foreseen.
    """

    def __init__(  # noqa: PLR0917 - the parts of a world
        self, table: Table, owner: SettingsListenerOwner, odds: Odds, agenda: Agenda, outages: Outages, life: Life
    ) -> None:
        self._table = table
        self._agenda = agenda
        self._odds = odds
        self._outages = outages
        self._life = life
        self._owner = owner
        self._session: TableListener | None = None
        self._has_told_lost = False
        self._is_stopped = False
        self._backoff_s = BACKOFF_MIN_S
        self._since_ns: int | None = None
        self._free_at_ns = 0

    def start(self) -> None:
        """Connect, soon."""
        self._later(0.0, self._connect)

    def stop(self) -> None:
        """Hear nothing any more; may be called twice."""
        self._is_stopped = True
        self._hang_up()

    # The owner of its session in the table ----------------------------------------------------------------------------

    def listening(self) -> None:
        """Have everything read: from now on every change is told."""
        self._owner.listening()

    def notified(self, channel: str, payload: str) -> None:
        """Bring a notification on its way, unless it is lost."""
        if self._is_over:
            self._hang_up()
        elif self._outages.is_away(POSTGRES):
            self._lose(0.0)
        elif (size := self._odds.strikes("notice lost", "notice")) is not None:
            self._lose(size * UNNOTICED_S)
        elif self._odds.strikes("crash", "listener") is not None:
            self.stop()
            self._agenda.after(0.0, self._end)
        else:
            self._send(channel, payload)

    def connection_lost(self, error: TransientError) -> None:
        """Nothing: a table does not lose one."""

    def listener_ended(self) -> None:
        """Nothing: a table's does not end."""

    # Its thread -------------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        if self._outages.is_away(POSTGRES) or self._odds.strikes("refused", "listener.connect") is not None:
            self._try_again()
            return
        self._has_told_lost = False
        self._since_ns = self._free_at_ns = self._agenda.now_ns()
        self._session = self._table.listen(self)
        self._session.start()

    def _send(self, channel: str, payload: str) -> None:
        session, now_ns = self._session, self._agenda.now_ns()

        def deliver() -> None:
            if self._session is session:
                self._owner.notified(channel, payload)

        late = self._odds.strikes("late", "notice") or 0.0
        self._free_at_ns = max(self._free_at_ns, now_ns + round(late * UNNOTICED_S * NS_PER_S))
        for _ in range(1 if self._odds.strikes("duplicate", "notice") is None else 2):
            self._later((self._free_at_ns - now_ns) / NS_PER_S, deliver)

    def _lose(self, unnoticed_s: float) -> None:
        self._hang_up()
        self._later(unnoticed_s, self._try_again)

    def _try_again(self) -> None:
        if not self._has_told_lost:
            self._has_told_lost = True
            self._owner.connection_lost(TransientError("PostgreSQL: connection lost"))
        if self._since_ns is not None and self._agenda.now_ns() - self._since_ns > BACKOFF_MAX_S * NS_PER_S:
            self._backoff_s = BACKOFF_MIN_S
        self._since_ns = None
        self._later(self._backoff_s, self._connect)
        self._backoff_s = min(self._backoff_s * 2, BACKOFF_MAX_S)

    def _end(self) -> None:
        if not self._life.is_over:
            self._owner.listener_ended()

    def _hang_up(self) -> None:
        if self._session is not None:
            self._session.stop()
            self._session = None

    def _later(self, delay_s: float, do: Callable[[], None]) -> None:
        self._agenda.after(delay_s, lambda: None if self._is_over else do())

    @property
    def _is_over(self) -> bool:
        return self._is_stopped or self._life.is_over
