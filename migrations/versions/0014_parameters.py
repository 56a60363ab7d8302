"""A strategy may have settings of its own: an object of texts beside those that all strategies have."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("settings", sa.Column("parameters", JSONB, server_default=sa.text("'{}'::jsonb"), nullable=False))
    op.create_check_constraint(op.f("settings_parameters_check"), "settings", "jsonb_typeof(parameters) = 'object'")


def downgrade() -> None:
    op.drop_constraint(op.f("settings_parameters_check"), "settings")
    op.drop_column("settings", "parameters")
