"""What a cycle could not sell is given to a later one, unless the symbol's settings keep it where it is."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cycles", sa.Column("dust_in", sa.Numeric, server_default=sa.text("0"), nullable=False))
    op.add_column("settings", sa.Column("dust", sa.Text, server_default=sa.text("'sweep'"), nullable=False))
    op.create_check_constraint(op.f("settings_dust_check"), "settings", "dust IN ('sweep', 'keep')")


def downgrade() -> None:
    op.drop_constraint(op.f("settings_dust_check"), "settings")
    op.drop_column("settings", "dust")
    # What was given is taken off what the same cycle left: the sum stays that of what is there to give. Without that a
    # later upgrade would find all dust that was ever sold on the books once more, and sell what is not the daemon's.
    op.execute("UPDATE cycles SET dust_base = coalesce(dust_base, 0) - dust_in WHERE dust_in <> 0")
    op.drop_column("cycles", "dust_in")
