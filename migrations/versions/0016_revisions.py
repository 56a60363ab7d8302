"""Each wish for a symbol or an account has a number of its own, which the daemon says with what it does about it."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# Any writer counts, plain SQL too, and who says the same again; a number never comes again, also not in a row that was
# deleted and written anew. The sequence is named with its schema: `pg_restore` writes rows without any search path.
NUMBER = """
CREATE FUNCTION number_wish() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.revision := nextval(format('%I.wishes', TG_TABLE_SCHEMA)::regclass);
    RETURN NEW;
END $$
"""
WISHED = {
    "settings_number_insert": "INSERT ON settings FOR EACH ROW WHEN (NEW.status <> 'off')",
    "settings_number_update": "UPDATE OF status ON settings FOR EACH ROW",
    "accounts_number": "INSERT OR UPDATE ON accounts FOR EACH ROW",
}
NUMBERED = ("settings", "actual_states", "accounts", "account_conditions")


def upgrade() -> None:
    for table in NUMBERED:
        op.add_column(table, sa.Column("revision", sa.BigInteger, server_default=sa.text("0"), nullable=False))
    op.execute("CREATE SEQUENCE wishes")
    op.execute(NUMBER)
    for trigger, event in WISHED.items():
        op.execute(f"CREATE TRIGGER {trigger} BEFORE {event} EXECUTE FUNCTION number_wish()")


def downgrade() -> None:
    for trigger, event in WISHED.items():
        table = event.partition(" ON ")[2].split()[0]
        op.execute(f"DROP TRIGGER {trigger} ON {table}")
    op.execute("DROP FUNCTION number_wish")
    op.execute("DROP SEQUENCE wishes")
    for table in NUMBERED:
        op.drop_column(table, "revision")
