"""What operators want and what is so, as control reads and writes it. Owned by control's thread."""

from collections.abc import Sequence

import msgspec
from psycopg.rows import TupleRow

from naive_daemon.clock import to_datetime
from naive_daemon.domain.settings import RestingOrders, SymbolSettings, TradeSettings, TradingStatus
from naive_daemon.storage.postgres.session import Session
from naive_daemon.storage.postgres.text import storable_or_none
from naive_daemon.trading.desired_state import ActualState

_LOAD = """
SELECT s.account, s.symbol, s.status, s.chunks, s.budget, s.buy_down_interval, s.profit_interval, s.rebuy_interval,
       s.strategy, s.stop_orders, s.shutdown_entries
FROM settings AS s LEFT JOIN actual_states AS a USING (account, symbol)
WHERE s.status <> 'off' OR a.account IS NOT NULL
ORDER BY s.account, s.symbol
"""

_DRAINED = "UPDATE settings SET status = 'off' WHERE account = %s AND symbol = %s AND status = 'shutdown'"

_SET_STATUS = """
INSERT INTO settings (account, symbol, status) VALUES (%s, %s, %s::trading_status)
ON CONFLICT (account, symbol) DO UPDATE SET status = excluded.status
"""

_RECORD = """
INSERT INTO actual_states (account, symbol, state, traders, restarts, last_error, retry_at)
SELECT account, symbol, state, traders, restarts, last_error, retry_at
FROM json_to_recordset(%s::json) AS r(
    account text, symbol text, state text, traders int, restarts int, last_error text, retry_at timestamptz)
ON CONFLICT (account, symbol) DO UPDATE SET
    state = excluded.state, traders = excluded.traders, restarts = excluded.restarts,
    last_error = excluded.last_error, retry_at = excluded.retry_at
"""


_FORGET = "UPDATE actual_states SET state = 'off', traders = 0, retry_at = NULL WHERE account = %s AND state <> 'off'"


class PostgresDesiredState:
    """Implements DesiredStateStore on one connection. Not for use by two threads at once.

    Every method raises TransientError when the database is away, and connects again at its next use.
    """

    def __init__(self, url: str) -> None:
        self._session = Session(url)

    def load_settings(self) -> Sequence[SymbolSettings]:
        """Read the rows of all symbols whose status is not off, and of all that have an actual state."""
        with self._session.connection() as connection:
            return [_settings(row) for row in connection.execute(_LOAD)]

    def drained(self, account: str, symbol: str) -> None:
        """Turn the status from shutdown to off; a status that was changed meanwhile stays."""
        with self._session.connection() as connection:
            connection.execute(_DRAINED, (account, symbol))

    def record_actual(self, states: Sequence[ActualState]) -> None:
        """Write all states in one transaction, the last one of each symbol, and notify `naive_actual` of each.

        `retry_at_ns` is only shown to people and is floored to microseconds.
        """
        if not states:
            return
        rows = {(state.account, state.symbol): _actual_row(state) for state in states}
        with self._session.connection() as connection:
            connection.execute(_RECORD, (msgspec.json.encode(list(rows.values())).decode(),))

    def forget_actual(self, account: str) -> None:
        """Say that nothing runs: before a daemon's first word of its own, and after its last."""
        with self._session.connection() as connection:
            connection.execute(_FORGET, (account,))

    def set_status(self, account: str, symbol: str, status: TradingStatus) -> None:
        """Set the desired status; a symbol without a row gets one with the defaults."""
        with self._session.connection() as connection:
            connection.execute(_SET_STATUS, (account, symbol, status.value))

    def close(self) -> None:
        """Give up the connection; may be called twice."""
        self._session.close()

    def end(self) -> None:
        """Close for good, from any thread, also while another one uses it; may be called twice."""
        self._session.end()


def _settings(row: TupleRow) -> SymbolSettings:
    account, symbol, status, chunks, budget, buy_down, profit, rebuy, strategy, stop_orders, shutdown_entries = row
    return SymbolSettings(
        account=account,
        symbol=symbol,
        status=TradingStatus(status),
        trade=TradeSettings(
            chunks=chunks,
            budget=budget,
            buy_down_interval=buy_down,
            profit_interval=profit,
            rebuy_interval=rebuy,
            strategy=strategy,
        ),
        stop_orders=RestingOrders(stop_orders),
        shutdown_entries=RestingOrders(shutdown_entries),
    )


def _actual_row(state: ActualState) -> dict[str, object]:
    return {
        "account": state.account,
        "symbol": state.symbol,
        "state": state.state,
        "traders": state.traders,
        "restarts": state.restarts,
        "last_error": storable_or_none(state.last_error),
        "retry_at": None if state.retry_at_ns is None else to_datetime(state.retry_at_ns),
    }
