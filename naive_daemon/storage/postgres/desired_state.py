"""What operators want and what is so, as control reads and writes it. Owned by control's thread."""

from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg.rows import TupleRow

from naive_daemon.clock import to_datetime
from naive_daemon.domain.account import AccountCondition, AccountSettings
from naive_daemon.domain.limits import KillCancel, KillSwitch, RiskLimits, Safeguards
from naive_daemon.domain.settings import Dust, RestingOrders, SymbolSettings, TradeSettings, TradingStatus
from naive_daemon.storage.postgres.parameters import to_pairs
from naive_daemon.storage.postgres.session import Session
from naive_daemon.storage.postgres.text import storable_or_none
from naive_daemon.trading.desired_state import ActualState

# The server makes texts of whatever somebody wrote into the parameters: one row too deep for our decoder would keep
# all others from being read.
_LOAD = """
SELECT s.account, s.symbol, s.status, s.chunks, s.budget, s.buy_down_interval, s.profit_interval, s.rebuy_interval,
       s.strategy, s.dust, (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each_text(s.parameters)),
       s.stop_orders, s.shutdown_entries, s.revision
FROM settings AS s LEFT JOIN actual_states AS a USING (account, symbol)
WHERE s.status <> 'off' OR s.revision > 0 OR s.stop_orders = 'cancel' OR a.account IS NOT NULL
ORDER BY s.account, s.symbol
"""

_DRAINED = (
    "UPDATE settings SET status = 'off' WHERE account = %s AND symbol = %s AND status = 'shutdown' AND revision = %s"
)

_RECORD = """
INSERT INTO actual_states (account, symbol, state, traders, restarts, last_error, retry_at, held, revision)
SELECT account, symbol, state, traders, restarts, last_error, retry_at, held, revision
FROM json_to_recordset(%s::json) AS r(
    account text, symbol text, state text, traders int, restarts int, last_error text, retry_at timestamptz, held text,
    revision bigint)
ON CONFLICT (account, symbol) DO UPDATE SET
    state = excluded.state, traders = excluded.traders, restarts = excluded.restarts,
    last_error = excluded.last_error, retry_at = excluded.retry_at, held = excluded.held,
    revision = excluded.revision
"""


_FORGET = """
WITH ours AS (SELECT %(daemon)s AS account UNION SELECT account FROM accounts WHERE beside = %(daemon)s),
     unsaid AS (DELETE FROM account_conditions WHERE daemon = %(daemon)s),
     forgotten AS (DELETE FROM kill_switch_seen WHERE account IN (SELECT account FROM ours))
UPDATE actual_states SET state = 'off', traders = 0, retry_at = NULL, held = NULL
WHERE account IN (SELECT account FROM ours) AND (state <> 'off' OR held IS NOT NULL)
"""

_ACCOUNTS = "SELECT account, beside, credentials, is_enabled, revision FROM accounts WHERE beside = %s ORDER BY account"

# Silent where nothing has changed, as for the kill switch.
_RECORD_CONDITIONS = """
INSERT INTO account_conditions AS known (account, daemon, state, reason, retry_at, revision)
SELECT account, %s, state, reason, retry_at, revision
FROM json_to_recordset(%s::json) AS r(account text, state text, reason text, retry_at timestamptz, revision bigint)
ON CONFLICT (account, daemon) DO UPDATE SET
    state = excluded.state, reason = excluded.reason, retry_at = excluded.retry_at, revision = excluded.revision
WHERE (known.state, known.reason, known.retry_at, known.revision)
    IS DISTINCT FROM (excluded.state, excluded.reason, excluded.retry_at, excluded.revision)
"""

# One row for each account with limits; one without an account where no account has any.
_SAFEGUARDS = """
SELECT k.is_on, k.cancel, k.reason, k.revision,
       l.account, l.max_open_orders, l.max_symbol_at_risk, l.max_account_at_risk, l.max_orders_per_min, l.max_daily_loss
FROM kill_switch AS k LEFT JOIN risk_limits AS l ON true
"""

# Silent when it is known already: nobody is told of what has not changed.
_CONFIRM = """
INSERT INTO kill_switch_seen AS seen (account, revision) VALUES (%s, %s)
ON CONFLICT (account) DO UPDATE SET revision = excluded.revision WHERE seen.revision <> excluded.revision
"""


