"""Who listens to which market stream; each event is encoded once for each shape, however many listen.

Owned by the server's thread. A shape is the unit of times and whether events come wrapped in `stream` and `data`.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec

from naive_daemon.exchange.server.candle import INTERVALS
from naive_daemon.exchange.server.channel import Channel, frame
from naive_daemon.exchange.server.delivery import STREAM, Delivery

STREAMS_MAX = 1_024
# A name of nothing is a stream that never sends: clients count on that (ccxt connects to `/ws/0`).
_is_name = re.compile(r"[A-Za-z0-9!@_.:+-]{1,64}", re.ASCII).fullmatch
_KLINE = "kline_"


class Shape(NamedTuple):
    """How a connection wants its events: times in units of `unit_ns`, wrapped or bare."""

    unit_ns: int
    is_combined: bool


class MarketStreams:
    """Subscriptions by the name of the stream."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._listeners: dict[str, dict[Shape, dict[Channel, None]]] = {}
        self._encode = msgspec.json.Encoder().encode

    def has(self, name: str) -> bool:
        """Say whether anybody listens to a stream."""
        return name in self._listeners

    def counts(self) -> dict[str, int]:
        """Give how many connections listen to each stream."""
        return {
            name: sum(len(channels) for channels in shapes.values()) for name, shapes in sorted(self._listeners.items())
        }

    def klines(self) -> list[tuple[str, str, str]]:
        """Give the streams of candles that somebody listens to: name, symbol, interval."""
        found = []
        for name in self._listeners:
            symbol, _, kind = name.partition("@")
            interval = kind.removeprefix(_KLINE)
            if kind.startswith(_KLINE) and interval in INTERVALS:
                found.append((name, symbol.upper(), interval))
        return found

    def subscribe(self, channel: Channel, shape: Shape, names: Iterable[str]) -> None:
        """Let a connection hear streams."""
        for name in names:
            self._listeners.setdefault(name, {}).setdefault(shape, {})[channel] = None

    def unsubscribe(self, channel: Channel, shape: Shape, names: Iterable[str]) -> None:
        """Let a connection hear streams no more; those that it does not hear change nothing."""
        for name in names:
            shapes = self._listeners.get(name, {})
            channels = shapes.get(shape, {})
            channels.pop(channel, None)
            if not channels:
                shapes.pop(shape, None)
            if not shapes:
                self._listeners.pop(name, None)

    def publish(self, name: str, make: Callable[[int], dict[str, Any]]) -> None:
        """Send an event to who listens; `make` gives it for a unit of times."""
        shapes = self._listeners.get(name)
        if shapes is None:
            return
        send = self._delivery.send
        for shape, channels in shapes.items():
            payload = self._encode(make(shape.unit_ns))
            if shape.is_combined:
                payload = b'{"stream":"%b","data":%b}' % (name.encode(), payload)
            data = frame(payload)
            for channel in tuple(channels):
                send(STREAM, channel, data)


def is_stream_name(name: str) -> bool:
    """Say whether a name is one that a stream could have."""
    return _is_name(name) is not None
