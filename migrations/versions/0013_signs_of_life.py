"""Starts become signs of life: a daemon gives one at its start and every few seconds, for a back-up taken meanwhile."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.alter_column("identity", "starts", new_column_name="signs")


def downgrade() -> None:
    op.alter_column("identity", "signs", new_column_name="starts")
