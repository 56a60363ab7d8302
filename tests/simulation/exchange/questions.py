"""What a simulated client asks of the exchange. Belongs to one gateway; does what `binance/questions.py` does.

Invariant: an answer is what the exchange has said, or there is none.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, repeat

from naive_daemon.exchange.binance.questions import INSIST_PAUSES_S, LAG_PAUSES_S
from naive_daemon.exchange.binance.reading import total
from naive_daemon.exchange.binance.session import ANSWER_WITHIN_S
from naive_daemon.exchange.binance.signal import NotFound
from naive_daemon.execution.client import AccountSnapshot, ExchangeOrder, OrderReport
from naive_daemon.otp import Call, crash
from tests.simulation.exchange.network import Answer, Answered
from tests.simulation.exchange.sender import Request, Sender
from tests.simulation.exchange.stream import Snapshot, Stream
from tests.simulation.exchange.venue import Venue


class _Wish:
    """A question that is asked again until it is answered, or its time is over."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.pauses = chain(INSIST_PAUSES_S, repeat(INSIST_PAUSES_S[-1]))
        self.failure = "not connected"
        self.is_over = False

    def reply(self, value: object) -> None:
        if not self.is_over:
            self.is_over = True
            self._call.reply(value)

    def fail(self) -> None:
        if not self.is_over:
            self.is_over = True
            self._call.fail(crash(self.failure))


class Questions:
    """See the module. `stream` is the connection that a snapshot waits for."""

    def __init__(self, account: str, venue: Venue, sender: Sender, stream: Stream, is_over: Callable[[], bool]) -> None:
        self._account = account
        self._venue = venue
        self._sender = sender
        self._agenda = venue.network.agenda
        self._stream = stream
        self._is_over = is_over

    # One order ------------------------------------------------------------------------------------------------------

    def report(
        self, symbol: str, client_order_id: str, take: Callable[[OrderReport], None], fail: Callable[[str], None]
    ) -> None:
        """Ask for one order, and for its fills."""

        def take_order(answer: Answer) -> None:
            match answer:
                case Answered(order) if order.filled:
                    self._read_fills(order, take, fail, iter(LAG_PAUSES_S))
                case Answered(order):
                    take(OrderReport(symbol=symbol, client_order_id=client_order_id, order=order))
                case NotFound():
                    take(OrderReport(symbol=symbol, client_order_id=client_order_id, order=None))
                case _:
                    fail(answer.reason)

        self._sender.submit(Request("question", lambda: self._venue.find(self._account, client_order_id), take_order))

    def _read_fills(
        self,
        order: ExchangeOrder,
        take: Callable[[OrderReport], None],
        fail: Callable[[str], None],
        pauses: Iterator[float],
    ) -> None:
        def take_fills(answer: Answer) -> None:
            if not isinstance(answer, Answered):
                fail(answer.reason)
                return
            fills = answer.value
            pause_s = next(pauses, None) if total(fills) < order.filled else 0.0
            if pause_s is None:
                fail("they do not add up to what is filled of the order")
            elif pause_s:
                self._agenda.after(pause_s, lambda: self._read_fills(order, take, fail, pauses))
            else:
                found = order.symbol, order.client_order_id
                take(OrderReport(symbol=found[0], client_order_id=found[1], order=order, fills=fills))

        if not self._is_over():
            self._sender.submit(Request("question", lambda: self._venue.fills(self._account, order), take_fills))

    # Everything -----------------------------------------------------------------------------------------------------

    def snapshot(self, take: Callable[[Snapshot], None]) -> None:
        """Ask for what rests, and then for what is owned."""

        def take_orders(answer: Answer) -> None:
            if isinstance(answer, Answered):
                self._balances(partial(take_balances, answer.value))
            else:
                take(answer.reason)

        def take_balances(orders: tuple[ExchangeOrder, ...], answer: Answer) -> None:
            if isinstance(answer, Answered):
                take(AccountSnapshot(account=self._account, orders=orders, balances=answer.value))
            else:
                take(answer.reason)

        self._sender.submit(Request("snapshot", lambda: self._venue.open_orders(self._account), take_orders))

    def _balances(self, take: Callable[[Answer], None]) -> None:
        self._sender.submit(Request("balances", lambda: self._venue.balances(self._account), take))

    def answer_snapshot(self, call: Call) -> None:
        """Answer with a snapshot that was read while events are delivered."""
        wish = _Wish(call)
        self._agenda.after(ANSWER_WITHIN_S, wish.fail)
        self._try_snapshot(wish)

    def _try_snapshot(self, wish: _Wish) -> None:
        if self._is_over() or wish.is_over:
            return
        if self._stream.line is None:
            self._stream.when_connected(wish.reply)
            return

        def take(found: Snapshot) -> None:
            if isinstance(found, str):
                wish.failure = found
                self._agenda.after(next(wish.pauses), lambda: self._try_snapshot(wish))
            elif self._stream.line is None:  # events are missing since: the next connection begins with another one
                self._stream.when_connected(wish.reply)
            else:
                wish.reply(found)

        self.snapshot(take)

    def answer_balances(self, call: Call) -> None:
        """Answer with what is owned."""
        wish = _Wish(call)
        self._agenda.after(ANSWER_WITHIN_S, wish.fail)
        self._try_balances(wish)

    def _try_balances(self, wish: _Wish) -> None:
        if self._is_over() or wish.is_over:
            return

        def take(answer: Answer) -> None:
            if isinstance(answer, Answered):
                wish.reply(answer.value)
            else:
                wish.failure = answer.reason
                self._agenda.after(next(wish.pauses), lambda: self._try_balances(wish))

        self._balances(take)
