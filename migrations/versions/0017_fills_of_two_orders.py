"""A fill is known by its order, too: one trade id may be of two orders of an account and symbol.

It is when an account trades with itself, and when a network that was reset numbers its trades anew.
"""

from alembic import context, op
from sqlalchemy import text

from naive_daemon.domain.errors import PermanentError

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

FIRST_WITH_FILLS = "0004"
COUNT_SHARED = "SELECT count(*) - count(DISTINCT (account, symbol, trade_id)) FROM fills"
DELETE_SHARED = """
    DELETE FROM fills AS one USING fills AS other
    WHERE (one.account, one.symbol, one.trade_id) = (other.account, other.symbol, other.trade_id)
      AND one.client_order_id > other.client_order_id
"""


def upgrade() -> None:
    _know_by("account, symbol, trade_id, client_order_id")


def downgrade() -> None:
    shared = op.get_bind().execute(text(COUNT_SHARED)).scalar_one()
    if shared:
        _delete_shared(shared)
    _know_by("account, symbol, trade_id")


def _delete_shared(shared: int) -> None:
    if _keeps_fills():
        raise PermanentError(
            f"revision {down_revision} holds one fill of each trade id: {shared} of other orders would be lost",
            hint=f"stay at {revision}, or delete them before (db purge, if they are old)",
        )
    op.execute(DELETE_SHARED)


def _keeps_fills() -> bool:
    """Say whether the revision that is asked for has the table; a relative one (-1) is taken to."""
    asked = context.get_revision_argument()
    return asked is not None and not (asked.isdecimal() and asked < FIRST_WITH_FILLS)


def _know_by(columns: str) -> None:
    # Who reads goes on while the index is made, which takes a while where there are many fills; only the change of the
    # key itself, an instant, lets nobody in.
    op.execute(f"CREATE UNIQUE INDEX fills_key ON fills ({columns})")
    op.execute(
        "ALTER TABLE fills DROP CONSTRAINT fills_pkey, ADD CONSTRAINT fills_pkey PRIMARY KEY USING INDEX fills_key"
    )
