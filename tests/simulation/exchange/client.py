"""An account's way to the simulated exchange: stands for `binance/gateway.py`, behind the real client actor.

Made at each start of the client, for one process; it ends with the next one, or with the process. It does what the real
gateway does, and tells what that would. Invariants: whatever it says is certain is so; of each order that comes in it
tells one of these: accepted, rejected, certainly not sent, or nobody knows; once over, it tells and sends nothing.
"""

from collections.abc import Callable
from typing import Any

import structlog

from naive_daemon.clock import Clock
from naive_daemon.domain.events import INSUFFICIENT, CancelRefused, OrderCancelled, OrderRejected, OrderUnknown
from naive_daemon.domain.money import ZERO
from naive_daemon.domain.order import Order
from naive_daemon.domain.side import Side
from naive_daemon.exchange.binance.delivery import Delivery
from naive_daemon.exchange.binance.oddity import Oddities
from naive_daemon.exchange.binance.orders import RETRY_S, _events_of
from naive_daemon.exchange.binance.reading import Told
from naive_daemon.exchange.binance.sender import NOT_CONNECTED
from naive_daemon.exchange.binance.signal import Banned, ClockOff, Duplicate, NotFound, NotSent, OrderLimit, Refused
from naive_daemon.execution.client import (
    SEND_WITHIN_S,
    TOO_LATE,
    BooksDoubted,
    ClientTrouble,
    MarketStatus,
    OrderNotSent,
    OrderReport,
    ReconcilePace,
)
from naive_daemon.otp import Call, crash
from tests.simulation.exchange.network import Answer, Answered, Line
from tests.simulation.exchange.questions import Questions
from tests.simulation.exchange.sender import CANCEL, ENTRY, EXIT, Request, Sender
from tests.simulation.exchange.stream import Snapshot, Stream
from tests.simulation.exchange.venue import Venue
from tests.simulation.life import Life

BEHIND_MAX_S = 30.0
"""How long a gateway may be held up: longer than anybody waits for what it tells."""


