"""One connection to Binance's WebSocket API: requests with their answers, and the events of the user data stream.

Owned by the account stream, used on its loop only. Invariants: every request is told exactly once what came of it, an
answer or how it was lost, unless so many have waited since that it was forgotten; none is written after its time; no
frame, however odd, ends the connection, only its end does: closed, broken, or silent for too long.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

import aiohttp
import msgspec

from naive_daemon.exchange.binance.oddity import Oddities
from naive_daemon.exchange.binance.rest import answer_of, connect_failure
from naive_daemon.exchange.binance.signal import Answer, Lost
from naive_daemon.exchange.binance.wire import ErrorBody, EventKind, Frame, RateLimit, WireError, decode

FRAME_MAX = 16 * 1024 * 1024
"""A longer frame breaks the connection; an event has less than 1 KB."""
WAITING_MAX = 10_000
"""Requests without an answer that are remembered; the oldest is forgotten. After a time-out an answer still counts."""
UNANSWERED_MAX = 3
"""After so many time-outs, and no answer to anything in between, a connection is taken for dead though it pings."""
CLOSE_WITHIN_S = 1.0

OnAnswer = Callable[[Answer | Lost, list[RateLimit]], None]
OnEvent = Callable[[EventKind, bytes], None]
Socket = aiohttp.ClientWebSocketResponse[bool]

_encode = msgspec.json.Encoder().encode


class ConnectError(Exception):
    """No connection came about; the text says why, in a few words. `answer`: what was said instead, if anything."""

    def __init__(self, reason: str, answer: Answer | None = None) -> None:
        super().__init__(reason)
        self.answer = answer


class _Outgoing(NamedTuple):
    """A frame that there was no room for; after `until_s` it is not written any more."""

    request: str
    data: bytes
    until_s: float


class Connection:
    """Make with `connect`; then somebody must `read` until it ends."""

    def __init__(self, socket: Socket, oddities: Oddities, *, stale_after_s: float) -> None:
        self._socket = socket
        self._oddities = oddities
        self._stale_after_s = stale_after_s
        self._loop = asyncio.get_running_loop()
        self.opened_s = self._loop.time()
        self._heard_s = self.opened_s
        self._waiting: OrderedDict[str, OnAnswer] = OrderedDict()
        self._outgoing: deque[_Outgoing] = deque()
        self._waiting_for_room: asyncio.Task[None] | None = None
        self._ending: str | None = None
        self._number = 0
        self._unanswered = 0
        self._watch = self._loop.call_later(stale_after_s, self._check_signs_of_life)

    @property
    def is_open(self) -> bool:
        """Say whether a request may be given to it."""
        return self._ending is None and not self._socket.closed

    @property
    def waiting(self) -> int:
        """How many requests have no answer yet."""
        return len(self._waiting)

    @property
    def _is_full(self) -> bool:
        return self._waiting_for_room is not None

    def send(self, method: str, parameters: Mapping[str, str | int], on_answer: OnAnswer, *, until_s: float) -> None:
        """Send a request; `on_answer` is called later, on the loop, never from here.

        What finds no room before `until_s`, by the loop's time, is not sent: Lost.BEFORE_SEND.
        """
        self._number += 1
        request = str(self._number)
        self._waiting[request] = on_answer
        if len(self._waiting) > WAITING_MAX:
            self._waiting.popitem(last=False)
        data = _encode({"id": request, "method": method, "params": parameters})
        if self._is_full:
            self._outgoing.append(_Outgoing(request, data, until_s))
        else:
            self._write(data)

    async def ask(self, method: str, parameters: Mapping[str, str | int], within_s: float) -> Answer | Lost:
        """Send a request and wait for what comes of it; Lost.AFTER_SEND after `within_s` seconds."""
        answer: asyncio.Future[Answer | Lost] = self._loop.create_future()

        def take(result: Answer | Lost, _: list[RateLimit]) -> None:
            if not answer.done():
                answer.set_result(result)

        self.send(method, parameters, take, until_s=self._loop.time() + within_s)
        try:
            async with asyncio.timeout(within_s):
                return await answer
        except TimeoutError:
            return Lost.AFTER_SEND

    def note_time_out(self) -> None:
        """Say that a request had no answer in time: one that answers nothing any more ends."""
        self._unanswered += 1
        if self._unanswered >= UNANSWERED_MAX:
            self.end("it does not answer")

    def end(self, reason: str) -> None:
        """Have the connection end, soon; `read` gives the first reason."""
        if self._ending is None:
            self._ending = reason
            self._closer = self._loop.create_task(self._close())

    async def read(self, on_event: OnEvent) -> str:
        """Read until the connection ends; gives why it did. What was sent and has no answer is told that it is lost."""
        try:
            while (reason := await self._read_one(on_event)) is None:
                pass
        finally:
            self._watch.cancel()
            if self._ending is None:
                self._ending = "ended"
            await self._close()
            self._lose_all()
        return reason if self._ending == "ended" else self._ending

    async def _read_one(self, on_event: OnEvent) -> str | None:
        message = await self._socket.receive()
        self._heard_s = self._loop.time()
        match message.type:
            case aiohttp.WSMsgType.TEXT:
                self._take(message.data, on_event)
            case aiohttp.WSMsgType.PING:
                # A pong that can not be written is the connection's end, which the next `receive` tells.
                await self._pong(message.data)
            case aiohttp.WSMsgType.PONG:
                pass
            case aiohttp.WSMsgType.BINARY:
                self._oddities.note("binary frame", "user data")
            case aiohttp.WSMsgType.ERROR:
                return f"broken: {type(message.data).__name__}"
            case _:
                return f"closed by the exchange ({self._socket.close_code})"
        return None

    async def _pong(self, payload: bytes) -> None:
        try:
            await self._socket.pong(payload)
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            self._oddities.note("pong failed", type(error).__name__)

    def _take(self, data: bytes, on_event: OnEvent) -> None:
        try:
            frame = decode(data, Frame)
            if frame.id is not None or frame.status is not None:
                self._answer(frame)
                return
            body = bytes(frame.event) or data
            kind = decode(body, EventKind)
        except WireError as error:
            self._oddities.note("unreadable frame", str(error))
            return
        on_event(kind, body)

    def _answer(self, frame: Frame) -> None:
        on_answer = self._waiting.pop(str(frame.id), None)
        if on_answer is None:
            error = frame.error or ErrorBody()
            self._oddities.note("answer to no request", f"{frame.status} {error.code}")
            return
        self._unanswered = 0
        on_answer(_answer_of(frame), frame.rate_limits)

    def _write(self, data: bytes) -> None:
        """Write a frame at once: a turn of the loop in between would cost as much as all the rest.

        `send_frame` writes before it waits for anything, and all that it waits for is room for the next frame.
        """
        writing = self._socket.send_frame(data, aiohttp.WSMsgType.TEXT)
        try:
            room = writing.send(None)
        except StopIteration:
            return
        except (aiohttp.ClientError, OSError) as error:
            self.end(f"broken: {type(error).__name__}")
            return
        writing.close()
        self._waiting_for_room = self._loop.create_task(self._wait_for_room(room))

    async def _wait_for_room(self, room: "asyncio.Future[None]") -> None:
        """Wait until the other side has read, then write what has gathered and still has time."""
        await asyncio.wait([room])
        self._waiting_for_room = None
        if room.cancelled() or room.exception() is not None:
            self.end("broken while it waited for room")
        while self._outgoing and not self._is_full and self._ending is None:
            request, data, until_s = self._outgoing.popleft()
            if self._loop.time() < until_s:
                self._write(data)  # from here on it may have left, whatever becomes of it
            else:
                self._lose_unsent(request)

    def _lose_unsent(self, request: str) -> None:
        on_answer = self._waiting.pop(request, None)
        if on_answer is not None:
            on_answer(Lost.BEFORE_SEND, [])

    def _lose_all(self) -> None:
        unsent = {each.request for each in self._outgoing}
        waiting, self._waiting = self._waiting, OrderedDict()
        self._outgoing.clear()
        for request, on_answer in waiting.items():
            on_answer(Lost.BEFORE_SEND if request in unsent else Lost.AFTER_SEND, [])

    def _check_signs_of_life(self) -> None:
        silent_s = self._loop.time() - self._heard_s
        if silent_s >= self._stale_after_s:
            self.end(f"silent for {silent_s:.0f} s")
        else:
            self._watch = self._loop.call_later(self._stale_after_s - silent_s, self._check_signs_of_life)

    async def _close(self) -> None:
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self._socket.close()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self._oddities.note("close failed", type(error).__name__)


def _answer_of(frame: Frame) -> Answer:
    error = frame.error
    status = frame.status or 0
    if error is None:
        return Answer(status=status, body=bytes(frame.result))
    retry_at = error.data.get("retryAfter") if isinstance(error.data, dict) else None
    return Answer(
        status=status,
        code=error.code,
        message=error.msg[:300],
        retry_at_ms=retry_at if isinstance(retry_at, int) and not isinstance(retry_at, bool) else None,
    )


async def connect(
    session: aiohttp.ClientSession, url: str, oddities: Oddities, *, within_s: float, stale_after_s: float
) -> Connection:
    """Open a connection; raises ConnectError, within `within_s` seconds."""
    try:
        async with asyncio.timeout(within_s):
            socket = await session.ws_connect(
                url,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_WITHIN_S),
                autoping=False,  # pings are signs of life, so they must be seen
                autoclose=True,
                max_msg_size=FRAME_MAX,
                decode_text=False,  # bytes are read as JSON as they are, and bad UTF-8 breaks nothing
                compress=0,
            )
    except aiohttp.WSServerHandshakeError as error:
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        raise ConnectError(connect_failure(error), answer_of(error.status, b"", headers)) from error
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        raise ConnectError(connect_failure(error)) from error
    return Connection(socket, oddities, stale_after_s=stale_after_s)
