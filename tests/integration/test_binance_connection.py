"""One connection of the WebSocket API when the other side does not read: nothing is lost or told wrongly."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import structlog
from aiohttp import web

from naive_daemon.exchange.binance.oddity import Oddities
from naive_daemon.exchange.binance.signal import Answer, Lost
from naive_daemon.exchange.binance.ws_api import Connection, connect

REQUESTS = 200
PAYLOAD = "x" * 100_000
WAIT_S = 20.0

Serve = Callable[[web.WebSocketResponse], Awaitable[None]]


@asynccontextmanager
async def connected(serve: Serve) -> AsyncIterator[Connection]:
    async def handle(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await serve(socket)
        return socket

    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(WAIT_S):
            oddities = Oddities(structlog.get_logger())
            connection = await connect(session, f"ws://127.0.0.1:{port}", oddities, within_s=5, stale_after_s=60)
            reader = asyncio.create_task(connection.read(lambda *_: None))
            try:
                yield connection
            finally:
                connection.end("over")
                assert await reader
    finally:
        await runner.cleanup()


def serve_once(may_read: asyncio.Event, came: list[Any]) -> Serve:
    """Give an exchange that reads nothing before it may, then answers each frame, and notes it."""

    async def serve(socket: web.WebSocketResponse) -> None:
        await may_read.wait()
        async for message in socket:
            frame = msgspec.json.decode(message.data)
            came.append(frame)
            await socket.send_str(f'{{"id":"{frame["id"]}","status":200,"result":{{}}}}')

    return serve


def test_what_finds_no_room_waits_for_it_and_arrives_in_order() -> None:
    async def main() -> None:
        may_read, came = asyncio.Event(), list[Any]()
        async with connected(serve_once(may_read, came)) as connection:
            answers: asyncio.Queue[Any] = asyncio.Queue()
            for number in range(REQUESTS):
                frame = {"number": number, "payload": PAYLOAD}
                connection.send("x", frame, lambda *answer: answers.put_nowait(answer), until_s=math.inf)
            assert connection._outgoing
            may_read.set()
            told = [await answers.get() for _ in range(REQUESTS)]
            assert all(isinstance(answer, Answer) for answer, _ in told)
            assert [frame["params"]["number"] for frame in came] == list(range(REQUESTS))
            assert isinstance(await connection.ask("x", {"number": REQUESTS}, WAIT_S), Answer)
            assert connection.waiting == 0

    asyncio.run(main())


def test_what_finds_room_after_its_time_never_leaves() -> None:
    async def main() -> None:
        may_read, came = asyncio.Event(), list[Any]()
        async with connected(serve_once(may_read, came)) as connection:
            for _ in range(REQUESTS):
                connection.send("fills it", {"payload": PAYLOAD}, lambda *_: None, until_s=math.inf)
            lost: asyncio.Queue[Any] = asyncio.Queue()
            soon_s = asyncio.get_running_loop().time()
            connection.send("too late", {}, lambda how, _: lost.put_nowait(how), until_s=soon_s)
            in_time = asyncio.create_task(connection.ask("in time", {}, WAIT_S))
            await asyncio.sleep(0)
            may_read.set()
            assert isinstance(await in_time, Answer)
            assert lost.get_nowait() is Lost.BEFORE_SEND
        assert [frame["method"] for frame in came] == ["fills it"] * REQUESTS + ["in time"]
        assert connection.waiting == 0

    asyncio.run(main())


def test_what_may_have_left_when_a_connection_ends_is_told_apart_from_what_certainly_did_not() -> None:
    async def main() -> None:
        never = asyncio.Event()

        async def serve(_: web.WebSocketResponse) -> None:
            await never.wait()

        async with connected(serve) as connection:
            lost: asyncio.Queue[Any] = asyncio.Queue()
            for number in range(REQUESTS):
                frame = {"number": number, "payload": PAYLOAD}
                connection.send("x", frame, lambda how, _: lost.put_nowait(how), until_s=math.inf)
            connection.end("a test")
            told = [await lost.get() for _ in range(REQUESTS)]
            never.set()
        assert set(told) == {Lost.AFTER_SEND, Lost.BEFORE_SEND}
        assert told == sorted(told, key=lambda how: how is Lost.BEFORE_SEND)
        assert not connection.is_open

    asyncio.run(main())
