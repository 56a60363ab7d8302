"""What a live market is asked: how its streams stand. Understood by whoever is registered as the player of one."""

import msgspec


class AskStreams(msgspec.Struct, frozen=True):
    """Request: how does each symbol's stream stand? Answered by a tuple of StreamState, sorted by symbol."""


class StreamState(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol's stream. Nothing has arrived yet where `last_trade_ns` and `silent_s` are None.

    `last_trade_ns`: the exchange's time of the last trade; `silent_s`: seconds since it arrived, monotonic time.
    `reconnects`: how often its connection was lost; `dropped`: trades that had been delivered, or came too late.
    """

    symbol: str
    connected: bool
    last_trade_ns: int | None
    silent_s: float | None
    reconnects: int
    dropped: int


class AskOddFrames(msgspec.Struct, frozen=True):
    """Request: how many frames of which kind could not be used? Answered by a dict, kind → count."""
