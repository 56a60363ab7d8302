"""The leader of one symbol: decides how many traders there are, and who takes over when one crashes.

Receives: settings and EntriesClosed from the switches, reports and Downs of its traders, OrderNotice for traders that
do not run, CacheEmptied.
Sends: StartChild to the traders' supervisor, RecordCycles to the journal, LeaderReport and Drained to the switches.
State: for each slot the last position its trader reported. A position reaches the leader before the order in it
reaches the journal, so nothing is lost with a trader. Only the leader journals cycles, and one that ends or rebuys is
written together with the fresh one that follows from it; so a crash between the two loses no trader.
Crashes when: traders keep crashing, or the journal does not answer; the symbol then starts again from the journal.
Also when too many of its symbol's former processes hang on threads of the pool, though they were killed: each trader
more might take one more, and in the end the threads of all symbols. Quarantine then waits for them to come back.
"""

from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.account.account import OrderNotice
from naive_daemon.cache.messages import CacheEmptied, DropState, KeepState
from naive_daemon.domain.cycle import Cycle, CycleOutcome
from naive_daemon.domain.errors import PermanentError
from naive_daemon.domain.money import plain
from naive_daemon.domain.order import CycleKey
from naive_daemon.domain.settings import RestingOrders, SymbolSettings, TradingStatus
from naive_daemon.execution.journal import LoadSymbol, RecordCycles
from naive_daemon.execution.journal_store import OpenCycle, SymbolJournal
from naive_daemon.market.streams import OpenStream, StreamsStarted
from naive_daemon.otp import (
    Actor,
    ChildSpec,
    ChildStarted,
    Continue,
    Down,
    ExitReason,
    Intensity,
    RequestFailed,
    Restart,
    StartChild,
    crash,
)
from naive_daemon.strategy.discovery import load_strategy
from naive_daemon.strategy.protocol import EntriesClosed, Position
from naive_daemon.strategy.result import cycle_result
from naive_daemon.trading.cause import cause_text, end_of
from naive_daemon.trading.context import SymbolContext
from naive_daemon.trading.cycle_book import CycleBook
from naive_daemon.trading.reports import (
    CycleFinished,
    Drained,
    LeaderFailed,
    LeaderReport,
    PositionReported,
    RebuyReported,
)
from naive_daemon.trading.slot import Slot
from naive_daemon.trading.trader import EntriesOpened, Trader

SETTINGS_TIMEOUT_S = 60.0
JOURNAL_TIMEOUT_S = 60.0
LOST_THREADS_MAX = 3
"""Threads of the pool that killed processes of one symbol may hold before it is given up for a while."""


class AskSettings(msgspec.Struct, frozen=True):
    """Request to the switches: the settings as they are now; answered by SymbolSettings."""

    account: str
    symbol: str


class SettingsChanged(msgspec.Struct, frozen=True):
    """The settings as they are now; what changed holds from a trader's next cycle on."""

    settings: SymbolSettings


class _Begin(msgspec.Struct, frozen=True):
    pass


