"""Market streams over WebSocket: raw (`/ws/<name>`), combined (`/stream?streams=…`), and live (un)subscribing.

Owned by the server's thread. Contract: Binance, "WebSocket Streams", reference "Market streams".
"""

import asyncio
from collections import deque
from typing import Any
from urllib.parse import parse_qs

import msgspec
from aiohttp import WSCloseCode, web

from naive_daemon.exchange.server.channel import Channel, frame
from naive_daemon.exchange.server.connection import Socket, Sockets
from naive_daemon.exchange.server.exchange import Exchange
from naive_daemon.exchange.server.market_streams import STREAMS_MAX, Shape, is_stream_name
from naive_daemon.exchange.server.refusal import RefusedError
from naive_daemon.exchange.server.user_streams import UNITS

_encode = msgspec.json.Encoder().encode
_ID_PATTERN = "^[a-zA-Z0-9-_]{1,64}$"


class _Wish(msgspec.Struct):
    method: str
    id: int | str | None = None
    params: list[Any] = []


_decode = msgspec.json.Decoder(_Wish).decode


class StreamSockets:
    """Serves market streams."""

    def __init__(self, exchange: Exchange, sockets: Sockets) -> None:
        self._exchange = exchange
        self._sockets = sockets
        self.channels: dict[Channel, Shape] = {}

    def add_routes(self, app: web.Application) -> None:
        """Let an application serve the paths of the streams."""
        for path in ("/ws", "/ws/{names:.*}", "/stream", "/stream/{names:.*}"):
            app.router.add_get(path, self.serve)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection until its end."""
        try:
            self._exchange.limiter.take_connection(request.remote or "")
        except RefusedError as error:
            return web.json_response({"code": error.code, "msg": error.message}, status=error.status)
        names = _names(request)
        if len(names) > STREAMS_MAX or not all(map(is_stream_name, names)):
            return web.Response(status=400, text="bad stream name")
        unit = request.query.get("timeUnit", "MILLISECOND")
        if unit not in UNITS:
            return web.Response(status=400, text="bad timeUnit")
        shape = Shape(UNITS[unit], request.path.startswith("/stream"))
        socket = await self._sockets.accept(request, self._gone)
        connection = _Connection(self._exchange, socket, shape, names)
        self.channels[socket.channel] = shape
        await connection.serve()
        return socket.response

    def say_shutdown(self) -> None:
        """Tell every connection that the server is about to close it."""
        time_ns = self._exchange.clock.now_ns()
        for channel, shape in self.channels.items():
            payload = _encode({"e": "serverShutdown", "E": time_ns // shape.unit_ns})
            if shape.is_combined:
                payload = b'{"stream":"!serverShutdown","data":%b}' % payload
            channel.send(frame(payload))

    def _gone(self, channel: Channel) -> None:
        self.channels.pop(channel, None)
        self._exchange.delivery.forget(channel)


class _Connection:
    """One connection and what it hears."""

    def __init__(self, exchange: Exchange, socket: Socket, shape: Shape, names: list[str]) -> None:
        self._exchange = exchange
        self._socket = socket
        self._shape = shape
        self._names: dict[str, None] = {}
        self._heard_s: deque[float] = deque(maxlen=max(1, exchange.limiter.limits.messages_1s))
        self._listen(names)

    async def serve(self) -> None:
        try:
            async for text in self._socket.texts():
                if self._is_too_fast():
                    await self._socket.close(WSCloseCode.POLICY_VIOLATION, b"Too many requests")
                    return
                if text is not None:
                    self._socket.channel.send(frame(_encode(self._answer(text))))
        finally:
            self._exchange.streams.unsubscribe(self._socket.channel, self._shape, tuple(self._names))

    def _is_too_fast(self) -> bool:
        if not self._exchange.limiter.limits.messages_1s:
            return False
        now_s = asyncio.get_running_loop().time()
        is_full = len(self._heard_s) == self._heard_s.maxlen and now_s - self._heard_s[0] < 1
        self._heard_s.append(now_s)
        return is_full

    def _answer(self, text: str) -> dict[str, Any]:
        try:
            wish = _decode(text)
        except msgspec.ValidationError as error:
            return _error(2, f"Invalid request: {_reason(error)}", None)
        except (msgspec.DecodeError, RecursionError):
            return _error(3, "Invalid JSON: expected value at line 1 column 1", None)
        try:
            return {"result": self._done(wish), "id": wish.id}
        except RefusedError as error:
            return _error(error.code, error.message, wish.id)

    def _done(self, wish: _Wish) -> Any:
        match wish.method:
            case "SUBSCRIBE":
                self._listen(_wished(wish))
                return None
            case "UNSUBSCRIBE":
                names = _wished(wish)
                self._exchange.streams.unsubscribe(self._socket.channel, self._shape, names)
                for name in names:
                    self._names.pop(name, None)
                return None
            case "LIST_SUBSCRIPTIONS":
                return list(self._names)
            case "SET_PROPERTY":
                return self._set_property(wish)
            case "GET_PROPERTY":
                return self._shape.is_combined
        raise RefusedError(
            2,
            f"Invalid request: unknown variant `{wish.method[:32]}`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, "
            "`LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`",
        )

    def _set_property(self, wish: _Wish) -> None:
        match wish.params:
            case ["combined", bool(is_combined)]:
                pass
            case _:
                raise RefusedError(0, "Unknown property")
        streams, channel, names = self._exchange.streams, self._socket.channel, tuple(self._names)
        streams.unsubscribe(channel, self._shape, names)
        self._shape = self._shape._replace(is_combined=is_combined)
        streams.subscribe(channel, self._shape, names)

    def _listen(self, names: list[str]) -> None:
        if len(self._names.keys() | names) > STREAMS_MAX:
            raise RefusedError(2, f"Invalid request: more than {STREAMS_MAX} streams")
        self._names.update(dict.fromkeys(names))
        self._exchange.streams.subscribe(self._socket.channel, self._shape, names)


def _names(request: web.Request) -> list[str]:
    in_path = request.match_info.get("names", "")
    in_query = parse_qs(request.query_string).get("streams", [""])[0] if request.path.startswith("/stream") else ""
    return [name for name in (*in_path.split("/"), *in_query.split("/")) if name]


def _wished(wish: _Wish) -> list[str]:
    names = wish.params
    if not names or not all(isinstance(name, str) and is_stream_name(name) for name in names):
        raise RefusedError(2, "Invalid request: params must be an array of names of streams")
    return names


def _reason(error: msgspec.ValidationError) -> str:
    text = str(error)
    if "`id`" in text or "$.id" in text:
        return f"request ID must be an unsigned integer, a string of {_ID_PATTERN}, or null"
    if "required field" in text:
        return "missing field `method`"
    return "expected a JSON object with method, params and id"


def _error(code: int, message: str, request_id: int | str | None) -> dict[str, Any]:
    return (
        {"code": code, "msg": message, "id": request_id} if request_id is not None else {"code": code, "msg": message}
    )
