"""Each change of a symbol's switch has a number of its own, which the daemon says with what it does about it."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# Any writer counts, plain SQL too, and a number never comes again, also not in a row that was deleted and written anew.
NUMBER = """
CREATE FUNCTION number_switch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := nextval('settings_revision');
    RETURN NEW;
END $$
"""
SWITCHED = {"INSERT": "NEW.status <> 'off'", "UPDATE": "NEW.status <> OLD.status"}


def upgrade() -> None:
    for table in ("settings", "actual_states"):
        op.add_column(table, sa.Column("revision", sa.BigInteger, server_default=sa.text("0"), nullable=False))
    op.execute("CREATE SEQUENCE settings_revision OWNED BY settings.revision")
    op.execute(NUMBER)
    for event, condition in SWITCHED.items():
        op.execute(
            f"CREATE TRIGGER settings_number_{event.lower()} BEFORE {event} ON settings "
            f"FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION number_switch()"
        )


def downgrade() -> None:
    for event in SWITCHED:
        op.execute(f"DROP TRIGGER settings_number_{event.lower()} ON settings")
    op.execute("DROP FUNCTION number_switch")
    for table in ("settings", "actual_states"):
        op.drop_column(table, "revision")
