"""The least that speaks to an exchange by WebSocket: frames made by hand, what comes back only counted.

So that what is measured is the exchange and not its client: a message costs this one about a microsecond to take.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import Self
from urllib.parse import urlsplit

import msgspec

from naive_daemon.clock import WallClock
from naive_daemon.exchange.binance.signing import HmacSigner, signed_parameters
from tests.exchange.local_exchange import LocalExchange

ANSWER = b'"status":200,'
EVENT = b'"e":"'
_NS_PER_MS = 1_000_000
_SHORT = 126
_WAIT_S = 60.0
_MASK = bytes(4)
"""A mask of zeros changes nothing, and is one all the same."""


class RawClient(asyncio.Protocol):
    """Counts the answers and the events that come; `on_answer` is called when answers have come."""

    def __init__(self, served: LocalExchange, on_answer: Callable[[], None] = lambda: None) -> None:
        self.answers = 0
        self.events = 0
        self.on_answer = on_answer
        self._signer = HmacSigner(served.api_key, served.api_secret)
        self._clock = WallClock()
        self._opened = asyncio.get_running_loop().create_future()
        self._changed = asyncio.Event()
        self._tail = b""
        self._number = 0

    async def open(self, url: str) -> Self:
        """Connect to a `ws://` URL."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 80
        self._transport, _ = await asyncio.get_running_loop().create_connection(lambda: self, host, port)
        self._transport.write(
            f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        async with asyncio.timeout(_WAIT_S):
            await self._opened
        return self

    def close(self) -> None:
        """Disconnect."""
        self._transport.abort()

    def say(self, method: str, params: object) -> None:
        """Send a request."""
        self._number += 1
        payload = msgspec.json.encode({"id": self._number, "method": method, "params": params})
        length = len(payload)
        head = bytes((0x81, 0x80 | length)) if length < _SHORT else struct.pack("!BBH", 0x81, 0x80 | _SHORT, length)
        self._transport.write(head + _MASK + payload)

    def say_signed(self, method: str, **params: str | int) -> None:
        """Send a signed request."""
        timestamp = self._clock.now_ns() // _NS_PER_MS
        self.say(method, signed_parameters(self._signer, {**params, "timestamp": timestamp}))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what has been counted fulfils a condition."""
        async with asyncio.timeout(_WAIT_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def data_received(self, data: bytes) -> None:
        """Count. What is cut by the end of a chunk is counted with the next one."""
        if not self._opened.done():
            if not data.startswith(b"HTTP/1.1 101 "):
                raise ConnectionError(f"no upgrade: {data[:200]!r}")
            self._opened.set_result(None)
        whole = self._tail + data
        answers, events = whole.count(ANSWER), whole.count(EVENT)
        # The tail is shorter than either, so that nothing is counted twice.
        self._tail = whole[max(whole.rfind(ANSWER) + len(ANSWER), whole.rfind(EVENT) + len(EVENT), len(whole) - 12) :]
        if b'"error":{' in data:
            raise ConnectionError(f"refused: {data[:500]!r}")
        self.answers += answers
        self.events += events
        self._changed.set()
        if answers:
            self.on_answer()