class PostgresDesiredState:
    """Implements DesiredStateStore on one connection. Not for use by two threads at once.

    Every method raises TransientError when the database is away, and connects again at its next use. `daemon` is the
    configured account of the daemon that speaks: accounts that were added beside another are none of its business.
    """

    def __init__(self, url: str, daemon: str = "main") -> None:
        self._session = Session(url)
        self._daemon = daemon

    def load_settings(self) -> Sequence[SymbolSettings]:
        """Read the rows of all symbols ever switched, or with an actual state, or to leave no order resting."""
        with self._session.connection() as connection:
            return [_settings(row) for row in connection.execute(_LOAD)]

    def load_safeguards(self) -> Safeguards:
        """Read the kill switch and all limits, as of one moment."""
        with self._session.connection() as connection:
            rows = connection.execute(_SAFEGUARDS).fetchall()
        is_on, cancel, reason, revision = rows[0][:4]
        limits = {account: _limits(values) for _, _, _, _, account, *values in rows if account is not None}
        switch = KillSwitch(is_on=is_on, cancel=KillCancel(cancel), reason=reason, revision=revision)
        return Safeguards(kill_switch=switch, limits=limits)

    def load_accounts(self) -> Sequence[AccountSettings]:
        """Read all accounts that there shall be beside the configured one, those that are not enabled too."""
        with self._session.connection() as connection:
            rows = connection.execute(_ACCOUNTS, (self._daemon,)).fetchall()
        return [
            AccountSettings(name=name, beside=beside, credentials=where, is_enabled=enabled, revision=revision)
            for name, beside, where, enabled, revision in rows
        ]

    def record_account_conditions(self, conditions: Sequence[AccountCondition]) -> None:
        """Write all conditions in one transaction, the last one of each account, and notify `naive_actual` of news.

        `retry_at_ns` is only shown to people and is floored to microseconds.
        """
        if not conditions:
            return
        rows = {condition.account: _condition_row(condition) for condition in conditions}
        with self._session.connection() as connection:
            encoded = msgspec.json.encode(list(rows.values())).decode()
            connection.execute(_RECORD_CONDITIONS, (self._daemon, encoded))

    def confirm_kill_switch(self, account: str, revision: int) -> None:
        """Note that the account obeys this revision of the kill switch, and notify `naive_actual` if that is news."""
        with self._session.connection() as connection:
            connection.execute(_CONFIRM, (account, revision))

    def drained(self, account: str, symbol: str, revision: int) -> None:
        """Turn the status from shutdown to off; one that was said anew meanwhile, which `revision` tells, stays."""
        with self._session.connection() as connection:
            connection.execute(_DRAINED, (account, symbol, revision))

    def record_actual(self, states: Sequence[ActualState]) -> None:
        """Write all states in one transaction, the last one of each symbol, and notify `naive_actual` of each.

        `retry_at_ns` is only shown to people and is floored to microseconds.
        """
        if not states:
            return
        rows = {(state.account, state.symbol): _actual_row(state) for state in states}
        with self._session.connection() as connection:
            connection.execute(_RECORD, (msgspec.json.encode(list(rows.values())).decode(),))

    def forget_actual(self) -> None:
        """Say that nothing runs or obeys: before a daemon's first word of its own, and after its last.

        Of the configured account and those beside it; what other daemons say stays.
        """
        with self._session.connection() as connection:
            connection.execute(_FORGET, {"daemon": self._daemon})

    def close(self) -> None:
        """Give up the connection; may be called twice."""
        self._session.close()

    def end(self) -> None:
        """Close for good, from any thread, also while another one uses it; may be called twice."""
        self._session.end()


def _settings(row: TupleRow) -> SymbolSettings:
    account, symbol, status, chunks, budget, buy_down, profit, rebuy, strategy, dust, parameters, *others = row
    stop_orders, shutdown_entries, revision = others
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
            dust=Dust(dust),
            parameters=to_pairs(parameters),
        ),
        stop_orders=RestingOrders(stop_orders),
        shutdown_entries=RestingOrders(shutdown_entries),
        revision=revision,
    )


def _limits(values: Sequence[Any]) -> RiskLimits:
    open_orders, symbol_at_risk, account_at_risk, orders_per_min, daily_loss = values
    return RiskLimits(
        max_open_orders=open_orders,
        max_symbol_at_risk=symbol_at_risk,
        max_account_at_risk=account_at_risk,
        max_orders_per_min=orders_per_min,
        max_daily_loss=daily_loss,
    )


def _actual_row(state: ActualState) -> dict[str, object]:
    return {
        "account": state.account,
        "symbol": state.symbol,
        "state": state.state,
        "traders": state.traders,
        "restarts": state.restarts,
        "last_error": storable_or_none(state.last_error),
        "held": storable_or_none(state.held),
        "revision": state.revision,
        "retry_at": None if state.retry_at_ns is None else to_datetime(state.retry_at_ns),
    }


def _condition_row(condition: AccountCondition) -> dict[str, object]:
    return {
        "account": condition.account,
        "state": condition.state,
        "reason": storable_or_none(condition.reason),
        "retry_at": None if condition.retry_at_ns is None else to_datetime(condition.retry_at_ns),
        "revision": condition.revision,
    }
