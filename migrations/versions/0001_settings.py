"""The settings: what is wanted of each (account, symbol)."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Operators write with plain SQL too, so the database itself keeps the time of the last change.
TOUCH = """
CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    status = postgresql.ENUM("on", "off", name="trading_status")
    status.create(op.get_bind())
    op.create_table(
        "settings",
        sa.Column("id", sa.BigInteger, nullable=False),
        sa.Column("account", sa.Text, server_default=sa.text("'main'"), nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column(
            "status",
            postgresql.ENUM(name="trading_status", create_type=False),
            server_default=sa.text("'off'"),
            nullable=False,
        ),
        sa.Column("chunks", sa.Integer, server_default=sa.text("5"), nullable=False),
        sa.Column("budget", sa.Numeric, server_default=sa.text("1000"), nullable=False),
        sa.Column("buy_down_interval", sa.Numeric, server_default=sa.text("0.0001"), nullable=False),
        sa.Column("profit_interval", sa.Numeric, server_default=sa.text("0.001"), nullable=False),
        sa.Column("rebuy_interval", sa.Numeric, server_default=sa.text("0.001"), nullable=False),
        sa.Column("strategy", sa.Text, server_default=sa.text("'naive'"), nullable=False),
        sa.Column("stop_orders", sa.Text, server_default=sa.text("'keep'"), nullable=False),
        sa.Column("shutdown_entries", sa.Text, server_default=sa.text("'keep'"), nullable=False),
        sa.Column("inserted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="settings_pkey"),
        sa.UniqueConstraint("account", "symbol", name="settings_account_symbol_key"),
        sa.CheckConstraint("account <> ''", op.f("settings_account_check")),
        sa.CheckConstraint(
            "symbol <> '' AND symbol = upper(symbol) AND symbol = btrim(symbol)", op.f("settings_symbol_check")
        ),
        sa.CheckConstraint("chunks BETWEEN 1 AND 10000", op.f("settings_chunks_check")),
        # NaN sorts above every number, so the upper bounds refuse it together with Infinity.
        sa.CheckConstraint("budget > 0 AND budget <= 1000000000000000", op.f("settings_budget_check")),
        sa.CheckConstraint(
            "buy_down_interval >= 0 AND buy_down_interval <= 0.99", op.f("settings_buy_down_interval_check")
        ),
        sa.CheckConstraint("profit_interval >= 0 AND profit_interval <= 0.99", op.f("settings_profit_interval_check")),
        sa.CheckConstraint("rebuy_interval >= 0 AND rebuy_interval <= 0.99", op.f("settings_rebuy_interval_check")),
        sa.CheckConstraint("strategy <> ''", op.f("settings_strategy_check")),
        sa.CheckConstraint("stop_orders IN ('keep', 'cancel')", op.f("settings_stop_orders_check")),
        sa.CheckConstraint("shutdown_entries IN ('keep', 'cancel')", op.f("settings_shutdown_entries_check")),
    )
    op.execute(TOUCH)
    op.execute(
        "CREATE TRIGGER settings_touch BEFORE UPDATE ON settings FOR EACH ROW EXECUTE FUNCTION touch_updated_at()"
    )


def downgrade() -> None:
    op.drop_table("settings")
    op.execute("DROP FUNCTION touch_updated_at")
    op.execute("DROP TYPE trading_status")
