"""The leader of one symbol: decides how many traders there are, and who takes over when one crashes.

Receives: settings and EntriesClosed from the switches, reports and Downs of its traders, OrderNotice for traders that
do not run.
Sends: StartChild to the traders' supervisor, RecordCycle to the journal, LeaderReport and Drained to the switches.
State: for each slot the last position its trader reported. A position reaches the leader before the order in it
reaches the journal, so nothing is lost with a trader.
Crashes when: traders keep crashing, or the journal does not answer; the symbol then starts again from the journal.
"""

from decimal import Decimal
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.account.account import OrderNotice
from naive_daemon.account.cache import DropState, KeepState
from naive_daemon.domain.cycle import Cycle, CycleOutcome, CycleResult
from naive_daemon.domain.money import ZERO, plain
from naive_daemon.domain.order import CycleKey
from naive_daemon.domain.settings import RestingOrders, SymbolSettings, TradingStatus
from naive_daemon.execution.journal import LoadSymbol, RecordCycle
from naive_daemon.execution.journal_store import SymbolJournal
from naive_daemon.market.streams import OpenStream, StreamsStarted
from naive_daemon.otp import (
    NOPROC,
    NORMAL,
    Actor,
    ChildSpec,
    ChildStarted,
    Continue,
    Down,
    ExitReason,
    Intensity,
    Ref,
    RequestFailed,
    Restart,
    StartChild,
    crash,
)
from naive_daemon.strategy.discovery import load_strategy
from naive_daemon.strategy.protocol import EntriesClosed, Position
from naive_daemon.trading.context import SymbolContext
from naive_daemon.trading.reports import CycleFinished, PositionReported, RebuyReported
from naive_daemon.trading.trader import Trader

JOURNAL_TIMEOUT_S = 60.0


class AskSettings(msgspec.Struct, frozen=True):
    """Request to the switches: the settings as they are now; answered by SymbolSettings."""

    account: str
    symbol: str


class SettingsChanged(msgspec.Struct, frozen=True):
    """The settings as they are now; what changed holds from a trader's next cycle on."""

    settings: SymbolSettings


class LeaderReport(msgspec.Struct, frozen=True, kw_only=True):
    """How many traders there are and what they have brought; `restarted` says why one had to be replaced, if one had.

    `realised_pnl` is the sum over all cycles that ever ended, in the quote asset; `completed` counts those sold.
    """

    account: str
    symbol: str
    traders: int
    is_draining: bool
    completed: int
    realised_pnl: Decimal
    restarted: str | None = None


class Drained(msgspec.Struct, frozen=True):
    """The last trader of a symbol that shuts down has ended."""

    account: str
    symbol: str


class LeaderFailed(msgspec.Struct, frozen=True):
    """A leader has crashed, and its symbol with it; what follows is its supervisor's affair."""

    account: str
    symbol: str
    reason: str


class _Slot(msgspec.Struct):
    position: Position
    ref: Ref | None = None
    monitor: int = 0
    is_finished: bool = False


