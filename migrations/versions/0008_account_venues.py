"""Where each account is traded: one place for ever, so that orders on paper never meet an exchange, nor the reverse."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account_venues",
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("inserted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("account", name="account_venues_pkey"),
        sa.CheckConstraint("account <> '' AND venue <> ''", op.f("account_venues_names_check")),
    )
    # Until now there was only paper.
    op.execute("INSERT INTO account_venues (account, venue) SELECT DISTINCT account, 'paper' FROM orders")


def downgrade() -> None:
    op.drop_table("account_venues")
