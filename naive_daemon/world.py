"""The daemon's world, opened from the configuration: databases, instruments, market, service manager → `Ports`.

Opened before the tree and closed after it. What goes wrong here goes wrong before anything trades, in one line.
"""

import os
import random
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import structlog

from naive_daemon.account.metadata_keeper import MetadataConfig
from naive_daemon.cache.database import CacheDatabase
from naive_daemon.clock import Clock
from naive_daemon.config import Config
from naive_daemon.config.exchange import BINANCE
from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.order import Order
from naive_daemon.domain.settings import SymbolSettings, TradeSettings, TradingStatus
from naive_daemon.exchange.listing import check_market, list_instruments
from naive_daemon.exchange.paper.engine import FillModel
from naive_daemon.execution.journal import JournalConfig
from naive_daemon.execution.journal_store import JournalStore
from naive_daemon.execution.manager import ExecutionConfig
from naive_daemon.market.candle_source import CandleSource
from naive_daemon.market.candles_of_exchange import CandlesOfExchange
from naive_daemon.market.candles_of_trades import CandlesOfTrades
from naive_daemon.market.generated_instruments import market_listing
from naive_daemon.market.generated_source import GeneratedSource
from naive_daemon.market.player import player_of
from naive_daemon.market.recorded_source import RecordedSource
from naive_daemon.market.recording import Recording
from naive_daemon.market.source import MarketSource
from naive_daemon.opening import Openings
from naive_daemon.otp import Actor
from naive_daemon.restoration import Restoration
from naive_daemon.servers import Servers
from naive_daemon.service import SystemdNotifier
from naive_daemon.storage.postgres import migrate
from naive_daemon.storage.postgres.desired_state import PostgresDesiredState
from naive_daemon.storage.postgres.engine import make_engine
from naive_daemon.storage.postgres.journal import PostgresJournal
from naive_daemon.storage.postgres.locks import AccountClaim
from naive_daemon.storage.postgres.notify import Listener
from naive_daemon.storage.postgres.presence import STOPPED, PostgresPresence, Presence
from naive_daemon.storage.postgres.session import Session
from naive_daemon.storage.postgres.settings import OperatorSettings
from naive_daemon.storage.postgres.venue import refuse_added
from naive_daemon.storage.redis.cache_database import RedisCacheDatabase
from naive_daemon.storage.redis.config import RedisCacheConfig
from naive_daemon.trading.account_opener import OpenedAccount
from naive_daemon.trading.control import CHANNELS
from naive_daemon.trading.desired_state import DesiredStateStore, SettingsListener, SettingsListenerOwner
from naive_daemon.trading.quarantine import Quarantine
from naive_daemon.tree import ControlPorts, PaperExchange, Ports, RealExchange
from naive_daemon.venues import BinanceVenue, PaperVenue, Venue
from naive_daemon.witness import Witness

STEP_S = 60
"""How long one question about what the exchange remembers may take, in the service manager's eyes."""

KEEP_S = 1.0
"""For so long, at most, may an account look as if nobody traded it, after its idle connection was lost."""


