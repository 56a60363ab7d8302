"""How often a daemon has started, by which a restored back-up is known, and where cycle numbers go on after one."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("starts", "cycle_floor"):
        op.add_column("identity", sa.Column(name, sa.BigInteger, server_default=sa.text("0"), nullable=False))
    op.add_column(
        "account_venues", sa.Column("level_floor", sa.BigInteger, server_default=sa.text("0"), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("account_venues", "level_floor")
    for name in ("starts", "cycle_floor"):
        op.drop_column("identity", name)
