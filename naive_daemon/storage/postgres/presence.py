"""What the daemon says of itself: that it is here now, what it trades, and how it is."""

import msgspec

from naive_daemon.clock import from_datetime, to_datetime
from naive_daemon.storage.postgres.session import Session

STOPPED = "stopped"
"""The state of a daemon that ended in order."""

_ANNOUNCE = """
INSERT INTO daemons (owner, host, pid, started_at, version, feed, exchange, state, heartbeat_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, now())
ON CONFLICT (owner) DO UPDATE SET
    host = excluded.host, pid = excluded.pid, started_at = excluded.started_at, version = excluded.version,
    feed = excluded.feed, exchange = excluded.exchange, state = excluded.state, heartbeat_at = excluded.heartbeat_at
"""

_READ = """
SELECT owner, host, pid, started_at, version, feed, exchange, state,
       (extract(epoch FROM now() - heartbeat_at) * 1000)::bigint
FROM daemons ORDER BY owner
"""


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """A daemon's row: one for each owner. `started_ns` is kept in whole microseconds.

    `silent_ms` is the age of its last heartbeat by the database's clock; it is read, never written.
    """

    owner: str
    host: str
    pid: int
    started_ns: int
    version: str
    feed: str
    exchange: str
    state: str
    silent_ms: int = 0


class PostgresPresence:
    """Keeps presence on a connection of its own. Not for use by two threads at once.

    Every method raises TransientError when the database is away. A heartbeat is the database's time, so that a reader
    on another machine sees its age right.
    """

    def __init__(self, url: str) -> None:
        self._session = Session(url)

    def announce(self, presence: Presence) -> None:
        """Write the daemon's row, over that of the owner's former daemon."""
        row = (
            presence.owner,
            presence.host,
            presence.pid,
            to_datetime(presence.started_ns),
            presence.version,
            presence.feed,
            presence.exchange,
            presence.state,
        )
        with self._session.connection() as connection:
            connection.execute(_ANNOUNCE, row)

    def beat(self, owner: str, state: str) -> None:
        """Say that the daemon still lives and what its state is; an owner without a row is left without."""
        with self._session.connection() as connection:
            connection.execute("UPDATE daemons SET state = %s, heartbeat_at = now() WHERE owner = %s", (state, owner))

    def all(self) -> tuple[Presence, ...]:
        """Read every daemon's row, by owner; whether one still lives says `locks.holder`."""
        with self._session.connection() as connection:
            rows = connection.execute(_READ).fetchall()
        return tuple(
            Presence(
                owner=owner,
                host=host,
                pid=pid,
                started_ns=from_datetime(started_at),
                version=version,
                feed=feed,
                exchange=exchange,
                state=state,
                silent_ms=silent_ms,
            )
            for owner, host, pid, started_at, version, feed, exchange, state, silent_ms in rows
        )

    def close(self) -> None:
        """Give up the connection; may be called twice."""
        self._session.close()
