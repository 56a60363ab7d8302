"""A symbol may finish what is open and then stop: status `shutdown`."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A value that is added inside a transaction can not be used before its end: so this stands outside of any.
    with op.get_context().autocommit_block():
        op.execute("ALTER TYPE trading_status ADD VALUE IF NOT EXISTS 'shutdown'")


def downgrade() -> None:
    # PostgreSQL can not take a value out of an enum: the type is made again, and a drain becomes off.
    op.execute("ALTER TABLE settings ALTER status DROP DEFAULT")
    op.execute("ALTER TYPE trading_status RENAME TO trading_status_before")
    op.execute("CREATE TYPE trading_status AS ENUM ('on', 'off')")
    op.execute(
        "ALTER TABLE settings ALTER status TYPE trading_status "
        "USING (CASE status::text WHEN 'shutdown' THEN 'off' ELSE status::text END)::trading_status"
    )
    op.execute("ALTER TABLE settings ALTER status SET DEFAULT 'off'")
    op.execute("DROP TYPE trading_status_before")
