"""The leader of one symbol: decides how many traders there are, and who takes over when one crashes.

Receives: settings and fee from the switches, reports, EntriesHeard and Downs of its traders, OrderNotice for traders
that do not run, CacheEmptied, AccountStarted.
Sends: StartChild to the traders' supervisor, AddWork and RemoveWork to the streams' owner, RecordCycles to the journal,
LeaderReport and Drained to the switches, positions to the cache, EntriesNoted and CycleNoted to the account.
State: for each slot the last position its trader reported. A position reaches the leader before the order in it
reaches the journal, so nothing is lost with a trader. Only the leader journals cycles, and one that ends or rebuys is
written together with the fresh one that follows from it; so a crash between the two loses no trader, nor the dust that
goes from one to the other.
A drain is confirmed to the switches when every trader has said that it knows of it, or has ended.
Crashes when: traders keep crashing, or the journal does not answer; the symbol then starts again from the journal.
Also when too many of its symbol's former processes hang on threads of the pool, though they were killed: each trader
more might take one more, and in the end the threads of all symbols. Quarantine then waits for them to come back.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.account.account import AccountStarted, OrderNotice
from naive_daemon.cache.messages import CacheEmptied, DropState, KeepState
from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.money import plain
from naive_daemon.domain.order import CycleKey
from naive_daemon.domain.settings import SymbolSettings
from naive_daemon.execution.journal import the_journal
from naive_daemon.execution.journal_messages import LoadSymbol, PassOn, RecordCycles
from naive_daemon.execution.journal_store import OpenCycle, SymbolJournal
from naive_daemon.market.streams import StreamsStarted
from naive_daemon.otp import Actor, Continue, Down, ExitReason, Intensity, Ref, RequestFailed, crash
from naive_daemon.strategy.protocol import Position
from naive_daemon.strategy.result import is_dust_refused, withheld
from naive_daemon.trading.cause import cause_text, end_of
from naive_daemon.trading.context import SymbolContext
from naive_daemon.trading.crew import Crew
from naive_daemon.trading.cycle_book import CycleBook
from naive_daemon.trading.holdings import Holdings
from naive_daemon.trading.reports import (
    CycleFinished,
    Drained,
    EntriesHeard,
    LeaderFailed,
    LeaderReport,
    PositionReported,
    RebuyReported,
)
from naive_daemon.trading.slot import Slot

SETTINGS_TIMEOUT_S = 60.0
JOURNAL_TIMEOUT_S = 60.0
LOST_THREADS_MAX = 3
"""Threads of the pool that killed processes of one symbol may hold before it is given up for a while."""


class AskSettings(msgspec.Struct, frozen=True):
    """Request to the switches: the settings as they are now; answered by SettingsChanged."""

    account: str
    symbol: str


class SettingsChanged(msgspec.Struct, frozen=True):
    """The settings as they are now; what changed holds from a trader's next cycle on.

    `fee`: the account's maker fee, likewise; None while the switches do not know it.
    """

    settings: SymbolSettings
    fee: Decimal | None


class _Begin(msgspec.Struct, frozen=True):
    pass


class Leader(Actor):
    """See the module."""

    _journal: Ref
    _told: SymbolSettings  # by the switches; what the crew has of it may be settled otherwise

    def __init__(self, context: SymbolContext) -> None:
        super().__init__()
        self._context = context
        self._crew = Crew(self, context, self._look_around)
        self._book = CycleBook(context)
        self._holdings = Holdings(self, context.account, context.symbol)
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
        self.subscribe(names.account(self._context.account))
        return Continue(_Begin())

    def on_receive(self, message: Any) -> None:
        """Handle a message; until the journal has answered, everything but the streams' start waits."""
        match message:
            case _Begin():
                self._refuse_lost_threads()
                self._ask()
            case StreamsStarted():
                self._crew.tell_all_works()
            case _ if not self._is_ready:
                self._early.append(message)
            case SettingsChanged(settings, fee):
                self._told = settings
                self._take_fee(fee)
                self._crew.change(settings, self._book.fee)
                self._start_first()
                self._look_around()
            case AccountStarted():
                self._holdings.tell_all()
            case CacheEmptied():
                for slot in self._crew.slots.values():
                    self._tell_cache(slot.position)
            case _:
                self._take_news(message)

    def _take_news(self, message: Any) -> None:
        """Take what a trader has done, or what has befallen it."""
        match message:
            case PositionReported(position):
                self._keep(position, "position")
            case RebuyReported():
                self._rebuy(message)
            case CycleFinished(position):
                self._finish(position)
            case EntriesHeard():
                self._crew.take_heard(message)
            case OrderNotice(key, _):
                slot = self._crew.find(key, "order notice")
                if slot is not None:  # it came here because the trader was not there at that moment
                    slot.take_notice(message)
                    self._holdings.take(slot.position)
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

    def _ask(self) -> None:
        ask = AskSettings(self._context.account, self._context.symbol)
        self.request(self.system.whereis(names.SWITCHES), ask, self._take_settings, SETTINGS_TIMEOUT_S)

    def _take_settings(self, answer: SettingsChanged | RequestFailed) -> None:
        if isinstance(answer, RequestFailed):
            self.exit(crash(f"no settings: {cause_text(answer.reason)}"))
        self._crew.settings = self._told = answer.settings
        self._take_fee(answer.fee)
        self._crew.fee = self._book.fee
        self._crew.level_works()
        load = LoadSymbol(self._context.account, self._context.symbol)
        self._journal = self._crew.journal = the_journal(self)
        self.request(self._journal, load, self._take_journal, JOURNAL_TIMEOUT_S)

    def _take_fee(self, fee: Decimal | None) -> None:
        if fee is not None:
            self._book.fee = fee

    def _take_journal(self, journal: SymbolJournal | RequestFailed) -> None:
        if isinstance(journal, RequestFailed):
            self.exit(crash(f"the journal could not be read: {cause_text(journal.reason)}"))
        self._book.open(journal)
        self._resume_cycles(journal.open_cycles)
        self._is_ready = True
        slots = list(self._crew.slots.values())
        if slots:
            self.log.info("traders taken over from the journal", traders=len(slots))
        for slot in slots:
            # What happened to its orders since the journal was read may have been told to nobody: it asks once more.
            self._crew.start(slot, is_confirmed=not slot.position.orders)
        self._holdings.restore(slot.position for slot in slots)
        self._start_first()
        early, self._early = self._early, []
        for message in early:
            self.on_receive(message)
        self._look_around()

    def _resume_cycles(self, cycles: Sequence[OpenCycle]) -> None:
        """Take up again what has orders, and of the rest no more than there may be now."""
        begun, unbegun = [one for one in cycles if one.orders], [one for one in cycles if not one.orders]
        room = max(0, self._crew.settings.trade.chunks - len(begun)) if unbegun and self._crew.can_start() else 0
        now_ns = self.system.clock.now_ns()
        abandoned = [self._book.abandon(one.cycle, now_ns) for one in unbegun[room:]]
        resumed = begun + unbegun[:room]
        positions = [self._book.resume(one, self._crew.settings.trade) for one in resumed]
        renewed = [now.cycle for now, one in zip(positions, resumed, strict=True) if now.cycle != one.cycle]
        if abandoned or renewed:
            self._journal.tell(RecordCycles((*abandoned, *renewed)))
        for position in positions:
            self._crew.add(position)

    # Traders --------------------------------------------------------------------------------------------------------

    def _start_first(self) -> None:
        """See to it that there is a trader, unless the symbol drains."""
        if not self._crew.slots and not self._crew.is_draining and self._crew.can_start():
            self._start_fresh()

    def _start_fresh(self) -> None:
        cycle = self._make_cycle(self._crew.free_number())
        self._journal.tell(RecordCycles((cycle,)))
        self._start_cycle(cycle)

    def _make_cycle(self, trader: int) -> Cycle:
        return self._book.fresh(trader, self._crew.settings.trade, self.system.clock.now_ns())

    def _start_cycle(self, cycle: Cycle) -> None:
        self._crew.start(self._crew.add(Position(cycle=cycle)), is_confirmed=True)

    def _keep(self, position: Position, report: str) -> bool:
        """Remember a trader's position; False for one that is not known."""
        slot = self._crew.find(position.cycle.key, report)
        if slot is None:
            return False
        self._crew.take_position(slot, position)
        self._holdings.take(position)
        self._tell_cache(position)
        return True

    def _tell_cache(self, position: Position) -> None:
        self.system.tell(names.CACHE, KeepState(_cache_key(position.cycle.key), position))

    def _rebuy(self, report: RebuyReported) -> None:
        cycle_now = report.position.cycle
        key = cycle_now.key
        if not self._keep(report.position, "rebuy"):
            return
        chunks, is_draining = self._crew.settings.trade.chunks, self._crew.is_draining
        is_full = len(self._crew.slots) >= chunks
        if is_draining or is_full or not self._crew.can_start():
            self._journal.tell(RecordCycles((cycle_now,)))
            if is_full and not is_draining:
                self.log.info("rebuy at the limit of chunks", trader=key.trader, chunks=chunks)
            return
        self.log.info("rebuy", trader=key.trader, price=plain(report.price))
        cycle = self._make_cycle(self._crew.free_number())
        self._journal.tell(RecordCycles((cycle_now, cycle)))
        self._start_cycle(cycle)
        self._look_around()

    def _finish(self, position: Position) -> None:
        slot = self._crew.find(position.cycle.key, "cycle finished")
        if slot is None or slot.is_finished:
            return
        slot.position = position
        slot.is_finished = True
        self._book.end(position)
        if is_dust_refused(position) or withheld(position, self._context.instrument):
            self.log.warning("dust not sold", dust=plain(self._book.withheld), base=self._context.instrument.base_asset)
        slot.successor = self._make_cycle(position.cycle.key.trader) if self._crew.is_replaced(slot) else None
        ended = (position.cycle, slot.successor) if slot.successor else (position.cycle,)
        self._journal.tell(RecordCycles(ended))
        self._holdings.take(position)

    def _take_end(self, down: Down) -> None:
        slot = self._crew.find_ended(down.ref)
        if slot is None:
            return
        if not slot.is_finished:
            self._take_over(slot, cause_text(end_of(down.ref, down.reason)))
            return
        key = slot.position.cycle.key
        self._crew.remove(slot)
        self.system.tell(names.CACHE, DropState(_cache_key(key)))
        if slot.successor is not None:
            self._start_cycle(slot.successor)
        elif self._crew.is_replaced(slot):  # a drain was taken back meanwhile, or a strategy has come
            self._start_fresh()
        self._look_around()

    def _take_over(self, slot: Slot, reason: str) -> None:
        if self._crashes.exceeded_by_restart_at(self.system.clock.monotonic_s()):
            self.exit(crash(f"traders keep crashing, the last one with {reason}"))
        self._refuse_lost_threads()
        self.log.warning("trader taken over", trader=slot.position.cycle.key.trader, reason=reason)
        slot.ref = None
        self._crew.start(slot, is_confirmed=False)
        self._look_around(restarted=reason)

    def _refuse_lost_threads(self) -> None:
        account, symbol = self._context.account, self._context.symbol
        stuck = self.system.pool_health().stuck
        lost = sum(one.is_lost and names.is_of_symbol(one.ref.name, account, symbol) for one in stuck)
        if lost >= LOST_THREADS_MAX:
            self.exit(crash(f"{lost} threads hang in what was killed of this symbol: does its strategy come back?"))

    def _look_around(self, restarted: str | None = None) -> None:
        self._crew.level_works()
        account, symbol = self._context.account, self._context.symbol
        report = LeaderReport(
            account=account,
            symbol=symbol,
            traders=len(self._crew.slots),
            is_draining=self._crew.has_closed,
            completed=self._book.completed,
            realised_pnl=self._book.realised_pnl,
            revision=self._crew.settings.revision,
            restarted=restarted,
            fault=self._crew.fault,
        )
        self.system.tell(names.SWITCHES, report)
        if self._crew.is_draining and not self._crew.slots:
            self.log.info("drained")
            # Behind the end of the last cycle: a symbol that is off is not looked at again until it is started.
            self._journal.tell(PassOn(names.SWITCHES, Drained(account, symbol, self._told)))


def _cache_key(key: CycleKey) -> str:
    return f"trader:{key.account}:{key.symbol}:{key.trader}"