class SimulatedGateway:
    """See the module. `shown` is the clock of the process."""

    def __init__(
        self,
        venue: Venue,
        account: str,
        life: Life,
        shown: Clock,
    ) -> None:
        self._venue = venue
        self._account = account
        self._life = life
        self._shown = shown
        self._is_ended = False
        self._tell: Callable[[Any], object]
        self._delivery = Delivery(self._tell_manager, Oddities(structlog.get_logger("naive_daemon")))
        self._sender = Sender(
            venue.network,
            life,
            line=lambda: self._stream.line,
            tell_trouble=lambda kind, reason: self._delivery.tell(ClientTrouble(account, kind, reason)),
            is_over=self._is_over,
        )
        self._stream = Stream(
            account,
            venue.network,
            self._delivery,
            subscribe=self._subscribe,
            read_snapshot=self._read_snapshot,
            lost=self._sender.lose_line,
            ban_s=lambda: self._sender.ban_s,
            is_over=self._is_over,
        )
        self._questions = Questions(account, venue, self._sender, self._stream, self._is_over)
        self._halted: frozenset[str] = frozenset()
        self._behind: list[Any] | None = None

    def start(self, tell: Callable[[Any], object], *_: Any) -> None:
        """Connect, and tell what happens by `tell`."""
        self._life.refuse_over()
        self._tell = tell
        self._stream.connect()

    def end_soon(self) -> None:
        """Tell and send nothing any more."""
        self._is_ended = True
        self._stream.close()

    def look_at_market(self) -> None:
        """Tell which symbols are halted, if that has changed and the exchange can be asked."""
        if self._stream.line is not None and not self._venue.network.is_away:
            self._look_again()

    # Placing --------------------------------------------------------------------------------------------------------

    def place(self, order: Order, until_s: float) -> None:
        """Send an order until then: a sell before a buy, and a buy only while events are delivered."""
        self._life.refuse_over()
        is_exit = order.side is Side.SELL
        left_s = until_s - self._shown.monotonic_s()
        if left_s <= 0.0:
            self._not_sent(order, TOO_LATE, RETRY_S)
            return
        if not is_exit and self._stream.line is None:
            self._not_sent(order, NOT_CONNECTED, RETRY_S)
            return
        if not is_exit:
            held_s = self._venue.network.entry_leaves()
            if held_s:
                self._sender.limit_orders(held_s)
        self._sender.submit(
            Request(
                "order",
                lambda: self._venue.place(order),
                lambda answer: self._take_placed(order, answer),
                rank=EXIT if is_exit else ENTRY,
                within_s=min(left_s, SEND_WITHIN_S),
                name=order.client_order_id,
                leave=lambda: self._venue.on_departure(order),
            )
        )

    def _take_placed(self, order: Order, answer: Answer) -> None:
        match answer:
            case Answered(accepted):
                self._delivery.events((Told(accepted, None),))
            case Duplicate():
                self._adopt(order.symbol, order.client_order_id)
            case Refused(_, reason) | NotFound(reason):
                if INSUFFICIENT in reason:
                    self._delivery.tell(BooksDoubted(self._account, reason))
                self._delivery.tell(OrderRejected(reason=reason, **self._event(order.symbol, order.client_order_id)))
            case NotSent(reason, retry_after_s):
                self._not_sent(order, reason, retry_after_s)
            case ClockOff(reason):
                self._not_sent(order, reason, RETRY_S)
            case Banned(reason, for_s) | OrderLimit(reason, for_s):
                self._not_sent(order, reason, for_s)
            case _:
                self._unknown(order.symbol, order.client_order_id, answer.reason)

    def _not_sent(self, order: Order, reason: str, retry_after_s: float) -> None:
        self._delivery.tell(OrderNotSent.of(order, reason, retry_after_s))

    def _unknown(self, symbol: str, client_order_id: str, reason: str) -> None:
        self._delivery.tell(OrderUnknown(reason=reason, **self._event(symbol, client_order_id)))

    # Cancelling -----------------------------------------------------------------------------------------------------

    def cancel(self, symbol: str, client_order_id: str) -> None:
        """Take an order off the book; one that still waits to be sent is not sent."""
        self._life.refuse_over()
        if self._sender.withdraw(client_order_id):
            ids = self._event(symbol, client_order_id)
            self._delivery.tell(OrderCancelled(reason="cancelled before it was sent", filled=ZERO, **ids))
            return
        self._sender.submit(
            Request(
                "cancel",
                lambda: self._venue.cancel(self._account, symbol, client_order_id),
                lambda answer: self._take_cancelled(symbol, client_order_id, answer),
                rank=CANCEL,
                within_s=SEND_WITHIN_S,
            )
        )

    def _take_cancelled(self, symbol: str, client_order_id: str, answer: Answer) -> None:
        if not isinstance(answer, Answered):
            reason = getattr(answer, "reason", type(answer).__name__)
            self._delivery.tell(CancelRefused(reason=reason, **self._event(symbol, client_order_id)))
        elif self._stream.line is None:
            self._adopt(symbol, client_order_id)  # no event will come

    def _adopt(self, symbol: str, client_order_id: str) -> None:
        """Ask what the exchange has of an order, and tell it as events."""

        def take(report: OrderReport) -> None:
            if report.order is None:
                self._unknown(symbol, client_order_id, "the exchange does not find it")
            else:
                self._delivery.events(_events_of(self._account, report))

        self._questions.report(symbol, client_order_id, take, lambda why: self._unknown(symbol, client_order_id, why))

    # Questions ------------------------------------------------------------------------------------------------------

    def ask_snapshot(self, call: Call, *, is_routine: bool = False) -> None:
        """Answer with an AccountSnapshot; who asks also learns again what is halted, and what is wrong."""
        self._life.refuse_over()
        self._tell_status()
        for kind, reason in self._sender.troubles.items():
            self._delivery.tell(ClientTrouble(self._account, kind, reason))
        self._delivery.tell(ReconcilePace(self._account, 0.0))
        self._questions.answer_snapshot(call)

    def ask_order(self, call: Call, symbol: str, client_order_id: str) -> None:
        """Answer with an OrderReport."""
        self._life.refuse_over()
        self._questions.report(symbol, client_order_id, call.reply, lambda why: call.fail(crash(why)))

    def ask_balances(self, call: Call) -> None:
        """Answer with a tuple of BalanceUpdated."""
        self._life.refuse_over()
        self._questions.answer_balances(call)

    # ----------------------------------------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Say whether it has ended, or its process has."""
        return self._is_ended or self._life.is_over

    def _is_over(self) -> bool:
        return self.is_over

    def _tell_manager(self, message: Any) -> None:
        """Tell, in order; a gateway whose thread is held up tells late, and later than anybody waits for an answer."""
        size = self._venue.network.odds.strikes("behind", "client.tell")
        if self._behind is None and size is not None:
            self._behind = []
            self._venue.network.agenda.after(size * BEHIND_MAX_S, self._catch_up)
        if self._behind is None:
            self._tell_now(message)
        else:
            self._behind.append(message)

    def _catch_up(self) -> None:
        behind, self._behind = self._behind or [], None
        for message in behind:
            self._tell_now(message)

    def _tell_now(self, message: Any) -> None:
        if not self._is_over():
            self._tell(message)

    def _tell_status(self) -> None:
        self._delivery.tell(MarketStatus(self._account, self._halted))

    def _subscribe(self, line: Line) -> None:
        self._venue.subscribe(self._account, line)

    def _read_snapshot(self, take: Callable[[Snapshot], None]) -> None:
        def look_and_take(found: Snapshot) -> None:
            self._look_again()
            take(found)

        self._questions.snapshot(look_and_take)

    def _look_again(self) -> None:
        if self._halted != self._venue.halted:
            self._halted = self._venue.halted
            self._tell_status()

    def _event(self, symbol: str, client_order_id: str) -> dict[str, Any]:
        return {
            "account": self._account,
            "symbol": symbol,
            "client_order_id": client_order_id,
            "time_ns": self._shown.now_ns(),
        }
