"""Running totals of the journal: what a start needs of all that is over, without reading it.

Triggers keep them, so that whoever writes orders, fills and cycles keeps them right, plain SQL too. There is none for
DELETE on purpose: what was counted stays counted when old rows are purged.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# Rows are locked in the order of their keys everywhere, so that two writers can not wait for each other.
ADD_NUMBERS = """
    INSERT INTO trader_numbers AS known (account, symbol, trader, last_cycle)
    SELECT account, symbol, trader, max(cycle) FROM {source} AS come
    WHERE NOT EXISTS (
        SELECT FROM trader_numbers AS n
        WHERE n.account = come.account AND n.symbol = come.symbol AND n.trader = come.trader
          AND n.last_cycle >= come.cycle)
    GROUP BY account, symbol, trader ORDER BY account, symbol, trader
    ON CONFLICT (account, symbol, trader) DO UPDATE SET last_cycle = greatest(known.last_cycle, excluded.last_cycle)
"""
ADD_ORDERS = """
    INSERT INTO order_totals AS known (account, orders)
    SELECT account, count(*) FROM {source} GROUP BY account ORDER BY account
    ON CONFLICT (account) DO UPDATE SET orders = known.orders + excluded.orders
"""
ADD_FILLS = """
    INSERT INTO fill_totals AS known (account, symbol, side, fills, filled, filled_quote)
    SELECT account, symbol, side, count(*), sum(quantity), sum(price * quantity) FROM {source}
    GROUP BY account, symbol, side ORDER BY account, symbol, side
    ON CONFLICT (account, symbol, side) DO UPDATE SET
        fills = known.fills + excluded.fills, filled = known.filled + excluded.filled,
        filled_quote = known.filled_quote + excluded.filled_quote
"""
ADD_COMMISSIONS = """
    INSERT INTO commission_totals AS known (account, asset, commission)
    SELECT account, commission_asset, sum(commission) FROM {source} WHERE commission <> 0
    GROUP BY account, commission_asset ORDER BY account, commission_asset
    ON CONFLICT (account, asset) DO UPDATE SET commission = known.commission + excluded.commission
"""
ADD_CYCLES = """
    INSERT INTO cycle_totals AS known (account, symbol, completed, realised_pnl, dust_base)
    SELECT account, symbol, sum(completed), sum(realised_pnl), sum(dust_base) FROM {source}
    GROUP BY account, symbol
    HAVING sum(completed) <> 0 OR sum(realised_pnl) <> 0 OR sum(dust_base) <> 0
    ORDER BY account, symbol
    ON CONFLICT (account, symbol) DO UPDATE SET
        completed = known.completed + excluded.completed, realised_pnl = known.realised_pnl + excluded.realised_pnl,
        dust_base = known.dust_base + excluded.dust_base
"""
# What each cycle adds to its symbol's totals. Dust that a cycle was given has left those it was from.
SHARES = """(
    SELECT account, symbol, (outcome IS NOT DISTINCT FROM 'completed')::int AS completed,
           coalesce(realised_pnl, 0) AS realised_pnl, coalesce(dust_base, 0) - dust_in AS dust_base
    FROM {source}) AS shares
"""
CHANGES = """(
    SELECT account, symbol, completed, realised_pnl, dust_base FROM {come}
    UNION ALL SELECT account, symbol, -completed, -realised_pnl, -dust_base FROM {gone}) AS changes
""".format(come=SHARES.format(source="come"), gone=SHARES.format(source="gone"))  # noqa: S608 - our own text
NUMBERS = """(
    SELECT account, symbol, trader, cycle FROM cycles
    UNION ALL SELECT account, symbol, trader, cycle FROM orders)
"""

# Numbers whose rows were purged are known to nothing but the totals: fresh cycles go on above all of them.
KEEP_NUMBERS = """
    UPDATE identity SET cycle_floor = greatest(cycle_floor, purged.last_cycle + 1)
    FROM (
        SELECT max(last_cycle) AS last_cycle FROM trader_numbers AS n
        WHERE NOT EXISTS (
            SELECT FROM cycles AS c
            WHERE (c.account, c.symbol, c.trader, c.cycle) = (n.account, n.symbol, n.trader, n.last_cycle))
          AND NOT EXISTS (
            SELECT FROM orders AS o
            WHERE (o.account, o.symbol, o.trader, o.cycle) = (n.account, n.symbol, n.trader, n.last_cycle))
    ) AS purged
    WHERE purged.last_cycle IS NOT NULL
