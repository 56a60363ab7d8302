"""A WebSocket connection of either kind: accepted, pinged, watched, and closed. Its task is the handler's own.

Invariant: whatever ends it (the client, the server, a fault), the owner is told exactly once, by `gone`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from aiohttp import WSCloseCode, WSMsgType, web

from naive_daemon.exchange.server.channel import Channel, ping_frame, pong_frame

PING_EVERY_S = 20.0
SILENT_FOR_S = 60.0
LIFE_S = 86_400.0
MESSAGE_MAX = 1 << 20
_CLOSE_S = 1.0


class Sockets:
    """Every connection that is open."""

    def __init__(self) -> None:
        self._open: dict[Channel, web.WebSocketResponse] = {}

    def __len__(self) -> int:
        return len(self._open)

    async def accept(self, request: web.Request, gone: Callable[[Channel], None]) -> "Socket":
        """Answer an upgrade; raises aiohttp's HTTP errors when it is none."""
        response = web.WebSocketResponse(
            autoping=False, autoclose=True, compress=False, max_msg_size=MESSAGE_MAX, timeout=_CLOSE_S
        )
        await response.prepare(request)
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client left while it connected")
        channel = Channel(transport, asyncio.get_running_loop())
        self._open[channel] = response
        return Socket(self, response, channel, gone)

    def forget(self, channel: Channel) -> None:
        """Take a connection off the list."""
        self._open.pop(channel, None)

    def channels(self) -> list[Channel]:
        """Give every open connection."""
        return list(self._open)

    async def close(self, channels: list[Channel]) -> None:
        """Close connections in order; those whose reader is too slow for that are cut."""
        await asyncio.gather(*(self._close(channel) for channel in channels))

    async def ping(self, payload: bytes) -> None:
        """Ping everybody; cut those that have said nothing for too long, close those that are too old."""
        now_s = asyncio.get_running_loop().time()
        data = ping_frame(payload)
        for channel in self.channels():
            if now_s - channel.heard_s > SILENT_FOR_S:
                channel.cut()
            else:
                channel.send(data)
        await self.close([channel for channel in self._open if now_s - channel.opened_s > LIFE_S])

    async def _close(self, channel: Channel) -> None:
        response = self._open.get(channel)
        if response is None:
            return
        channel.flush()
        try:
            await asyncio.wait_for(response.close(code=WSCloseCode.GOING_AWAY), 2 * _CLOSE_S)
        except (TimeoutError, ConnectionResetError):
            channel.cut()


class Socket:
    """One connection, for its handler: `async for text in socket.texts()`."""

    def __init__(
        self, sockets: Sockets, response: web.WebSocketResponse, channel: Channel, gone: Callable[[Channel], None]
    ) -> None:
        self._sockets = sockets
        self.response = response
        self.channel = channel
        self._gone = gone

    async def texts(self) -> AsyncIterator[str | None]:
        """Give what comes in, until the end: texts, and None for a ping or a pong, which are answered here.

        A binary message ends the connection, as on Binance.
        """
        channel, response = self.channel, self.response
        clock = asyncio.get_running_loop()
        try:
            async for message in response:
                channel.heard_s = clock.time()
                if message.type is WSMsgType.TEXT:
                    yield message.data
                    continue
                if message.type is WSMsgType.PING:
                    channel.send(pong_frame(message.data))
                if message.type is WSMsgType.BINARY:
                    await self.close(WSCloseCode.UNSUPPORTED_DATA, b"binary messages are not supported")
                    return
                yield None
        except ConnectionResetError:
            return
        finally:
            self._sockets.forget(channel)
            self._gone(channel)

    async def close(self, code: int, message: bytes) -> None:
        """Close the connection and say why, after everything that was sent before."""
        self.channel.flush()
        await self.response.close(code=code, message=message)
