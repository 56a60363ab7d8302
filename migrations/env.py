"""Runs migrations on the connection that the program hands in, or on NAIVE_DATABASE_URL for a developer.

Each revision is a transaction of its own: a new value of an enum can not be used in the transaction that adds it.
Logging is the program's business and is not set up here.
"""

import os

from alembic import context
from sqlalchemy import Connection

from naive_daemon.storage.postgres.engine import make_engine
from naive_daemon.storage.postgres.models import Base


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


handed_in: Connection | None = context.config.attributes.get("connection")
if handed_in is not None:
    _run(handed_in)
else:
    with make_engine(os.environ["NAIVE_DATABASE_URL"]).connect() as own:
        _run(own)
