"""A market server on loopback that does what a test says: it answers requests, and sends what it is given.

Beside the local exchange, which behaves: this one closes in the middle, sends rubbish, and stays silent.
"""

import asyncio
import json
import queue
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self

from aiohttp import WSCloseCode, WSMsgType, web

PATIENCE_S = 10.0


def trade_frame(trade_id: int, symbol: str = "BTCUSDT", **fields: object) -> bytes:
    """Give a trade as Binance writes it; it was printed `trade_id` ms after some moment."""
    event = {
        "e": "trade",
        "E": 1_700_000_000_000 + trade_id,
        "s": symbol,
        "t": trade_id,
        "p": "60000.01000000",
        "q": "0.00100000",
        "T": 1_700_000_000_000 + trade_id,
        "m": False,
        "M": True,
    }
    return json.dumps({**event, **fields}).encode()


def kline_frame(number: int, symbol: str = "BTCUSDT", **fields: object) -> bytes:
    """Give a closed candle as Binance writes it, of the minute with that number; it has as many trades."""
    start_ms = 1_700_000_040_000 + number * 60_000
    kline = {
        "t": start_ms, "T": start_ms + 59_999, "s": symbol, "i": "1m", "f": 1, "L": number,
        "o": "60000.01", "c": "60000.03", "h": "60000.04", "l": "60000.00", "v": "1.5", "n": number, "x": True,
        "q": "90000.0", "V": "1.0", "Q": "60000.0", "B": "0",
    }  # fmt: skip
    return json.dumps({"e": "kline", "E": start_ms + 60_000, "s": symbol, "k": {**kline, **fields}}).encode()


class Peer:
    """One connection of a client, from the server's side. `requests` and `pongs` came; `gone` is set at its end."""

    def __init__(self, market: "ScriptedMarket", socket: web.WebSocketResponse, number: int) -> None:
        self.number = number
        self.requests: queue.Queue[dict[str, Any]] = queue.Queue()
        self.answered: queue.Queue[str] = queue.Queue()
        self.pongs: queue.Queue[object] = queue.Queue()
        self.gone = threading.Event()
        self._market = market
        self._socket = socket

    def send(self, *frames: bytes) -> None:
        """Send text frames, in order."""

        async def send_all() -> None:
            for frame in frames:
                await self._socket.send_frame(frame, WSMsgType.TEXT)

        self._market.run(send_all)

    def send_binary(self, data: bytes) -> None:
        """Send a binary frame."""
        self._market.run(lambda: self._socket.send_bytes(data))

    def close(self, code: int = WSCloseCode.GOING_AWAY) -> None:
        """Close in order."""
        self._market.run(lambda: self._socket.close(code=code))

    def cut(self) -> None:
        """Drop the connection as a broken cable does."""

        async def abort() -> None:
            transport = self._socket._req and self._socket._req.transport
            assert transport is not None
            transport.abort()

        self._market.run(abort)

    def await_request(self, method: str) -> dict[str, Any]:
        """Give the next request, which must be of that method."""
        request = self.requests.get(timeout=PATIENCE_S)
        assert request["method"] == method, request
        return request

    def await_answer(self, method: str) -> None:
        """Wait until a request of that method has been answered."""
        while self.answered.get(timeout=PATIENCE_S) != method:
            pass


class ScriptedMarket:
    """`with ScriptedMarket() as market:`; each connection of a client is a Peer.

    `answer` says what a request is answered with, or None for nothing; `refuse` answers the next connections with an
    HTTP status; a connection is pinged every `ping_s`. `requests`: what came on which connection. `story`: what was
    answered on which, and who went, in order.
    """

    def __init__(self) -> None:
        self.peers: queue.Queue[Peer] = queue.Queue()
        self.requests: queue.Queue[tuple[int, dict[str, Any]]] = queue.Queue()
        self.answer: Callable[[dict[str, Any]], dict[str, Any] | None] = lambda _: {"result": None}
        self.refuse: queue.Queue[int] = queue.Queue()
        self.story: list[tuple[int, str]] = []
        self.attempts = 0
        self.ping_s: float | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted market")
        self._runner: web.AppRunner

    def __enter__(self) -> Self:
        self._thread.start()
        self.run(self._start)
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._runner.cleanup)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    @property
    def url(self) -> str:
        """The base URL of the market streams."""
        return f"ws://127.0.0.1:{self.port}"

    def run(self, make: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run a coroutine on the server's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(make(), self._loop).result(PATIENCE_S)

    def await_peer(self) -> Peer:
        """Wait for the next connection."""
        return self.peers.get(timeout=PATIENCE_S)

    def await_subscribed(self) -> Peer:
        """Wait for the next connection and its subscription."""
        peer = self.await_peer()
        peer.await_answer("SUBSCRIBE")
        return peer

    async def _start(self) -> None:
        app = web.Application()
        app.router.add_get("/ws", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.attempts += 1
        if not self.refuse.empty():
            return web.Response(status=self.refuse.get_nowait(), headers={"Retry-After": "0"})
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        peer = Peer(self, socket, self.attempts)
        self.peers.put(peer)
        pinging = None if self.ping_s is None else self._loop.create_task(self._ping(socket, self.ping_s))
        try:
            async for message in socket:
                if message.type is WSMsgType.PONG:
                    peer.pongs.put(message.data)
                elif message.type is WSMsgType.TEXT:
                    await self._take(peer, socket, json.loads(message.data))
        finally:
            if pinging is not None:
                pinging.cancel()
            self.story.append((peer.number, "gone"))
            peer.gone.set()
        return socket

    @staticmethod
    async def _ping(socket: web.WebSocketResponse, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            await socket.ping()

    async def _take(self, peer: Peer, socket: web.WebSocketResponse, asked: dict[str, Any]) -> None:
        peer.requests.put(asked)
        self.requests.put((peer.number, asked))
        answer = self.answer(asked)
        if answer is not None:
            await socket.send_json({**answer, "id": asked["id"]})
        self.story.append((peer.number, asked["method"]))
        peer.answered.put(asked["method"])
