"""Who a journal is for ever, how far the daemons that traded with it had come, and whether it was restored.

Order ids hold numbers of cycles, and those follow from the journal. One restored from a back-up would give some again
that the exchange has seen. So a restore raises the *floor*: no cycle below it is begun any more. It is the time, in
seconds since 2025: no trader ends a cycle each second for years, so it is above every number that was given before,
and short enough for an order id. It is that of the newest order where the clock is behind that, and there is none
while the clock is not set at all. An account is *level* again once the exchange was asked what the journal has lost.
"""

import random

import msgspec

from naive_daemon.clock import NS_PER_S, to_datetime
from naive_daemon.domain.errors import TransientError
from naive_daemon.storage.postgres.session import Session

_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"
_OWNER_CHARACTERS = 6
_FLOOR_EPOCH_S = 1_735_689_600
"""2025-01-01T00:00:00Z."""

_RAISE_FLOOR = f"""
WITH newest AS (
    SELECT max(latest.created_ns) AS created_ns FROM (SELECT DISTINCT account FROM trader_numbers) AS t
    CROSS JOIN LATERAL (SELECT max(created_ns) AS created_ns FROM orders WHERE orders.account = t.account) AS latest)
UPDATE identity SET signs = greatest(signs, %(signs)s),
    cycle_floor = greatest(cycle_floor + 1, %(floor)s, created_ns / {NS_PER_S} - {_FLOOR_EPOCH_S}) FROM newest
RETURNING cycle_floor
"""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """The mark in our order ids; signs of life that daemons gave; the lowest number of a fresh cycle (0: any)."""

    owner: str
    signs: int
    cycle_floor: int


class PostgresIdentity:
    """Reads and writes the one row. Not for use by two threads at once; raises TransientError when it is away."""

    def __init__(self, url: str) -> None:
        self._session = Session(url)

    def read(self, generator: random.Random) -> Identity:
        """Give the identity; the owner is six characters (lower-case base32), drawn once, the same for ever."""
        drawn = "".join(generator.choice(_BASE32) for _ in range(_OWNER_CHARACTERS))
        with self._session.connection() as connection:
            connection.execute("INSERT INTO identity (owner) VALUES (%s) ON CONFLICT (id) DO NOTHING", (drawn,))
            row = connection.execute("SELECT owner, signs, cycle_floor FROM identity").fetchone()
        assert row is not None  # noqa: S101  # the row was written just now if it was not there before
        owner, signs, cycle_floor = row
        return Identity(owner=str(owner), signs=signs, cycle_floor=cycle_floor)

    def raise_floor(self, now_ns: int, signs: int = 0) -> int:
        """Know that the journal was restored; gives the new floor. `signs`: how many a witness remembers.

        Raises TransientError before 2025: the clock of a machine that has just booted may not be set yet.
        """
        floor = now_ns // NS_PER_S - _FLOOR_EPOCH_S
        if floor <= 0:
            raise TransientError(
                f"the journal was restored, and the clock is not set: it says {to_datetime(now_ns):%Y-%m-%d %H:%M}Z",
                hint="numbers of cycles go on from the time: set the clock, and try again",
            )
        with self._session.connection() as connection:
            row = connection.execute(_RAISE_FLOOR, {"floor": floor, "signs": signs}).fetchone()
        return 0 if row is None else int(row[0])  # a database that no daemon ever used has no row, and needs none

    def note_sign(self) -> int:
        """Count one more sign of life, and give how many that makes."""
        with self._session.connection() as connection:
            row = connection.execute("UPDATE identity SET signs = signs + 1 RETURNING signs").fetchone()
        assert row is not None  # noqa: S101  # `read` has seen to it
        return int(row[0])

    def is_level(self, account: str) -> bool:
        """Say whether the exchange was asked, since the last restore, what the journal of an account has lost."""
        query = """
        SELECT coalesce((SELECT level_floor FROM account_venues WHERE account = %s), 0) >= cycle_floor FROM identity
        """
        with self._session.connection() as connection:
            row = connection.execute(query, (account,)).fetchone()
        return row is None or bool(row[0])

    def note_level(self, account: str, cycle_floor: int) -> None:
        """Note that the account is level with the exchange as of this floor."""
        with self._session.connection() as connection:
            connection.execute("UPDATE account_venues SET level_floor = %s WHERE account = %s", (cycle_floor, account))

    def close(self) -> None:
        """Give up the connection; may be called twice."""
        self._session.close()
