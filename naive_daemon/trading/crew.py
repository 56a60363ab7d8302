"""The traders of one symbol, each in its slot: starts them, knows who they are, and tells them of drains.

Part of the leader, which decides how many there are. A slot holds the last position its trader reported.
"""

from collections.abc import Callable
from typing import Any

from naive_daemon import names
from naive_daemon.domain.errors import PermanentError
from naive_daemon.domain.order import CycleKey
from naive_daemon.domain.settings import RestingOrders, SymbolSettings, TradingStatus
from naive_daemon.otp import Actor, ChildSpec, ChildStarted, Ref, Restart, StartChild, crash
from naive_daemon.strategy.discovery import load_strategy
from naive_daemon.strategy.protocol import EntriesClosed, Position
from naive_daemon.trading.cause import cause_text
from naive_daemon.trading.context import SymbolContext
from naive_daemon.trading.slot import Slot
from naive_daemon.trading.trader import EntriesOpened, Trader


class Crew:
    """Belongs to the leader, `actor`. `settings` are the symbol's as they are now; `fault`: why nobody new starts."""

    def __init__(self, actor: Actor, context: SymbolContext) -> None:
        self._actor = actor
        self._context = context
        self.settings = SymbolSettings(account=context.account, symbol=context.symbol)
        self.slots: dict[int, Slot] = {}
        self.fault: str | None = None

    @property
    def is_draining(self) -> bool:
        """Say whether traders that end are not replaced."""
        return self.settings.status is not TradingStatus.ON

    def change(self, settings: SymbolSettings) -> None:
        """Take changed settings, and tell those who trade what they have to know."""
        before, self.settings = self.settings, settings
        self.fault = None
        for slot in self.slots.values():
            if before.trade != settings.trade and slot.has_nothing and slot.ref is not None:
                # It ends, and its successor has the settings as they are now.
                slot.ref.tell(self._entries_closed() or EntriesClosed(self._actor.system.clock.now_ns(), cancel=False))
            else:
                self._tell_entries(slot, before)

    def can_start(self) -> bool:
        """Say whether fresh cycles can be traded as the settings want; a strategy that is missing is told, once."""
        try:
            load_strategy(self.settings.trade.strategy)
        except PermanentError as error:
            if self.fault is None:
                self._actor.log.warning("no fresh trader", reason=error.message)
            self.fault = cause_text(error.message)
            return False
        return True

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
        return slot

    def start(self, slot: Slot, *, is_confirmed: bool) -> None:
        """Start a slot's trader; it goes on from the slot's position as it is at that moment."""
        position = slot.position
        strategy = load_strategy(position.cycle.settings.strategy)
        context, closed, settings = self._context, self._entries_closed(), self.settings
        slot.missed = []
        spec = ChildSpec(
            id=position.cycle.key,
            start=lambda: Trader(context, strategy, slot.position, is_confirmed=is_confirmed, closed=closed),
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
            self._tell_entries(slot, before=settings)

        return take

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
        slot.ref.tell(self._entries_closed() or EntriesOpened())


def _entries_of(settings: SymbolSettings) -> tuple[bool, RestingOrders]:
    """Give what of the settings decides about entries, now and not only from the next cycle on."""
    return settings.status is TradingStatus.ON, settings.shutdown_entries
