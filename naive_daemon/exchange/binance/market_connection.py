"""One WebSocket of market streams: connects, subscribes what is wanted, hands on what comes, and says why it ended.

Owned by a `MarketLine`, on whose loop it lives. It reads until it is lost or closed and never comes back: another one
takes its place. Invariant: trades and closed candles go on in the order of their frames, and after `close` none does.
Of Binance's limits it keeps those of a connection: 5 messages a second and 24 hours ("WebSocket Streams").
"""

import asyncio
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Any

import aiohttp
import msgspec

from naive_daemon.domain.candle import Candle
from naive_daemon.domain.events import Trade
from naive_daemon.exchange.binance.kline import closed_candle
from naive_daemon.exchange.binance.market_frame import (
    KLINE,
    SHUTDOWN,
    Frame,
    OddFrameError,
    TradeEvent,
    parse_frame,
    trade_of,
)
from naive_daemon.exchange.binance.market_subscription import StreamRequest, Subscriptions
from naive_daemon.exchange.binance.oddity import Oddities
from naive_daemon.exchange.binance.rest import connect_failure

CONNECT_WITHIN_S = 10.0
SUBSCRIBE_WITHIN_S = 15.0
CLOSE_WITHIN_S = 0.5
REQUEST_PERIOD_S = 0.25
"""At most 4 requests a second, which leaves one of Binance's 5 messages for the answer to a ping."""
MESSAGE_MAX = 4 * 1024 * 1024
"""Bytes of a message that ends the connection: nobody has room for it."""
HELD_MAX = 100_000
"""Trades and candles that may wait while a former connection is still read."""


class StreamRules(msgspec.Struct, frozen=True, kw_only=True):
    """When a connection is dead (silent, pings included), when it is replaced, and how many streams it may have."""

    stale_after_s: float = 60.0
    max_age_s: float = 23.5 * 3600
    streams_max: int = 1024


class ConnectFailed(msgspec.Struct, frozen=True):
    """Why there is no connection, and how long the exchange wants us to stay away."""

    reason: str
    retry_after_s: float = 0.0