class World:
    """Everything outside of the tree that the daemon owns: `open`, use `ports`, `close`. For the main thread.

    `is_alone`: no account but the configured one is traded, whatever the table of accounts says.
    """

    def __init__(
        self, config: Config, clock: Clock, recording: Recording | None = None, *, is_alone: bool = False
    ) -> None:
        self.config = config
        self.clock = clock
        check_market(config)
        self.instruments = dict(list_instruments(config, clock))  # one for all: who asks the exchange writes it
        self._recording = recording
        self._is_alone = is_alone
        self._servers = Servers(config, clock)
        self._stack = ExitStack()
        self._log: Any = structlog.get_logger("naive_daemon").bind(actor="world")
        self._claim = AccountClaim([config.account])
        self._ends: dict[str, Callable[[], None]] = {}

    def open(self, shall_end: Callable[[], bool] = lambda: False) -> Self:
        """Start servers, bring up the schema, take the account; what was opened is closed again when that fails.

        A server that is slow to come up is not waited for once `shall_end` says so: a TransientError.
        """
        try:
            self._open(shall_end)
        except BaseException:
            self.close()
            raise
        return self

    def _open(self, shall_end: Callable[[], bool]) -> None:
        self._notifier = SystemdNotifier()
        self._stack.callback(self._notifier.close)
        self._stack.callback(self._servers.stop)
        self._servers.start(shall_end)
        url = self._servers.postgres_url
        if self._servers.has_own_postgres:
            migrate.upgrade(url)
        else:
            migrate.check(url)
        self._first_journal: PostgresJournal | None = PostgresJournal(url, claim=self._claim)
        self._stack.callback(self._end_all)
        self._instead_of_former("journal", self._first_journal.end)
        self._first_journal.open()
        self._refuse_added()
        self._restoration = restoration = Restoration(url, Witness(self.config.home), self.clock)
        self._stack.callback(restoration.close)
        self.owner = restoration.recognise()
        self._presence = PostgresPresence(url)
        self._stack.callback(self._presence.close)
        self._forget_actual()
        self._announce("starting")
        self._cache_config = self._read_cache_config()
        self._venue = self._make_venue()
        self._openings = Openings(self.config, url, self.instruments, self._venue, restoration)
        self._stack.callback(self._openings.end)
        self._opened = self._open_account(self._first_journal, shall_end)
        restoration.note_start()
        self._cycle_floor = restoration.cycle_floor

    def _make_venue(self) -> Venue:
        config = self.config
        if config.exchange.name == BINANCE:
            return BinanceVenue(config, self.instruments, self.clock)
        return PaperVenue(config, self.instruments)

    def _open_account(self, journal: PostgresJournal, shall_end: Callable[[], bool]) -> OpenedAccount:
        """Find that the configured account may be traded where the configuration says, before anything runs."""

        def shall_stop_reading() -> bool:
            self._notifier.starting("reading what the exchange remembers", STEP_S)
            return shall_end()

        return self._openings.open_first(journal, shall_stop_reading)

    def _exchange(self) -> PaperExchange | RealExchange:
        exchange, opened = self.config.exchange, self._opened
        make_client = opened.make_client
        if make_client is not None:
            return RealExchange(maker_fee=opened.maker_fee, make_client=lambda _: make_client())
        return PaperExchange(
            fill_model=FillModel(exchange.fill_model),
            maker_fee=exchange.maker_fee,
            balances=exchange.balances,
        )

    def close(self) -> None:
        """Say that nothing runs any more, give everything back; may be called twice."""
        self._stack.close()

    def keep_up(self, shall_end: Callable[[], bool]) -> None:
        """See to it that the embedded servers run; does not go on waiting for one once the daemon shall end."""
        self._servers.revive(shall_end)

    def say_stopped(self) -> None:
        """Note in the database that the daemon ended in order."""
        self._forget_actual()
        self._beat(STOPPED)

    def _beat(self, state: str) -> None:
        """Say in the database that the daemon lives, and count it where a restored database would not have it."""
        self._presence.beat(self.owner, state)
        self._restoration.note_life()

    def seed(self, start: Sequence[str] = ()) -> None:
        """Add settings for every listed symbol; those of `start` that nobody ever switched are switched on.

        What an operator has stopped stays so over every restart; a line in the log says how to start it.
        """
        account = self.config.account
        with self._settings() as settings:
            settings.seed(account, self.instruments)
            never_switched = settings.never_switched(account, start)
            if fresh := [symbol for symbol in start if symbol in never_switched]:
                settings.set_status(account, fresh, TradingStatus.ON)
            rows = settings.rows(account, start) if start else ()
        for row in rows:
            if row.status is TradingStatus.OFF:
                hint = f"start it with naive-daemon start {row.symbol}"
                self._log.warning("off, as it was left", symbol=row.symbol, hint=hint)

    def switch_on(self, symbol: str, trade: TradeSettings) -> None:
        """Set one symbol's settings and switch it on."""
        row = SymbolSettings(account=self.config.account, symbol=symbol, status=TradingStatus.ON, trade=trade)
        with self._settings() as settings:
            settings.upsert([row])

    def switch_off(self) -> None:
        """Switch off every symbol of the account."""
        with self._settings() as settings:
            symbols = [row.symbol for row in settings.rows(self.config.account)]
            settings.set_status(self.config.account, symbols, TradingStatus.OFF)

    def history(self) -> tuple[tuple[Order, ...], tuple[Cycle, ...]]:
        """Read all orders and cycles of the account, oldest first."""
        journal = PostgresJournal(self._servers.postgres_url)
        try:
            return journal.history(self.config.account)
        finally:
            journal.close()

    @contextmanager
    def _settings(self) -> Iterator[OperatorSettings]:
        engine = make_engine(self._servers.postgres_url)
        try:
            yield OperatorSettings(engine)
        finally:
            engine.dispose()

    def ports(self) -> Ports:
        """Give the tree what it needs."""
        config = self.config
        supervision = config.supervision
        return Ports(
            owner=self.owner,
            cycle_floor=self._cycle_floor,
            account=config.account,
            instruments=self.instruments,
            exchange=self._exchange(),
            opener=self._openings,
            open_journal=self._open_journal,
            journal=JournalConfig(
                batch_max=config.journal.batch_max,
                retry_first_s=config.journal.retry_first_s,
                retry_max_s=config.journal.retry_max_s,
                keep_s=KEEP_S,
            ),
            execution=ExecutionConfig(
                request_timeout_s=config.execution.request_timeout_s,
                never_placed_after_s=config.execution.never_placed_after_s,
                reconcile_interval_s=config.execution.reconcile_interval_s,
                awaits_safeguards=True,
            ),
            metadata=MetadataConfig(debounce_s=config.metadata.debounce_s),
            open_cache=self._open_cache,
            make_player=self._player(),
            candles=self._candles(),
            control=ControlPorts(
                open_store=self._open_desired_state,
                make_listener=self._make_listener,
                heartbeat=lambda: self._beat("running"),
                is_alone=self._is_alone,
            ),
            notifier=self._notifier,
            quarantine=Quarantine(first_s=supervision.quarantine_first_s, max_s=supervision.quarantine_max_s),
            trader_restarts=supervision.trader_restarts,
            trader_period_s=supervision.trader_period_s,
            symbol_restarts=supervision.symbol_restarts,
            symbol_period_s=supervision.symbol_period_s,
        )

    def _open_journal(self) -> JournalStore:
        """Give the journal that took the account at the start; a journal actor that starts again takes it again."""
        first, self._first_journal = self._first_journal, None
        if first is not None:
            return first
        journal = PostgresJournal(self._servers.postgres_url, claim=self._claim)
        self._instead_of_former("journal", journal.end)
        return journal

    def _read_cache_config(self) -> RedisCacheConfig:
        """Read what no server has to be asked for; raises ConfigError, now rather than when the cache starts."""
        redis = self.config.redis
        return RedisCacheConfig.from_url(
            self._servers.redis_url,
            trader=self.owner,
            encoding=redis.encoding,
            connect_timeout_s=redis.connect_timeout_s,
            answer_timeout_s=redis.answer_timeout_s,
            wait_s=redis.answer_timeout_s,
            buffer_interval_ms=redis.buffer_interval_ms,
            queue_max=redis.queue_max,
            bulk_read_batch_size=redis.bulk_read_batch_size,
        )

    def _open_cache(self) -> CacheDatabase:
        database = RedisCacheDatabase(self._cache_config)
        self._instead_of_former("cache", database.close)
        return database

    def _open_desired_state(self) -> DesiredStateStore:
        store = PostgresDesiredState(self._servers.postgres_url, self.config.account)
        self._instead_of_former("desired state", store.end)
        return store

    def _make_listener(self, owner: SettingsListenerOwner) -> SettingsListener:
        listener = Listener(self._servers.postgres_url, CHANNELS, owner)
        self._instead_of_former("listener", listener.stop)
        return listener

    def _instead_of_former(self, name: str, end: Callable[[], None]) -> None:
        """Remember how to end what an actor was given, and end what its predecessor had: a killed one gives no back."""
        former = self._ends.pop(name, None)
        self._ends[name] = end
        if former is not None:
            former()

    def _end_all(self) -> None:
        while self._ends:
            _, end = self._ends.popitem()
            end()

    def _player(self) -> Callable[[], Actor]:
        if self.config.market.feed != BINANCE:
            return player_of(self._source())
        from naive_daemon.exchange.binance.live_market import LiveMarket  # noqa: PLC0415 - sockets are slow to load

        generator = random.Random()  # noqa: S311 - jitter
        market = LiveMarket(self.config.exchange.binance, self.clock, generator, self.instruments, self._venue.address)
        self._stack.callback(market.end)
        return market.make_player

    def _candles(self) -> CandleSource:
        """Say what candles are made of: the exchange's own, or the trades of a market that is played."""
        market = self.config.market
        if market.feed == BINANCE:
            return CandlesOfExchange()
        return CandlesOfTrades(is_real_time=self._recording is None and market.speed == 1)

    def _source(self) -> MarketSource:
        market = self.config.market
        speed = None if market.speed == "max" else market.speed
        if self._recording is not None:
            return RecordedSource(self._recording, speed)
        return GeneratedSource(
            {symbol: market_listing(instrument) for symbol, instrument in self.instruments.items()},
            seed=market.seed,
            trades_per_second=market.trades_per_s,
            speed=speed,
            clock=self.clock,
            path=self.config.home / "market.json",
        )

    def _refuse_added(self) -> None:
        """Refuse an account that is another daemon's, before anything is written that is that one's to say."""
        with closing(Session(self._servers.postgres_url)) as session:
            refuse_added(session, self.config.account)

    def _forget_actual(self) -> None:
        """Say that nothing runs, of all accounts that are ours."""
        store = PostgresDesiredState(self._servers.postgres_url, self.config.account)
        try:
            store.forget_actual()
        finally:
            store.close()

    def _announce(self, state: str) -> None:
        self._presence.announce(
            Presence(
                owner=self.owner,
                host=socket.gethostname(),
                pid=os.getpid(),
                started_ns=self.clock.now_ns(),
                version=version("naive-daemon"),
                feed=Path(self.config.market.feed).name,
                exchange=self.config.exchange.name,
                state=state,
            )
        )
