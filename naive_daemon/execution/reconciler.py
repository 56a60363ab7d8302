"""Brings an account's books level with what the exchange says: at the start, after each gap, now and then, on demand.

Part of the execution manager. It is always the same code, so recovery *is* start. What rests there with our mark and
does not live here is looked up in the journal; an order that no journal knows is adopted as an orphan. One that rests
though it is over here is taken off the book: nobody here would act on it.
"""

from collections.abc import Callable, Iterable
from functools import partial

import msgspec

from naive_daemon import names
from naive_daemon.domain.events import OrderAccepted, OrderEvent, OrderFilled
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.execution.asking import LOST, Asking
from naive_daemon.execution.cancels import Cancels
from naive_daemon.execution.client import AccountSnapshot, AskSnapshot, ExchangeOrder
from naive_daemon.execution.indexer import Indexer
from naive_daemon.execution.messages import MakerFeeRead
from naive_daemon.execution.order_books import OrderBooks
from naive_daemon.execution.order_id import is_ours
from naive_daemon.execution.promise_watch import PromiseWatch
from naive_daemon.execution.reconciliation import Difference, ReconciliationReport, compare, stranger_difference
from naive_daemon.execution.strangers import Recognition, Strangers
from naive_daemon.otp import Actor, Call, RequestFailed

SNAPSHOT_TIMEOUT_S = 60.0
DIFFERENCES_LOGGED_MAX = 100
DOUBT_PERIOD_S = 10.0
"""How seldom a refusal has the books compared."""
UNLISTED_LOGGED_MAX = 100


class _Round(msgspec.Struct):
    """What one comparison has found so far; over when nobody is met any more whom the journal has to recognise.

    `callers` get its report: they have asked before its snapshot was read, or before that of one it has overtaken.
    """

    live_here: int
    live_there: int
    foreign: int
    differences: list[Difference]
    callers: list[Call]
    orphans: int = 0


