"""REST: one aiohttp handler for every route. It reads a request, passes the gate, and writes what came of it.

Owned by the server's thread.
"""

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from naive_daemon.clock import NS_PER_MS
from naive_daemon.exchange.server.catalogue import ROUTES
from naive_daemon.exchange.server.exchange import Exchange
from naive_daemon.exchange.server.gate import Gate, Incoming, Outcome
from naive_daemon.exchange.server.interruption import CutError, SwallowedError
from naive_daemon.exchange.server.operation import Operation
from naive_daemon.exchange.server.parameters import from_form
from naive_daemon.exchange.server.refusal import INVALID_MESSAGE, SERVER_BUSY, UNKNOWN, RefusedError, not_supported
from naive_daemon.exchange.server.signature import rest_payload
from naive_daemon.exchange.server.user_streams import UNITS

BODY_MAX = 1 << 20
SWALLOWED_S = 600.0
"""For so long is a client left without an answer; then its connection is cut."""

_JSON = "application/json;charset=UTF-8"
_encode = msgspec.json.Encoder().encode


class Rest:
    """Answers REST requests for an exchange."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._gate = Gate(exchange)

    def add_routes(self, app: web.Application) -> None:
        """Let an application answer every path."""
        for method, path in ROUTES:
            app.router.add_route(method, path, self.answer)
        app.router.add_route("*", "/api/{rest:.*}", self.answer)
        app.router.add_route("*", "/sapi/{rest:.*}", self.answer)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        address = request.remote or ""
        try:
            return await self._answered(request, address)
        except RefusedError as error:
            return self._refused(error, address)
        except SwallowedError:
            await asyncio.sleep(SWALLOWED_S)
        except CutError:
            pass
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=503)

    async def _answered(self, request: web.Request, address: str) -> web.Response:
        operation = ROUTES.get((request.method, request.path))
        if operation is None:
            raise _unknown(request.path)
        query = request.raw_path.partition("?")[2]
        body = await _body(request) if request.body_exists else ""
        payload, signature = rest_payload(query, body)
        incoming = Incoming(
            address,
            from_form(query, body),
            UNITS.get(request.headers.get("X-MBX-TIME-UNIT", ""), NS_PER_MS),
            request.headers.get("X-MBX-APIKEY"),
            payload,
            signature,
        )
        if self._exchange.faults.is_on:
            outcome = await self._with_faults(operation, incoming)
        else:
            outcome = self._gate.pass_now(operation, incoming)
        headers = self._headers(address)
        if outcome.orders is not None:
            headers["X-MBX-ORDER-COUNT-10S"] = str(outcome.orders[0])
            headers["X-MBX-ORDER-COUNT-1D"] = str(outcome.orders[1])
        return _response(200, outcome.result, headers)

    async def _with_faults(self, operation: Operation, incoming: Incoming) -> Outcome:
        requests, gate = self._exchange.requests, self._gate
        if requests.is_full:
            raise RefusedError(SERVER_BUSY, "Server is currently overloaded with other requests.", status=503)
        work = gate.with_faults(
            operation.places, incoming.address, incoming.api_key, lambda: gate.pass_now(operation, incoming)
        )
        return await asyncio.shield(requests.begin(work))

    def _refused(self, error: RefusedError, address: str) -> web.Response:
        headers = self._headers(address)
        if error.retry_at_ms is not None:
            now_ms = self._exchange.clock.now_ns() // NS_PER_MS
            headers["Retry-After"] = str(max(0, -(-(error.retry_at_ms - now_ms) // 1_000)))
        return _response(error.status, {"code": error.code, "msg": error.message}, headers)

    def _headers(self, address: str) -> dict[str, str]:
        weight = str(self._exchange.limiter.used_weight(address))
        return {"X-MBX-USED-WEIGHT": weight, "X-MBX-USED-WEIGHT-1M": weight, "Content-Type": _JSON}


async def _body(request: web.Request) -> str:
    try:
        return (await request.read()).decode()
    except web.HTTPRequestEntityTooLarge:
        raise RefusedError(INVALID_MESSAGE, "The request is too large.", status=413) from None
    except UnicodeDecodeError:
        raise RefusedError(UNKNOWN, "The request is no text.") from None


def _unknown(path: str) -> RefusedError:
    paths = {known for _, known in ROUTES}
    refusal = not_supported()
    refusal.status = 405 if path in paths else 404
    return refusal


def _response(status: int, value: Any, headers: dict[str, str]) -> web.Response:
    return web.Response(status=status, body=_encode(value), headers=headers)