class Leader(Actor):
    """See the module."""

    def __init__(self, context: SymbolContext) -> None:
        super().__init__()
        self._context = context
        self._settings = SymbolSettings(account=context.account, symbol=context.symbol)
        self._slots: dict[int, _Slot] = {}
        self._last_cycles: dict[int, int] = {}
        self._completed = 0
        self._realised_pnl = ZERO
        self._early: list[Any] = []
        self._is_ready = False
        self._crashes = Intensity(context.trader_restarts, context.trader_period_s)

    def log_context(self) -> dict[str, object]:
        """Say which symbol this is."""
        return {"symbol": self._context.symbol, "account": self._context.account}

    def init(self) -> Continue:
        """Release the starter; what is needed is asked for afterwards."""
        return Continue(StreamsStarted())

    def on_receive(self, message: Any) -> None:
        """Handle a message; until the journal has answered, everything but streams and settings waits."""
        match message:
            case StreamsStarted():
                self.system.tell(names.STREAM_DESK, OpenStream(self._context.symbol, self.ref))
                if not self._is_ready:
                    self._ask()
            case _ if not self._is_ready:
                self._early.append(message)
            case SettingsChanged(settings):
                self._change(settings)
            case PositionReported(position):
                self._keep(position)
            case RebuyReported(key, price):
                self._rebuy(key, price)
            case CycleFinished(position):
                self._finish(position)
            case OrderNotice(key, _):
                self._take_notice(key, message)
            case Down():
                self._take_down(message)
            case _:
                super().on_receive(message)

    def on_terminate(self, reason: ExitReason) -> None:
        """Let an operator see why the symbol had to start again."""
        if not reason.is_orderly:
            failed = LeaderFailed(self._context.account, self._context.symbol, str(reason))
            self.system.tell(names.SWITCHES, failed)

    # Start: also the way back after any crash -----------------------------------------------------------------------

    def _ask(self) -> None:
        self.subscribe(names.STREAMS)
        ask = AskSettings(self._context.account, self._context.symbol)
        self.request(self.system.whereis(names.SWITCHES), ask, self._take_settings)

    def _take_settings(self, settings: SymbolSettings | RequestFailed) -> None:
        if isinstance(settings, RequestFailed):
            self.exit(crash(f"no settings: {settings.reason}"))
        self._settings = settings
        load = LoadSymbol(self._context.account, self._context.symbol)
        self.request(self.system.whereis(names.JOURNAL), load, self._take_journal, JOURNAL_TIMEOUT_S)

    def _take_journal(self, journal: SymbolJournal | RequestFailed) -> None:
        if isinstance(journal, RequestFailed):
            self.exit(crash(f"the journal could not be read: {journal.reason}"))
        self._last_cycles = dict(journal.last_cycles)
        self._completed, self._realised_pnl = journal.completed, journal.realised_pnl
        for opened in journal.open_cycles:
            slot = _Slot(Position(cycle=opened.cycle, orders=opened.orders))
            self._slots[opened.cycle.key.trader] = slot
        self._is_ready = True
        if self._slots:
            self.log.info("traders taken over from the journal", traders=len(self._slots))
        early, self._early = self._early, []
        for message in early:
            self.on_receive(message)
        for slot in list(self._slots.values()):
            self._start(slot, is_confirmed=True)
        if not self._slots and not self._is_draining:
            self._start_fresh()
        self._look_around()

    # Settings -------------------------------------------------------------------------------------------------------

    @property
    def _is_draining(self) -> bool:
        return self._settings.status is not TradingStatus.ON

    def _change(self, settings: SymbolSettings) -> None:
        before, self._settings = self._settings, settings
        if self._is_draining and (
            before.status is TradingStatus.ON or before.shutdown_entries != settings.shutdown_entries
        ):
            for slot in self._slots.values():
                self._close_entries(slot)
        elif not self._is_draining and not self._slots:
            self._start_fresh()
        self._look_around()

    def _close_entries(self, slot: _Slot) -> None:
        if slot.ref is not None:
            cancel = self._settings.shutdown_entries is RestingOrders.CANCEL
            slot.ref.tell(EntriesClosed(self.system.clock.now_ns(), cancel))

    # Traders --------------------------------------------------------------------------------------------------------

    def _start_fresh(self) -> None:
        trader = next(number for number in range(1, len(self._slots) + 2) if number not in self._slots)
        number = self._last_cycles.get(trader, 0) + 1
        self._last_cycles[trader] = number
        settings = self._settings.trade
        cycle = Cycle(
            key=CycleKey(self._context.account, self._context.symbol, trader, number),
            budget=settings.budget / settings.chunks,  # in 28 digits, half-even
            fee=self._context.fee,
            settings=settings,
            started_ns=self.system.clock.now_ns(),
        )
        self.system.tell(names.JOURNAL, RecordCycle(cycle))
        slot = self._slots[trader] = _Slot(Position(cycle=cycle))
        self._start(slot, is_confirmed=True)

    def _start(self, slot: _Slot, *, is_confirmed: bool) -> None:
        position = slot.position
        strategy = load_strategy(position.cycle.settings.strategy)
        context = self._context
        spec = ChildSpec(
            id=position.cycle.key,
            start=lambda: Trader(context, strategy, slot.position, is_confirmed=is_confirmed),
            restart=Restart.TEMPORARY,
            name=names.trader(context.account, context.symbol, position.cycle.key.trader),
        )
        self.request(
            self.system.whereis(names.traders(context.account, context.symbol)),
            StartChild(spec),
            lambda answer: self._started(slot, answer),
        )

    def _started(self, slot: _Slot, answer: Any) -> None:
        if not isinstance(answer, ChildStarted):
            self.exit(crash(f"trader {slot.position.cycle.key} did not start: {answer}"))
        slot.ref = answer.ref
        slot.monitor = self.monitor(answer.ref)
        if self._is_draining:
            self._close_entries(slot)

    def _slot_of(self, key: CycleKey, what: str) -> _Slot | None:
        slot = self._slots.get(key.trader)
        if slot is None or slot.position.cycle.key != key:
            self.log.warning("report of an unknown trader ignored", report=what, key=str(key))
            return None
        return slot

    def _keep(self, position: Position) -> None:
        slot = self._slot_of(position.cycle.key, "position")
        if slot is not None:
            slot.position = position
            self.system.tell(names.CACHE, KeepState(_cache_key(position.cycle.key), position))

    def _rebuy(self, key: CycleKey, price: Decimal) -> None:
        if self._slot_of(key, "rebuy") is None or self._is_draining:
            return
        if len(self._slots) >= self._settings.trade.chunks:
            self.log.info("rebuy at the limit of chunks", trader=key.trader, chunks=self._settings.trade.chunks)
            return
        self.log.info("rebuy", trader=key.trader, price=plain(price))
        self._start_fresh()
        self._look_around()

    def _finish(self, position: Position) -> None:
        slot = self._slot_of(position.cycle.key, "cycle finished")
        if slot is not None and not slot.is_finished:
            slot.position = position
            slot.is_finished = True
            self._book(position.cycle.result)

    def _book(self, result: CycleResult | None) -> None:
        if result is not None:
            self._completed += result.outcome is CycleOutcome.COMPLETED
            self._realised_pnl += result.realised_pnl

    def _take_notice(self, key: CycleKey, notice: OrderNotice) -> None:
        """Hand an order event on; it came here because the trader was not there at that moment."""
        slot = self._slot_of(key, "order notice")
        if slot is None:
            return
        if slot.ref is not None and slot.ref.is_alive():
            slot.ref.tell(notice)
            return
        orders = tuple(
            order.apply(notice.event) if order.client_order_id == notice.event.client_order_id else order
            for order in slot.position.orders
        )
        slot.position = msgspec.structs.replace(slot.position, orders=orders)

    def _take_down(self, down: Down) -> None:
        number = next((number for number, slot in self._slots.items() if slot.ref is down.ref), None)
        if number is None:
            return
        slot = self._slots[number]
        if slot.is_finished and down.reason in (NORMAL, NOPROC):
            del self._slots[number]
            self.system.tell(names.CACHE, DropState(_cache_key(slot.position.cycle.key)))
            if not self._is_draining:
                self._start_fresh()
            self._look_around()
            return
        self._take_over(slot, str(down.reason))

    def _take_over(self, slot: _Slot, reason: str) -> None:
        if self._crashes.exceeded_by_restart_at(self.system.clock.monotonic_s()):
            self.exit(crash(f"traders keep crashing, the last one with {reason}"))
        self.log.warning("trader taken over", trader=slot.position.cycle.key.trader, reason=reason)
        slot.ref, slot.is_finished = None, False
        self._start(slot, is_confirmed=False)
        self._look_around(restarted=reason)

    def _look_around(self, restarted: str | None = None) -> None:
        account, symbol = self._context.account, self._context.symbol
        report = LeaderReport(
            account=account,
            symbol=symbol,
            traders=len(self._slots),
            is_draining=self._is_draining,
            completed=self._completed,
            realised_pnl=self._realised_pnl,
            restarted=restarted,
        )
        self.system.tell(names.SWITCHES, report)
        if self._is_draining and not self._slots:
            self.log.info("drained")
            self.system.tell(names.SWITCHES, Drained(account, symbol))


def _cache_key(key: CycleKey) -> str:
    return f"trader:{key.account}:{key.symbol}:{key.trader}"
