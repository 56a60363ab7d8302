"""Accounts that a daemon trades beside its configured one, where their credentials are, and how each of them is."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# What a row that goes would leave: symbols that are on without an account, orders that nobody looks after any more.
KEEP_TRADED = """
CREATE FUNCTION keep_traded_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM settings WHERE settings.account = OLD.account AND status <> 'off')
       OR EXISTS (SELECT FROM order_totals WHERE order_totals.account = OLD.account) THEN
        RAISE EXCEPTION 'account % has symbols that are on, or orders: its row stays under this name', OLD.account
            USING HINT = 'UPDATE accounts SET is_enabled = false ends its trading';
    END IF;
    RETURN coalesce(NEW, OLD);
END $$
"""

NOTIFIED = {"accounts": "naive_accounts", "account_conditions": "naive_actual"}


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("beside", sa.Text, nullable=False),
        sa.Column("credentials", sa.Text),
        sa.Column("is_enabled", sa.Boolean, server_default=sa.text("true"), nullable=False),
        sa.Column("inserted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("account", name="accounts_pkey"),
        sa.UniqueConstraint("credentials", name="accounts_credentials_key"),
        sa.CheckConstraint("account ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$'", op.f("accounts_account_check")),
        sa.CheckConstraint(
            "beside ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$' AND beside <> account", op.f("accounts_beside_check")
        ),
        # A reference, and nothing that could be the key itself.
        sa.CheckConstraint(
            "credentials ~ '^(env:[A-Za-z_][A-Za-z0-9_]*|credential:[A-Za-z0-9][A-Za-z0-9_.-]*|file:/.+)$' "
            "AND length(credentials) <= 4096",
            op.f("accounts_credentials_check"),
        ),
    )
    op.create_table(
        "account_conditions",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("daemon", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("retry_at", sa.DateTime(timezone=True)),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("account", "daemon", name="account_conditions_pkey"),
        sa.CheckConstraint("state IN ('opening', 'up', 'down', 'off')", op.f("account_conditions_state_check")),
    )
    op.execute(KEEP_TRADED)
    op.execute(
        "CREATE TRIGGER accounts_keep BEFORE DELETE OR UPDATE OF account ON accounts "
        "FOR EACH ROW EXECUTE FUNCTION keep_traded_account()"
    )
    for table, channel in NOTIFIED.items():
        op.execute(
            f"CREATE TRIGGER {table}_notify AFTER INSERT OR UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION notify_row_changed('{channel}')"
        )
        op.execute(
            f"CREATE TRIGGER {table}_touch BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION touch_updated_at()"
        )


def downgrade() -> None:
    op.drop_table("account_conditions")
    op.drop_table("accounts")
    op.execute("DROP FUNCTION keep_traded_account()")
