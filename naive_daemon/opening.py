"""Opens accounts, each on a thread of its own, so that one that hangs keeps no other waiting. Owned by the world.

All openings take turns at a connection to the database, which lasts as long as one is under way. Each reads the
credentials, asks the venue whether the account may be traded, and gives a journal that was restored what it has lost.
The account's lock is held meanwhile, by the journal actor: see `trading/account_life.py`.
Invariants: at most `THREADS_MAX` threads; each opening is answered once, however it ends; what an opening brought that
nobody wants any more is given back.
"""

import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
import structlog

from naive_daemon.config import Config
from naive_daemon.config.credentials import Credentials, read_credentials
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.errors import NaiveError, TransientError, UnreachableError
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.settings import SymbolSettings
from naive_daemon.execution.journal_store import JournalStore
from naive_daemon.restoration import LostJournal, Restoration
from naive_daemon.storage.postgres.engine import make_engine
from naive_daemon.storage.postgres.journal import PostgresJournal
from naive_daemon.storage.postgres.newest_orders import newest_orders
from naive_daemon.storage.postgres.purge import purged_before_ns
from naive_daemon.storage.postgres.session import Session
from naive_daemon.storage.postgres.settings import OperatorSettings
from naive_daemon.storage.postgres.venue import bind_venue
from naive_daemon.trading.account_opener import AccountRefused, OpenedAccount, Opening, Tell
from naive_daemon.venues import Venue

THREADS_MAX = 32
END_WITHIN_S = 5.0
TOO_MANY = f"{THREADS_MAX} other accounts are being opened and do not come back"
NO_THREAD = "the daemon has no thread for one more opening at this moment"
GIVEN_UP = "its opening was given up"


class _Work:
    """One opening under way. `is_abandoned`: nobody wants what it brings."""

    def __init__(self) -> None:
        self.is_abandoned = False
        self.thread: threading.Thread | None = None


