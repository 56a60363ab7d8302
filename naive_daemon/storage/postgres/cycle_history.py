"""What a report reads of the journal: ended cycles as a stream, the open ones, and last prices.

Nothing is held but what one fetch brings, so a journal of years costs a report time and no memory.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, text

from naive_daemon.domain.cycle import CycleOutcome
from naive_daemon.domain.money import EXACT
from naive_daemon.domain.order import CycleKey
from naive_daemon.report.maker import LastPrice
from naive_daemon.report.traded import TradedCycle
from naive_daemon.storage.postgres.engine import begin

_FETCH_ROWS = 5_000
LAST_FILL = "last fill"

# An order's row has what its fills sum up to, so that fills need not be read. Where no order is left, the averages of
# the cycle's own row stand in.
_CYCLES = """
SELECT c.symbol, c.trader, c.cycle, c.budget, coalesce(o.started_ns, LEAST(c.started_ns, c.finished_ns)) AS started_ns,
       c.finished_ns, c.outcome, c.fees, c.dust_in,
       coalesce(c.dust_base, 0) AS dust_base, coalesce(c.realised_pnl, 0) AS realised_pnl,
       coalesce(o.bought, c.bought, 0) AS bought, coalesce(o.sold, c.sold, 0) AS sold,
       coalesce(o.bought_quote, c.bought * c.buy_price, 0) AS bought_quote,
       coalesce(o.sold_quote, c.sold * c.sell_price, 0) AS sold_quote, o.entered_ns, o.exited_ns
FROM cycles AS c CROSS JOIN LATERAL (
    SELECT min(created_ns) AS started_ns,
           sum(filled) FILTER (WHERE side = 'BUY') AS bought, sum(filled) FILTER (WHERE side = 'SELL') AS sold,
           sum(filled_quote) FILTER (WHERE side = 'BUY') AS bought_quote,
           sum(filled_quote) FILTER (WHERE side = 'SELL') AS sold_quote,
           min(updated_ns) FILTER (WHERE side = 'BUY' AND filled > 0) AS entered_ns,
           max(updated_ns) FILTER (WHERE side = 'SELL' AND filled > 0) AS exited_ns
    FROM orders
    WHERE account = c.account AND symbol = c.symbol AND trader = c.trader AND cycle = c.cycle) AS o
WHERE c.account = :account AND (:every OR c.symbol = ANY(:symbols))
"""
_ENDED = f"""{_CYCLES}
AND c.finished_ns IS NOT NULL AND c.finished_ns >= :since_ns AND c.finished_ns < :until_ns
ORDER BY c.finished_ns, c.symbol, c.trader, c.cycle
"""
_OPEN = f"{_CYCLES} AND c.finished_ns IS NULL"
_OPEN_FEES = """
SELECT o.symbol, o.trader, o.cycle, paid.key AS asset, sum(paid.value::numeric) AS amount
FROM cycles AS c JOIN orders AS o USING (account, symbol, trader, cycle), jsonb_each_text(o.commissions) AS paid
WHERE c.account = :account AND (:every OR c.symbol = ANY(:symbols)) AND c.finished_ns IS NULL
GROUP BY o.symbol, o.trader, o.cycle, paid.key
"""
_LAST_FILLS = """
SELECT DISTINCT ON (symbol) symbol, price, time_ns FROM fills
WHERE account = :account AND symbol = ANY(:symbols) ORDER BY symbol, time_ns DESC, trade_id DESC
"""
_SYMBOLS = "SELECT DISTINCT symbol FROM cycles WHERE account = :account"
_FIRST_NS, _LAST_NS = 0, 2**63 - 1


class CycleHistory:
    """Reads an account's cycles, of `symbols` or of all. Every method raises DatabaseAwayError."""

    def __init__(self, engine: Engine, account: str, symbols: Sequence[str] = ()) -> None:
        self._engine = engine
        self._chosen = {"account": account, "symbols": list(symbols), "every": not symbols}

    def symbols(self) -> frozenset[str]:
        """Name the symbols that the account has cycles of."""
        with begin(self._engine) as connection:
            return frozenset(connection.execute(text(_SYMBOLS), self._chosen).scalars())

    def ended(self, since_ns: int | None = None, until_ns: int | None = None) -> Iterator[TradedCycle]:
        """Give the cycles that ended at `since_ns` or later and before `until_ns` (UTC), in the order of their ends."""
        span = {
            "since_ns": _FIRST_NS if since_ns is None else since_ns,
            "until_ns": _LAST_NS if until_ns is None else until_ns,
        }
        with begin(self._engine) as connection:
            _plan_plainly(connection)
            rows = connection.execution_options(yield_per=_FETCH_ROWS).execute(text(_ENDED), {**self._chosen, **span})
            for row in rows:
                yield _cycle(str(self._chosen["account"]), row, _amounts(row.fees))

    def opened(self) -> tuple[TradedCycle, ...]:
        """Give the cycles that have not ended, by their keys."""
        account = str(self._chosen["account"])
        fees: dict[CycleKey, dict[str, Decimal]] = {}
        with begin(self._engine) as connection:
            for row in connection.execute(text(_OPEN_FEES), self._chosen):
                fees.setdefault(_key(account, row), {})[row.asset] = row.amount
            found = [_cycle(account, row, {}) for row in connection.execute(text(_OPEN), self._chosen)]
        whole = (msgspec.structs.replace(cycle, fees=fees.get(cycle.key, {})) for cycle in found)
        return tuple(sorted(whole, key=lambda cycle: cycle.key))

    def last_fills(self, symbols: Sequence[str]) -> dict[str, LastPrice]:
        """Give the price of the last fill of each symbol."""
        given = {**self._chosen, "symbols": list(symbols)}
        with begin(self._engine) as connection:
            rows = connection.execute(text(_LAST_FILLS), given)
            return {row.symbol: LastPrice(row.price, row.time_ns, LAST_FILL) for row in rows}


def _plan_plainly(connection: Connection) -> None:
    """Have nothing compiled for the statement: that takes longer than it saves."""
    connection.execute(text("SET LOCAL jit = off"))


def _key(account: str, row: Any) -> CycleKey:
    return CycleKey(account, row.symbol, row.trader, row.cycle)


def _cycle(account: str, row: Any, fees: dict[str, Decimal]) -> TradedCycle:
    return TradedCycle(
        key=_key(account, row),
        budget=row.budget,
        started_ns=row.started_ns,
        entered_ns=row.entered_ns,
        exited_ns=row.exited_ns,
        finished_ns=row.finished_ns,
        outcome=None if row.outcome is None else CycleOutcome(row.outcome),
        bought=row.bought,
        sold=row.sold,
        bought_quote=row.bought_quote,
        sold_quote=row.sold_quote,
        fees=fees,
        dust_in=row.dust_in,
        dust_base=row.dust_base,
        realised_pnl=row.realised_pnl,
    )


def _amounts(fees: dict[str, str] | None) -> dict[str, Decimal]:
    return {asset: EXACT.create_decimal(amount) for asset, amount in (fees or {}).items()}