class Reconciler:
    """Belongs to one execution manager, `actor`. The counts are of all rounds, `foreign` of the last one.

    `is_awaited` says of an order whether it is on its way, so that not finding it means nothing yet.
    """

    def __init__(
        self,
        actor: Actor,
        *,
        account: str,
        owner: str,
        books: OrderBooks,
        indexer: Indexer,
        asking: Asking,
        cancels: Cancels,
        watch: PromiseWatch,
        take_event: Callable[[OrderEvent], None],
        is_awaited: Callable[[str], bool],
    ) -> None:
        self._actor = actor
        self._account = account
        self._owner = owner
        self._books = books
        self._indexer = indexer
        self._asking = asking
        self._cancels = cancels
        self._watch = watch
        self._take_event = take_event
        self._is_awaited = is_awaited
        self._strangers = Strangers(actor, account, owner, self._recognised, self._end_round)
        self._round: _Round | None = None
        self._callers: list[Call] = []
        self._is_snapshot_asked = self._is_routine = False
        self._questions = 0
        self._doubted_until_s = 0.0
        self._changed_since: set[str] = set()
        self._unlisted: set[str] = set()
        self.foreign = self.differences = self.orphans = 0

    def begin(self, caller: Call | None = None, *, is_routine: bool = False) -> None:
        """Have the exchange say what rests, and compare; the caller gets the report of that round.

        Who has a reason does not wait for a routine's answer, which comes after everything else, if at all: it is
        asked anew, and only the newest answer counts.
        """
        if caller is not None:
            self._callers.append(caller)
        if self._is_snapshot_asked and (is_routine or not self._is_routine):
            return
        self._ask(is_routine=is_routine)

    def _ask(self, *, is_routine: bool) -> None:
        self._is_snapshot_asked, self._is_routine = True, is_routine
        self._changed_since.clear()
        self._questions += 1
        take = partial(self._take_answer, self._questions)
        client = self._actor.system.whereis(names.client(self._account))
        self._actor.request(client, AskSnapshot(is_routine), take, SNAPSHOT_TIMEOUT_S)

    def doubt(self, reason: str) -> None:
        """Compare now, as a refusal says that the books may be wrong; not again for a while, however many say so."""
        now_s = self._actor.system.clock.monotonic_s()
        if now_s >= self._doubted_until_s:
            self._doubted_until_s = now_s + DOUBT_PERIOD_S
            self._actor.log.info("reconciling", reason=reason)
            self.begin()

    def take_pushed(self, snapshot: AccountSnapshot) -> None:
        """Compare with the snapshot of a fresh connection, and ask anew what was asked before.

        Of what has changed since that was asked neither says anything; and what ended in the gap is told by nobody.
        """
        self.take(snapshot)
        if self._is_snapshot_asked:
            self._ask(is_routine=self._is_routine)

    def take(self, snapshot: AccountSnapshot, callers: Iterable[Call] = ()) -> None:
        """Compare with a snapshot; what it leaves open is asked one by one. The callers get the report."""
        for balance in snapshot.balances:
            self._actor.system.tell(names.account(self._account), balance)
        if snapshot.maker_fee is not None:
            self._actor.system.tell(names.ACCOUNT_DESK, MakerFeeRead(self._account, snapshot.maker_fee))
        waiting = list(callers)
        if self._round is not None:  # it still waits for the journal; whom it has met counts in the next
            self._tell(self._round)
            waiting += self._round.callers
        live = self._books.live
        found = compare(
            live, snapshot, lambda text: is_ours(text, self._owner), self._indexer.knows, frozenset(self._changed_since)
        )
        # What is asked about already was told when it was found.
        fresh = [one for one in found.differences if one.client_order_id not in self._asking]
        self._round = _Round(len(live), len(snapshot.orders), found.foreign, fresh, waiting)
        for resting in found.accepted:
            self._asking.accept(resting)
        for order in found.asked:
            if not self._is_awaited(order.client_order_id):
                self._asking.ask_now(order)
        for resting in found.strangers:
            self._meet(self._round, resting)
        self._end_round()

    def note_change(self, client_order_id: str) -> None:
        """Note that an order has changed here: a snapshot that is being read may be older than that."""
        if self._is_snapshot_asked:
            self._changed_since.add(client_order_id)

    def meet_event(self, event: OrderEvent) -> None:
        """Find out whose order an event is about, which is not known here."""
        if not self._indexer.knows(event.symbol):
            self._note_unlisted(event.symbol)
        elif not self._strangers.meet(event.symbol, event.client_order_id, event=event):
            self._actor.log.info(
                "event of somebody else's order", order=event.client_order_id, kind=type(event).__name__
            )

    def _note_unlisted(self, symbol: str) -> None:
        if symbol not in self._unlisted and len(self._unlisted) < UNLISTED_LOGGED_MAX:
            self._unlisted.add(symbol)
            self._actor.log.warning("event of a symbol that was never configured", symbol=symbol)

    def _take_answer(self, question: int, snapshot: AccountSnapshot | RequestFailed) -> None:
        if question != self._questions:
            return
        callers, self._callers = self._callers, []
        self._is_snapshot_asked = False
        if isinstance(snapshot, AccountSnapshot):
            self.take(snapshot, callers)
        else:
            self._tell_failure(snapshot, callers)
        self._changed_since.clear()

    def _tell_failure(self, failed: RequestFailed, callers: Iterable[Call]) -> None:
        # A routine has least priority, so it may find no room for a while: that is no trouble, the next one comes.
        log = self._actor.log.info if self._is_routine else self._actor.log.warning
        log("not reconciled", reason=str(failed.reason))
        for call in callers:
            call.fail(failed.reason)

    def _meet(self, its_round: _Round, resting: ExchangeOrder) -> None:
        known = self._books.get(resting.client_order_id)
        if known is not None:
            self._recognised(Recognition(order=known, resting=resting))
        elif not self._strangers.meet(resting.symbol, resting.client_order_id, resting=resting):
            its_round.foreign += 1

    def _recognised(self, known: Recognition) -> None:
        order, resting = known.order, known.resting
        if resting is not None and _is_outdated(resting, order):
            resting = None
        if resting is not None and self._round is not None:
            self._round.differences.append(stranger_difference(resting, None if known.is_orphan else order))
            self._round.orphans += known.is_orphan
        if self._books.get(order.client_order_id) is None:
            self._books.put(order)
        if known.is_orphan and resting is not None:
            self._adopt(order, resting)
        for event in known.events:
            self._take_event(event)
        live = self._books.live.get(order.client_order_id)
        if live is not None:
            self._asking.ask_now(live)
        elif resting is not None and resting.status.is_resting:
            self._watch.take_resting(order, resting.exchange_order_id, was_lost=order.reason == LOST)
            self._take_off(order)

    def doubt_end(self, known: Order, event: OrderEvent) -> None:
        """Take off the book what was thought never to have come there, or to be lost, and is there after all.

        A terminal state never reopens, whatever the exchange says of an order that is over.
        """
        if not known.status.is_terminal or known.status is OrderStatus.FILLED:
            return
        was_seen = known.exchange_order_id is not None and known.reason != LOST
        if isinstance(event, OrderAccepted | OrderFilled) and not was_seen:
            self._take_off(known)

    def _take_off(self, order: Order) -> None:
        self._actor.log.warning("rests though it is over here: cancelled", order=order.client_order_id)
        self._cancels.send_once(order)

    def _adopt(self, order: Order, resting: ExchangeOrder) -> None:
        self.orphans += 1
        self._actor.log.error("orphan adopted", order=order.client_order_id, symbol=order.symbol, key=str(order.key))
        self._watch.take_stray(order)
        self._asking.accept(resting)

    def _end_round(self) -> None:
        if self._round is None or len(self._strangers):
            return
        ended, self._round = self._round, None
        self._tell(ended)
        report = ReconciliationReport(
            account=self._account,
            differences=tuple(ended.differences),
            live_here=ended.live_here,
            live_there=ended.live_there,
            foreign=ended.foreign,
            orphans=ended.orphans,
        )
        for call in ended.callers:
            call.reply(report)

    def _tell(self, ended: _Round) -> None:
        self.foreign = ended.foreign
        self.differences += len(ended.differences)
        for difference in ended.differences[:DIFFERENCES_LOGGED_MAX]:
            self._actor.log.warning("journal and exchange differ", **msgspec.structs.asdict(difference))


def _is_outdated(resting: ExchangeOrder, known: Order) -> bool:
    """Say whether what rests there is only read too late: it is full, and still the same order.

    Binance takes the id of an order that is over for a new one ("New order"): that one rests, whoever placed it.
    """
    was = known.exchange_order_id
    return known.status is OrderStatus.FILLED and (was is None or was == resting.exchange_order_id)