class MarketConnection:
    """`open` it, wait for `ended` or `renewal`, `close` it. All of it on one loop."""

    def __init__(
        self,
        url: str,
        wanted: AbstractSet[str],
        rules: StreamRules,
        deliver: Callable[[Trade | Candle], None],
        oddities: Oddities,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.subscribed: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[str] = loop.create_future()
        self.renewal: asyncio.Future[str] = loop.create_future()
        self.opened_s = loop.time()
        self._loop = loop
        self._url = url
        self._subscriptions = Subscriptions(wanted)
        self._rules = rules
        self._deliver = deliver
        self._oddities = oddities
        self._held: list[Trade | Candle] | None = None
        self._shall_ask = False
        self._question: StreamRequest | None = None
        self._drained = asyncio.Event()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[str] | None = None
        self._failure = ConnectFailed("")

    @property
    def confirmed(self) -> AbstractSet[str]:
        """The streams that were granted."""
        return self._subscriptions.confirmed

    @property
    def has_ended(self) -> bool:
        """Whether it is lost or closed."""
        return self.ended.done()

    async def open(self, session: aiohttp.ClientSession) -> ConnectFailed | None:
        """Connect and subscribe what is wanted now; gives why that came to nothing."""
        self._task = self._loop.create_task(self._run(session))
        self._task.add_done_callback(self._note_end)
        within_s = CONNECT_WITHIN_S + SUBSCRIBE_WITHIN_S
        try:
            await asyncio.wait((self.subscribed, self.ended), timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.close()
            raise
        if self.subscribed.done() and not self.ended.done():
            self.opened_s = self._loop.time()
            return None
        if not self.ended.done():
            self.close()
            return ConnectFailed(f"not subscribed within {within_s:g} s")
        return msgspec.structs.replace(self._failure, reason=self.ended.result())

    def close(self) -> None:
        """End it, in the background; nothing is delivered any more."""
        self._deliver = lambda _: None
        if self._task is not None:
            self._task.cancel()

    def level(self) -> None:
        """Look again at what is wanted."""
        self._changed.set()

    def hold(self) -> None:
        """Keep back what comes until `release`."""
        self._held = []

    def release(self) -> None:
        """Hand on what was kept back, and from now on everything at once."""
        held, self._held = self._held, None
        for arrived in held or ():
            self._deliver(arrived)

    async def drain(self, within_s: float) -> None:
        """Wait until everything has been read that the exchange has sent up to now; answers come in order with events.

        It waits no longer than `within_s`, and not for a connection that ends meanwhile.
        """
        self._shall_ask = True
        self._changed.set()
        drained = self._loop.create_task(self._drained.wait())
        await asyncio.wait((drained, self.ended), timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        drained.cancel()

    async def _run(self, session: aiohttp.ClientSession) -> str:
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                socket = await session.ws_connect(
                    self._url,
                    autoping=False,
                    decode_text=False,
                    max_msg_size=MESSAGE_MAX,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_WITHIN_S),
                )
        except aiohttp.WSServerHandshakeError as error:
            self._failure = ConnectFailed("", _retry_after_s(error))
            return connect_failure(error)
        except (aiohttp.ClientError, OSError) as error:
            return connect_failure(error)
        async with socket:
            renewal = self._loop.call_later(self._rules.max_age_s, self._renew, "its time is over")
            try:
                return await self._serve(socket)
            finally:
                renewal.cancel()

    async def _serve(self, socket: "aiohttp.ClientWebSocketResponse[bool]") -> str:
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(self._write(socket))
            try:
                reason = await self._read(socket)
            except TimeoutError:
                reason = f"silent for {self._rules.stale_after_s:g} s"
            except (ConnectionError, aiohttp.ClientError) as error:  # of the answer to a ping
                reason = f"{type(error).__name__}: {error}"
            writer.cancel()
        self._say_ended(reason)  # before the socket is closed, which may take a while
        return reason

    async def _read(self, socket: "aiohttp.ClientWebSocketResponse[bool]") -> str:
        """Read until the connection ends, and say why; raises TimeoutError when nothing comes any more."""
        stale_s = self._rules.stale_after_s
        slack_s = stale_s / 8  # a deadline that moved with each frame would cost more than the frame
        receive, now_s = socket.receive, self._loop.time
        async with asyncio.timeout(stale_s + slack_s) as silence:
            moved_s = now_s()
            while True:
                message = await receive()
                if (read_s := now_s()) - moved_s > slack_s:
                    moved_s = read_s
                    silence.reschedule(read_s + stale_s + slack_s)
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(message.data)
                elif message.type is aiohttp.WSMsgType.PING:
                    await socket.pong(message.data)
                elif message.type is aiohttp.WSMsgType.BINARY:
                    self._oddities.note("binary frame", "")
                elif message.type is not aiohttp.WSMsgType.PONG:
                    return _why_closed(socket, message)

    def _take(self, data: bytes) -> None:
        try:
            frame = parse_frame(data)
            if isinstance(frame, TradeEvent):
                self._hand_on(trade_of(frame))
            elif frame.event == KLINE:
                if (candle := closed_candle(frame.candle)) is not None:
                    self._hand_on(candle)
            elif frame.event == SHUTDOWN:
                self._renew("the exchange shuts this server down")
            elif isinstance(frame.id, int):
                self._take_answer(frame.id, frame)
            elif frame.refusal is not None:
                self._oddities.note("error without a request", frame.refusal)
            else:
                self._oddities.note("event of unknown type", frame.event)
        except OddFrameError as odd:
            self._oddities.note(odd.kind, odd.detail)

    def _hand_on(self, arrived: Trade | Candle) -> None:
        if self._held is None:
            self._deliver(arrived)
        elif len(self._held) < HELD_MAX:
            self._held.append(arrived)
        else:
            self._oddities.note("trade that found no room beside a former connection", "")

    def _take_answer(self, number: int, answer: Frame) -> None:
        request = self._subscriptions.take_answer(number)
        if request is None:
            self._oddities.note("answer to no request", "")
        elif request is self._question:
            self._drained.set()
        elif answer.refusal is not None:
            self._give_up(f"{request.method} refused: {answer.refusal}")
        else:
            self._subscriptions.grant(request)
            self._changed.set()

    async def _write(self, socket: "aiohttp.ClientWebSocketResponse[bool]") -> None:
        """Send what is to be subscribed, and what no more, a few requests a second."""
        while True:
            while (request := self._next_request()) is not None:
                try:
                    await socket.send_str(request.text)
                except (ConnectionError, aiohttp.ClientError):
                    return  # the reader says why
                self._loop.call_later(SUBSCRIBE_WITHIN_S, self._check_answered, request)
                await asyncio.sleep(REQUEST_PERIOD_S)
            await self._changed.wait()
            self._changed.clear()

    def _next_request(self) -> StreamRequest | None:
        request = self._subscriptions.next_request()
        if request is not None:
            return request
        if self._subscriptions.is_complete and not self.subscribed.done():
            self.subscribed.set_result(None)
        if self._shall_ask:
            self._shall_ask = False
            self._question = self._subscriptions.question()
            return self._question
        return None

    def _check_answered(self, request: StreamRequest) -> None:
        if request is not self._question and self._subscriptions.is_unanswered(request):
            self._give_up(f"{request.method} not answered within {SUBSCRIBE_WITHIN_S:g} s")

    def _give_up(self, reason: str) -> None:
        self._say_ended(reason)
        self.close()

    def _renew(self, reason: str) -> None:
        if not self.renewal.done():
            self.renewal.set_result(reason)

    def _say_ended(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)

    def _note_end(self, task: "asyncio.Task[str]") -> None:
        if task.cancelled():
            self._say_ended("closed")
        elif (error := task.exception()) is None:
            self._say_ended(task.result())
        elif not self.ended.done():
            self.ended.set_exception(error)  # a defect: whoever waits for the end falls with it


def _why_closed(socket: "aiohttp.ClientWebSocketResponse[bool]", message: Any) -> str:
    if message.type is aiohttp.WSMsgType.ERROR:
        return f"{type(message.data).__name__}: {message.data}"
    said = message.extra if message.type is aiohttp.WSMsgType.CLOSE and message.extra else ""
    return f"closed ({socket.close_code})" + (f": {said}" if said else "")


def _retry_after_s(error: aiohttp.WSServerHandshakeError) -> float:
    """Give what `Retry-After` says, in seconds; 0 when it says nothing."""
    said = error.headers.get("Retry-After", "") if error.headers else ""
    return float(said) if said.isascii() and said.isdigit() else 0.0