class Leader(Actor):
    """See the module."""

    def __init__(self, context: SymbolContext) -> None:
        super().__init__()
        self._context = context
        self._settings = SymbolSettings(account=context.account, symbol=context.symbol)
        self._slots: dict[int, Slot] = {}
        self._fault: str | None = None
        self._book = CycleBook(context)
        self._early: list[Any] = []
        self._is_ready = False
        self._crashes = Intensity(context.trader_restarts, context.trader_period_s)

    def log_context(self) -> dict[str, object]:
        """Say which symbol this is."""
        return {"symbol": self._context.symbol, "account": self._context.account}

    def init(self) -> Continue:
        """Release the starter; what is needed is asked for afterwards."""
        self.subscribe(names.STREAMS)
        self.subscribe(names.CACHE)
        return Continue(_Begin())

    def on_receive(self, message: Any) -> None:
        """Handle a message; until the journal has answered, everything but streams and settings waits."""
        match message:
            case _Begin():
                self._refuse_lost_threads()
                self._open_stream()
                self._ask()
            case StreamsStarted():
                self._open_stream()
            case _ if not self._is_ready:
                self._early.append(message)
            case SettingsChanged(settings):
                self._change(settings)
            case PositionReported(position):
                self._keep(position, "position")
            case RebuyReported():
                self._rebuy(message)
            case CycleFinished(position):
                self._finish(position)
            case OrderNotice(key, _):
                self._take_notice(key, message)
            case CacheEmptied():
                for slot in self._slots.values():
                    self._tell_cache(slot.position)
            case Down():
                self._take_end(message)
            case _:
                super().on_receive(message)

    def on_terminate(self, reason: ExitReason) -> None:
        """Let an operator see why the symbol had to start again."""
        if not reason.is_orderly:
            failed = LeaderFailed(self._context.account, self._context.symbol, cause_text(reason))
            self.system.tell(names.SWITCHES, failed)

    # Start: also the way back after any crash -----------------------------------------------------------------------

    def _open_stream(self) -> None:
        self.system.tell(names.STREAM_DESK, OpenStream(self._context.symbol, self.ref))

    def _ask(self) -> None:
        ask = AskSettings(self._context.account, self._context.symbol)
        self.request(self.system.whereis(names.SWITCHES), ask, self._take_settings, SETTINGS_TIMEOUT_S)

    def _take_settings(self, settings: SymbolSettings | RequestFailed) -> None:
        if isinstance(settings, RequestFailed):
            self.exit(crash(f"no settings: {cause_text(settings.reason)}"))
        self._settings = settings
        load = LoadSymbol(self._context.account, self._context.symbol)
        self.request(self.system.whereis(names.JOURNAL), load, self._take_journal, JOURNAL_TIMEOUT_S)

    def _take_journal(self, journal: SymbolJournal | RequestFailed) -> None:
        if isinstance(journal, RequestFailed):
            self.exit(crash(f"the journal could not be read: {cause_text(journal.reason)}"))
        self._book.open(journal)
        for opened in journal.open_cycles:
            self._resume_cycle(opened)
        self._is_ready = True
        if self._slots:
            self.log.info("traders taken over from the journal", traders=len(self._slots))
        for slot in self._slots.values():
            # What happened to its orders since the journal was read may have been told to nobody: it asks once more.
            self._start(slot, is_confirmed=not slot.position.orders)
        self._start_first()
        early, self._early = self._early, []
        for message in early:
            self.on_receive(message)
        self._look_around()

    def _resume_cycle(self, opened: OpenCycle) -> None:
        """Take a cycle up again; one that has placed nothing yet takes the settings as they are now."""
        cycle = opened.cycle
        position = Position(cycle=cycle, orders=opened.orders)
        if not opened.orders:
            if self._can_start():
                cycle = self._book.settled(cycle.key, self._settings.trade, cycle.started_ns)
            else:
                now_ns = self.system.clock.now_ns()
                result = cycle_result(position, self._context.instrument, now_ns, CycleOutcome.ABANDONED)
                cycle = msgspec.structs.replace(cycle, result=result)
            position = msgspec.structs.replace(position, cycle=cycle)
            self.system.tell(names.JOURNAL, RecordCycles((cycle,)))
        if cycle.result is None:
            self._slots[cycle.key.trader] = Slot(position)

    # Settings -------------------------------------------------------------------------------------------------------

    @property
    def _is_draining(self) -> bool:
        return self._settings.status is not TradingStatus.ON

    def _change(self, settings: SymbolSettings) -> None:
        before, self._settings = self._settings, settings
        self._fault = None
        for slot in self._slots.values():
            if before.trade != settings.trade and slot.has_nothing and slot.ref is not None:
                # It ends, and its successor has the settings as they are now.
                slot.ref.tell(self._entries_closed() or EntriesClosed(self.system.clock.now_ns(), cancel=False))
            else:
                self._tell_entries(slot, before)
        self._start_first()
        self._look_around()

    def _entries_closed(self) -> EntriesClosed | None:
        """Give what a trader must know of a drain; None while there is none."""
        if not self._is_draining:
            return None
        cancel = self._settings.shutdown_entries is RestingOrders.CANCEL
        return EntriesClosed(self.system.clock.now_ns(), cancel)

    def _tell_entries(self, slot: Slot, before: SymbolSettings) -> None:
        """Tell a trader that runs what has changed for entries since `before`; one that starts is told then."""
        if slot.ref is None or _entries_of(before) == _entries_of(self._settings):
            return
        slot.ref.tell(self._entries_closed() or EntriesOpened())

    # Traders --------------------------------------------------------------------------------------------------------

    def _start_first(self) -> None:
        """See to it that there is a trader, unless the symbol drains."""
        if not self._slots and not self._is_draining and self._can_start():
            self._start_fresh()

    def _start_fresh(self) -> None:
        cycle = self._make_cycle(self._free_trader())
        self.system.tell(names.JOURNAL, RecordCycles((cycle,)))
        self._start_cycle(cycle)

    def _can_start(self) -> bool:
        """Say whether fresh cycles can be traded as the settings want; a strategy that is missing is told, once."""
        try:
            load_strategy(self._settings.trade.strategy)
        except PermanentError as error:
            if self._fault is None:
                self.log.warning("no fresh trader", reason=error.message)
            self._fault = cause_text(error.message)
            return False
        return True

    def _free_trader(self) -> int:
        return next(number for number in range(1, len(self._slots) + 2) if number not in self._slots)

    def _make_cycle(self, trader: int) -> Cycle:
        return self._book.fresh(trader, self._settings.trade, self.system.clock.now_ns())

    def _start_cycle(self, cycle: Cycle) -> None:
        slot = self._slots[cycle.key.trader] = Slot(Position(cycle=cycle))
        self._start(slot, is_confirmed=True)

    def _start(self, slot: Slot, *, is_confirmed: bool) -> None:
        position = slot.position
        strategy = load_strategy(position.cycle.settings.strategy)
        context, closed, settings = self._context, self._entries_closed(), self._settings
        slot.missed = []
        spec = ChildSpec(
            id=position.cycle.key,
            start=lambda: Trader(context, strategy, slot.position, is_confirmed=is_confirmed, closed=closed),
            restart=Restart.TEMPORARY,
            name=names.trader(context.account, context.symbol, position.cycle.key.trader),
        )
        self.request(
            self.system.whereis(names.traders(context.account, context.symbol)),
            StartChild(spec),
            lambda answer: self._started(slot, answer, settings),
        )

    def _started(self, slot: Slot, answer: Any, settings: SymbolSettings) -> None:
        if not isinstance(answer, ChildStarted):
            self.exit(crash(f"trader {slot.position.cycle.key} did not start: {answer}"))
        slot.ref = answer.ref
        self.monitor(answer.ref)
        for notice in slot.missed:
            answer.ref.tell(notice)
        self._tell_entries(slot, before=settings)

    def _slot_of(self, key: CycleKey, what: str) -> Slot | None:
        slot = self._slots.get(key.trader)
        if slot is None or slot.position.cycle.key != key:
            self.log.warning("report of an unknown trader ignored", report=what, key=str(key))
            return None
        return slot

    def _keep(self, position: Position, report: str) -> bool:
        """Remember a trader's position; False for one that is not known."""
        slot = self._slot_of(position.cycle.key, report)
        if slot is None:
            return False
        slot.position = position
        self._tell_cache(position)
        return True

    def _tell_cache(self, position: Position) -> None:
        self.system.tell(names.CACHE, KeepState(_cache_key(position.cycle.key), position))

    def _rebuy(self, report: RebuyReported) -> None:
        cycle_now = report.position.cycle
        key = cycle_now.key
        if not self._keep(report.position, "rebuy"):
            return
        is_full = len(self._slots) >= self._settings.trade.chunks
        if self._is_draining or is_full or not self._can_start():
            self.system.tell(names.JOURNAL, RecordCycles((cycle_now,)))
            if is_full and not self._is_draining:
                self.log.info("rebuy at the limit of chunks", trader=key.trader, chunks=self._settings.trade.chunks)
            return
        self.log.info("rebuy", trader=key.trader, price=plain(report.price))
        cycle = self._make_cycle(self._free_trader())
        self.system.tell(names.JOURNAL, RecordCycles((cycle_now, cycle)))
        self._start_cycle(cycle)
        self._look_around()

    def _finish(self, position: Position) -> None:
        slot = self._slot_of(position.cycle.key, "cycle finished")
        if slot is None or slot.is_finished:
            return
        slot.position = position
        slot.is_finished = True
        slot.successor = self._make_cycle(position.cycle.key.trader) if self._is_replaced(slot) else None
        ended = (position.cycle, slot.successor) if slot.successor else (position.cycle,)
        self.system.tell(names.JOURNAL, RecordCycles(ended))
        self._book.end(position.cycle.result)

    def _is_replaced(self, ended: Slot) -> bool:
        """Say whether a fresh trader takes the place of one that ends: not beyond `chunks`, which may have fallen."""
        others = sum(
            slot is not ended and (not slot.is_finished or bool(slot.successor)) for slot in self._slots.values()
        )
        return not self._is_draining and others < self._settings.trade.chunks and self._can_start()

    def _take_notice(self, key: CycleKey, notice: OrderNotice) -> None:
        """Hand an order event on; it came here because the trader was not there at that moment."""
        slot = self._slot_of(key, "order notice")
        if slot is None:
            return
        if slot.ref is not None and slot.ref.is_alive():
            slot.ref.tell(notice)
            return
        slot.missed.append(notice)  # it may have been made already, from the position before this
        orders = tuple(
            order.apply(notice.event) if order.client_order_id == notice.event.client_order_id else order
            for order in slot.position.orders
        )
        slot.position = msgspec.structs.replace(slot.position, orders=orders)

    def _take_end(self, down: Down) -> None:
        number = next((number for number, slot in self._slots.items() if slot.ref is down.ref), None)
        if number is None:
            return
        slot = self._slots[number]
        if not slot.is_finished:
            self._take_over(slot, cause_text(end_of(down.ref, down.reason)))
            return
        del self._slots[number]
        self.system.tell(names.CACHE, DropState(_cache_key(slot.position.cycle.key)))
        if slot.successor is not None:
            self._start_cycle(slot.successor)
        elif self._is_replaced(slot):  # a drain was taken back meanwhile, or a strategy has come
            self._start_fresh()
        self._look_around()

    def _take_over(self, slot: Slot, reason: str) -> None:
        if self._crashes.exceeded_by_restart_at(self.system.clock.monotonic_s()):
            self.exit(crash(f"traders keep crashing, the last one with {reason}"))
        self._refuse_lost_threads()
        self.log.warning("trader taken over", trader=slot.position.cycle.key.trader, reason=reason)
        slot.ref = None
        self._start(slot, is_confirmed=False)
        self._look_around(restarted=reason)

    def _refuse_lost_threads(self) -> None:
        account, symbol = self._context.account, self._context.symbol
        stuck = self.system.pool_health().stuck
        lost = sum(one.is_lost and names.is_of_symbol(one.ref.name, account, symbol) for one in stuck)
        if lost >= LOST_THREADS_MAX:
            self.exit(crash(f"{lost} threads hang in what was killed of this symbol: does its strategy come back?"))

    def _look_around(self, restarted: str | None = None) -> None:
        account, symbol = self._context.account, self._context.symbol
        report = LeaderReport(
            account=account,
            symbol=symbol,
            traders=len(self._slots),
            is_draining=self._is_draining,
            completed=self._book.completed,
            realised_pnl=self._book.realised_pnl,
            restarted=restarted,
            fault=self._fault,
        )
        self.system.tell(names.SWITCHES, report)
        if self._is_draining and not self._slots:
            self.log.info("drained")
            self.system.tell(names.SWITCHES, Drained(account, symbol))


def _entries_of(settings: SymbolSettings) -> tuple[bool, RestingOrders]:
    """Give what of the settings decides about entries, now and not only from the next cycle on."""
    return settings.status is TradingStatus.ON, settings.shutdown_entries


def _cache_key(key: CycleKey) -> str:
    return f"trader:{key.account}:{key.symbol}:{key.trader}"
