"""What the daemon says of itself and of its symbols, and the name that its orders carry."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "actual_states",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("traders", sa.Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("restarts", sa.Integer, server_default=sa.text("0"), nullable=False),
        sa.Column("last_error", sa.Text),
        sa.Column("retry_at", sa.DateTime(timezone=True)),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("account", "symbol", name="actual_states_pkey"),
    )
    op.execute(
        "CREATE TRIGGER actual_states_touch BEFORE UPDATE ON actual_states "
        "FOR EACH ROW EXECUTE FUNCTION touch_updated_at()"
    )
    op.create_table(
        "daemons",
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("feed", sa.Text, nullable=False),
        sa.Column("exchange", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("owner", name="daemons_pkey"),
    )
    op.create_table(
        "identity",
        sa.Column("id", sa.SmallInteger, server_default=sa.text("1"), nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("inserted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="identity_pkey"),
        sa.CheckConstraint("id = 1", op.f("identity_single_check")),
        sa.CheckConstraint("owner ~ '^[a-z2-7]{6}$'", op.f("identity_owner_check")),
    )


def downgrade() -> None:
    op.drop_table("identity")
    op.drop_table("daemons")
    op.drop_table("actual_states")
