"""A trial at rest: nothing trades, nothing is broken; then all who know of orders must know the same of them."""

from tests.e2e.books import Books, read
from tests.e2e.daemon import eventually
from tests.exchange.trial import Trial
from tests.state.cache_audit import cache_differences
from tests.state.continuity import steps_back
from tests.state.layout import Layout

SYMBOLS = """
SELECT s.symbol, s.status::text, coalesce(a.state, 'off'), coalesce(a.traders, 0), count(c.trader) FROM settings s
LEFT JOIN actual_states a ON a.account = s.account AND a.symbol = s.symbol
LEFT JOIN cycles c ON c.account = s.account AND c.symbol = s.symbol AND c.outcome IS NULL GROUP BY 1, 2, 3, 4
"""


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
                self._look_at_symbols()
                books = Books(self._trial.place.url, fills_whole=False)
                differences = cache_differences(books, self._layout.redis_url())
                assert not differences, "\n".join(differences)
        if self._former is not None:
            found = steps_back(self._former, books)
            assert not found, "\n".join(found)
        self._former = books
        return books

    def _look_at_symbols(self) -> None:
        """Hold each symbol to what it shall be: one that is off has no trader, any other one for each open cycle."""
        rows = read(self._trial.place.url, SYMBOLS)
        assert len(rows) == len(self._trial.symbols), rows
        for symbol, wanted, state, running, opened in rows:
            assert state == wanted, f"{symbol} is {state}, and shall be {wanted}"
            assert running == (0 if state == "off" else opened), f"{symbol} has {running} traders of {opened} cycles"
