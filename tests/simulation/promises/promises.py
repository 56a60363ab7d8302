"""What must hold of a run of the daemon: safety after every step, liveness once all is healed and quiet.

Hears of every trade, of every order that reaches the exchange, of what that does with it, and of every commit of the
journal, each at the moment when it has happened; the promises themselves are in `safety`, `naive_rules` and `liveness`.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.events import (
    AccountEvent,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    Trade,
)
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import CycleKey, Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import CycleRecorded, JournalEntry, OrderRecorded
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.otp.clock import Clock
from tests.simulation.plan import Plan
from tests.simulation.promises import naive_rules, safety
from tests.simulation.promises.annals import Annals, CycleAnnals, OrderAnnals, SymbolAnnals
from tests.simulation.promises.at_exchange import AtExchange
from tests.simulation.promises.closings import Closings
from tests.simulation.promises.isolation import Isolation
from tests.simulation.promises.kept_metadata import KeptMetadata
from tests.simulation.promises.limits import Limits
from tests.simulation.promises.liveness import WorldStanding, check_liveness
from tests.simulation.promises.prints import Prints
from tests.simulation.promises.soon import Soon
from tests.simulation.promises.violation import Violation, promised
from tests.trading.invariants import check_safety
from tests.trading.table import Key, Table

if TYPE_CHECKING:
    from naive_daemon.domain.limits import RiskLimits

__all__ = ["Promises", "Violation"]

FULL_LOOK_EVERY = 20
"""Beats from one look at every order there ever was to the next: what can break at a commit is seen at once."""

LATEST_S = 11.0
"""From the client to the exchange at the most: as long as that takes a request, and a way."""


class Promises:
    """See the module; raises Violation. `annals` is what happened, as far as it was heard.

    `shown` is the clock as the daemon is shown it.
    """

    def __init__(self, plan: Plan, books: MemoryJournal, table: Table, exchange: Any, shown: Clock) -> None:
        self.annals = Annals()
        self.prints = Prints()
        self.orphans: set[str] = set()
        self._plan = plan
        self._instruments = plan.instruments
        self._books = books
        self._shown = shown
        self._at_exchange = AtExchange()
        self._limits = Limits(table, self.annals, self._at_exchange, shown)
        self.known_limits: Callable[[str], RiskLimits | None] = lambda _: None  # what an account's manager knows
        self.manager: Callable[[str], object] = lambda _: None  # who it is
        self.is_blind: Callable[[str], bool] = lambda _: False  # whether it has been told that no market is heard
        self._blindly: set[str] = set()
        self.closings = Closings(table, self.prints, shown)
        self._isolation = Isolation()
        self._metadata = KeptMetadata()
        self._soon = Soon()
        self._ended: list[CycleAnnals] = []
        self._waited: set[tuple[str, int]] = set()
        self._may_come: dict[str, frozenset[str]] = {}
        self._left_s: dict[str, float] = {}
        self._checks = 0
        self._healed_ns: int | None = None

    # What happens ---------------------------------------------------------------------------------------------------

    def market_prints(self, trade: Trade) -> None:
        """Hear of a trade before anybody else does."""
        self.prints.take(trade)

    def order_leaves(self, order: Order) -> None:
        """Hear of an order of ours that is being sent."""
        self._left_s[order.client_order_id] = self._shown.monotonic_s()
        safety.kill_switch_lets_none_leave(order, is_confirmed=self.closings.is_stopped(order.key.account))
        safety.closed_lets_none_leave(order, is_closed=not self.closings.lets_leave((order.key.account, order.symbol)))

    def order_arrives(self, order: Order) -> None:
        """Hear of an order of ours that has reached the exchange, before it is matched."""
        there, order_id = self._at_exchange, order.client_order_id
        safety.intent_comes_first(order, self._books._orders.get(order_id))
        safety.goes_out_once(order, has_arrived=order_id in there.arrived)
        safety.is_alone(order, there.live.get(_slot(order.key)))
        safety.has_its_cycle(order, self.annals.cycles.get(order.key))
        safety.kill_switch_holds(order, is_confirmed=self._is_stopped(order))
        safety.buys_not_blindly(order, is_blind=order_id in self._blindly)
        self._limits.take_arrival(order)
        there.take_arrival(order)

    def symbol_is_drained(self, key: Key) -> None:
        """Hear that the daemon has turned a symbol from shutdown to off."""
        safety.drained_is_empty(list(self.annals.symbols[key].open))

    def events_occur(self, events: Sequence[AccountEvent]) -> None:
        """Hear of what the exchange has done with anybody's orders, before the daemon does."""
        there = self._at_exchange
        for event in events:
            match event:
                case OrderFilled():
                    safety.exchange_fills_no_more_than_ordered(event, filled_more=there.take_fill(event))
                case OrderAccepted():
                    there.take_accepted(event)
                case OrderCancelled() | OrderExpired() | OrderRejected():
                    there.take_end(event.client_order_id)

    def entries_written(self, entries: Sequence[JournalEntry]) -> None:
        """Hear of what was committed in the journal, right after it was, told to the daemon or not."""
        orders: dict[str, Order] = {}
        cycles: dict[CycleKey, None] = {}
        over: dict[str, None] = {}
        reporter: CycleAnnals | None = None
        self._ended.clear()
        for entry in entries:
            match entry:
                case OrderRecorded(order, _) if order.client_order_id in self.orphans:
                    pass
                case OrderRecorded(order, event):
                    known = self.annals.orders.get(order.client_order_id)
                    if known is not None and known.status.is_terminal:
                        over.setdefault(order.client_order_id)
                    self._take_order(order, event if isinstance(event, OrderFilled) else None)
                    orders[order.client_order_id], cycles[order.key] = order, None
                    reporter = None
                case CycleRecorded(cycle):
                    reporter = self._take_cycle(cycle, reporter)
                    cycles[cycle.key] = None
        self._see_replaced()
        for order_id, order in orders.items():
            safety.over_is_over(order, was_over=order_id in over)
            safety.position_is_its_fills(self._books._orders[order_id], self.annals.orders[order_id])
        for key in cycles:
            known = self.annals.cycles[key]
            if known.bound is not None:
                safety.terms_are_bound(known, known.bound)
            safety.dust_is_there(self.annals.symbol(key), (key.account, key.symbol))

    def entries_wait(self, entries: Sequence[JournalEntry]) -> None:
        """Hear of what could not be written, or whose answer was lost: it is to be tried again."""
        for entry in entries:
            if isinstance(entry, OrderRecorded) and entry.order.client_order_id not in self.annals.orders:
                self._waited.add((entry.order.client_order_id, entry.order.created_ns))

    def kill_switch_is_confirmed(self, account: str, revision: int, in_flight: list[str], live: list[str]) -> None:
        """Hear that an account confirms a kill switch, which of its entries wait for an answer, and which live."""
        if self.closings.is_current(revision):
            safety.kill_switch_is_obeyed(in_flight)
            self._may_come[account] = frozenset(live)

    def heals(self) -> None:
        """Hear that nothing goes wrong from now on."""
        self._healed_ns = self.prints.last_ns
        for symbol in self.annals.symbols.values():
            symbol.completed = 0

    # Looks ----------------------------------------------------------------------------------------------------------

    def check(self, world: Any) -> None:
        """Look at what no single step shows, between two beats."""
        for account in self._plan.accounts:
            self._limits.note(account)
        self._isolation.check(world)
        self._metadata.check(world)
        self._soon.check(world)
        self._checks += 1
        if self._checks % FULL_LOOK_EVERY == 0 and world.system is not None:
            self._look_at_all(world)

    def check_rest(self, world: Any) -> None:
        """Look at everything once all is healed and quiet; see `liveness`."""
        self._look_at_all(world)
        check_liveness(world, self.annals, self.prints, self._at_exchange, self._healed_ns)

    def _look_at_all(self, world: Any) -> None:
        with promised("journal and exchange are sound"):
            check_safety(WorldStanding(world))

    # Orders ---------------------------------------------------------------------------------------------------------

    def _take_order(self, order: Order, fill: OrderFilled | None) -> None:
        cycle, known = self.annals.cycles.get(order.key), self.annals.orders.get(order.client_order_id)
        if known is None:
            safety.has_its_cycle(order, cycle)
        if cycle is None:
            raise Violation("every order has its cycle", order.client_order_id)
        if known is None:
            known = self._begin_order(order, cycle)
        else:
            safety.terms_stay(order, known)
            safety.what_rested_was_not_refused(order, known)
        if fill is not None:
            self._take_fill(known, cycle, fill)
        _take_status(order, known)

    def _begin_order(self, order: Order, cycle: CycleAnnals) -> OrderAnnals:
        legs = cycle.orders[order.side]
        safety.attempts_are_numbered(order, len(legs))
        safety.nothing_else_is_live(order, cycle)
        if legs:
            naive_rules.is_tried_again_only_if_refused(order, legs[-1].first, legs[-1].status, legs[-1].filled)
            safety.waits_after_refusals(order, legs)
        instrument = self._instruments[order.symbol]
        if order.side is Side.BUY:
            self._begin_buy(order, cycle, instrument)
        else:
            naive_rules.sells_once_the_buy_is_complete(order, cycle)
            naive_rules.sells_with_profit(order, cycle, instrument)
            naive_rules.sells_what_was_received(order, cycle, instrument)
        naive_rules.passes_the_filters(order, instrument)
        known = self.annals.orders[order.client_order_id] = OrderAnnals(order, order.status)
        legs.append(known)
        self._limits.take_intent(order, self.known_limits(order.key.account), self.manager(order.key.account))
        cycle.bound = cycle.bound or cycle.terms
        return known

    def _begin_buy(self, order: Order, cycle: CycleAnnals, instrument: Instrument) -> None:
        if order.status is OrderStatus.IN_FLIGHT:  # else it was refused before it could go anywhere
            key = (order.key.account, order.symbol)
            has_waited = (order.client_order_id, order.created_ns) in self._waited
            safety.entry_never_waits(order, has_waited=has_waited)
            safety.closed_means_closed(order, is_closed=self.closings.forbids(key, order.created_ns))
            if self.is_blind(order.key.account):
                self._blindly.add(order.client_order_id)
        safety.risks_no_more_than_the_budget(order, cycle)
        naive_rules.buys_below_a_print(order, cycle, instrument, self.prints)
        naive_rules.buys_for_the_budget(order, cycle, instrument)

    def _take_fill(self, known: OrderAnnals, cycle: CycleAnnals, fill: OrderFilled) -> None:
        key = (fill.account, fill.symbol, fill.trade_id)
        former = self.annals.fills.get(key)
        if former is not None:
            safety.fill_counts_once(fill, former)
            return
        if not self._plan.own_exchange:
            safety.fill_was_made(fill, self._at_exchange.made.get(key))
        self.annals.fills[key] = fill
        known.filled += fill.quantity
        cycle.take_fill(known.first.side, fill)

    # Cycles ---------------------------------------------------------------------------------------------------------

    def _take_cycle(self, cycle: Cycle, reporter: CycleAnnals | None) -> CycleAnnals | None:
        """Take a cycle as it was written; gives it back when it has reported a rebuy by that."""
        symbol, known = self.annals.symbol(cycle.key), self.annals.cycles.get(cycle.key)
        if known is None:
            known = self._begin_cycle(cycle, symbol, follows_rebuy=reporter is not None)
        elif known.result is not None:
            safety.end_stays(cycle, known)
            return None
        else:
            self._take_dust_again(cycle, known, symbol)
            if cycle.result is None and cycle.settings != known.terms.settings:
                naive_rules.is_within_chunks_again(cycle, symbol)
            known.terms = cycle
            self._hold_terms(known)
        reports = cycle.rebuy_reported and not known.rebuy_reported
        if reports:
            naive_rules.rebuys_below_the_buy(known, self.prints)
            known.rebuy_reported = True
        if cycle.result is not None:
            self._end_cycle(known, symbol)
        return known if reports else None

    def _take_dust_again(self, cycle: Cycle, known: CycleAnnals, symbol: SymbolAnnals) -> None:
        """Take what a cycle without orders was given, when it is taken up again and given what there is then."""
        if cycle.dust_in != known.terms.dust_in:
            symbol.dust += known.terms.dust_in
            naive_rules.dust_goes_on(CycleAnnals(cycle), symbol.dust, has_withheld=symbol.has_withheld)
            symbol.dust -= cycle.dust_in

    def _begin_cycle(self, cycle: Cycle, symbol: SymbolAnnals, *, follows_rebuy: bool) -> CycleAnnals:
        known = CycleAnnals(cycle)
        safety.number_is_new(cycle.key, symbol)
        safety.trader_is_free(cycle.key, symbol)
        self._hold_terms(known)
        is_closed = self.closings.forbids_cycle((cycle.key.account, cycle.key.symbol), cycle.started_ns)
        naive_rules.begins_none_in_a_drain(known, is_closed=is_closed)
        naive_rules.begins_for_a_reason(known, symbol, follows_rebuy=follows_rebuy)
        naive_rules.is_within_chunks(known, symbol)
        naive_rules.dust_goes_on(known, symbol.dust, has_withheld=symbol.has_withheld)
        if not symbol.open:
            symbol.unreplaced = 0
        elif not follows_rebuy:
            symbol.unreplaced -= 1
        symbol.dust -= cycle.dust_in
        symbol.last[cycle.key.trader] = cycle.key.cycle
        self.annals.cycles[cycle.key] = symbol.open[cycle.key] = known
        return known

    def _hold_terms(self, known: CycleAnnals) -> None:
        key = known.terms.key
        naive_rules.budget_is_a_share(known)
        naive_rules.settings_were_set(known, self.closings.settings.get((key.account, key.symbol), []))
        naive_rules.fee_is_the_accounts(known, self._plan.fee)

    def _end_cycle(self, known: CycleAnnals, symbol: SymbolAnnals) -> None:
        key, instrument, result = known.terms.key, self._instruments[known.terms.key.symbol], known.terms.result
        assert result is not None
        safety.ends_with_nothing_at_rest(known, self._at_exchange.live.get(_slot(key)))
        safety.result_adds_up(result, known, instrument)
        naive_rules.ends_when_all_is_sold(known, instrument)
        known.result = result
        self._limits.take_result(key.account, result.realised_pnl)
        del symbol.open[key]
        self._ended.append(known)
        symbol.dust += result.dust_base
        symbol.unreplaced += 1
        symbol.completed += result.sold > 0
        sells = known.orders[Side.SELL]
        symbol.has_withheld |= known.terms.dust_in > 0 and any(sell.was_refused for sell in sells)
        symbol.has_withheld |= any(sell.was_short for sell in sells)

    def _see_replaced(self) -> None:
        """See that who ended in this commit is replaced in it, too; a crash between the two would lose a trader."""
        ended, self._ended = self._ended, []
        for cycle in ended:
            key = cycle.terms.key
            symbol = self.annals.symbol(key)
            if symbol.last[key.trader] == key.cycle:
                chunks = self.closings.chunks_min((key.account, key.symbol))
                naive_rules.is_replaced(cycle, symbol, chunks)

    def _is_stopped(self, order: Order) -> bool:
        """Say whether a kill switch is confirmed that an entry must have known of: it had not left before.

        One that was unknown at that moment may still come; later than the exchange takes it none does.
        """
        account, order_id = order.key.account, order.client_order_id
        if not self.closings.is_stopped(account):
            return False
        under_way_s = self._shown.monotonic_s() - self._left_s[order_id]
        return order_id not in self._may_come.get(account, ()) or under_way_s > LATEST_S


def _slot(key: CycleKey) -> tuple[str, str, int]:
    return key.account, key.symbol, key.trader


def _take_status(order: Order, known: OrderAnnals) -> None:
    """Read a status as the page on order life has it: what is over stays over, but that a late fill completes it."""
    if known.status.is_terminal:
        if known.filled >= known.first.quantity:
            known.status = OrderStatus.FILLED
    elif order.status is not OrderStatus.IN_FLIGHT:
        known.status, known.reason = order.status, order.reason
        known.has_rested |= order.status.is_resting
