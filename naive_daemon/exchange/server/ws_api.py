"""The WebSocket API: requests in JSON, the operations of REST, sessions, and the user data stream.

Owned by the server's thread. Contract: Binance, "WebSocket API"; reference "User data". Requests are answered in their
order; only with faults switched on does each take its own time.
"""

from typing import Any

import msgspec
from aiohttp import WSCloseCode, web

from naive_daemon.clock import NS_PER_MS
from naive_daemon.exchange.server.catalogue import OPERATIONS
from naive_daemon.exchange.server.channel import Channel, frame
from naive_daemon.exchange.server.connection import Socket, Sockets
from naive_daemon.exchange.server.exchange import Exchange
from naive_daemon.exchange.server.gate import Gate, Incoming, Outcome
from naive_daemon.exchange.server.interruption import CutError, SwallowedError
from naive_daemon.exchange.server.parameters import Parameters, text_of
from naive_daemon.exchange.server.refusal import RefusedError, illegal, missing, not_supported
from naive_daemon.exchange.server.session import SESSION_OPERATIONS, Session
from naive_daemon.exchange.server.signature import ws_payload
from naive_daemon.exchange.server.user_streams import UNITS

_CONNECT_WEIGHT = 2
_encode = msgspec.json.Encoder().encode


class _Request(msgspec.Struct):
    method: str
    id: int | str | None = None
    params: dict[str, msgspec.Raw] = {}


_decode = msgspec.json.Decoder(_Request).decode


class WsApi:
    """Serves the WebSocket API."""

    def __init__(self, exchange: Exchange, sockets: Sockets) -> None:
        self._exchange = exchange
        self._sockets = sockets
        self._gate = Gate(exchange)
        self.sessions: dict[Channel, Session] = {}

    def add_routes(self, app: web.Application) -> None:
        """Let an application serve the path of the API."""
        app.router.add_get("/ws-api/v3", self.serve)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Serve one connection until its end."""
        address = request.remote or ""
        unit = request.query.get("timeUnit", "MILLISECOND")
        if unit not in UNITS:
            return web.Response(status=400, text="bad timeUnit")
        try:
            self._exchange.limiter.take_connection(address)
            self._exchange.limiter.take_weight(address, _CONNECT_WEIGHT)
        except RefusedError as error:
            return web.json_response({"code": error.code, "msg": error.message}, status=error.status)
        socket = await self._sockets.accept(request, self._gone)
        session = Session(self._exchange, self._gate, socket.channel, UNITS[unit])
        self.sessions[socket.channel] = session
        connection = _Connection(self._exchange, self._gate, socket, session, address)
        await connection.serve()
        return socket.response

    def say_shutdown(self) -> None:
        """Tell every connection that the server is about to close it."""
        time_ns = self._exchange.clock.now_ns()
        for channel, session in self.sessions.items():
            event = {"event": {"e": "serverShutdown", "E": time_ns // session.unit_ns}}
            channel.send(frame(_encode(event)))

    def _gone(self, channel: Channel) -> None:
        session = self.sessions.pop(channel, None)
        if session is not None:
            session.end()
        self._exchange.delivery.forget(channel)


class _Connection:
    """One connection."""

    def __init__(self, exchange: Exchange, gate: Gate, socket: Socket, session: Session, address: str) -> None:
        self._exchange = exchange
        self._gate = gate
        self._socket = socket
        self._session = session
        self._address = address

    async def serve(self) -> None:
        async for text in self._socket.texts():
            if text is not None:
                await self._take(text)

    async def _take(self, text: str) -> None:
        try:
            request = _decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            self._answer_error(None, _malformed(error))
            return
        if not self._exchange.faults.is_on:
            self._answer(request)
        elif self._exchange.requests.is_full:
            await self._socket.close(WSCloseCode.TRY_AGAIN_LATER, b"too many requests in flight")
        else:
            self._exchange.requests.begin(self._answer_with_faults(request))

    def _answer(self, request: _Request) -> None:
        try:
            outcome = self._outcome(request)
        except RefusedError as error:
            self._answer_error(request.id, error)
        else:
            self._answer_result(request.id, outcome)

    async def _answer_with_faults(self, request: _Request) -> None:
        operation = OPERATIONS.get(request.method)
        places = operation.places if operation is not None else (request.method, "all")
        try:
            api_key = self._api_key_of(request)
            outcome = await self._gate.with_faults(places, self._address, api_key, lambda: self._outcome(request))
        except RefusedError as error:
            self._answer_error(request.id, error)
        except SwallowedError:
            return
        except CutError:
            self._socket.channel.cut()
        else:
            self._answer_result(request.id, outcome)

    def _api_key_of(self, request: _Request) -> str | None:
        """Give the key that a request, or else its session, comes with; None where it can not be read."""
        raw = request.params.get("apiKey")
        if raw is None:
            return None if self._session.key is None else self._session.key.record.api_key
        try:
            return text_of(raw)
        except msgspec.DecodeError:
            return None

    def _outcome(self, request: _Request) -> Outcome:
        """Answer a request, if it is an operation or the session's; raises RefusedError."""
        operation = OPERATIONS.get(request.method)
        if operation is None and request.method not in SESSION_OPERATIONS:
            raise not_supported()
        try:
            values = {name: text_of(raw) for name, raw in request.params.items()}
        except msgspec.DecodeError as error:
            raise _malformed(error) from None
        incoming = Incoming(
            self._address,
            Parameters(values),
            self._session.unit_ns,
            values.get("apiKey"),
            ws_payload(values),
            values.get("signature"),
            self._session.key,
        )
        if operation is None:
            return Outcome(self._session.answer(request.method, incoming))
        return self._gate.pass_now(operation, incoming)

    def _answer_result(self, request_id: int | str | None, outcome: Outcome) -> None:
        limits = self._limits(outcome.orders)
        answer = {"id": request_id, "status": 200, "result": outcome.result, "rateLimits": limits}
        self._socket.channel.send(frame(_encode(answer)))

    def _answer_error(self, request_id: int | str | None, refused: RefusedError) -> None:
        error: dict[str, Any] = {"code": refused.code, "msg": refused.message}
        if refused.retry_at_ms is not None:
            now_ms = self._exchange.clock.now_ns() // NS_PER_MS
            error["data"] = {"serverTime": now_ms, "retryAfter": refused.retry_at_ms}
        answer = {"id": request_id, "status": refused.status, "error": error, "rateLimits": self._limits(None)}
        self._socket.channel.send(frame(_encode(answer)))

    def _limits(self, orders: tuple[int, int] | None) -> list[dict[str, Any]]:
        limiter = self._exchange.limiter
        return limiter.table(limiter.used_weight(self._address), orders)


def _malformed(error: Exception) -> RefusedError:
    if isinstance(error, msgspec.ValidationError):
        text = str(error)
        if "required field" in text:
            return missing("method")
        if "$.id" in text:
            return illegal("id", "^[a-zA-Z0-9-_]{1,64}$")
    return RefusedError(-1135, "Invalid JSON Request")
