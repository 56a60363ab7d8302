"""The way between a daemon and the exchange: requests, answers and events are late, lost, doubled or refused on it.

It outlives every process: what was handed to it arrives, whatever has become of the sender. What it says is certain is
so: `NotSent` is only said of a request that has not arrived and never will.
"""

import random
from collections.abc import Callable
from typing import Any

import msgspec

from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.domain.events import AccountEvent, BalanceUpdated, OrderAccepted, OrderCancelled, OrderFilled
from naive_daemon.exchange.binance.signal import Banned, ClockOff, NotSent, OrderLimit, Signal, Unknown
from tests.simulation.agenda import Agenda
from tests.simulation.odds import Odds

LATENCY_S = (0.001, 0.008)
ANSWER_WITHIN_S = 5.0
RECV_WINDOW_S = 10.0
"""The exchange refuses a request that is older on its arrival."""
LATE_REQUEST_MAX_S = 12.0
LATE_ANSWER_MAX_S = 20.0
ERROR_AFTER_MAX_S = 5.0
LATE_EVENT_MAX_S = 8.0
OVERTAKEN_MAX_S = 0.5
BAN_MAX_S = 20.0
CONNECT_WITHIN_S = 2.0
NOTICED_WITHIN_S = 10.0
"""How long a connection may be dead before who reads it notices."""
NOTICED_AT_ONCE = 0.7
"""The part of all losses that is noticed at once."""

PLACES: dict[type, str] = {
    OrderAccepted: "accepted",
    OrderFilled: "filled",
    OrderCancelled: "cancelled",
    BalanceUpdated: "balance",
}
"""What an account's stream tells of; refusals come as answers only."""


class Answered(msgspec.Struct, frozen=True):
    """It was done; `value` says what."""

    value: Any


Answer = Answered | Signal


class Line:
    """A connection: what is told on it is taken in its order, until it is cut; `lost` is called when that is noticed.

    `is_left`: who has opened it hears nothing any more, as a process that is over.
    """

    def __init__(
        self, take: Callable[[AccountEvent], None], lost: Callable[[str], None], is_left: Callable[[], bool]
    ) -> None:
        self.take = take
        self.lost = lost
        self._is_left = is_left
        self.is_cut = False
        self.free_ns = 0

    @property
    def is_over(self) -> bool:
        """Say whether nothing will ever be taken on it."""
        return self.is_cut or self._is_left()

    def deliver(self, event: AccountEvent) -> None:
        """Hand over what was on its way, unless the connection has been cut meanwhile."""
        if not self.is_cut:
            self.take(event)


class Ticket:
    """A request that waits for its answer: `take` gets one answer, or Unknown first and then, perhaps, a late one."""

    def __init__(self, take: Callable[[Answer], None], line: Line | None) -> None:
        self._take = take
        self.line = line
        self.is_over = False  # its time is over: it was told to be unknown
        self.is_closed = False  # nothing comes any more

    def answer(self, answer: Answer) -> None:
        """Take an answer, late ones too where there is a connection on which they come."""
        if self.is_closed or (self.line is not None and self.line.is_cut):
            return
        self.is_closed = True
        if self.is_over and isinstance(answer, ClockOff):
            answer = NotSent(answer.reason)
        self._take(answer)

    def time_out(self) -> None:
        """Wait no more, unless it has been answered."""
        if not self.is_over and not self.is_closed:
            self.is_over = True
            self.is_closed = self.line is None  # by REST nobody listens any more
            self._take(Unknown(f"no answer within {ANSWER_WITHIN_S:g} s"))

    def lose(self, reason: str) -> None:
        """Have lost the connection on which the answer would have come."""
        if not self.is_closed:
            self.is_closed = True
            if not self.is_over:
                self.is_over = True
                self._take(Unknown(reason))


