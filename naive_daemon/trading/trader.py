"""A trader: one trade cycle, then it ends. The strategy decides, the trader carries it out.

Receives: trades it waits for (from the feed), signals of its strategy, OrderNotice (from the account, durable),
EntriesClosed and EntriesOpened (from the leader), EntriesHeld and EntriesReviewed (from the execution manager).
Sends: PlaceIntent to the journal, CancelOrder through it to the execution manager, Await to the feed, reports to the
leader, which journals cycles; EntriesHeard to the leader as well, behind its orders, through journal and execution
manager; AskBalances to the exchange client once a sell was refused because less is free than it wanted. Every order is
reported to the leader before it is journaled, and journaled before it is sent; so whoever takes over knows of it.
State: its position, which is all a strategy decides from, the last signal in it. While entries are closed or held no
buy leaves it, whatever the strategy decides; nor while the journal, the execution manager or the account is behind with
what it has been told. Exits go out all the same.
Crashes when: the journal cannot tell a trader that takes over what its orders are; its strategy raises, or hangs in
too many others.
"""

from decimal import Decimal
from itertools import takewhile
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.account.account import AccountStarted, OrderNotice
from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.cycle import CycleOutcome
from naive_daemon.domain.events import OrderEvent, OrderFilled, Trade
from naive_daemon.domain.money import plain
from naive_daemon.domain.order import Leg, Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_messages import LoadCycle, PassOn, PlaceIntent
from naive_daemon.execution.journal_store import REFUSALS_KEPT_MAX, kept_orders
from naive_daemon.execution.messages import CancelOrder, EntriesHeld, EntriesReviewed
from naive_daemon.execution.order_id import client_order_id
from naive_daemon.market.feed import Await, FeedStarted
from naive_daemon.market.hanging import refuse_hanging
from naive_daemon.otp import Actor, Continue, Ref, RequestFailed, crash
from naive_daemon.strategy.deciding import decide_once
from naive_daemon.strategy.protocol import (
    Cancel,
    Decision,
    EntriesClosed,
    Finish,
    OrderChanged,
    Place,
    Position,
    Refuse,
    ReportRebuy,
    Resumed,
    Signal,
    Strategy,
    StrategyEvent,
    Wake,
)
from naive_daemon.strategy.result import awaits_free, was_refused
from naive_daemon.trading.context import SymbolContext
from naive_daemon.trading.free_base import FreeBase
from naive_daemon.trading.hearing import Hearing
from naive_daemon.trading.hindrances import Hindrances
from naive_daemon.trading.order_log import log_event
from naive_daemon.trading.reports import CycleFinished, EntriesHeard, PositionReported, RebuyReported

CONFIRM_TIMEOUT_S = 60.0
REFUSED_PAUSE_S = 1
REFUSED_PAUSE_MAX_S = REFUSED_PAUSE_S << (REFUSALS_KEPT_MAX - 2)
"""From the second refusal in a row a leg is tried again after this, in the market's time; each pause is doubled."""


class Confirm(msgspec.Struct, frozen=True):
    """Ask the journal what became of the orders before doing anything."""


class EntriesOpened(msgspec.Struct, frozen=True):
    """The drain was taken back: entries may be placed again."""


