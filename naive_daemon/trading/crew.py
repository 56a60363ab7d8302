"""The traders of one symbol, each in its slot: starts them, knows who they are, and tells them of drains.

Part of the leader, which decides how many there are. A slot holds the last position its trader reported. What they
need of the market is asked for as works: one for each distinct set of settings that a slot or the next cycle has.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.domain.errors import PermanentError
from naive_daemon.domain.money import plain
from naive_daemon.domain.order import CycleKey
from naive_daemon.domain.settings import (
    InvalidSettingError,
    RestingOrders,
    SymbolSettings,
    TradeSettings,
    TradingStatus,
)
from naive_daemon.market.work import AddWork, RemoveWork, Work
from naive_daemon.otp import Actor, ChildSpec, ChildStarted, Ref, Restart, StartChild, crash
from naive_daemon.redflow import signature
from naive_daemon.strategy.discovery import load_strategy
from naive_daemon.strategy.protocol import EntriesClosed, Position
from naive_daemon.strategy.settings import needs_of, settled
from naive_daemon.trading.cause import cause_text
from naive_daemon.trading.context import SymbolContext
from naive_daemon.trading.reports import EntriesHeard
from naive_daemon.trading.slot import Slot
from naive_daemon.trading.trader import EntriesOpened, Trader
from naive_daemon.trading.works import Works

_TOLD_APART = ("strategy", "parameters")


class Crew:
    """Belongs to the leader, `actor`. `settings` and maker `fee` are as they are now; `fault`: why nobody new starts.

    `on_all_heard` is called when the last trader has said that it knows that entries are closed.

    Settings that can be traded are complete: they have every parameter of their strategy, in one spelling.
    `journal`: the leader's, and so its traders'.
    """

    journal: Ref

    def __init__(self, actor: Actor, context: SymbolContext, on_all_heard: Callable[[], None]) -> None:
        self._actor = actor
        self._on_all_heard = on_all_heard
        self._context = context
        self.settings = SymbolSettings(account=context.account, symbol=context.symbol)
        self.fee = context.fee
        self.slots: dict[int, Slot] = {}
        self.fault: str | None = None
        self._works = Works(self._work_of)

    @property
    def settings(self) -> SymbolSettings:
        """The settings as they are now."""
        return self._settings

    @settings.setter
    def settings(self, settings: SymbolSettings) -> None:
        self._settings, self._refusal = _settle(settings)

    @property
    def is_draining(self) -> bool:
        """Say whether traders that end are not replaced."""
        return self.settings.status is not TradingStatus.ON

    @property
    def has_closed(self) -> bool:
        """Say whether entries are closed, and whoever trades knows it: one that is behind or starts may not yet."""
        return self.is_draining and all(slot.is_finished or slot.has_heard for slot in self.slots.values())

    def change(self, settings: SymbolSettings, fee: Decimal) -> None:
        """Take changed settings or another fee, and tell those who trade what they have to know."""
        before, self.settings = self.settings, settings
        before_fee, self.fee = self.fee, fee
        is_other = (before.trade, before_fee) != (self.settings.trade, fee)
        self.fault = None
        for slot in self.slots.values():
            if is_other and slot.has_nothing and slot.ref is not None:
                self._renew(slot, slot.ref)
            else:
                self._tell_entries(slot, before)

    def _renew(self, slot: Slot, trader: Ref) -> None:
        """Let a trader end that has nothing: its successor has settings and fee as they are now."""
        closed = self._entries_closed() or EntriesClosed(self._actor.system.clock.now_ns(), cancel=False)
        slot.close(closed)
        trader.tell(closed)

    def _renew_outdated(self, slot: Slot) -> bool:
        """Let a trader end that has nothing and was begun with other settings or fee than there are now, if it runs."""
        cycle = slot.position.cycle
        is_current = (cycle.settings, cycle.fee) == (self.settings.trade, self.fee)
        if slot.ref is None or is_current or not slot.has_nothing or not self.can_start():
            return False
        self._renew(slot, slot.ref)
        return True

    def take_position(self, slot: Slot, position: Position) -> None:
        """Remember a trader's position; what it has ordered may have come to nothing since settings were changed.

        Or it has crossed their change: then it is no reason to end any more.
        """
        slot.position = position
        if not self._renew_outdated(slot):
            self._go_on(slot)

    def _go_on(self, slot: Slot) -> None:
        """Let a trader place entries again that was to end as it had nothing, and has something."""
        if slot.ref is None or slot.closed is None or slot.has_nothing or self.is_draining:
            return
        slot.close(None)
        slot.ref.tell(EntriesOpened())

    def can_start(self) -> bool:
        """Say whether fresh cycles can be traded as the settings want; why not is told once.

        Not by a strategy that is missing, though it may come, nor with parameters that the strategy refuses.
        """
        if self._refusal is not None:
            self.settings = self._settings
        if self._refusal is None:
            self.fault = None
            return True
        if self.fault is None:
            self._actor.log.warning("no fresh trader", reason=self._refusal)
        self.fault = cause_text(self._refusal)
        return False

    def is_replaced(self, ended: Slot) -> bool:
        """Say whether a fresh trader takes the place of one that ends: not beyond `chunks`, which may have fallen."""
        others = sum(
            slot is not ended and (not slot.is_finished or bool(slot.successor)) for slot in self.slots.values()
        )
        return not self.is_draining and others < self.settings.trade.chunks and self.can_start()

    def free_number(self) -> int:
        """Give the lowest number that no trader has."""
        return next(number for number in range(1, len(self.slots) + 2) if number not in self.slots)

    def find(self, key: CycleKey, what: str) -> Slot | None:
        """Give the slot of a cycle; None, said in the log, for a `what` of one that is not known."""
        slot = self.slots.get(key.trader)
        if slot is None or slot.position.cycle.key != key:
            self._actor.log.warning("report of an unknown trader ignored", report=what, key=str(key))
            return None
        return slot

    def find_ended(self, ref: Ref) -> Slot | None:
        """Give the slot of a trader that has ended."""
        return next((slot for slot in self.slots.values() if slot.ref is ref), None)

    def add(self, position: Position) -> Slot:
        """Give a cycle its slot."""
        slot = self.slots[position.cycle.key.trader] = Slot(position)
        self._works.hold(position.cycle.settings)
        return slot

    def remove(self, slot: Slot) -> None:
        """Take the slot of a cycle that has ended away."""
        del self.slots[slot.position.cycle.key.trader]
        self._works.release(slot.position.cycle.settings)

    def level_works(self) -> None:
        """Ask the streams' owner for what is needed now, and for no more; what is new before what is over."""
        self._works.want(self.settings.trade if not self.is_draining and self.can_start() else None)
        added, removed = self._works.changes()
        self._tell_works(added)
        for work_id in removed:
            self._actor.system.tell(names.STREAM_DESK, RemoveWork(work_id, self._actor.ref))

    def tell_all_works(self) -> None:
        """Ask a streams' owner that has just started for everything that is needed."""
        self._tell_works(self._works.told)

    def _tell_works(self, works: Iterable[Work]) -> None:
        for work in works:
            self._actor.system.tell(names.STREAM_DESK, AddWork(work, self._actor.ref))

    def _work_of(self, settings: TradeSettings) -> Work:
        return Work(
            exchange=self._context.exchange,
            symbol=self._context.symbol,
            account=self._context.account,
            strategy=settings.strategy,
            signature=signature(settings),
            settings=_words(settings),
            needs=needs_of(load_strategy(settings.strategy), settings),
        )

    def start(self, slot: Slot, *, is_confirmed: bool) -> None:
        """Start a slot's trader; it goes on from the slot's position as it is at that moment."""
        position = slot.position
        strategy = load_strategy(position.cycle.settings.strategy)
        context, leader, journal = self._context, self._actor.ref, self.journal
        closed, settings = self._entries_closed(), self.settings
        slot.missed, slot.has_heard = [], False
        slot.close(closed)
        spec = ChildSpec(
            id=position.cycle.key,
            start=lambda: Trader(
                context, strategy, leader, journal, slot.position, is_confirmed=is_confirmed, closed=closed
            ),
            restart=Restart.TEMPORARY,
            name=names.trader(context.account, context.symbol, position.cycle.key.trader),
        )
        supervisor = self._actor.system.whereis(names.traders(context.account, context.symbol))
        self._actor.request(supervisor, StartChild(spec), self._take_started(slot, settings))

    def _take_started(self, slot: Slot, settings: SymbolSettings) -> Callable[[Any], None]:
        def take(answer: Any) -> None:
            if not isinstance(answer, ChildStarted):
                self._actor.exit(crash(f"trader {slot.position.cycle.key} did not start: {answer}"))
            slot.ref = answer.ref
            self._actor.monitor(answer.ref)
            for notice in slot.missed:
                answer.ref.tell(notice)
            if not self._renew_outdated(slot):
                self._tell_entries(slot, before=settings)

        return take

    def take_heard(self, heard: EntriesHeard) -> None:
        """Note that a trader knows that entries are closed; one that has ended since knows it, too."""
        slot = self.slots.get(heard.key.trader)
        if slot is not None and slot.position.cycle.key == heard.key:
            slot.take_heard(heard.closed)
            if self.has_closed:
                self._on_all_heard()

    def _entries_closed(self) -> EntriesClosed | None:
        """Give what a trader must know of a drain; None while there is none."""
        if not self.is_draining:
            return None
        cancel = self.settings.shutdown_entries is RestingOrders.CANCEL
        return EntriesClosed(self._actor.system.clock.now_ns(), cancel)

    def _tell_entries(self, slot: Slot, before: SymbolSettings) -> None:
        """Tell a trader that runs what has changed for entries since `before`; one that starts is told then."""
        if slot.ref is None or _entries_of(before) == _entries_of(self.settings):
            return
        closed = self._entries_closed()
        slot.close(closed)
        slot.ref.tell(closed or EntriesOpened())


def _words(settings: TradeSettings) -> str:
    """Tell all settings but the strategy's name on one line, which is bounded as the settings are."""
    told = {key: value for key, value in msgspec.structs.asdict(settings).items() if key not in _TOLD_APART}
    told |= dict(settings.parameters)
    return " ".join(f"{key}={plain(value) if isinstance(value, Decimal) else value}" for key, value in told.items())


def _settle(settings: SymbolSettings) -> tuple[SymbolSettings, str | None]:
    """Complete the settings by their strategy; those that can not be traded stay as they are, and why is said."""
    try:
        trade = settled(load_strategy(settings.trade.strategy), settings.trade)
    except (PermanentError, InvalidSettingError) as error:
        return settings, str(error)
    return msgspec.structs.replace(settings, trade=trade), None


def _entries_of(settings: SymbolSettings) -> tuple[bool, RestingOrders]:
    """Give what of the settings decides about entries, now and not only from the next cycle on."""
    return settings.status is TradingStatus.ON, settings.shutdown_entries