class Network:
    """See the module. Its bans are those of the address, so they outlive a process, too."""

    def __init__(self, clock: VirtualClock, agenda: Agenda, odds: Odds) -> None:
        self.draw = random.Random(f"{odds._seed}/network")
        self.clock = clock
        self.agenda = agenda
        self.odds = odds
        self._strikes = odds.strikes
        self._away_until_ns = 0
        self._banned_until_ns = 0
        self._dead: list[Line] = []
        self._next_entry: tuple[float, float, Callable[[], None]] | None = None
        self._next_order = self._next_entry
        self._next_held: tuple[float, Callable[[], None]] | None = None
        self._lost_next: type | None = None

    @property
    def is_away(self) -> bool:
        """Say whether nothing gets through now."""
        return self.clock.now_ns() < self._away_until_ns

    def go_away(self, seconds: float) -> None:
        """Let nothing through for so long."""
        self._away_until_ns = max(self._away_until_ns, self.clock.now_ns() + round(seconds * NS_PER_S))

    def heal(self) -> None:
        """Let everything through from now on, and whoever reads a dead connection notice."""
        self._away_until_ns = self._banned_until_ns = 0
        self._next_entry = self._next_order = self._next_held = self._lost_next = None
        dead, self._dead = self._dead, []
        for line in dead:
            line.lost("the connection was dead")

    def slow_down_next_entry(self, then: Callable[[], None], *, there_s: float = 0.0, back_s: float = 0.0) -> None:
        """Let the next entry that leaves take so much longer, or its answer, and do something once it is on its way."""
        self._next_entry = there_s, back_s, then

    def lose_next(self, kind: type) -> None:
        """Let the next event of a kind be lost, whosever stream it is on."""
        self._lost_next = kind

    def hold_up_next_entry(self, seconds: float, then: Callable[[], None]) -> None:
        """Let the next entry wait for so long before it is sent, and do something at once."""
        self._next_held = seconds, then

    def entry_leaves(self) -> float:
        """Hear that the order which is asked for next is an entry; gives how long it is to be held up, in seconds."""
        self._next_order, self._next_entry = self._next_entry, None
        held, self._next_held = self._next_held, None
        if held is None:
            return 0.0
        held_s, then = held
        self.agenda.after(0.0, then)
        return held_s

    def soon(self, do: Callable[[], None]) -> None:
        """Do something as soon as a message has come across."""
        self.agenda.after(self._latency_s(), do)

    # Connections ----------------------------------------------------------------------------------------------------

    def connect(self, then: Callable[[], None], failed: Callable[[str], None]) -> None:
        """Open a connection; whether that works is known when it is tried."""
        if self.is_away:
            self.agenda.after(self.draw.uniform(0, CONNECT_WITHIN_S), lambda: failed("it does not answer"))
        else:
            self.soon(lambda: failed("the connection was refused") if self.is_away else then())

    def cut(self, line: Line, reason: str, size: float) -> None:
        """Cut a connection; whoever reads it may notice much later."""
        if line.is_cut:
            return
        line.is_cut = True
        if size <= NOTICED_AT_ONCE:
            self.soon(lambda: line.lost(reason))
            return
        self._dead.append(line)

        def notice() -> None:
            if line in self._dead:
                self._dead.remove(line)
            line.lost(f"{reason}, and nothing has come since")

        self.agenda.after(size * NOTICED_WITHIN_S, notice)

    def tell(self, line: Line, event: AccountEvent) -> None:
        """Bring an event of the account's stream: each after the one before, but for what goes wrong."""
        strikes, place = self._strikes, PLACES[type(event)]
        size = strikes("disconnect", "stream")
        if size is not None:
            self.cut(line, "the connection was reset", size)
        if line.is_cut or strikes("lost", place) is not None:
            return
        if type(event) is self._lost_next:
            self._lost_next = None
            return
        now_ns = self.clock.now_ns()
        line.free_ns = max(line.free_ns, now_ns + round(self._latency_s() * NS_PER_S))
        delay_s = (line.free_ns - now_ns) / NS_PER_S
        repeat = strikes("duplicate", place)
        late, overtaken = strikes("late", place), strikes("reordered", place)
        held_s = (late or 0.0) * LATE_EVENT_MAX_S + (overtaken or 0.0) * OVERTAKEN_MAX_S
        self.agenda.after(delay_s + held_s, lambda: line.deliver(event))
        if repeat is not None:
            self.agenda.after(delay_s + repeat * LATE_EVENT_MAX_S, lambda: line.deliver(event))

    # Requests -------------------------------------------------------------------------------------------------------

    def ask(
        self, place: str, handle: Callable[[], Answer], take: Callable[[Answer], None], line: Line | None = None
    ) -> Ticket:
        """Bring a request to the exchange, which handles it when it arrives, and the answer back.

        On a `line`, or else by REST, where one first connects and knows if that fails.
        """
        ticket, strikes = Ticket(take, line), self._strikes
        sent_ns = self.clock.now_ns()
        if line is None and self.is_away:
            self.agenda.after(
                self.draw.uniform(0, CONNECT_WITHIN_S), lambda: ticket.answer(NotSent("it does not answer"))
            )
            return ticket
        if place == "order" and (size := strikes("not sent", place)) is not None:
            self.agenda.after(size * CONNECT_WITHIN_S, lambda: ticket.answer(NotSent("no way out")))
            return ticket
        if (line is not None and line.is_cut) or strikes("request lost", place) is not None:
            self._time_out(ticket, sent_ns)
            return ticket
        delay_s = self._latency_s() + (strikes("late request", place) or 0.0) * LATE_REQUEST_MAX_S
        back_s = 0.0
        if place == "order" and self._next_order is not None:
            (there_s, back_s, then), self._next_order = self._next_order, None
            delay_s += there_s
            self.agenda.after(delay_s if back_s else 0.0, then)
        if delay_s > ANSWER_WITHIN_S:
            self._time_out(ticket, sent_ns)
        self.agenda.after(delay_s, lambda: self._arrive(place, handle, ticket, sent_ns, back_s))
        return ticket

    def _arrive(self, place: str, handle: Callable[[], Answer], ticket: Ticket, sent_ns: int, back_s: float) -> None:
        strikes = self._strikes
        if self.is_away:
            self._time_out(ticket, sent_ns)
            return
        refusal = self._refusal(place, sent_ns)
        answer = handle() if refusal is None else refusal
        delay_s = self._latency_s() + back_s
        if refusal is None and (size := strikes("error after", place)) is not None:
            answer = Unknown("HTTP 502")
            delay_s += size * ERROR_AFTER_MAX_S  # time enough for a fill before it
        delay_s += (strikes("late answer", place) or 0.0) * LATE_ANSWER_MAX_S
        is_lost = strikes("answer lost", place) is not None
        if is_lost or self.clock.now_ns() + round(delay_s * NS_PER_S) > sent_ns + round(ANSWER_WITHIN_S * NS_PER_S):
            self._time_out(ticket, sent_ns)
        if not is_lost:
            self.agenda.after(delay_s, lambda: self._return(ticket, answer, sent_ns))

    def _return(self, ticket: Ticket, answer: Answer, sent_ns: int) -> None:
        if self.is_away:
            self._time_out(ticket, sent_ns)
        else:
            ticket.answer(answer)

    def _refusal(self, place: str, sent_ns: int) -> Answer | None:
        """Say why a request is turned away before anything has happened; None when it is not."""
        strikes, now_ns = self._strikes, self.clock.now_ns()
        if strikes("error", place) is not None:
            return Unknown("HTTP 503")
        if now_ns < self._banned_until_ns:
            return Banned("Way too much request weight used. (-1003)", (self._banned_until_ns - now_ns) / NS_PER_S)
        size = strikes("rate limit", place)
        if size is not None:
            for_s = 0.5 + size * BAN_MAX_S
            if place == "order" and self.draw.random() < 0.5:
                return OrderLimit("Too many new orders. (-1015)", for_s)
            self._banned_until_ns = now_ns + round(for_s * NS_PER_S)
            return Banned("Too much request weight used. (-1003)", for_s)
        if now_ns - sent_ns > RECV_WINDOW_S * NS_PER_S:
            return ClockOff("Timestamp for this request is outside of the recvWindow. (-1021)")
        return None

    def _time_out(self, ticket: Ticket, sent_ns: int) -> None:
        """Let the sender's time be over, unless an answer comes before: to know of only where none does."""
        left_s = ANSWER_WITHIN_S + (sent_ns - self.clock.now_ns()) / NS_PER_S
        self.agenda.after(max(0.0, left_s), ticket.time_out)

    def _latency_s(self) -> float:
        low, high = LATENCY_S
        return low + (high - low) * self.draw.random()
