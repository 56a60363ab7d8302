"""Each time a symbol is switched has a number of its own, which the daemon says with what it does about it."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# Any writer counts, plain SQL too, and who says the same again; a number never comes again, also not in a row that was
# deleted and written anew. The sequence is named with its schema: `pg_restore` writes rows without any search path.
NUMBER = """
CREATE FUNCTION number_switch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := nextval(format('%I.settings_revision', TG_TABLE_SCHEMA)::regclass);
    RETURN NEW;
END $$
"""
SWITCHED = {
    "insert": "INSERT ON settings FOR EACH ROW WHEN (NEW.status <> 'off')",
    "update": "UPDATE OF status ON settings FOR EACH ROW",
}


def upgrade() -> None:
    for table in ("settings", "actual_states"):
        op.add_column(table, sa.Column("revision", sa.BigInteger, server_default=sa.text("0"), nullable=False))
    op.execute("CREATE SEQUENCE settings_revision OWNED BY settings.revision")
    op.execute(NUMBER)
    for name, event in SWITCHED.items():
        op.execute(f"CREATE TRIGGER settings_number_{name} BEFORE {event} EXECUTE FUNCTION number_switch()")


def downgrade() -> None:
    for name in SWITCHED:
        op.execute(f"DROP TRIGGER settings_number_{name} ON settings")
    op.execute("DROP FUNCTION number_switch")
    for table in ("settings", "actual_states"):
        op.drop_column(table, "revision")
