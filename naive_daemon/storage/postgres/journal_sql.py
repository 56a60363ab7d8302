"""The journal's SQL: one statement, and so one transaction and one round trip, for each thing that it does.

Rows go in as one JSON array for each table; PostgreSQL reads decimals from text, so they stay exact. `write` needs each
key once (an upsert can not touch a row twice); `journal` folds entries of the same key before. Its conditions are those
of `is_stale_order` and `merge_cycle`, those of `_kept` are those of `kept_orders`, and the contract tests hold both to
the same behaviour.

Nothing that is loaded at a start reads what is over: sums and numbers come from the totals that triggers keep.
"""

from functools import cache

from naive_daemon.execution.journal_store import REFUSALS_KEPT_MAX

_WRITE = {
    "orders": """
INSERT INTO orders AS known (
    client_order_id, account, symbol, trader, cycle, side, attempt, price, quantity, status, filled, filled_quote,
    commissions, exchange_order_id, reason, created_ns, updated_ns)
SELECT client_order_id, account, symbol, trader, cycle, side, attempt, price, quantity, status, filled,
       filled_quote, commissions, exchange_order_id, reason, created_ns, updated_ns
FROM json_to_recordset(%(orders)s::json) AS r(
    client_order_id text, account text, symbol text, trader int, cycle bigint, side text, attempt int,
    price numeric, quantity numeric, status text, filled numeric, filled_quote numeric, commissions jsonb,
    exchange_order_id text, reason text, created_ns bigint, updated_ns bigint)
ON CONFLICT (client_order_id) DO UPDATE SET
    status = excluded.status, filled = excluded.filled, filled_quote = excluded.filled_quote,
    commissions = excluded.commissions, exchange_order_id = excluded.exchange_order_id,
    reason = excluded.reason, updated_ns = excluded.updated_ns
WHERE CASE
    WHEN known.status IN ('filled', 'cancelled', 'expired', 'rejected')
        THEN excluded.status IN ('filled', 'cancelled', 'expired', 'rejected') AND excluded.filled > known.filled
    WHEN excluded.status = 'in_flight' AND known.status <> 'in_flight' THEN false
    ELSE excluded.filled >= known.filled END
""",
    "fills": """
INSERT INTO fills (
    account, symbol, trade_id, client_order_id, exchange_order_id, side, price, quantity, commission,
    commission_asset, is_maker, time_ns)
SELECT account, symbol, trade_id, client_order_id, exchange_order_id, side, price, quantity, commission,
       commission_asset, is_maker, time_ns
FROM json_to_recordset(%(fills)s::json) AS r(
    account text, symbol text, trade_id text, client_order_id text, exchange_order_id text, side text,
    price numeric, quantity numeric, commission numeric, commission_asset text, is_maker boolean, time_ns bigint)
ON CONFLICT (account, symbol, trade_id, client_order_id) DO NOTHING
""",
    "cycles": """
INSERT INTO cycles AS known (
    account, symbol, trader, cycle, budget, fee, settings, started_ns, rebuy_reported, dust_in, outcome,
    finished_ns, bought, sold, buy_price, sell_price, fees, realised_pnl, dust_base)
SELECT account, symbol, trader, cycle, budget, fee, settings, started_ns, rebuy_reported, dust_in, outcome,
       finished_ns, bought, sold, buy_price, sell_price, fees, realised_pnl, dust_base
FROM json_to_recordset(%(cycles)s::json) AS r(
    account text, symbol text, trader int, cycle bigint, budget numeric, fee numeric, settings jsonb,
    started_ns bigint, rebuy_reported boolean, dust_in numeric, outcome text, finished_ns bigint,
    bought numeric, sold numeric, buy_price numeric, sell_price numeric, fees jsonb, realised_pnl numeric,
    dust_base numeric)
ON CONFLICT (account, symbol, trader, cycle) DO UPDATE SET
    budget = excluded.budget, fee = excluded.fee, settings = excluded.settings, started_ns = excluded.started_ns,
    rebuy_reported = known.rebuy_reported OR excluded.rebuy_reported, dust_in = excluded.dust_in,
    outcome = excluded.outcome,
    finished_ns = excluded.finished_ns, bought = excluded.bought, sold = excluded.sold,
    buy_price = excluded.buy_price, sell_price = excluded.sell_price, fees = excluded.fees,
    realised_pnl = excluded.realised_pnl, dust_base = excluded.dust_base
WHERE known.finished_ns IS NULL OR excluded.finished_ns IS NOT NULL
""",
}


@cache
def write(tables: tuple[str, ...]) -> str:
    """Give the one statement that writes rows of these tables, at least one; one without rows costs time, too."""
    *others, last = tables
    written = ", ".join(f"written_{table} AS ({_WRITE[table]})" for table in others)
    return f"WITH {written} {_WRITE[last]}" if others else _WRITE[last]


_ORDER = """
    o.client_order_id, o.account, o.symbol, o.trader, o.cycle, o.side, o.attempt, o.price, o.quantity, o.status,
    o.filled, o.filled_quote, o.commissions, o.exchange_order_id, o.reason, o.created_ns, o.updated_ns,
    ARRAY(SELECT trade_id FROM fills WHERE fills.client_order_id = o.client_order_id) AS trade_ids
"""

_WAS_REFUSED = "(o.status = 'rejected' AND o.filled = 0)"


