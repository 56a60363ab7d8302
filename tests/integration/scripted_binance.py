"""A server that speaks Binance's words as a test wants it to: it answers as it is told, and remembers what it is asked.

No exchange, as the local exchange is: this one is for the moment at which something must go wrong.
"""

import asyncio
import queue
import threading  # noqa: TC003 - used for annotations only, and at no cost
from collections.abc import Callable, Coroutine
from typing import Any, Self

import msgspec
from aiohttp import WSMsgType, web

from naive_daemon.clock import NS_PER_MS, WallClock
from naive_daemon.exchange.binance.loop_thread import LoopThread

WAIT_S = 10.0
Answer = dict[str, Any] | None
"""What a request of the WebSocket API is answered, beside its id; None is no answer."""


def ok(result: Any) -> Answer:
    return {"status": 200, "result": result}


def refused(code: int, message: str, status: int = 400, data: Any = None) -> Answer:
    return {"status": status, "error": {"code": code, "msg": message, "data": data}}


def placed(parameters: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "symbol": parameters["symbol"],
        "orderId": 7,
        "clientOrderId": parameters["newClientOrderId"],
        "transactTime": 1_000,
        "status": "NEW",
        "executedQty": "0",
        "fills": [],
        **changes,
    }


class ScriptedBinance:
    """`rest` maps "GET /api/v3/order" and the like to what gives status and body; `ws` maps methods to answers."""

    def __init__(self, port: int = 0) -> None:
        self.asked: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self.rest: dict[str, Callable[[dict[str, str]], tuple[int, Any]]] = {
            "GET /api/v3/exchangeInfo": lambda _: (200, {"symbols": [], "rateLimits": []}),
            "GET /api/v3/openOrders": lambda _: (200, []),
            "GET /api/v3/account": lambda _: (200, {"canTrade": True, "updateTime": 5, "balances": []}),
        }
        self.ws: dict[str, Callable[[dict[str, Any]], Answer]] = {
            "userDataStream.subscribe.signature": lambda _: ok({"subscriptionId": 0}),
            "order.place": lambda parameters: ok(placed(parameters)),
        }
        self.holds: dict[str, threading.Event] = {}
        """Requests of REST that are answered only once their event is set."""
        self.headers: dict[str, str] = {}
        self.handshake: tuple[int, dict[str, str]] | None = None
        """What a WebSocket is refused with: status and headers."""
        self.sockets: list[web.WebSocketResponse] = []
        self.opened: queue.Queue[int] = queue.Queue()
        self.clock = WallClock()
        self._opened_count = 0
        self._port = port
        self._thread = LoopThread("scripted binance")

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._runner.cleanup())
        assert self._thread.end()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._port}"

    def push(self, *events: Any, socket: int | None = None, is_wrapped: bool = True) -> None:
        """Send events to one connection, or to all that are open; text and bytes go as they are."""

        async def send() -> None:
            sockets = self.sockets if socket is None else [self.sockets[socket]]
            for each in sockets:
                if each.closed:
                    continue
                for event in events:
                    await self._send(each, event, is_wrapped=is_wrapped)

        self._run(send())

    def drop(self, socket: int = -1) -> None:
        """Cut a connection, without a word."""

        async def cut() -> None:
            transport = self.sockets[socket]._req.transport  # type: ignore[union-attr] # there is one while it is open
            assert transport is not None
            transport.abort()

        self._run(cut())

    def close(self, socket: int) -> None:
        """Close a connection, and wait until the other side has closed it, too."""

        async def shut() -> None:
            assert await self.sockets[socket].close()

        self._run(shut())

    def next_asked(self, what: str) -> dict[str, Any]:
        """Wait until something is asked, pass over the rest, and give its parameters."""
        while True:
            name, parameters = self.asked.get(timeout=WAIT_S)
            if name == what:
                return parameters

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._thread._loop).result(WAIT_S)

    async def _open(self) -> None:
        app = web.Application()
        app.router.add_get("/ws-api/v3", self._serve_socket)
        app.router.add_route("*", "/{path:.*}", self._serve_rest)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def _serve_rest(self, request: web.Request) -> web.StreamResponse:
        what = f"{request.method} {request.path}"
        parameters = dict(request.query)
        self.asked.put((what, parameters))
        hold = self.holds.get(what)
        if hold is not None:
            await asyncio.to_thread(hold.wait, WAIT_S)
        if what == "GET /api/v3/time" and what not in self.rest:
            return web.json_response({"serverTime": self.clock.now_ns() // NS_PER_MS})
        answer = self.rest.get(what)
        status, body = answer(parameters) if answer is not None else (404, {})
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return web.Response(status=status, body=raw, content_type="application/json", headers=self.headers)

    async def _serve_socket(self, request: web.Request) -> web.StreamResponse:
        if self.handshake is not None:
            return web.Response(status=self.handshake[0], headers=self.handshake[1])
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        self.sockets.append(socket)
        self._opened_count += 1
        self.opened.put(self._opened_count)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                frame = msgspec.json.decode(message.data)
                answer = self.ws.get(frame["method"], lambda _: refused(-1, "unknown method"))(frame["params"])
                self.asked.put((frame["method"], frame["params"]))
                if answer is not None:
                    await self._send(socket, {"id": frame["id"], **answer}, is_wrapped=False)
        return socket

    async def _send(self, socket: web.WebSocketResponse, event: Any, *, is_wrapped: bool) -> None:
        if isinstance(event, bytes):
            await socket.send_bytes(event)
        elif isinstance(event, str):
            await socket.send_str(event)
        else:
            whole = {"subscriptionId": 0, "event": event} if is_wrapped else event
            await socket.send_str(msgspec.json.encode(whole).decode())


def report(kind: str, client_order_id: str = "a", **changes: Any) -> dict[str, Any]:
    """Make an executionReport of one of our orders."""
    return {
        "e": "executionReport",
        "E": 1_001,
        "s": "BTCUSDT",
        "c": client_order_id,
        "C": "",
        "S": "BUY",
        "x": kind,
        "X": {"TRADE": "FILLED"}.get(kind, kind),
        "i": 7,
        "T": 1_000,
        "r": "NONE",
        "l": "0",
        "L": "0",
        "n": "0",
        "N": None,
        "t": -1,
        "I": 1,
        "m": False,
        "z": "0",
        **changes,
    }


def trade(number: int, quantity: str = "1", **changes: Any) -> dict[str, Any]:
    fields = {"t": number, "l": quantity, "L": "2.5", "n": "0.001", "N": "BTC", "I": number, "m": True, **changes}
    return report("TRADE", **fields)


def position(asset: str, free: str, u: int) -> dict[str, Any]:
    return {"e": "outboundAccountPosition", "E": u, "u": u, "B": [{"a": asset, "f": free, "l": "0"}]}


def known(**changes: Any) -> dict[str, Any]:
    """Make an order as `GET /api/v3/order` gives it."""
    return {
        "symbol": "BTCUSDT",
        "orderId": 7,
        "clientOrderId": "a",
        "side": "BUY",
        "price": "2.50",
        "origQty": "1.000",
        "executedQty": "0.000",
        "status": "NEW",
        "time": 1_000,
        "updateTime": 2_000,
        **changes,
    }


def own_trade(number: int, quantity: str) -> dict[str, Any]:
    """Make a trade of it, as `GET /api/v3/myTrades` gives it."""
    return {
        "symbol": "BTCUSDT",
        "id": number,
        "orderId": 7,
        "price": "2.5",
        "qty": quantity,
        "commission": "0.001",
        "commissionAsset": "BTC",
        "time": 1_500,
        "isMaker": True,
    }
