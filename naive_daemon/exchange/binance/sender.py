"""Requests on their way out: inside the budget, in order of priority, by the connection or else by REST.

Owned by one gateway, used on its loop only. What the budget allows goes at once; the rest waits, bounded in number and
time. Invariants: a request is sent once, and once more only after the exchange has refused it for its timestamp;
whoever asked is told what it came to, at the end of the time-out at the latest, and of a late answer as well
(execution.md, rules 3 and 4).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from naive_daemon.exchange.binance.budget import Budget, Cost, Limit, Priority
from naive_daemon.exchange.binance.exchange_time import ExchangeTime
from naive_daemon.exchange.binance.request import Request
from naive_daemon.exchange.binance.rest import Method, Rest
from naive_daemon.exchange.binance.signal import (
    RETRY_FIRST_S,
    Accepted,
    Answer,
    BadCredentials,
    Banned,
    ClockOff,
    Lost,
    NotSent,
    OrderLimit,
    Signal,
    Unknown,
    signal_of,
)
from naive_daemon.exchange.binance.signing import Signer, signed_parameters
from naive_daemon.exchange.binance.trouble import Troubles
from naive_daemon.exchange.binance.usage import apply_headers, apply_rate_limits
from naive_daemon.exchange.binance.wire import RateLimit
from naive_daemon.exchange.binance.ws_api import Connection

WAITING_MAX = 1_000
"""Requests that wait for the budget; one more is not sent."""

GRACE_S = 0.25
"""A ban is taken to last longer by this: the exchange's clock is known to half of the way there and back only."""
NOT_CONNECTED = "not connected to the exchange"
LOOK_AGAIN_S = 0.25
"""How often it is looked whether a ban that was made longer is over."""
CONNECT_LEAST_S = 0.25
"""A request whose time to be sent is nearly over may still take so long to connect."""