"""

FUNCTIONS = {
    "total_orders": (ADD_ORDERS.format(source="come"), ADD_NUMBERS.format(source="come")),
    "total_fills": (ADD_FILLS.format(source="come"), ADD_COMMISSIONS.format(source="come")),
    "total_cycles": (ADD_CYCLES.format(source=SHARES.format(source="come")), ADD_NUMBERS.format(source="come")),
    "total_changed_cycles": (ADD_CYCLES.format(source=CHANGES),),
}
# Trigger, table, function, event, and the tables of rows that the function reads.
TRIGGERS = (
    ("orders_total", "orders", "total_orders", "INSERT", "NEW TABLE AS come"),
    ("fills_total", "fills", "total_fills", "INSERT", "NEW TABLE AS come"),
    ("cycles_total", "cycles", "total_cycles", "INSERT", "NEW TABLE AS come"),
    ("cycles_total_changed", "cycles", "total_changed_cycles", "UPDATE", "OLD TABLE AS gone NEW TABLE AS come"),
)
TOTALS = ("trader_numbers", "order_totals", "fill_totals", "commission_totals", "cycle_totals")


def upgrade() -> None:
    _create_totals()
    _fill_totals()
    for name, statements in FUNCTIONS.items():
        body = ";".join(statements)
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF EXISTS (SELECT FROM come) THEN {body}; END IF; RETURN NULL; END $$"
        )
    for trigger, table, function, event, rows in TRIGGERS:
        op.execute(
            f"CREATE TRIGGER {trigger} AFTER {event} ON {table} REFERENCING {rows} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )
    op.drop_index("cycles_finished", "cycles")
    op.create_index("orders_created", "orders", ["account", "created_ns"])
    for table in ("orders", "cycles"):
        # A tenth of a million dead rows is too many to wait for: the indexes of what is open would be full of them.
        op.execute(f"ALTER TABLE {table} SET (autovacuum_vacuum_scale_factor = 0.02)")


def _create_totals() -> None:
    op.create_table(
        "trader_numbers",
        *_names("account", "symbol"),
        sa.Column("trader", sa.Integer, nullable=False),
        sa.Column("last_cycle", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account", "symbol", "trader", name="trader_numbers_pkey"),
    )
    op.create_table(
        "order_totals",
        *_names("account"),
        sa.Column("orders", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("account", name="order_totals_pkey"),
    )
    op.create_table(
        "fill_totals",
        *_names("account", "symbol", "side"),
        sa.Column("fills", sa.BigInteger, nullable=False),
        sa.Column("filled", sa.Numeric, nullable=False),
        sa.Column("filled_quote", sa.Numeric, nullable=False),
        sa.PrimaryKeyConstraint("account", "symbol", "side", name="fill_totals_pkey"),
    )
    op.create_table(
        "commission_totals",
        *_names("account", "asset"),
        sa.Column("commission", sa.Numeric, nullable=False),
        sa.PrimaryKeyConstraint("account", "asset", name="commission_totals_pkey"),
    )
    op.create_table(
        "cycle_totals",
        *_names("account", "symbol"),
        sa.Column("completed", sa.BigInteger, nullable=False),
        sa.Column("realised_pnl", sa.Numeric, nullable=False),
        sa.Column("dust_base", sa.Numeric, nullable=False),
        sa.PrimaryKeyConstraint("account", "symbol", name="cycle_totals_pkey"),
    )
    for table in TOTALS:
        # Few rows that are written again and again: room for the next version of each stands beside it.
        op.execute(f"ALTER TABLE {table} SET (fillfactor = 50)")


def _names(*columns: str) -> list[sa.Column]:
    return [sa.Column(column, sa.Text, nullable=False) for column in columns]


def _fill_totals() -> None:
    op.execute(ADD_ORDERS.format(source="orders"))
    op.execute(ADD_NUMBERS.format(source=NUMBERS))
    op.execute(ADD_FILLS.format(source="fills"))
    op.execute(ADD_COMMISSIONS.format(source="fills"))
    op.execute(ADD_CYCLES.format(source=SHARES.format(source="cycles")))


def downgrade() -> None:
    op.execute(KEEP_NUMBERS)
    for table in ("orders", "cycles"):
        op.execute(f"ALTER TABLE {table} RESET (autovacuum_vacuum_scale_factor)")
    op.drop_index("orders_created", "orders")
    op.create_index(
        "cycles_finished",
        "cycles",
        ["account", "symbol"],
        postgresql_include=["outcome", "realised_pnl"],
        postgresql_where=sa.text("finished_ns IS NOT NULL"),
    )
    for trigger, table, *_ in TRIGGERS:
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    for table in TOTALS:
        op.drop_table(table)
