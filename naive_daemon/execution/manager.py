"""The execution manager of one account: every order goes out through it, and every account event comes in through it.

Receives: OpenOrder (from the journal, so the intent is durable), CyclesEnded, CancelOrder, CancelSymbol, LeaveSymbol,
SymbolEnded, OperatorLooked, Safeguards, MarketHealth, PassOn (what is to be told behind the orders that came before
it), and whatever the exchange client tells; requests Reconcile, AskExecution and Drain.
Sends: SendOrder, SendCancel, AskOrder, AskSnapshot to the client; RecordEvent to the journal; BalanceUpdated and
CyclesEnded to the account; MakerFeeRead to the account desk; KillSwitchObeyed to control; EntriesHeld and
EntriesReviewed, published on `names.entries`;
AskMarketHealth, so that the market says again how it is, and ExecutionStarted to the switches, who say again what is to
have no order and what the safeguards are.
State: every live order, the latest that are over, and what its parts keep: what is on its way (`sending.py`), what is
asked about (`asking.py`), what is to be cancelled (`cancels.py`, `clearing.py`), why entries wait
(`gatekeeper.py`), which promise was broken (`promise_watch.py`), what differs from the exchange (`reconciler.py`),
what waits for its start (`recovery.py`).
Crashes when: journal or client do not answer at the start; the account's tree then starts again, from the journal.

An order is sent once. Without an answer it is *unknown*: it is asked for until its fate is known, and its id is never
sent again unless the client is certain that it never left. What differs is repaired here, towards the exchange.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.domain.events import (
    AskMarketHealth,
    BalanceUpdated,
    CancelRefused,
    MarketHealth,
    OrderAccepted,
    OrderCancelled,
    OrderEvent,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.limits import KillCancel, Safeguards
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.asking import Ask, Asking
from naive_daemon.execution.cancels import CancelAgain, Cancels
from naive_daemon.execution.clearing import ClearAgain, Clearing
from naive_daemon.execution.client import (
    TOO_LATE,
    AccountSnapshot,
    BooksDoubted,
    ClientTrouble,
    MarketStatus,
    OrderNotSent,
    ReconcilePace,
    Reconnected,
    Reconnecting,
)
from naive_daemon.execution.gatekeeper import CONNECTION, DRAIN, UNREAD, Gatekeeper, LookAtLimits
from naive_daemon.execution.indexer import Indexer, UnknownSymbolError
from naive_daemon.execution.journal import the_journal
from naive_daemon.execution.journal_messages import (
    CyclesEnded,
    OpenOrder,
    PassOn,
    RecordEvent,
)
from naive_daemon.execution.messages import (
    AskExecution,
    CancelOrder,
    CancelSymbol,
    Drain,
    ExecutionStarted,
    ExecutionView,
    KillSwitchObeyed,
    LeaveSymbol,
    OperatorLooked,
    SymbolEnded,
)
from naive_daemon.execution.order_books import Contradiction, OrderBooks
from naive_daemon.execution.promise_watch import PromiseWatch
from naive_daemon.execution.reconciler import Reconciler
from naive_daemon.execution.reconciliation import Reconcile
from naive_daemon.execution.recovery import Recovery
from naive_daemon.execution.rounds import RoundDue, Rounds
from naive_daemon.execution.sending import InheritedSent, Overdue, Resend, Sending
from naive_daemon.otp import DEFERRED, Actor, Call, Deferred, Ref, crash, send_exit

DRAINING = "the account is being closed"
_REQUESTS = (Reconcile, AskExecution, Drain)


class ExecutionConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds; `reconcile_interval_s` None compares at the start and after reconnections only.

    `awaits_safeguards`: entries wait until the kill switch and the limits have been read.
    """

    request_timeout_s: float = 10.0
    never_placed_after_s: float = 20.0
    reconcile_interval_s: float | None = None
    awaits_safeguards: bool = False


