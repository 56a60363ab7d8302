"""A connection to the PostgreSQL of a simulated world: what may become of a statement, whatever it says."""

from collections.abc import Callable
from typing import TypeVar

from naive_daemon.domain.errors import PermanentError, TransientError
from tests.simulation.life import Life
from tests.simulation.odds import Odds
from tests.simulation.stores.outages import POSTGRES, Outages

Answer = TypeVar("Answer")


class SimulatedConnection:
    """Fails as `storage.postgres.session.Session` does, which makes a new connection at the next use.

    - The server is *away*, as it is stopped, restarts or can not be reached: DatabaseAwayError at the new connection.
    - `refused`: what `storage.postgres.condition` calls retryable comes before the commit: the server ends the session,
      the statement takes too long, transactions are in each other's way. It is rolled back whole.
    - `crash`: it is refused for good, by a server that is out of order (class XX), say: rolled back, not retryable.
      `crash after`: the driver fails with what nobody has foreseen, and what was asked is committed.
    - `commit unanswered`: the connection is lost after the commit, before its answer came. All of it is there.
    - `death before` and `death after`: the process is killed on either side of the commit.
    """

    def __init__(self, odds: Odds, outages: Outages, life: Life) -> None:
        self._odds = odds
        self._outages = outages
        self._life = life

    def reach(self) -> None:
        """Be connected, or raise TransientError."""
        self._life.refuse_over()
        if self._outages.is_away(POSTGRES):
            raise TransientError("PostgreSQL does not let us in: connection refused")

    def ask(self, place: str) -> None:
        """Let a question through, or raise TransientError or PermanentError."""
        self.reach()
        if self._odds.strikes("refused", place) is not None:
            raise TransientError("PostgreSQL: terminating connection due to administrator command")
        if self._odds.strikes("crash", place) is not None:
            raise PermanentError("PostgreSQL: internal error")

    def commit(self, place: str, make: Callable[[], Answer]) -> Answer:
        """Make a change once, and say so; an error leaves open whether it was made. GoneError: we have died."""
        self.ask(place)
        strikes = self._odds.strikes
        if strikes("death before", place) is not None:
            self._die(f"killed before a commit: {place}")
        made = make()
        if strikes("death after", place) is not None:
            self._die(f"killed after a commit: {place}")
        if strikes("commit unanswered", place) is not None:
            raise TransientError("PostgreSQL: server closed the connection unexpectedly")
        if strikes("crash after", place) is not None:
            raise PermanentError("PostgreSQL: internal error")
        return made

    def _die(self, why: str) -> None:
        self._life.end(why)
        self._life.refuse_over()
