"""Every change of what is wanted, or of what is so, notifies whoever listens; the payload names the row."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

CHANNELS = {"settings": "naive_settings", "streaming_settings": "naive_streaming", "actual_states": "naive_actual"}

# A row whose key was changed is two rows to a listener: the one that went and the one that came.
NOTIFY = """
CREATE FUNCTION notify_row_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    gone jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    come jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    named jsonb;
BEGIN
    FOR named IN
        SELECT DISTINCT jsonb_strip_nulls(jsonb_build_object('account', r -> 'account', 'symbol', r -> 'symbol'))
        FROM unnest(ARRAY[gone, come]) AS r WHERE r IS NOT NULL
    LOOP
        PERFORM pg_notify(TG_ARGV[0], named::text);
    END LOOP;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute(NOTIFY)
    for table, channel in CHANNELS.items():
        op.execute(
            f"CREATE TRIGGER {table}_notify AFTER INSERT OR UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION notify_row_changed('{channel}')"
        )


def downgrade() -> None:
    for table in CHANNELS:
        op.execute(f"DROP TRIGGER {table}_notify ON {table}")
    op.execute("DROP FUNCTION notify_row_changed")
