"""Which symbols are streamed and recorded without being traded."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    postgresql.ENUM("on", "off", name="streaming_status").create(op.get_bind())
    op.create_table(
        "streaming_settings",
        sa.Column("id", sa.BigInteger, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column(
            "status",
            postgresql.ENUM(name="streaming_status", create_type=False),
            server_default=sa.text("'off'"),
            nullable=False,
        ),
        sa.Column("inserted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="streaming_settings_pkey"),
        sa.UniqueConstraint("symbol", name="streaming_settings_symbol_key"),
        sa.CheckConstraint(
            "symbol <> '' AND symbol = upper(symbol) AND symbol = btrim(symbol)",
            op.f("streaming_settings_symbol_check"),
        ),
    )
    op.execute(
        "CREATE TRIGGER streaming_settings_touch BEFORE UPDATE ON streaming_settings "
        "FOR EACH ROW EXECUTE FUNCTION touch_updated_at()"
    )


def downgrade() -> None:
    op.drop_table("streaming_settings")
    op.execute("DROP TYPE streaming_status")
