"""Binds an account to where it is traded, as a daemon's start does."""

from contextlib import closing

from naive_daemon.storage.postgres.session import Session
from naive_daemon.storage.postgres.venue import bind_venue


def claim_venue(url: str, account: str, venue: str) -> None:
    with closing(Session(url)) as session:
        bind_venue(session, account, venue)