class Openings:
    """Implements AccountOpener, for the venue of the configuration. Made, `open_first` and `end` by the main thread."""

    def __init__(
        self, config: Config, url: str, instruments: Mapping[str, Instrument], venue: Venue, restoration: Restoration
    ) -> None:
        self._config = config
        self._url = url
        self._instruments = instruments
        self._venue = venue
        self._restoration = restoration
        self._session = Session(url)
        self._journal = PostgresJournal(url)
        self._lock = threading.Lock()
        self._under_way: dict[str, _Work] = {}
        self._threads: set[threading.Thread] = set()
        self._opened: dict[str, OpenedAccount] = {}
        self._first: OpenedAccount | None = None
        self.log: Any = structlog.get_logger("naive_daemon").bind(actor="world")

    def open_first(self, journal: JournalStore, shall_end: Callable[[], bool]) -> OpenedAccount:
        """Open the configured account on this thread, with a journal that holds its lock; raises what is wrong."""
        settings = AccountSettings(name=self._config.account)
        try:
            opened = self._first = self._find_out(settings, journal, shall_end)
        finally:
            self._session.close()
        return opened

    def begin(self) -> None:
        """Abandon every opening that is under way."""
        with self._lock:
            for work in self._under_way.values():
                work.is_abandoned = True

    def open(self, settings: AccountSettings, tell: Tell, is_alive: Callable[[], object]) -> None:
        """Open on a thread; the configured account, which was opened when the world was, at once."""
        account = settings.name
        if account == self._config.account and self._first is not None:
            opened, self._first = self._first, None
            self._opened[account] = opened
            tell(opened)
            return
        with self._lock:
            if len(self._threads) >= THREADS_MAX:
                tell(AccountRefused(TOO_MANY, is_passing=True))
                return
            self._start(settings, tell, is_alive)

    def _start(self, settings: AccountSettings, tell: Tell, is_alive: Callable[[], object]) -> None:
        """Start the thread, under the lock: until it is known to be under way it can not come back."""
        account = settings.name
        former, work = self._under_way.get(account), _Work()
        thread = work.thread = threading.Thread(
            target=self._run,
            args=(settings, work, None if former is None else former.thread, tell, is_alive),
            name=f"opening {account}",
            daemon=True,
        )
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            self.log.warning("account not opened", account=account, reason=str(error))
            tell(AccountRefused(NO_THREAD, is_passing=True))
            return
        self._under_way[account] = work
        self._threads.add(thread)

    def opened(self, account: str) -> OpenedAccount | None:
        """Give what the last opening gave, if it was not given back, with the maker fee as it is now."""
        return self._opened.get(account)

    def note_fee(self, account: str, maker_fee: Decimal) -> None:
        """Know what the orders of an opened account pay now."""
        self._opened[account] = msgspec.structs.replace(self._opened[account], maker_fee=maker_fee)

    def is_under_way(self, account: str) -> bool:
        """Say whether a thread still opens the account, abandoned or not."""
        return account in self._under_way

    def close(self, account: str) -> None:
        """Give back what the account was opened with, now or, where it is being opened, when that has come back."""
        with self._lock:
            work = self._under_way.get(account)
            if work is not None:
                work.is_abandoned = True
            self._opened.pop(account, None)
        self._venue.close(account)

    def end(self) -> None:
        """Abandon what is under way, wait for it for a while, and give everything back."""
        self.begin()
        for thread in list(self._threads):
            thread.join(END_WITHIN_S / max(len(self._threads), 1))
        self._venue.end()
        self._session.end()
        self._journal.end()

    # On a thread ----------------------------------------------------------------------------------------------------

    def _run(
        self,
        settings: AccountSettings,
        work: _Work,
        former: threading.Thread | None,
        tell: Tell,
        is_alive: Callable[[], object],
    ) -> None:
        if former is not None:
            former.join()  # it was abandoned; two openings of one account would get in each other's way

        def shall_end() -> bool:
            is_alive()
            return work.is_abandoned

        opening: Opening = AccountRefused(GIVEN_UP, is_passing=True)
        try:
            if not work.is_abandoned:
                opening = self._result(settings, shall_end)
        finally:
            self._finish(settings.name, work, opening, tell)

    def _result(self, settings: AccountSettings, shall_end: Callable[[], bool]) -> Opening:
        try:
            return self._find_out(settings, self._journal, shall_end)
        except NaiveError as error:
            self.log.warning("account not opened", account=settings.name, reason=error.message, hint=error.hint)
            return AccountRefused(error.message, is_passing=isinstance(error, TransientError | UnreachableError))
        except Exception as error:
            # Whatever is wrong with one account stays its own affair: it is down, and the log has the whole story.
            self.log.exception("account not opened", account=settings.name)
            return AccountRefused(f"{type(error).__name__}: {error}", is_defect=True)

    def _finish(self, account: str, work: _Work, opening: Opening, tell: Tell) -> None:
        with self._lock:
            is_abandoned = work.is_abandoned
            if not is_abandoned:
                self._leave(account, work)
                if isinstance(opening, OpenedAccount):
                    self._opened[account] = opening
        if is_abandoned:
            self._give_back(account, work)
            opening = AccountRefused(GIVEN_UP, is_passing=True)
        tell(opening)

    def _give_back(self, account: str, work: _Work) -> None:
        """Give back while it is under way: a fresh opening waits for that, and is not what is given back."""
        try:
            self._venue.close(account)
        finally:
            with self._lock:
                self._leave(account, work)

    def _leave(self, account: str, work: _Work) -> None:
        if self._under_way.get(account) is work:
            del self._under_way[account]
        if not self._under_way:  # nobody else uses them now, and nobody begins before the lock is free
            self._session.close()
            self._journal.close()
        if work.thread is not None:
            self._threads.discard(work.thread)

    def _find_out(
        self, settings: AccountSettings, journal: JournalStore, shall_end: Callable[[], bool]
    ) -> OpenedAccount:
        credentials = None if settings.credentials is None else read_credentials(settings.credentials)
        opened = self._venue.open(settings, credentials, journal, self._claim_venue, shall_end=shall_end)
        try:
            self._level(settings.name, credentials, opened, journal, shall_end)
        except BaseException:
            self._venue.close(settings.name)
            raise
        return opened

    def _claim_venue(self, account: str, venue: str) -> None:
        bind_venue(self._session, account, venue)

    def _level(
        self,
        account: str,
        credentials: Credentials | None,
        opened: OpenedAccount,
        journal: JournalStore,
        shall_end: Callable[[], bool],
    ) -> None:
        """Give a journal that was restored what it has lost, before anything acts on it."""
        if self._restoration.is_level(account):
            return
        if shall_end():
            raise TransientError(GIVEN_UP)
        history = self._venue.history(account, credentials, shall_end)
        if history is not None:
            lost = LostJournal(
                account=account,
                owner=self._restoration.owner,
                instruments=self._instruments,
                fee=opened.maker_fee,
                newest=newest_orders(self._url, account),
                settings=self._rows(account),
                purged_before_ns=purged_before_ns(self._url, account),
            )
            lost.rebuild(journal, history)
        self._restoration.note_level(account)

    def _rows(self, account: str) -> tuple[SymbolSettings, ...]:
        engine = make_engine(self._url)
        try:
            return tuple(OperatorSettings(engine).rows(account))
        finally:
            engine.dispose()
