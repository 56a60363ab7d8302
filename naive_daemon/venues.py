"""Where accounts are traded, on paper or at Binance, and what is found out there about an account before it is.

Called by whoever opens accounts, on a thread that may wait. What goes wrong is said in one line, with what to mend.
"""

import random
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Protocol

import structlog

from naive_daemon.clock import Clock
from naive_daemon.config import Config
from naive_daemon.config.credentials import Credentials, where_of
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.errors import ConfigError
from naive_daemon.domain.instrument import Instrument
from naive_daemon.exchange.binance.address import Address
from naive_daemon.exchange.paper.client import balances_after
from naive_daemon.exchange.paper.engine import PaperEngine
from naive_daemon.execution.journal_store import JournalStore
from naive_daemon.restoration import ExchangeHistory
from naive_daemon.storage.postgres.venue import PAPER_VENUE
from naive_daemon.trading.account_opener import OpenedAccount

ClaimVenue = Callable[[str, str], None]
"""Binds (account, venue), or raises ConfigError when the account has traded elsewhere."""


class Venue(Protocol):
    """One place. Every method may be called from any thread, for one account by one thread at a time."""

    @property
    def address(self) -> Address | None:
        """What it counts by address, for whoever else asks there; None where nothing is counted."""

    def open(
        self,
        settings: AccountSettings,
        credentials: Credentials | None,
        journal: JournalStore,
        claim: ClaimVenue,
        *,
        shall_end: Callable[[], bool],
    ) -> OpenedAccount:
        """Find out whether the account may be traded, and bind it to this place; raises NaiveError.

        Without `credentials` the configured ones are meant, where there are any. One that waits for its turn asks now
        and then whether it `shall_end`.
        """

    def history(
        self, account: str, credentials: Credentials | None, shall_end: Callable[[], bool]
    ) -> ExchangeHistory | None:
        """Give what the place remembers of an account; None where nothing but the journal does."""

    def close(self, account: str) -> None:
        """Give back what an account was opened with; nothing happens with one that was not."""

    def end(self) -> None:
        """Give back everything."""


class PaperVenue:
    """Implements Venue for exchanges on paper, all with the configured balances."""

    address = None

    def __init__(self, config: Config, instruments: Mapping[str, Instrument]) -> None:
        self._exchange = config.exchange
        self._instruments = instruments

    def open(
        self,
        settings: AccountSettings,
        credentials: Credentials | None,
        journal: JournalStore,
        claim: ClaimVenue,
        *,
        shall_end: Callable[[], bool],
    ) -> OpenedAccount:
        """Rebuild the exchange once before anything runs: what it refuses is the operator's to mend.

        Raises ConfigError when the configured balances do not cover what was traded and what rests.
        """
        account = settings.name
        claim(account, PAPER_VENUE)
        books = journal.load_account(account)
        engine = PaperEngine(
            self._instruments,
            maker_fee=self._exchange.maker_fee,
            balances={account: balances_after(self._exchange.balances, books, self._instruments)},
        )
        engine.restore(order for order in books.live_orders if order.symbol in self._instruments)
        return OpenedAccount(self._exchange.maker_fee, credentials=settings.credentials)

    def history(
        self, account: str, credentials: Credentials | None, shall_end: Callable[[], bool]
    ) -> ExchangeHistory | None:
        """Give none: paper remembers nothing but what the journal holds."""

    def close(self, account: str) -> None:
        """Do nothing: what there was went with the account's client."""

    def end(self) -> None:
        """Do nothing."""


class BinanceVenue:
    """Implements Venue for one network of Binance. Its sockets are slow to load: a daemon on paper never makes one."""

    def __init__(
        self,
        config: Config,
        instruments: MutableMapping[str, Instrument],
        clock: Clock,
    ) -> None:
        from naive_daemon.exchange.binance.endpoints import venue_name  # noqa: PLC0415 - slow to load
        from naive_daemon.exchange.binance.live_accounts import LiveAccounts  # noqa: PLC0415 - slow to load

        self._config = config
        self._instruments = instruments
        self._clock = clock
        self._name = venue_name(config.exchange.binance)
        self._accounts = LiveAccounts(config.exchange.binance, instruments, clock, random.Random())  # noqa: S311 - jitter
        self._log: Any = structlog.get_logger("naive_daemon").bind(actor="world")

    @property
    def address(self) -> Address:
        """Give what all accounts share, and the market's candles with them."""
        return self._accounts.address

    def open(
        self,
        settings: AccountSettings,
        credentials: Credentials | None,
        journal: JournalStore,
        claim: ClaimVenue,
        *,
        shall_end: Callable[[], bool],
    ) -> OpenedAccount:
        """Ask Binance whether the key is good and may trade; no other account may have the same."""
        account = settings.name
        if credentials is None and account != self._config.account:
            raise ConfigError(
                f"account {account} was added for paper, without a key: on Binance each account needs one of its own",
                hint="add another one: naive-daemon account add NAME --credentials file:/path/to/its/key.toml",
            )
        where = None if settings.credentials is None else where_of(settings.credentials)
        opened = self._accounts.open(account, credentials, shall_end, where)
        try:
            claim(account, self._name)
        except BaseException:
            self._accounts.close(account)
            raise
        for warning in opened.warnings:
            self._log.warning("account warning", account=account, reason=warning)
        fee = self._config.exchange.maker_fee if opened.maker_fee is None else opened.maker_fee
        self._log.info("account checked", account=account, venue=self._name, maker_fee=str(fee))
        return OpenedAccount(fee, opened.make_client, settings.credentials)

    def history(
        self, account: str, credentials: Credentials | None, shall_end: Callable[[], bool]
    ) -> ExchangeHistory | None:
        """Give what Binance remembers."""
        from naive_daemon.exchange.binance.history import BinanceHistory  # noqa: PLC0415 - slow to load
        from naive_daemon.exchange.binance.signing import signer_of  # noqa: PLC0415 - slow to load

        signer = None if credentials is None else signer_of(credentials, f"the credentials of account {account}")
        binance = self._config.exchange.binance
        return BinanceHistory(
            account, binance, self._instruments, self._clock, shall_end, signer=signer, address=self.address
        )

    def close(self, account: str) -> None:
        """Let go of the account's connection."""
        self._accounts.close(account)

    def end(self) -> None:
        """End all connections, and wait for them."""
        self._accounts.end()
