"""The account actor: keeps the account's state and tells each trader what became of its orders.

Receives: OrderRecorded (from the journal, so it is durable; without an event it is an intent), BalanceUpdated and
CyclesEnded (from the execution manager), EntriesNoted and CycleNoted (from leaders), CacheEmptied; requests
AccountQuery and FlushMetadata.
Sends: the order event to the trader whose order it is, or to its leader while that trader does not run; what it has to
the cache, if there is one; publishes AccountStarted under its own name, so that traders ask the journal for what they
missed.
State: an AccountStateStore and the positions of open cycles, which come back from journal and exchange; metadata, which
comes back from the cache database before the start is over, unless that takes too long (`metadata_keeper.py`).
Crashes when: journal or exchange do not answer at the start.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.account.cache_mirror import CacheMirror, TellBalances
from naive_daemon.account.cycle_positions import CyclePositions
from naive_daemon.account.metadata import CycleNoted, EntriesNoted, Note, SymbolMetadata, noted
from naive_daemon.account.metadata_keeper import (
    MetadataConfig,
    MetadataHealth,
    MetadataKeeper,
    ReadMetadata,
    WriteMetadata,
)
from naive_daemon.account.sealed import Sealed
from naive_daemon.account.sessions import Sessions
from naive_daemon.account.store import AccountStateStore
from naive_daemon.account.view import AccountQuery, AccountView, PriceRound
from naive_daemon.cache.messages import CacheEmptied
from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.events import BalanceUpdated, OrderEvent, OrderFilled
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import CycleKey, Order
from naive_daemon.domain.position import PositionFill
from naive_daemon.execution.client import AskBalances
from naive_daemon.execution.journal_messages import CyclesEnded, LoadAccount, LoadRisk
from naive_daemon.execution.journal_store import AccountJournal, OrderRecorded, RiskJournal
from naive_daemon.otp import DEFERRED, Actor, Call, Deferred, ExitReason, RequestFailed, crash

__all__ = ["Account", "AccountQuery", "AccountStarted", "AccountView", "FlushMetadata", "OrderNotice"]

LOAD_TIMEOUT_S = 60.0
"""As long as its neighbours wait: a journal whose store is away must not use up the restarts of the account."""


class OrderNotice(msgspec.Struct, frozen=True):
    """What became of an order of this cycle; durable by now."""

    key: CycleKey
    event: OrderEvent


class FlushMetadata(msgspec.Struct, frozen=True):
    """Request: write what metadata is not written yet, at once; answered with whether all of it is."""


class AccountStarted(msgspec.Struct, frozen=True):
    """The account has started again: events may have been lost on the way to traders, the journal has them."""

    account: str


class Account(Actor):
    """See the module."""

    def __init__(
        self, account: str, instruments: Mapping[str, Instrument] | None = None, config: MetadataConfig | None = None
    ) -> None:
        super().__init__()
        self._account = account
        self._instruments = instruments or {}
        self._base_assets = Sealed({symbol: one.base_asset for symbol, one in self._instruments.items()})
        self._config = config or MetadataConfig()
        self._store = AccountStateStore[SymbolMetadata]()
        self._positions = CyclePositions(self._instruments)
        self._sessions = Sessions(self._store, {one.quote_asset for one in self._instruments.values()})
        self._knows_positions = False
        self._knows_balances = False
        self._mirror: CacheMirror | None = None
        self._keeper: MetadataKeeper | None = None

    def log_context(self) -> dict[str, object]:
        """Say whose state this is."""
        return {"account": self._account}

    def init(self) -> Deferred | None:
        """Fill the store, and let traders know; wait for the metadata, if somebody keeps it."""
        journal = self.system.whereis(names.JOURNAL)
        self.request(journal, LoadAccount(self._account), self._take_orders, LOAD_TIMEOUT_S)
        now_ns = self.system.clock.now_ns()
        load = LoadRisk(self._account, now_ns, now_ns)
        self.request(journal, load, self._take_open_cycles, LOAD_TIMEOUT_S)
        client = self.system.whereis(names.client(self._account))
        self.request(client, AskBalances(), self._take_balances, LOAD_TIMEOUT_S)
        self.system.pubsub.publish(names.account(self._account), AccountStarted(self._account))
        if self.system.whereis(names.CACHE) is None:
            return None
        self.subscribe(names.CACHE)
        self._mirror = CacheMirror(self, self._account, self._config.debounce_s)
        self._mirror.tell_start()
        self._mirror.tell_instruments(self._instruments)
        table = self._store.metadata
        self._keeper = MetadataKeeper(self, self._account, table, self._config, self.acknowledge_start)
        self._keeper.read()
        return DEFERRED

    def on_receive(self, message: Any) -> Any:
        """Take an event or show the state."""
        match message:
            case OrderRecorded(order, event):
                self._take_order(order, event)
            case BalanceUpdated():
                self._take_balance(message)
            case CyclesEnded(cycles):
                self._take_ends(cycles)
            case EntriesNoted() | CycleNoted():
                self._take_note(message)
            case AccountQuery(within_s):
                self._show(self.caller(), within_s)
                return DEFERRED
            case FlushMetadata():
                return self._flush(self.caller())
            case CacheEmptied():
                self._tell_all()
            case _:
                self._take_time(message)
        return None

    def on_terminate(self, reason: ExitReason) -> None:
        """Hand over what metadata is not written yet."""
        if self._keeper is not None:
            self._keeper.write_last()

    def _take_time(self, message: Any) -> None:
        match message:
            case WriteMetadata() | ReadMetadata() if self._keeper is not None:
                self._keeper.take_time(message)
            case TellBalances() if self._mirror is not None:
                self._mirror.tell_balances(self._store.balances.all())
            case _:
                super().on_receive(message)

    # Start ----------------------------------------------------------------------------------------------------------

    def _take_orders(self, journal: AccountJournal | RequestFailed) -> None:
        if isinstance(journal, RequestFailed):
            self.exit(crash(f"the journal of {self._account} could not be read: {journal.reason}"))
        for order in journal.live_orders:
            self._store.orders.upsert(order)
        if self._mirror is not None:
            self._mirror.tell_orders(self._store.orders.all())

    def _take_open_cycles(self, risk: RiskJournal | RequestFailed) -> None:
        """Know the positions; the fills that came before this answer are in it."""
        if isinstance(risk, RequestFailed):
            self.exit(crash(f"the open cycles of {self._account} could not be read: {risk.reason}"))
        self._positions.open(risk.open_cycle_orders)
        self._knows_positions = True
        for symbol in self._positions.symbols():
            self._store.positions.set(self._positions.held(symbol))
        if self._mirror is not None:
            self._mirror.tell_positions(self._positions.all())
        self._begin_sessions()

    def _take_balances(self, balances: tuple[BalanceUpdated, ...] | RequestFailed) -> None:
        if isinstance(balances, RequestFailed):
            self.exit(crash(f"the exchange does not say what {self._account} owns: {balances.reason}"))
        for balance in balances:
            self._take_balance(balance)
        self._knows_balances = True
        self._begin_sessions()

    def _begin_sessions(self) -> None:
        if self._knows_positions and self._knows_balances:
            self._sessions.begin(self.system.clock.now_ns())

    # Events ---------------------------------------------------------------------------------------------------------

    def _take_order(self, order: Order, event: OrderEvent | None) -> None:
        is_known = self._store.orders.get_ours(order.client_order_id) is not None
        is_news = self._store.orders.upsert(order) or not is_known
        if is_news and self._mirror is not None:
            self._mirror.tell_order(order, event if is_known else None)
        if event is None:
            return
        key = order.key
        notice = OrderNotice(key, event)
        if not self.system.tell(names.trader(key.account, key.symbol, key.trader), notice):
            self.system.tell(names.leader(key.account, key.symbol), notice)
        if isinstance(event, OrderFilled) and self._knows_positions:
            self._take_fill(key, PositionFill(order.side, event))

    def _take_fill(self, key: CycleKey, fill: PositionFill) -> None:
        position = self._positions.take(key, fill)
        if position is None:
            return
        self._store.positions.set(self._positions.held(key.symbol))
        if self._mirror is not None:
            self._mirror.tell_position(position, fill)

    def _take_ends(self, cycles: tuple[Cycle, ...]) -> None:
        for cycle in cycles:
            without_dust = self._positions.end(cycle)
            if without_dust is None:
                continue
            self._store.positions.set(self._positions.held(cycle.key.symbol))
            if self._mirror is not None:
                self._mirror.tell_position(without_dust)

    def _take_balance(self, balance: BalanceUpdated) -> None:
        before = self._store.balances.get(balance.asset)
        is_new = (before.free, before.locked) != (balance.free, balance.locked)
        if is_new and before.time_ns <= balance.time_ns:
            self._store.balances.store_previous_balance(balance.asset)
        if self._store.balances.set(balance) and self._mirror is not None:
            self._mirror.tell_balances_later()

    def _take_note(self, note: Note) -> None:
        """Take what a leader says of its symbol; without a cache it is remembered for as long as this actor lives."""
        table = self._store.metadata
        if self._keeper is not None:
            self._keeper.take(note)
        else:
            table.set(note.symbol, noted(table.get(note.symbol), note))

    # Answers --------------------------------------------------------------------------------------------------------

    def _show(self, call: Call, within_s: float) -> None:
        prices = PriceRound(self, self._store.positions.take_price, lambda: call.reply(self._view()))
        prices.begin((held.symbol for held in self._store.positions.all()), within_s)

    def _view(self) -> AccountView:
        store = self._store
        sessions = self._sessions.summaries(self._traded_assets())
        return AccountView(
            account=self._account,
            balances=store.balances.all(),
            orders=store.orders.all(),
            positions=store.open_positions(),
            sessions=sessions,
            depths={session.asset: store.depth(session.asset) for session in sessions},
            since_ns=self._sessions.since_ns,
            metadata=store.metadata.all(),
            metadata_health=MetadataHealth() if self._keeper is None else self._keeper.health,
            base_assets=self._base_assets,
        )

    def _traded_assets(self) -> set[str]:
        """Name the quote assets of the symbols that are traded, or were."""
        symbols = {*self._positions.symbols(), *self._store.metadata.symbols()}
        symbols.update(order.symbol for order in self._store.orders.all())
        return {self._instruments[symbol].quote_asset for symbol in symbols if symbol in self._instruments}

    def _flush(self, call: Call) -> Deferred | bool:
        if self._keeper is None:
            return True
        self._keeper.flush(call.reply)
        return DEFERRED

    def _tell_all(self) -> None:
        """Tell the cache everything that lives: it has lost what it knew."""
        if self._mirror is None or self._keeper is None:
            return
        self._mirror.tell_instruments(self._instruments)
        self._mirror.tell_balances(self._store.balances.all())
        self._mirror.tell_orders(self._store.orders.all())
        self._mirror.tell_positions(self._positions.all())
        self._keeper.take_loss()
