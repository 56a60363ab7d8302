"""One WebSocket connection as those see it who send to it: frames that are made once and written as they are.

Owned by the connection's task. Frames of one turn of the loop go out together. Nobody waits for a slow reader, and it
costs no memory: when more than a bound waits for it, the connection is cut.
"""

import asyncio
import struct

BOUND_BYTES = 4 << 20
_SHORT, _MIDDLE = 126, 1 << 16
_TEXT, _PING, _PONG = 0x81, 0x89, 0x8A


def frame(payload: bytes, kind: int = _TEXT) -> bytes:
    """Make an unmasked frame (RFC 6455, 5.2), as a server sends it."""
    length = len(payload)
    if length < _SHORT:
        return bytes((kind, length)) + payload
    if length < _MIDDLE:
        return struct.pack("!BBH", kind, _SHORT, length) + payload
    return struct.pack("!BBQ", kind, 127, length) + payload


def ping_frame(payload: bytes) -> bytes:
    """Make a ping; its payload has fewer than 126 bytes."""
    return frame(payload, _PING)


def pong_frame(payload: bytes) -> bytes:
    """Make the answer to a ping."""
    return frame(payload, _PONG)


class Channel:
    """A way to one client."""

    def __init__(self, transport: asyncio.WriteTransport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting: list[bytes] = []
        self.opened_s = loop.time()
        self.heard_s = self.opened_s
        self.stalled_until_s = 0.0
        self.was_too_slow = False

    def send(self, data: bytes) -> None:
        """Send a frame; after the connection's end nothing happens."""
        self._waiting.append(data)
        if len(self._waiting) == 1:
            self._loop.call_soon(self.flush)

    @property
    def is_stalled(self) -> bool:
        """Say whether it is made to send no event now."""
        return self._loop.time() < self.stalled_until_s

    def cut(self) -> None:
        """End the connection without a word."""
        self._waiting.clear()
        self._transport.abort()

    def flush(self) -> None:
        """Write what waits now: before something that goes past it, as the end of the connection does."""
        if not self._waiting or self._transport.is_closing():
            self._waiting.clear()
            return
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > BOUND_BYTES:
            self.was_too_slow = True
            self._transport.abort()
