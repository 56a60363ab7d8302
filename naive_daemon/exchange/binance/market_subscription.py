"""What one market connection has asked for, and what was granted: requests to send, answers to them. Pure.

Owned by a `MarketConnection`. Invariant: requests about one stream are sent in the order in which it was wanted and was
not; `confirmed` holds only what was granted and has not been given up since.
"""

import itertools
from collections.abc import Set as AbstractSet

import msgspec

from naive_daemon.exchange.binance.market_frame import KLINE, TRADE

REQUEST_STREAMS_MAX = 200
"""Streams of one request: its text stays below 4 KiB."""


def trade_stream(symbol: str) -> str:
    """Name the stream of a symbol's trades."""
    return f"{symbol.lower()}@{TRADE}"


def candle_stream(symbol: str, interval: str) -> str:
    """Name the stream of a symbol's candles of one interval."""
    return f"{symbol.lower()}@{KLINE}_{interval}"


class StreamRequest(msgspec.Struct, frozen=True):
    """A request as it is sent; the answer has its number."""

    number: int
    method: str
    streams: tuple[str, ...]

    @property
    def text(self) -> str:
        """Give the request in JSON (Binance Spot API, "Live Subscribing/Unsubscribing to streams")."""
        return msgspec.json.encode({"method": self.method, "params": self.streams, "id": self.number}).decode()


class Subscriptions:
    """`wanted` are streams by their names; it belongs to somebody else, and may change at any time."""

    def __init__(self, wanted: AbstractSet[str]) -> None:
        self.confirmed: set[str] = set()
        self._wanted = wanted
        self._asked: set[str] = set()
        self._unanswered: dict[int, StreamRequest] = {}
        self._numbers = itertools.count(1)

    @property
    def is_complete(self) -> bool:
        """Whether everything that is wanted has been granted."""
        return self.confirmed >= self._wanted

    def next_request(self) -> StreamRequest | None:
        """Give what has to be sent next, if anything, as good as sent."""
        if missing := sorted(self._wanted - self._asked)[:REQUEST_STREAMS_MAX]:
            self._asked.update(missing)
            return self._request("SUBSCRIBE", missing)
        if surplus := sorted(self._asked - self._wanted)[:REQUEST_STREAMS_MAX]:
            self._asked.difference_update(surplus)
            self.confirmed.difference_update(surplus)
            return self._request("UNSUBSCRIBE", surplus)
        return None

    def question(self) -> StreamRequest:
        """Give a request that changes nothing; its answer comes after everything sent before it."""
        return self._request("LIST_SUBSCRIPTIONS", [])

    def take_answer(self, number: int) -> StreamRequest | None:
        """Give the request that an answer belongs to, once; None for an answer to none of ours."""
        return self._unanswered.pop(number, None)

    def grant(self, request: StreamRequest) -> None:
        """Note what a request has brought. What was given up since its sending stays given up."""
        if request.method == "SUBSCRIBE":
            self.confirmed.update(self._asked.intersection(request.streams))

    def is_unanswered(self, request: StreamRequest) -> bool:
        """Say whether the answer to a request has not come yet."""
        return request.number in self._unanswered

    def _request(self, method: str, streams: list[str]) -> StreamRequest:
        request = StreamRequest(next(self._numbers), method, tuple(streams))
        self._unanswered[request.number] = request
        return request