class Sender:
    """See the module. `connection` gives the one that takes requests now; `measure` asks what time it is there."""

    def __init__(
        self,
        rest: Rest,
        signer: Signer,
        time: ExchangeTime,
        budget: Budget,
        troubles: Troubles,
        *,
        connection: Callable[[], Connection | None],
        measure: Callable[[], Awaitable[bool]],
        spawn: Callable[[Callable[[], Any]], None],
        recv_window_ms: int,
        timeout_s: float,
    ) -> None:
        self._rest = rest
        self._signer = signer
        self._time = time
        self._budget = budget
        self._troubles = troubles
        self._connection = connection
        self._measure = measure
        self._spawn = spawn
        self._recv_window_ms = recv_window_ms
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Request] = []
        self._pump_timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    def close(self) -> None:
        """Send nothing any more; who waits is told nothing. For the end of the gateway."""
        self._is_closed = True
        self._waiting.clear()
        if self._pump_timer is not None:
            self._pump_timer.cancel()

    def submit(self, request: Request) -> None:
        """Send a request, now or when the budget allows."""
        if self._is_closed:
            return
        request.expires_s = self._loop.time() + request.within_s
        if not self._waiting and self._take(request):
            self._send(request)
            return
        self._waiting.append(request)
        if len(self._waiting) > WAITING_MAX:
            self._turn_away_last()
        self._pump()

    def withdraw(self, name: str) -> bool:
        """Take an order back that still waits to be sent; nobody is told what it came to. False when none waits."""
        for request in self._waiting:
            if request.name == name:
                self._waiting.remove(request)
                return True
        return False

    async def ask(
        self,
        method: Method,
        path: str,
        parameters: tuple[tuple[str, str], ...] = (),
        *,
        weight: int,
        within_s: float,
        priority: Priority = Priority.QUESTION,
        is_signed: bool = True,
    ) -> Signal:
        """Ask by REST and wait for what it comes to."""
        result: asyncio.Future[Signal] = self._loop.create_future()

        def take(signal: Signal) -> None:
            if not result.done():
                result.set_result(signal)

        self.submit(
            Request(
                method,
                path,
                parameters,
                take,
                cost=Cost(weight),
                priority=priority,
                within_s=within_s,
                is_signed=is_signed,
            )
        )
        return await result

    async def wait_for_ban(self) -> None:
        """Wait until the exchange may be spoken to."""
        while self._budget.is_banned(self._time.now_ms()):
            chance_ms = self._budget.next_chance_ms(Cost(0), Priority.CANCEL, self._time.now_ms())
            await asyncio.sleep((chance_ms - self._time.now_ms()) / 1_000)

    def relimit(self, limits: tuple[Limit, ...]) -> None:
        """Take over the exchange's limits: what waits for the former ones may go now."""
        self._budget.relimit(limits)
        self._pump()

    # The budget -----------------------------------------------------------------------------------------------------

    def _take(self, request: Request) -> bool:
        now_ms = self._time.now_ms()
        request.grant = self._budget.take(request.cost, request.priority, now_ms)
        if request.grant is None and self._budget.is_banned(now_ms):
            self._begin_for("ban", *self._budget.ban(now_ms))  # another account of this address may have run into it
        return request.grant is not None

    def _turn_away_last(self) -> None:
        """Turn away who goes after all others, and of those the latest: a full room never keeps a cancel out."""
        last = max(range(len(self._waiting)), key=lambda place: (self._waiting[place].priority, place))
        request = self._waiting.pop(last)
        request.on_signal(NotSent("too many requests wait for the exchange's limits", self._pause_s(request)))

    def _pump(self) -> None:
        """Send what the budget allows, those first that go before others; give up what has waited too long."""
        if self._pump_timer is not None:
            self._pump_timer.cancel()
            self._pump_timer = None
        now_s = self._loop.time()
        self._waiting.sort(key=lambda request: request.priority)  # stable: of equals the eldest is first
        waiting, self._waiting = self._waiting, []
        for request in waiting:
            if now_s >= request.expires_s:
                request.on_signal(NotSent("it waited too long for the exchange's limits", self._pause_s(request)))
            elif self._take(request):
                self._send(request)
            else:
                self._waiting.append(request)
        if self._waiting:
            self._pump_timer = self._loop.call_at(self._next_pump_s(now_s), self._pump)

    def _pause_s(self, request: Request) -> float:
        """Give how long nothing like this request will be granted, in seconds."""
        now_ms = self._time.now_ms()
        chance_ms = self._budget.next_chance_ms(request.cost, request.priority, now_ms)
        return max(RETRY_FIRST_S, (chance_ms - now_ms) / 1_000)

    def _next_pump_s(self, now_s: float) -> float:
        now_ms = self._time.now_ms()
        chance_ms = min(self._budget.next_chance_ms(each.cost, each.priority, now_ms) for each in self._waiting)
        expires_s = min(each.expires_s for each in self._waiting)
        return min(expires_s, now_s + (chance_ms - now_ms) / 1_000)

    # Sending --------------------------------------------------------------------------------------------------------

    def _send(self, request: Request) -> None:
        connection = self._connection() if request.ws_method is not None else None
        if connection is None and request.priority is Priority.ENTRY:  # lost while it waited (rule 10)
            self._settle(request)
            self._finish(request, Lost.BEFORE_SEND, NOT_CONNECTED)
            return
        if connection is None or request.ws_method is None:
            self._spawn(lambda: self._send_by_rest(request))
            return
        parameters: dict[str, str | int] = dict(request.parameters)
        parameters["recvWindow"] = self._recv_window_ms
        asked_ms = parameters["timestamp"] = self._time.now_ms()
        request.timer = self._loop.call_later(self._timeout_s, self._time_out, request, connection)
        connection.send(
            request.ws_method,
            signed_parameters(self._signer, parameters),
            lambda answer, limits: self._take_ws_answer(request, answer, limits, asked_ms),
            until_s=request.expires_s,
        )

    async def _send_by_rest(self, request: Request) -> None:
        asked_ms = self._time.now_ms()
        connect_within_s = max(CONNECT_LEAST_S, request.expires_s - self._loop.time())
        result = await self._rest.ask(
            request.method,
            request.path,
            request.parameters,
            is_signed=request.is_signed,
            connect_within_s=connect_within_s,
        )
        self._settle(request)
        apply_headers(self._budget, result.headers, asked_ms)
        self._finish(request, result.answer, result.reason)

    def _take_ws_answer(self, request: Request, answer: Answer | Lost, limits: list[RateLimit], asked_ms: int) -> None:
        self._settle(request)
        apply_rate_limits(self._budget, limits, asked_ms)
        if answer is Lost.BEFORE_SEND and self._may_go_another_way(request):
            self._stop_timer(request)
            if self._take(request):
                self._spawn(lambda: self._send_by_rest(request))
                return
        self._finish(request, answer)

    def _may_go_another_way(self, request: Request) -> bool:
        """Say whether what has not left this process may go by REST: no entries, while the stream is lost (rule 10)."""
        is_in_time = not request.is_over and self._loop.time() < request.expires_s
        return is_in_time and request.priority is not Priority.ENTRY

    def _time_out(self, request: Request, connection: Connection) -> None:
        connection.note_time_out()
        request.timer = None
        request.is_over = True
        self._settle(request)
        request.on_signal(Unknown(f"no answer within {self._timeout_s:g} s"))

    # Answers --------------------------------------------------------------------------------------------------------

    def _settle(self, request: Request) -> None:
        if request.grant is not None:
            self._budget.settle(request.grant, self._time.now_ms())
            request.grant = None

    def _stop_timer(self, request: Request) -> None:
        if request.timer is not None:
            request.timer.cancel()
            request.timer = None

    def _finish(self, request: Request, answer: Answer | Lost, reason: str = "") -> None:
        self._stop_timer(request)
        if request.is_over and isinstance(answer, Lost):
            return  # it was told to be unknown when its time was over
        signal = self.noted(signal_of(answer, self._time.now_ms()), reason)
        if isinstance(signal, ClockOff) and not request.is_over and not request.is_signed_again:
            request.is_signed_again = True
            refusal = signal
            self._spawn(lambda: self._sign_again(request, refusal))
            return
        if isinstance(signal, ClockOff | BadCredentials) and request.is_over:
            signal = NotSent(signal.reason)
        request.is_over = True
        if request.name and isinstance(signal, Accepted):
            self._troubles.end("credentials")  # whose key places an order may trade
        request.on_signal(signal)

    async def _sign_again(self, request: Request, refusal: ClockOff) -> None:
        """Send once more with the right time: safe only because the exchange has refused the first one.

        Not after its own time, though: whoever asked may have given it up by then.
        """
        if not await self._measure() or self._loop.time() >= request.expires_s or not self._take(request):
            request.is_over = True
            request.on_signal(refusal)
            return
        self._send(request)

    def noted(self, signal: Signal, reason: str = "") -> Signal:
        """Stop what the exchange wants stopped, and tell of it; gives the signal, with the reason for a loss."""
        now_ms = self._time.now_ms()
        match signal:
            case Banned(text, for_s):
                self._budget.ban_until(now_ms + round((for_s + GRACE_S) * 1_000), text)
                self._begin_for("ban", *self._budget.ban(now_ms))
            case OrderLimit(text, for_s):
                self._budget.no_orders_until(now_ms + round((for_s + GRACE_S) * 1_000), text)
                self._begin_for("order limit", *self._budget.order_stop(now_ms))
            case BadCredentials(text):
                self._troubles.begin("credentials", text)
            case NotSent(_, retry_after_s) if reason:
                return NotSent(reason, retry_after_s)
            case Unknown() if reason:
                return Unknown(reason)
        return signal

    def _begin_for(self, kind: Any, reason: str, for_s: float) -> None:
        if self._troubles.begin(kind, reason):
            self._loop.call_later(for_s, self._end_if_over, kind)

    def _end_if_over(self, kind: Any) -> None:
        if self._is_closed:
            return
        now_ms = self._time.now_ms()
        lasts = self._budget.is_banned(now_ms) if kind == "ban" else self._budget.are_orders_stopped(now_ms)
        if lasts:
            self._loop.call_later(LOOK_AGAIN_S, self._end_if_over, kind)  # it was made longer, or the timer was early
        else:
            self._troubles.end(kind)
