"""The journal: trade cycles, their orders, and the fills of these."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _at(name: str, nanoseconds: str) -> sa.Column:
    # Integer division floors to microseconds, and a double holds those exactly until the year 2255.
    seconds = f"({nanoseconds} / 1000)::double precision / (1000000)::double precision"
    return sa.Column(name, sa.DateTime(timezone=True), sa.Computed(f"to_timestamp({seconds})", persisted=True))


def upgrade() -> None:
    _create_cycles()
    _create_orders()
    _create_fills()


def _create_cycles() -> None:
    op.create_table(
        "cycles",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("trader", sa.Integer, nullable=False),
        sa.Column("cycle", sa.BigInteger, nullable=False),
        sa.Column("budget", sa.Numeric, nullable=False),
        sa.Column("fee", sa.Numeric, nullable=False),
        sa.Column("settings", JSONB, nullable=False),
        sa.Column("rebuy_reported", sa.Boolean, server_default=sa.text("false"), nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("bought", sa.Numeric),
        sa.Column("sold", sa.Numeric),
        sa.Column("buy_price", sa.Numeric),
        sa.Column("sell_price", sa.Numeric),
        sa.Column("fees", JSONB),
        sa.Column("realised_pnl", sa.Numeric),
        sa.Column("dust_base", sa.Numeric),
        sa.Column("started_ns", sa.BigInteger, nullable=False),
        sa.Column("finished_ns", sa.BigInteger),
        _at("started_at", "started_ns"),
        _at("finished_at", "finished_ns"),
        sa.PrimaryKeyConstraint("account", "symbol", "trader", "cycle", name="cycles_pkey"),
        sa.CheckConstraint("outcome IN ('completed', 'abandoned')", op.f("cycles_outcome_check")),
        sa.CheckConstraint("(outcome IS NULL) = (finished_ns IS NULL)", op.f("cycles_ended_check")),
    )
    op.create_index("cycles_open", "cycles", ["account", "symbol"], postgresql_where=sa.text("finished_ns IS NULL"))
    op.create_index(
        "cycles_finished",
        "cycles",
        ["account", "symbol"],
        postgresql_include=["outcome", "realised_pnl"],
        postgresql_where=sa.text("finished_ns IS NOT NULL"),
    )


def _create_orders() -> None:
    op.create_table(
        "orders",
        sa.Column("client_order_id", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("trader", sa.Integer, nullable=False),
        sa.Column("cycle", sa.BigInteger, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("leg", sa.Text, sa.Computed('lower("left"(side, 1)) || attempt::text', persisted=True)),
        sa.Column("type", sa.Text, server_default=sa.text("'LIMIT'"), nullable=False),
        sa.Column("price", sa.Numeric, nullable=False),
        sa.Column("quantity", sa.Numeric, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("filled", sa.Numeric, server_default=sa.text("0"), nullable=False),
        sa.Column("filled_quote", sa.Numeric, server_default=sa.text("0"), nullable=False),
        sa.Column(
            "average_price", sa.Numeric, sa.Computed("filled_quote / NULLIF(filled, 0::numeric)", persisted=True)
        ),
        sa.Column("commissions", JSONB, server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("exchange_order_id", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("created_ns", sa.BigInteger, nullable=False),
        sa.Column("updated_ns", sa.BigInteger, nullable=False),
        _at("created_at", "created_ns"),
        _at("updated_at", "GREATEST(created_ns, updated_ns)"),
        sa.PrimaryKeyConstraint("client_order_id", name="orders_pkey"),
        sa.CheckConstraint("side IN ('BUY', 'SELL')", op.f("orders_side_check")),
        sa.CheckConstraint(
            "status IN ('in_flight', 'unknown', 'open', 'partly_filled', 'filled', 'cancelled', 'expired', 'rejected')",
            op.f("orders_status_check"),
        ),
        sa.CheckConstraint("price > 0 AND price < 'Infinity'::numeric", op.f("orders_price_check")),
        sa.CheckConstraint("quantity > 0 AND quantity < 'Infinity'::numeric", op.f("orders_quantity_check")),
        sa.CheckConstraint("filled >= 0 AND filled < 'Infinity'::numeric", op.f("orders_filled_check")),
    )
    op.create_index("orders_leg", "orders", ["account", "symbol", "trader", "cycle", "side", "attempt"], unique=True)
    op.create_index(
        "orders_live",
        "orders",
        ["account", "symbol"],
        postgresql_where=sa.text("status IN ('in_flight', 'unknown', 'open', 'partly_filled')"),
    )


def _create_fills() -> None:
    op.create_table(
        "fills",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("trade_id", sa.Text, nullable=False),
        sa.Column("client_order_id", sa.Text, nullable=False),
        sa.Column("exchange_order_id", sa.Text),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("price", sa.Numeric, nullable=False),
        sa.Column("quantity", sa.Numeric, nullable=False),
        sa.Column("commission", sa.Numeric, server_default=sa.text("0"), nullable=False),
        sa.Column("commission_asset", sa.Text, nullable=False),
        sa.Column("is_maker", sa.Boolean, nullable=False),
        sa.Column("time_ns", sa.BigInteger, nullable=False),
        _at("traded_at", "time_ns"),
        sa.PrimaryKeyConstraint("account", "symbol", "trade_id", name="fills_pkey"),
        sa.ForeignKeyConstraint(["client_order_id"], ["orders.client_order_id"], name="fills_client_order_id_fkey"),
        sa.CheckConstraint("price > 0 AND price < 'Infinity'::numeric", op.f("fills_price_check")),
        sa.CheckConstraint("quantity > 0 AND quantity < 'Infinity'::numeric", op.f("fills_quantity_check")),
    )
    op.create_index("fills_order", "fills", ["client_order_id"])


def downgrade() -> None:
    op.drop_table("fills")
    op.drop_table("orders")
    op.drop_table("cycles")
