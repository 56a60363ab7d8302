"""Before which moment old orders were purged: what an exchange still tells of them is no order that was lost."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "order_totals", sa.Column("purged_before_ns", sa.BigInteger, server_default=sa.text("0"), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("order_totals", "purged_before_ns")
