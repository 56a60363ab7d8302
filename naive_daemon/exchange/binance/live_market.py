"""Opens the market streams of Binance for each incarnation of its actor, and ends them.

Owned by the world, which outlives the actor. Invariant: no two incarnations' streams tell trades at the same time, also
when the former one was killed and could close nothing.
"""

import random
import threading
from collections.abc import Collection

from naive_daemon.clock import Clock
from naive_daemon.config.exchange import Binance
from naive_daemon.exchange.binance.address import Address
from naive_daemon.exchange.binance.endpoints import market_endpoints
from naive_daemon.exchange.binance.klines import Klines
from naive_daemon.exchange.binance.market import BinanceMarket
from naive_daemon.exchange.binance.market_connection import StreamRules
from naive_daemon.exchange.binance.market_streams import MarketStreams
from naive_daemon.market.candles_of_exchange import ANSWER_TIMEOUT_S


class LiveMarket:
    """`make_player` at each start of the actor, `end` once. `address`: what it shares with accounts."""

    def __init__(
        self,
        config: Binance,
        clock: Clock,
        generator: random.Random,
        listed: Collection[str],
        address: Address | None = None,
    ) -> None:
        endpoints = market_endpoints(config)
        self._stream_url = endpoints.stream_url
        self._rest_url = endpoints.rest_url
        self._answer_timeout_s = config.answer_timeout_s
        self._address = Address(clock) if address is None else address
        self._rules = StreamRules(stale_after_s=config.stale_after_s)
        self._clock = clock
        self._generator = generator
        self._listed = listed
        self._lock = threading.Lock()
        self._streams: MarketStreams | None = None

    def make_player(self) -> BinanceMarket:
        """Make the actor, with streams of its own; a former one's tell nothing any more."""
        streams = MarketStreams(self._stream_url, self._clock, self._generator, self._rules)
        with self._lock:
            former, self._streams = self._streams, streams
        if former is not None:
            former.end_soon()
        klines = Klines(
            self._rest_url,
            self._address,
            timeout_s=self._answer_timeout_s,
            wait_s=ANSWER_TIMEOUT_S,
        )
        return BinanceMarket(streams, klines, self._listed)

    def end(self) -> None:
        """End what was opened last, and wait for its thread."""
        with self._lock:
            streams, self._streams = self._streams, None
        if streams is not None:
            streams.end()
