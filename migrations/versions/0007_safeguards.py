"""What an account may risk, the kill switch and who obeys it, and why a symbol's entries wait."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Any writer counts as one, plain SQL too: who waits for a daemon to obey waits for a number, which can not be mistaken.
GUARD = """
CREATE FUNCTION guard_kill_switch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        RAISE EXCEPTION 'the kill switch has one row for ever: set is_on to false instead';
    END IF;
    NEW.revision := OLD.revision + 1;
    RETURN NEW;
END $$
"""
NOTIFIED = {"risk_limits": "naive_safeguards", "kill_switch": "naive_safeguards", "kill_switch_seen": "naive_actual"}
TOUCHED = ("risk_limits", "kill_switch", "kill_switch_seen")


def upgrade() -> None:
    _create_limits()
    _create_kill_switch()
    for table, channel in NOTIFIED.items():
        op.execute(
            f"CREATE TRIGGER {table}_notify AFTER INSERT OR UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION notify_row_changed('{channel}')"
        )
    for table in TOUCHED:
        op.execute(
            f"CREATE TRIGGER {table}_touch BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION touch_updated_at()"
        )
    op.add_column("actual_states", sa.Column("held", sa.Text))
    op.create_index(
        "cycles_ended",
        "cycles",
        ["account", "finished_ns"],
        postgresql_include=["symbol", "realised_pnl"],
        postgresql_where=sa.text("finished_ns IS NOT NULL"),
    )


def _create_limits() -> None:
    op.create_table(
        "risk_limits",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("max_open_orders", sa.Integer),
        sa.Column("max_symbol_at_risk", sa.Numeric),
        sa.Column("max_account_at_risk", sa.Numeric),
        sa.Column("max_orders_per_min", sa.Integer),
        sa.Column("max_daily_loss", sa.Numeric),
        sa.Column("inserted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("account", name="risk_limits_pkey"),
        sa.CheckConstraint("account <> ''", op.f("risk_limits_account_check")),
        sa.CheckConstraint("max_open_orders BETWEEN 0 AND 1000000", op.f("risk_limits_max_open_orders_check")),
        # NaN sorts above every number, so the upper bounds refuse it together with Infinity.
        sa.CheckConstraint(
            "max_symbol_at_risk > 0 AND max_symbol_at_risk <= 1000000000000000",
            op.f("risk_limits_max_symbol_at_risk_check"),
        ),
        sa.CheckConstraint(
            "max_account_at_risk > 0 AND max_account_at_risk <= 1000000000000000",
            op.f("risk_limits_max_account_at_risk_check"),
        ),
        sa.CheckConstraint("max_orders_per_min BETWEEN 1 AND 1000000", op.f("risk_limits_max_orders_per_min_check")),
        sa.CheckConstraint(
            "max_daily_loss > 0 AND max_daily_loss <= 1000000000000000", op.f("risk_limits_max_daily_loss_check")
        ),
    )


def _create_kill_switch() -> None:
    op.create_table(
        "kill_switch",
        sa.Column("id", sa.SmallInteger, server_default=sa.text("1"), nullable=False),
        sa.Column("is_on", sa.Boolean, server_default=sa.text("false"), nullable=False),
        sa.Column("cancel", sa.Text, server_default=sa.text("'nothing'"), nullable=False),
        sa.Column("reason", sa.Text, server_default=sa.text("''"), nullable=False),
        sa.Column("revision", sa.BigInteger, server_default=sa.text("0"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="kill_switch_pkey"),
        sa.CheckConstraint("id = 1", op.f("kill_switch_single_check")),
        sa.CheckConstraint("cancel IN ('nothing', 'entries')", op.f("kill_switch_cancel_check")),
    )
    op.create_table(
        "kill_switch_seen",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("account", name="kill_switch_seen_pkey"),
    )
    op.execute("INSERT INTO kill_switch DEFAULT VALUES")
    op.execute(GUARD)
    op.execute(
        "CREATE TRIGGER kill_switch_guard BEFORE UPDATE OR DELETE ON kill_switch "
        "FOR EACH ROW EXECUTE FUNCTION guard_kill_switch()"
    )
    op.execute(
        "CREATE TRIGGER kill_switch_guard_all BEFORE TRUNCATE ON kill_switch "
        "FOR EACH STATEMENT EXECUTE FUNCTION guard_kill_switch()"
    )


def downgrade() -> None:
    op.drop_index("cycles_ended", "cycles")
    op.drop_column("actual_states", "held")
    op.drop_table("kill_switch_seen")
    op.drop_table("kill_switch")
    op.drop_table("risk_limits")
    op.execute("DROP FUNCTION guard_kill_switch")