class Trader(Actor):
    """See the module.

    `leader`: who had it started, and knows what it does; once that one has ended it carries out nothing. `journal`:
    the one that its leader began with. `is_confirmed`: the position is as it has it, so there is nothing to ask.
    `closed`: the symbol is draining.
    """

    def __init__(
        self,
        context: SymbolContext,
        strategy: Strategy,
        leader: Ref,
        journal: Ref,
        position: Position,
        *,
        is_confirmed: bool,
        closed: EntriesClosed | None = None,
    ) -> None:
        super().__init__()
        self._context = context
        self._strategy = strategy
        self._leader = leader
        self._journal = journal
        self._position = position
        self._is_confirmed = is_confirmed
        self._wake = Wake()
        self._refusal: str | None = None
        self._closed = closed
        self._confirmations = 0
        self._is_pausing = False
        self._hindrances = Hindrances(self, context)
        self._free_base = FreeBase(self, context, self._take_free)
        self._hearing = Hearing(self, context, strategy, position.cycle.settings)

    def log_context(self) -> dict[str, object]:
        """Say which cycle of which symbol this is."""
        key = self._position.cycle.key
        return {"symbol": key.symbol, "trader": key.trader, "cycle": key.cycle}

    def init(self) -> Continue:
        """Hear of restarts of the feed and the account, and of signals, then begin."""
        self.subscribe(names.feed(self._context.symbol))
        self.subscribe(names.account(self._context.account))
        self.subscribe(names.entries(self._context.account))
        self.subscribe(names.entries(self._context.account, self._context.symbol))
        self._hearing.begin()
        self._say_heard()
        if self._is_confirmed:
            return Continue(Resumed(self.system.clock.now_ns()))
        return Continue(Confirm())

    def on_receive(self, message: Any) -> None:
        """Decide on an event; before the orders are confirmed, only learn from it."""
        match message:
            case OrderNotice(key, event) if key == self._position.cycle.key:
                self._take(event)
            case Trade():
                if self._is_confirmed:
                    self._decide(message)
            case Signal():
                self._take_signal(message)
            case Resumed():
                self._resume()
            case EntriesClosed():
                self._closed = message
                self._heed_closed()
                self._say_heard()
            case EntriesOpened():
                self._closed = None
                self._resume()
            case EntriesHeld() | EntriesReviewed():
                if self._hindrances.take(message):
                    self._resume()
            case FeedStarted():
                self._await(self._wake)
            case Confirm():
                self._confirm()
            case AccountStarted():
                self._confirm()
                self._say_heard()  # who passes it on may have died with it
            case OrderNotice():
                self.log.info("notice of another cycle", key=str(message.key))
            case _:
                super().on_receive(message)

    def on_congested(self, ref: Ref) -> None:
        """Place no entry until whoever carries orders has caught up."""
        self._hindrances.congest(ref)

    def on_relieved(self, ref: Ref) -> None:
        """Decide again: an entry may have been held back."""
        if self._hindrances.relieve(ref):
            self._resume()

    def _take_signal(self, signal: Signal) -> None:
        """Decide on a signal, unless a younger one is known; before the orders are confirmed, keep it."""
        known = self._position.signal
        if known is not None and signal.time_ns < known.time_ns:
            return
        self._position = msgspec.structs.replace(self._position, signal=signal)
        if self._is_confirmed:
            self._decide(signal)
        else:
            self._hearing.keep(signal)

    # What became of the orders --------------------------------------------------------------------------------------

    def _confirm(self) -> None:
        self._is_confirmed = False
        self._confirmations += 1
        number = self._confirmations
        load = LoadCycle(self._position.cycle.key)
        self.request(self._journal, load, lambda orders: self._confirmed(number, orders), CONFIRM_TIMEOUT_S)

    def _confirmed(self, number: int, orders: tuple[Order, ...] | RequestFailed) -> None:
        """Take the journal's orders for the truth: an order it does not have was never sent, and never will be.

        Only the newest answer is: after an older one an order may have been placed that the newer does not have.
        """
        if number != self._confirmations:
            return
        if isinstance(orders, RequestFailed):
            self.exit(crash(f"the journal does not say what became of the orders: {orders.reason}"))
        self._position = msgspec.structs.replace(self._position, orders=orders, free=None)
        self._is_confirmed = True
        self._report()
        self._resume()
        signal = self._hearing.take_kept()
        if signal is not None:
            self._decide(signal)

    def _resume(self) -> None:
        if self._is_confirmed:
            self._decide(Resumed(self.system.clock.now_ns()))
            self._heed_closed()

    def _heed_closed(self) -> None:
        """Decide once more while entries are closed: an entry that was refused or accepted since is one to give up."""
        if self._closed is not None and self._is_confirmed:
            self._decide(msgspec.structs.replace(self._closed, time_ns=self.system.clock.now_ns()))

    def _say_heard(self) -> None:
        """Tell the leader that entries are closed here, behind all that was placed before, through who sends it."""
        if self._closed is not None:
            account, symbol = self._context.account, self._context.symbol
            heard = PassOn(names.leader(account, symbol), EntriesHeard(self._position.cycle.key, self._closed))
            self._journal.tell(PassOn(names.execution_manager(account), heard))

    def _take(self, event: OrderEvent) -> None:
        orders = self._position.orders
        known = next((order for order in orders if order.client_order_id == event.client_order_id), None)
        if isinstance(event, OrderFilled) and (known is None or was_refused(known)):
            # Refused, and perhaps not kept any more: with this fill, what is kept of the cycle is another.
            self.log.warning("filled though it was refused", order=event.client_order_id)
            self._confirm()
            return
        order = None if known is None else known.apply(event)
        if order is None or order is known:
            return
        orders = kept_orders(order if each is known else each for each in orders)
        self._position = msgspec.structs.replace(self._position, orders=orders)
        log_event(self.log, order, event)
        self._report()
        if self._is_confirmed:
            self._decide(OrderChanged(event.time_ns))
            self._heed_closed()

    # Carrying out ---------------------------------------------------------------------------------------------------

    def _decide(self, event: StrategyEvent) -> None:
        refuse_hanging(self, self._strategy, self._context.symbol)
        decisions = decide_once(self._strategy, event, self._position, self._context.instrument)
        if self.is_dead or self.ref.is_orphan() or not self._leader.is_alive() or self._leader.is_orphan():
            # While the strategy hung it was killed: what it decides reaches nobody, so it is not told as done. Or its
            # leader has ended or will: the next one may have begun from a journal that does not have it yet, or the
            # symbol be down for everybody else.
            self.log.warning("decided too late", decisions=len(decisions))
            return
        for decision in decisions:
            self._carry_out(decision, event.time_ns)
        if self._is_pausing:
            self._is_pausing = False
            self._await(Wake(next_trade=True))
        self._ask_free(event.time_ns)

    def _ask_free(self, time_ns: int) -> None:
        """Ask how much can be sold where that is waited for; what is refused again and again pauses before it asks."""
        sell = self._position.latest(Side.SELL)
        if sell is not None and awaits_free(self._position) and not self._shall_pause(Side.SELL, time_ns):
            self._free_base.find_out(sell, time_ns)

    def _take_free(self, refused: Order, free: Decimal) -> None:
        """Decide again, knowing what is free, unless the leg has gone on since."""
        if self._position.latest(Side.SELL) == refused and awaits_free(self._position):
            self._position = msgspec.structs.replace(self._position, free=free)
            self._resume()

    def _carry_out(self, decision: Decision, time_ns: int) -> None:
        match decision:
            case Place():
                self._place(decision, time_ns)
            case Cancel(order_id):
                manager = names.execution_manager(self._context.account)
                self._journal.tell(PassOn(manager, CancelOrder(order_id)))
            case Wake():
                self._await(decision)
            case ReportRebuy(price):
                self._report_rebuy(price)
            case Refuse():
                self._refuse(decision)
            case Finish():
                self._finish(decision)

    def _place(self, place: Place, time_ns: int) -> None:
        if place.side is Side.BUY and self._hindrances.holds_back(place, is_closed=self._closed is not None):
            return
        position = self._position
        former = position.latest(place.side)
        if former is not None and not former.status.is_terminal:
            raise RuntimeError(f"{former.client_order_id} is still {former.status}: no second order of its leg")
        if self._shall_pause(place.side, time_ns):
            self._is_pausing = True
            return
        reason = self._context.instrument.refusal(place.side, place.price, place.quantity)
        if reason is not None:
            self._refuse(Refuse(reason, place.price))
            return
        leg = Leg(place.side, 1 if former is None else former.leg.attempt + 1)
        order = Order(
            client_order_id=client_order_id(self._context.owner, position.cycle.key, leg),
            key=position.cycle.key,
            leg=leg,
            price=place.price,
            quantity=place.quantity,
            created_ns=time_ns,
            updated_ns=time_ns,
        )
        self._position = msgspec.structs.replace(
            position, orders=(*position.orders, order), refused_price=None, free=None
        )
        self._refusal = None
        self._report()
        self._journal.tell(PlaceIntent(order, position.cycle.budget))
        placed = f"{place.side.value.lower()} placed"
        self.log.info(placed, price=plain(place.price), quantity=plain(place.quantity))

    def _shall_pause(self, side: Side, time_ns: int) -> bool:
        """Say whether a leg that was refused again and again is to wait for now; what is refused costs, too.

        An order from the future was made while the clock was ahead: that is no reason to wait until the future comes.
        """
        orders = self._position.orders_of(side)
        refused = takewhile(lambda order: order.status is OrderStatus.REJECTED and not order.filled, reversed(orders))
        count = sum(1 for _ in refused)
        if count < 2:  # noqa: PLR2004 - the first refusal costs no pause but the strategy's own
            return False
        pause_s = min(REFUSED_PAUSE_S << min(count - 2, REFUSED_PAUSE_MAX_S), REFUSED_PAUSE_MAX_S)
        return 0 <= time_ns - orders[-1].created_ns < pause_s * NS_PER_S

    def _await(self, wake: Wake) -> None:
        self._wake = wake
        self.system.tell(names.feed(self._context.symbol), Await(self.ref, wake))

    def _report_rebuy(self, price: Any) -> None:
        cycle = msgspec.structs.replace(self._position.cycle, rebuy_reported=True)
        self._position = msgspec.structs.replace(self._position, cycle=cycle)
        self._leader.tell(RebuyReported(self._position, price))

    def _refuse(self, refuse: Refuse) -> None:
        if refuse.price.is_finite():
            self._position = msgspec.structs.replace(self._position, refused_price=refuse.price)
        if refuse.reason != self._refusal:
            self._refusal = refuse.reason
            self.log.warning("no order", reason=refuse.reason, price=plain(refuse.price))

    def _finish(self, finish: Finish) -> None:
        cycle = msgspec.structs.replace(self._position.cycle, result=finish.result)
        self._position = msgspec.structs.replace(self._position, cycle=cycle)
        self._await(Wake())
        self._leader.tell(CycleFinished(self._position))
        if finish.result.outcome is CycleOutcome.COMPLETED:
            instrument = self._context.instrument
            self.log.info(
                "cycle finished",
                profit=f"{plain(finish.result.realised_pnl)} {instrument.quote_asset}",
                dust=f"{plain(finish.result.dust_base)} {instrument.base_asset}",
            )
        self.exit()

    def _report(self) -> None:
        self._leader.tell(PositionReported(self._position))
