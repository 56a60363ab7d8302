"""The watchman: started last, so that it says "ready" when the whole tree is up, and stopped first.

It feeds systemd's watchdog only while the root of the tree answers, so a daemon that hangs is started afresh. It says
in the service's status what the daemon does without: a server that is away, or holds up whoever asks it, and accounts
that are down.
It can not be suspended: the service manager would take its silence for a daemon that hangs.
Sends: requests to the root, the journal, the cache and the account desk. Crashes when: never.
"""

from typing import Any, ClassVar, Protocol

import msgspec

from naive_daemon import names
from naive_daemon.cache.database import CacheHealth
from naive_daemon.cache.messages import AskCache
from naive_daemon.condition import CACHE_HELD_UP, JOURNAL_HELD_UP
from naive_daemon.domain.account import AccountCondition
from naive_daemon.execution.messages import AskJournal, JournalHealth
from naive_daemon.otp import NOPROC, Actor, ExitReason, RequestFailed, WhichChildren
from naive_daemon.trading.account_messages import AskAccounts

WATCH_PERIOD_S = 1.0
NAMED_MAX = 3
HEALTH_TIMEOUT_S = 3.0
TRADING = "trading"


class ServiceNotifier(Protocol):
    """Tells the service manager how the daemon is; silent where there is none."""

    def ready(self) -> None:
        """Say that the tree is up."""

    def alive(self) -> None:
        """Feed the watchdog."""

    def status(self, text: str) -> None:
        """Say in words what the daemon does."""


class _Look(msgspec.Struct, frozen=True):
    pass


class _LookAtJournal(msgspec.Struct, frozen=True):
    pass


class _LookAtCache(msgspec.Struct, frozen=True):
    pass


class _LookAtAccounts(msgspec.Struct, frozen=True):
    pass


class Watchman(Actor):
    """See the module."""

    may_be_suspended: ClassVar[bool] = False

    def __init__(self, notifier: ServiceNotifier, period_s: float = WATCH_PERIOD_S) -> None:
        super().__init__()
        self._period_s = period_s
        self._notifier = notifier
        self._journal: JournalHealth | None = None
        self._cache: CacheHealth | None = None
        self._down: tuple[str, ...] = ()
        self._told = TRADING

    def init(self) -> None:
        """Say that everything is up."""
        self._notifier.ready()
        self._notifier.status(TRADING)
        self.log.info("ready")
        self.send_after(self._period_s, _Look())
        self._ask_journal()
        self._ask_cache()
        self._ask_accounts()

    def on_receive(self, message: Any) -> None:
        """Ask the root whether it still answers."""
        if isinstance(message, _Look):
            self.request(self.parent, WhichChildren(), self._take_answer)
        else:
            self._receive_health(message)

    def _receive_health(self, message: Any) -> None:
        match message:
            case _LookAtJournal():
                self._ask_journal()
            case _LookAtCache():
                self._ask_cache()
            case _LookAtAccounts():
                self._ask_accounts()
            case _:
                super().on_receive(message)

    def on_terminate(self, reason: ExitReason) -> None:
        """Say that the end has begun."""
        self._notifier.status("stopping")

    def _take_answer(self, answer: Any) -> None:
        if isinstance(answer, RequestFailed):
            self.log.error("the root does not answer; the watchdog is not fed", reason=str(answer.reason))
        else:
            self._notifier.alive()
        self.send_after(self._period_s, _Look())

    def _ask_journal(self) -> None:
        self.request(self.system.whereis(names.JOURNAL), AskJournal(), self._take_journal, HEALTH_TIMEOUT_S)

    def _take_journal(self, answer: JournalHealth | RequestFailed) -> None:
        """Take one that is not there for being started again, and one that does not answer for held up."""
        if isinstance(answer, JournalHealth):
            self._journal = answer
        else:
            self._journal = None if answer.reason == NOPROC else JOURNAL_HELD_UP
        self._tell()
        self.send_after(self._period_s, _LookAtJournal())

    def _ask_cache(self) -> None:
        self.request(self.system.whereis(names.CACHE), AskCache(), self._take_cache, HEALTH_TIMEOUT_S)

    def _take_cache(self, answer: CacheHealth | RequestFailed) -> None:
        if isinstance(answer, CacheHealth):
            self._cache = answer
        else:
            self._cache = None if answer.reason == NOPROC else CACHE_HELD_UP
        self._tell()
        self.send_after(self._period_s, _LookAtCache())

    def _ask_accounts(self) -> None:
        self.request(self.system.whereis(names.ACCOUNT_DESK), AskAccounts(), self._take_accounts, HEALTH_TIMEOUT_S)

    def _take_accounts(self, answer: tuple[AccountCondition, ...] | RequestFailed) -> None:
        if not isinstance(answer, RequestFailed):
            self._down = tuple(condition.account for condition in answer if condition.state == "down")
        self._tell()
        self.send_after(self._period_s, _LookAtAccounts())

    def _tell(self) -> None:
        """Tell the service manager what has changed; how much waits changes all the time, and is in the metrics."""
        away = [
            *(["PostgreSQL"] if self._journal is not None and self._journal.away is not None else []),
            *(["Redis"] if self._cache is not None and self._cache.away is not None else []),
        ]
        troubles = [
            *([f"{' and '.join(away)} away"] if away else []),
            *([_told_down(self._down)] if self._down else []),
        ]
        told = f"degraded: {', '.join(troubles)}" if troubles else TRADING
        if told != self._told:
            self._told = told
            self._notifier.status(told)


def _told_down(accounts: tuple[str, ...]) -> str:
    """Name the accounts that are down, some of them where there are many."""
    more = f" and {len(accounts) - NAMED_MAX} more" if len(accounts) > NAMED_MAX else ""
    return f"account{'s' if len(accounts) > 1 else ''} {', '.join(accounts[:NAMED_MAX])}{more} down"
