"""Stands for a daemon in tests of commands: holds the configured account, and answers to what operators write."""

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Self

from naive_daemon.cli.confirmation import Wakening
from naive_daemon.domain.account import AccountCondition
from naive_daemon.storage.postgres.desired_state import PostgresDesiredState
from naive_daemon.storage.postgres.locks import AccountClaim
from naive_daemon.storage.postgres.notify import Listener
from naive_daemon.storage.postgres.presence import PostgresPresence, Presence
from naive_daemon.storage.postgres.session import Session


class StandingDaemon:
    """Open with `with`. Calls `obey`, on a thread of its own, whenever the channel is notified."""

    def __init__(
        self, url: str, channel: str, obey: Callable[[PostgresDesiredState], None], account: str = "main"
    ) -> None:
        self._obey = obey
        self._store = PostgresDesiredState(url, account)
        self._store.record_account_conditions([AccountCondition(account=account, state="up")])
        claim = AccountClaim([account])
        self._session = Session(url, application_name=claim.application_name, on_connect=claim.bearer().take)
        self._wakening = Wakening()
        self._listener = Listener(url, (channel,), self._wakening)
        self._thread = threading.Thread(target=self._run)
        self._stopping = False

    def __enter__(self) -> Self:
        self._session.open()
        self._listener.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.stop()
        self._stopping = True
        self._wakening.notified("", "")
        self._thread.join()
        self._session.close()
        self._store.close()

    def _run(self) -> None:
        while self._wakening.wait(60) and not self._stopping:
            self._obey(self._store)


def live_without_lock(url: str, account: str = "main", *, host: str = "here", pid: int = 1) -> None:
    """Leave what a daemon has said that lives, and whose locks are gone: the database was away for a moment."""
    with closing(PostgresDesiredState(url, account)) as store, closing(PostgresPresence(url)) as presence:
        store.record_account_conditions([AccountCondition(account=account, state="up")])
        presence.announce(
            Presence(
                owner="one", host=host, pid=pid, started_ns=0, version="1", feed="generated", exchange="paper",
                state="running",
            )
        )  # fmt: skip