def _kept(source: str) -> str:
    """Give the query of those orders `o` of a source that are kept of their cycles."""
    return f"""
        SELECT {_ORDER} FROM (
            SELECT o.*, row_number() OVER (
                PARTITION BY o.symbol, o.trader, o.cycle, o.side, {_WAS_REFUSED} ORDER BY o.attempt DESC) AS place
            FROM {source}) AS o
        WHERE NOT {_WAS_REFUSED} OR o.place <= {REFUSALS_KEPT_MAX}"""


_OF_OPEN_CYCLES = "cycles AS c JOIN orders AS o USING (account, symbol, trader, cycle) WHERE c.finished_ns IS NULL"
_KEPT_OF_ACCOUNT = _kept(f"{_OF_OPEN_CYCLES} AND c.account = %(account)s")
_KEPT_OF_SYMBOL = _kept(f"{_OF_OPEN_CYCLES} AND c.account = asked.account AND c.symbol = asked.symbol")
_KEPT_OF_CYCLE = _kept(
    "orders AS o WHERE (o.account, o.symbol, o.trader, o.cycle) "
    "= (asked.account, asked.symbol, asked.trader, asked.cycle)"
)

# One row for each (account, symbol) that is asked for, in the order in which they are asked for.
LOAD_SYMBOLS = f"""
SELECT
    (SELECT coalesce(json_agg(c ORDER BY c.trader, c.cycle), '[]')::text FROM (
        SELECT account, symbol, trader, cycle, budget, fee, settings, started_ns, rebuy_reported, dust_in
        FROM cycles
        WHERE account = asked.account AND symbol = asked.symbol AND finished_ns IS NULL) AS c),
    (SELECT coalesce(json_agg(o ORDER BY o.created_ns, o.client_order_id), '[]')::text FROM ({_KEPT_OF_SYMBOL}) AS o),
    (SELECT coalesce(json_object_agg(trader, last_cycle), '{{}}')::text FROM trader_numbers AS n
        WHERE n.account = asked.account AND n.symbol = asked.symbol),
    coalesce(t.completed, 0), coalesce(t.realised_pnl, 0), coalesce(t.dust_base, 0)
FROM ROWS FROM (json_to_recordset(%(keys)s::json) AS (account text, symbol text)) WITH ORDINALITY
    AS asked(account, symbol, place)
LEFT JOIN cycle_totals AS t USING (account, symbol)
ORDER BY asked.place
"""

LOAD_CYCLES = f"""
SELECT (
    SELECT coalesce(json_agg(o ORDER BY o.created_ns, o.client_order_id), '[]')::text FROM ({_KEPT_OF_CYCLE}) AS o)
FROM ROWS FROM (json_to_recordset(%(keys)s::json) AS (account text, symbol text, trader int, cycle bigint))
    WITH ORDINALITY AS asked(account, symbol, trader, cycle, place)
ORDER BY asked.place
"""

LOAD_ORDERS = f"""
SELECT coalesce(json_agg(o ORDER BY o.created_ns, o.client_order_id), '[]')::text FROM (
    SELECT {_ORDER} FROM orders AS o WHERE client_order_id = ANY(%(ids)s)) AS o
"""

LOAD_ACCOUNT = f"""
SELECT
    (SELECT coalesce(json_agg(o ORDER BY o.created_ns, o.client_order_id), '[]')::text FROM (
        SELECT {_ORDER} FROM orders AS o
        WHERE account = %(account)s AND status IN ('in_flight', 'unknown', 'open', 'partly_filled')) AS o),
    (SELECT coalesce(json_agg(t ORDER BY t.symbol, t.side), '[]')::text FROM (
        SELECT symbol, side, filled, filled_quote FROM fill_totals WHERE account = %(account)s) AS t),
    (SELECT coalesce(json_object_agg(asset, commission::text), '{{}}')::text
        FROM commission_totals WHERE account = %(account)s),
    (SELECT coalesce(sum(orders), 0)::bigint FROM order_totals WHERE account = %(account)s),
    (SELECT coalesce(sum(fills), 0)::bigint FROM fill_totals WHERE account = %(account)s)
"""

LOAD_RISK = f"""
SELECT
    (SELECT coalesce(json_agg(o ORDER BY o.created_ns, o.client_order_id), '[]')::text FROM ({_KEPT_OF_ACCOUNT}) AS o),
    (SELECT coalesce(json_object_agg(symbol, realised_pnl::text), '{{}}')::text FROM (
        SELECT symbol, sum(realised_pnl) AS realised_pnl
        FROM cycles WHERE account = %(account)s AND finished_ns >= %(since_ns)s GROUP BY symbol) AS ended),
    ARRAY(SELECT created_ns FROM orders
        WHERE account = %(account)s AND created_ns >= %(sent_since_ns)s ORDER BY created_ns)
"""

HISTORY = f"""
SELECT
    (SELECT coalesce(json_agg(o ORDER BY o.created_ns, o.client_order_id), '[]')::text FROM (
        SELECT {_ORDER} FROM orders AS o WHERE account = %(account)s) AS o),
    (SELECT coalesce(json_agg(c ORDER BY c.symbol, c.trader, c.cycle), '[]')::text FROM (
        SELECT account, symbol, trader, cycle, budget, fee, settings, started_ns, rebuy_reported, dust_in, outcome,
               finished_ns, bought, sold, buy_price, sell_price, fees, realised_pnl, dust_base
        FROM cycles WHERE account = %(account)s) AS c)
"""
