"""Requests on their way out of a simulated client: after a ban, in order of priority, each handed over once.

Belongs to one gateway. As the real sender, it obeys a ban or an order limit, and gives up what it could not send in
time. The process may die just before it hands an order over, or just after.
"""

from collections.abc import Callable
from typing import Literal

from naive_daemon.clock import NS_PER_S
from naive_daemon.exchange.binance.sender import NOT_CONNECTED
from naive_daemon.exchange.binance.signal import Banned, NotSent, OrderLimit
from tests.simulation.exchange.network import Answer, Line, Network, Ticket
from tests.simulation.life import Life

CANCEL, EXIT, ENTRY, QUESTION = range(4)
"""Who goes first when a ban is over."""
SEND_PLACE = "client.send"
RANK_S = 1e-9
PENDING_MAX = 64
TOO_LONG = "it waited too long for the exchange's limits"

Kind = Literal["ban", "order limit"]


class Request:
    """What is to be asked; two are never equal. `name`: the order that it would place; `leave` is called as it goes."""

    def __init__(
        self,
        place: str,
        handle: Callable[[], Answer],
        take: Callable[[Answer], None],
        *,
        rank: int = QUESTION,
        within_s: float = 10.0,
        name: str = "",
        leave: Callable[[], None] = lambda: None,
    ) -> None:
        self.place = place
        self.handle = handle
        self.take = take
        self.rank = rank
        self.within_s = within_s
        self.name = name
        self.leave = leave


class Sender:
    """See the module. `line` gives the connection that takes requests now; `tell_trouble` tells of a ban, and its end.

    `is_over`: its gateway has ended, so nobody hears anything.
    """

    def __init__(
        self,
        network: Network,
        life: Life,
        *,
        line: Callable[[], Line | None],
        tell_trouble: Callable[[Kind, str | None], None],
        is_over: Callable[[], bool],
    ) -> None:
        self._network = network
        self._clock = network.clock
        self._agenda = network.agenda
        self._strikes = network.odds.strikes
        self._life = life
        self._line = line
        self._tell_trouble = tell_trouble
        self._is_over = is_over
        self._until_ns: dict[Kind, int] = {"ban": 0, "order limit": 0}
        self.troubles: dict[Kind, str] = {}
        self._waiting: dict[Request, None] = {}
        self._pending: list[Ticket] = []

    def submit(self, request: Request) -> None:
        """Send a request, now or when the exchange may be spoken to again."""
        pause_s = self._pause_s(request.place)
        if pause_s <= 0.0:
            self._send(request)
            return
        self._waiting[request] = None
        wait_s = min(pause_s, request.within_s) + request.rank * RANK_S
        self._agenda.after(wait_s, lambda: self._send_waiting(request))

    def limit_orders(self, seconds: float) -> None:
        """Let no order leave for so long, as the exchange may ask for."""
        self._begin("order limit", "too many orders", seconds)

    def withdraw(self, name: str) -> bool:
        """Take an order back that still waits; nobody is told what it came to. False when none waits."""
        for request in self._waiting:
            if request.name == name:
                del self._waiting[request]
                return True
        return False

    def lose_line(self, reason: str) -> None:
        """Have lost the connection, and the answers that would have come on it."""
        pending, self._pending = self._pending, []
        for ticket in pending:
            ticket.lose(reason)

    @property
    def ban_s(self) -> float:
        """How long nothing at all may be sent, in seconds."""
        return (self._until_ns["ban"] - self._clock.now_ns()) / NS_PER_S

    def _pause_s(self, place: str) -> float:
        until_ns = self._until_ns["ban"]
        if place == "order":
            until_ns = max(until_ns, self._until_ns["order limit"])
        return (until_ns - self._clock.now_ns()) / NS_PER_S

    def _send_waiting(self, request: Request) -> None:
        if self._is_over() or request not in self._waiting:
            return
        del self._waiting[request]
        pause_s = self._pause_s(request.place)
        if pause_s > 0.0:
            request.take(NotSent(TOO_LONG, max(1.0, pause_s)))
        else:
            self._send(request)

    def _send(self, request: Request) -> None:
        is_handed_over = request.rank != QUESTION
        line = self._line() if is_handed_over else None
        if line is None and request.rank == ENTRY:
            request.take(NotSent(NOT_CONNECTED))
            return
        if is_handed_over and self._strikes("death before", SEND_PLACE) is not None:
            self._life.end(f"killed just before it sent {request.place} {request.name}")
            return
        request.leave()
        ticket = self._network.ask(request.place, request.handle, lambda answer: self._take(request, answer), line)
        if line is not None:
            self._pending.append(ticket)
            if len(self._pending) > PENDING_MAX:
                self._pending = [each for each in self._pending if not each.is_closed]
        if is_handed_over and self._strikes("death after", SEND_PLACE) is not None:
            self._life.end(f"killed just after it sent {request.place} {request.name}")

    def _take(self, request: Request, answer: Answer) -> None:
        if self._is_over():
            return
        if isinstance(answer, Banned | OrderLimit):
            self._begin("ban" if isinstance(answer, Banned) else "order limit", answer.reason, answer.for_s)
        request.take(answer)

    def _begin(self, kind: Kind, reason: str, for_s: float) -> None:
        until_ns = self._clock.now_ns() + round(for_s * NS_PER_S)
        self._until_ns[kind] = max(self._until_ns[kind], until_ns)
        self._agenda.after(for_s, lambda: self._end(kind))
        if kind not in self.troubles:
            self.troubles[kind] = reason
            self._tell_trouble(kind, reason)

    def _end(self, kind: Kind) -> None:
        if not self._is_over() and self._clock.now_ns() >= self._until_ns[kind] and self.troubles.pop(kind, None):
            self._tell_trouble(kind, None)
