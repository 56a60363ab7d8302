"""A trial at rest: nothing trades, nothing is broken; then all who know of orders must know the same of them."""

import psycopg
import tenacity

from tests.e2e.books import Books, read
from tests.e2e.daemon import Daemon, eventually
from tests.e2e.place import Place
from tests.exchange.trial import Trial
from tests.state.cache_audit import cache_differences
from tests.state.continuity import steps_back
from tests.state.layout import Layout

TRADED_WITHIN_S = 90.0
ORDERS = "SELECT count(*) FROM orders"
SYMBOLS = """
SELECT s.symbol, s.status::text, coalesce(a.state, 'off'), coalesce(a.traders, 0), count(c.trader) FROM settings s
LEFT JOIN actual_states a ON a.account = s.account AND a.symbol = s.symbol
LEFT JOIN cycles c ON c.account = s.account AND c.symbol = s.symbol AND c.outcome IS NULL GROUP BY 1, 2, 3, 4
"""


class DaemonEndedError(Exception):
    """The daemon ended by itself; says what it said last."""


class Rest:
    """Looks at each rest whether everything agrees, and whether nothing has gone back since the one before."""

    def __init__(self, trial: Trial, layout: Layout) -> None:
        self._trial = trial
        self._layout = layout
        self._former: Books | None = None

    def come(self) -> Books:
        """Wait until all agree and every trader is there; nothing that was known before may have changed."""
        books = self._trial.await_agreement()
        for attempt in eventually():
            with attempt:
                off = self._look_at_symbols()
                books = Books(self._trial.place.url, fills_whole=False)
                differences = cache_differences(books, self._layout.redis_url(), off)
                assert not differences, "\n".join(differences)
        if self._former is not None:
            found = steps_back(self._former, books)
            assert not found, "\n".join(found)
        self._former = books
        return books

    def _look_at_symbols(self) -> list[str]:
        """Hold each symbol to what it shall be: one that is off has no trader, any other one for each open cycle.

        Gives those that are off.
        """
        rows = read(self._trial.place.url, SYMBOLS)
        assert len(rows) == len(self._trial.symbols), rows
        for symbol, wanted, state, running, opened in rows:
            assert state == wanted, f"{symbol} is {state}, and shall be {wanted}"
            assert running == (0 if state == "off" else opened), f"{symbol} has {running} traders of {opened} cycles"
        return [symbol for symbol, _, state, _, _ in rows if state == "off"]


def await_trade(daemon: Daemon, place: Place) -> None:
    """Wait until an order is journaled that was not there when the journal could be read again.

    The place's database may be away at first: its server was struck, and the daemon starts another.
    """
    known: int | None = None
    for attempt in tenacity.Retrying(
        retry=tenacity.retry_if_exception_type((AssertionError, psycopg.Error)),
        wait=tenacity.wait_fixed(0.05),
        stop=tenacity.stop_after_delay(TRADED_WITHIN_S),
        reraise=True,
    ):
        with attempt:
            if not daemon.is_running():
                raise DaemonEndedError(daemon.log.text()[-4000:])
            count = int(read(place.url, ORDERS)[0][0])
            known = count if known is None else known
            assert count > known, "nothing is traded"