class ExecutionManager(Actor):
    """See the module. `owner` is the daemon's mark in client order ids."""

    _journal: Ref

    def __init__(
        self,
        account: str,
        owner: str,
        instruments: Mapping[str, Instrument],
        config: ExecutionConfig | None = None,
    ) -> None:
        super().__init__()
        self._account = account
        self._config = config or ExecutionConfig()
        self._indexer = Indexer(instruments)
        self._books = books = OrderBooks()
        take_event = self._take_event
        self._gate = Gatekeeper(self, account, self._indexer, lambda: len(books.live))
        self._watch = PromiseWatch(self, books, self._gate, self._gate.spent_beside)
        self._promises_broken = self._watch.broken  # shown with the state
        self._sending = Sending(self, account, books, take_event, self._config.request_timeout_s)
        is_awaited, never_placed_after_s = self._sending.waits_for, self._config.never_placed_after_s
        self._asking = Asking(self, account, books, take_event, never_placed_after_s, is_awaited=is_awaited)
        self._cancels = Cancels(self, account, self._asking.ask_now)
        self._reconciler = Reconciler(
            self,
            account=account,
            owner=owner,
            books=books,
            indexer=self._indexer,
            asking=self._asking,
            cancels=self._cancels,
            watch=self._watch,
            take_event=take_event,
            is_awaited=is_awaited,
        )
        self._rounds = Rounds(self, self._config.reconcile_interval_s, lambda: self._reconciler.begin(is_routine=True))
        self._clearing = Clearing(self, books.live_of, self._cancel)
        self._recovery = Recovery(
            self,
            account=account,
            books=books,
            gate=self._gate,
            watch=self._watch,
            sending=self._sending,
            on_done=self._begin,
        )

    def log_context(self) -> dict[str, object]:
        """Say whose orders these are."""
        return {"account": self._account}

    def init(self) -> Deferred:
        """Know the journal's live orders and what the exchange has of them, before anybody may trade."""
        if self._config.awaits_safeguards:
            self._gate.hold(UNREAD, "the kill switch has not been read yet")
        self.subscribe(names.MARKET_HEALTH)
        self.system.pubsub.publish(names.MARKET_HEALTH_ASKED, AskMarketHealth())  # the market outlives a manager
        self._journal = the_journal(self)
        self._recovery.begin(self._journal)
        return DEFERRED

    def on_receive(self, message: Any) -> Any:
        """Handle a request or an event; what comes before the start is done waits for it, and goes before all else."""
        if isinstance(message, _REQUESTS):
            self._handle(self.caller())
            return DEFERRED
        self._handle(message)
        return None

    def _handle(self, message: Any) -> None:
        if not self._recovery.is_done:
            self._recovery.keep(message)
            return
        match message:
            case OrderAccepted() | OrderFilled() | OrderCancelled() | OrderExpired() | OrderRejected() | OrderUnknown():
                if not self._asking.doubts(message):
                    self._take_event(message)
            case OpenOrder():
                self._open(message)
            case PassOn(name, passed):
                self.system.tell(name, passed)
            case BalanceUpdated():
                self.system.tell(names.account(self._account), message)
            case CyclesEnded(cycles):
                self._gate.take_ends(cycles)
                self._watch.take_cycle_ends(cycles)
                self.system.tell(names.account(self._account), message)
            case Call():
                self._serve(message)
            case _:
                self._take_wish(message)

    def _serve(self, call: Call) -> None:
        match call.message:
            case AskExecution():
                call.reply(self._view())
            case Reconcile():
                self._reconciler.begin(call)
            case Drain():
                self._gate.hold(DRAIN, DRAINING)
                self._sending.drain(lambda: call.reply(None))

    def _take_wish(self, message: Any) -> None:
        """Cancel, clear or hold: what the daemon's other parts and its operator want."""
        match message:
            case CancelOrder(client_order_id):
                self._cancel(client_order_id)
            case CancelSymbol(symbol):
                self._clearing.clear(symbol)
            case ClearAgain(symbol):
                self._clearing.clear_again(symbol)
            case LeaveSymbol(symbol):
                self._clearing.leave(symbol)
                self._watch.take_start(symbol)
            case SymbolEnded(symbol):
                self._watch.take_end(symbol)
            case OperatorLooked(symbol):
                self._watch.forgive(symbol)
            case Safeguards():
                self._take_safeguards(message)
            case MarketHealth():
                self._gate.take_market_health(message)
            case _:
                self._take_news_of_client(message)

    def _take_news_of_client(self, message: Any) -> None:
        match message:
            case Reconnecting(_, origin):
                self.log.warning("reconnecting", origin=origin)
                self._gate.hold(CONNECTION, "reconnecting to the exchange")
            case Reconnected():
                if self._gate.holds(CONNECTION):  # the first connection ends no loss
                    self.log.info("reconnected")
            case AccountSnapshot():
                self._reconciler.take_pushed(message)
                self._gate.release(CONNECTION)
            case CancelRefused():
                self._take_cancel_refused(message)
            case OrderNotSent():
                self._take_not_sent(message)
            case ClientTrouble():
                self._gate.take_trouble(message)
            case MarketStatus():
                self._gate.take_market_status(message)
            case ReconcilePace(_, period_s):
                self._rounds.take_pace(period_s)
            case BooksDoubted():
                self._reconciler.doubt(message.reason)
            case _:
                self._take_time(message)

    def _take_time(self, message: Any) -> None:
        match message:
            case Overdue(client_order_id):
                self._sending.take_overdue(client_order_id)
            case Resend(client_order_id):
                self._sending.resend(client_order_id)
            case InheritedSent():
                self._sending.take_inherited_sent()
            case Ask(client_order_id):
                self._asking.take_time(client_order_id)
            case CancelAgain(client_order_id):
                self._cancels.take_again(self._books.live.get(client_order_id), client_order_id)
            case LookAtLimits():
                self._gate.look_at_limits()
            case RoundDue():
                self._rounds.take_due()
            case _:
                super().on_receive(message)

    def _begin(self, snapshot: AccountSnapshot) -> None:
        """Trade: the journal's orders are known, and what the exchange has of them."""
        adopted = sum(order.client_order_id in self._books.live for order in snapshot.orders)
        self._reconciler.take(snapshot)
        self.log.info("orders reconciled", adopted=adopted, live=len(self._books.live), asked=len(self._asking))
        for message in self._recovery.take_waiting():
            self._handle(message)
        self._rounds.begin_later()
        self._gate.tell_all()
        self.system.tell(names.SWITCHES, ExecutionStarted(self._account))
        self.acknowledge_start()

    # Requests -------------------------------------------------------------------------------------------------------

    def _open(self, asked: OpenOrder) -> None:
        order = asked.order
        if self._watch.is_sent(order):
            return
        until_s = asked.until_s if order.side is Side.BUY else self._sending.until_s()
        is_late = self.system.clock.monotonic_s() >= until_s
        reason = TOO_LATE if is_late else self._refusal(order, asked.budget)
        self._books.put(order)
        if reason is not None:
            self._sending.reject(order, reason)
            return
        self._gate.take_sent(order)
        self._watch.take_sent(order)
        self._sending.send(order, until_s)
        if order.symbol in self._clearing:
            self._cancel(order.client_order_id)

    def _refusal(self, order: Order, budget: Decimal | None) -> str | None:
        """Say why an order may not leave; whoever asks for a symbol that was never configured crashes."""
        key = order.key
        trader = self.system.whereis(names.trader(key.account, key.symbol, key.trader))
        try:
            self._indexer.instrument(order.symbol)
        except UnknownSymbolError as error:
            if trader is not None:
                send_exit(trader, crash(error))
            return str(error)
        if self._sending.is_draining:
            return DRAINING
        reason = self._watch.refusal(order, budget) or self._gate.refusal(order)
        if reason is not None and trader is not None:
            trader.tell(self._gate.held_of(order.symbol))
        return reason

    def _cancel(self, client_order_id: str) -> None:
        order = self._books.live.get(client_order_id)
        if order is None:
            self.log.info("nothing to cancel", order=client_order_id)
        elif self._sending.is_unsent(client_order_id):
            self._sending.withdraw(order)
        else:
            self._cancels.want(order)

    def _take_cancel_refused(self, refused: CancelRefused) -> None:
        """Believe nothing: the order may have been filled, or not be there yet. Ask."""
        self.log.info("cancel refused", order=refused.client_order_id, reason=refused.reason)
        order = self._books.live.get(refused.client_order_id)
        if order is not None:
            self._asking.ask_now(order)

    def _take_not_sent(self, news: OrderNotSent) -> None:
        """Keep an exit for later, unless it was cancelled on its way."""
        self._sending.take_not_sent(news)
        if news.client_order_id in self._cancels:
            self._cancel(news.client_order_id)

    def _take_safeguards(self, safeguards: Safeguards) -> None:
        self._gate.take_safeguards(safeguards)
        switch = safeguards.kill_switch
        if switch.is_on and switch.cancel is KillCancel.ENTRIES:
            self._clearing.clear_entries(self._books.live.values())
        obeyed = KillSwitchObeyed(self._account, switch.revision)
        self._sending.when_entries_are_answered(lambda: self._tell_control(obeyed))

    def _tell_control(self, obeyed: KillSwitchObeyed) -> None:
        self.system.tell(names.CONTROL, obeyed)

    # Account events -------------------------------------------------------------------------------------------------

    def _take_event(self, event: OrderEvent) -> None:
        known = self._books.get(event.client_order_id)
        if known is None:
            self._reconciler.meet_event(event)
            return
        self._reconciler.doubt_end(known, event)
        order = self._books.apply(event)
        if isinstance(order, Contradiction):
            self._watch.take_contradiction(order)
        elif order is not None:
            self._watch.take_order(order)
            if self._watch.is_open(order.key):
                self._gate.take_order(order)
            self._reconciler.note_change(order.client_order_id)
            self._journal.tell(RecordEvent(order, event))
            self._follow(order)

    def _follow(self, order: Order) -> None:
        """Do what an order's new state asks for: wait no more, ask, or forget."""
        self._sending.follow(order)
        if order.status.is_terminal:
            self._asking.close(order.client_order_id)
            self._cancels.close(order.client_order_id)
        elif order.status is OrderStatus.UNKNOWN:
            self._asking.ask_later(order)

    def _view(self) -> ExecutionView:
        return ExecutionView(
            account=self._account,
            live=len(self._books.live),
            unknown=sum(order.status is OrderStatus.UNKNOWN for order in self._books.live.values()),
            is_connected=not self._gate.holds(CONNECTION),
            foreign=self._reconciler.foreign,
            differences=self._reconciler.differences,
            orphans=self._reconciler.orphans,
            refusals=self._gate.refusals,
            held=self._gate.held(),
            is_draining=self._sending.is_draining,
            broken=self._watch.counted(),
        )
