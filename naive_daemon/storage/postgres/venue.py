"""Where an account is traded: on paper, or on one network of one exchange. Asked once, before anything trades.

An account that has traded keeps its place for ever. Its cycles, order ids and trade ids belong there: what was bought
on paper must never be sold for money, and the trade ids of two exchanges would be taken for the same fills.
"""

from naive_daemon.domain.errors import ConfigError
from naive_daemon.storage.postgres.session import Session

PAPER_VENUE = "paper"

_CLAIM = """
INSERT INTO account_venues AS known (account, venue) VALUES (%(account)s, %(venue)s)
ON CONFLICT (account) DO UPDATE SET venue = excluded.venue
WHERE NOT EXISTS (SELECT FROM order_totals WHERE order_totals.account = known.account)
"""

_BESIDE = "SELECT beside FROM accounts WHERE account = %s"


def bind_venue(session: Session, account: str, venue: str) -> None:
    """Bind the account to `venue`, or find that it is; one without any order may still move.

    Raises ConfigError when it has traded elsewhere, TransientError when the database is away.
    """
    with session.connection() as connection:
        connection.execute(_CLAIM, {"account": account, "venue": venue})
        row = connection.execute("SELECT venue FROM account_venues WHERE account = %s", (account,)).fetchone()
    assert row is not None  # noqa: S101 - written just now if it was not there before
    if row[0] != venue:
        raise ConfigError(
            f"account {account} trades on {row[0]}, not on {venue}: its orders and positions are there",
            hint="name another account for another exchange, for example --account live",
        )


def refuse_added(session: Session, account: str) -> None:
    """Refuse a configured account that was added beside another: it belongs to that one's daemon.

    Raises ConfigError, or TransientError when the database is away.
    """
    with session.connection() as connection:
        row = connection.execute(_BESIDE, (account,)).fetchone()
    if row is not None:
        raise ConfigError(
            f"account {account} belongs to the daemon of account {row[0]}: it was added beside that one",
            hint="name another account, for example --account live",
        )
