"""How an event reaches a connection: at once, or as the faults that are on will have it.

Owned by the server's thread. Without faults events of one connection keep their order.
"""

import asyncio

from naive_daemon.exchange.server.channel import Channel
from naive_daemon.exchange.server.fault import Fault, Faults

_STALL_S = 60.0
_APART_S = 1e-6
STREAM = ("stream", "all")
USER = ("user", "all")


class Delivery:
    """Sends events; `close` gives up those that were delayed."""

    def __init__(self, faults: Faults, loop: asyncio.AbstractEventLoop) -> None:
        self._faults = faults
        self._loop = loop
        self._held: dict[Channel, bytes] = {}
        self._due_s: dict[Channel, float] = {}
        self._timers: set[asyncio.TimerHandle] = set()

    def send(self, where: tuple[str, ...], channel: Channel, data: bytes) -> None:
        """Send an event, or what becomes of it."""
        if not (self._faults.is_on or self._held or self._due_s or channel.stalled_until_s):
            channel.send(data)
            return
        if channel.is_stalled or self._is_lost(where, channel):
            return
        happens = self._faults.happens
        if self._held.get(channel) is None and (fault := happens("reorder", where)):
            self._held[channel] = data
            self._at(self._loop.time() + self._faults.latency_s(fault), channel, None)
            return
        copies = 2 if happens("duplicate", where) else 1
        self._send_in_order(happens("latency", where), channel, data * copies)
        held = self._held.pop(channel, None)
        if held is not None:
            self._send_in_order(None, channel, held)

    def forget(self, channel: Channel) -> None:
        """Forget a connection that has ended."""
        self._held.pop(channel, None)
        self._due_s.pop(channel, None)

    def close(self) -> None:
        """Give up what was delayed."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _is_lost(self, where: tuple[str, ...], channel: Channel) -> bool:
        happens = self._faults.happens
        if fault := happens("stall", where):
            channel.stalled_until_s = self._loop.time() + fault.seconds(_STALL_S)
            return True
        if happens("drop", where):
            return True
        if happens("disconnect", where):
            channel.cut()
            return True
        return False

    def _send_in_order(self, fault: Fault | None, channel: Channel, data: bytes) -> None:
        """Send, late if there is a fault; never before what was sent earlier and is late itself."""
        now_s = self._loop.time()
        due_s = max(self._due_s.get(channel, 0.0) + _APART_S, now_s + (self._faults.latency_s(fault) if fault else 0.0))
        if due_s <= now_s:
            self._due_s.pop(channel, None)
            channel.send(data)
            return
        self._due_s[channel] = due_s
        self._at(due_s, channel, data)

    def _at(self, due_s: float, channel: Channel, data: bytes | None) -> None:
        """Send at a time of the loop, which is exact: a delay from now would let one that is due later overtake."""

        def send() -> None:
            self._timers.discard(timer)
            late = self._held.pop(channel, None) if data is None else data
            if late is not None:
                channel.send(late)

        timer = self._loop.call_at(due_s, send)
        self._timers.add(timer)
