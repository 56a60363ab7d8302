"""Market streams at work on a server that says what a test wants: who hears them, and what they log."""

import contextlib
import functools
import queue
import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from naive_daemon.clock import WallClock
from naive_daemon.domain.candle import Candle
from naive_daemon.domain.events import Trade
from naive_daemon.exchange.binance import market_connection, market_streams
from naive_daemon.exchange.binance.backoff import Backoff
from naive_daemon.exchange.binance.market_connection import StreamRules
from naive_daemon.exchange.binance.market_streams import MarketStreams
from tests.integration.scripted_market import PATIENCE_S, ScriptedMarket

FIRST_S = 0.01
RECONNECTING, BACK = "market stream reconnecting", "market stream is back"


class Ear:
    """Hears what the streams say."""

    def __init__(self) -> None:
        self.trades: queue.Queue[Trade] = queue.Queue()
        self.candles: queue.Queue[Candle] = queue.Queue()
        self.health: queue.Queue[tuple[bool, str]] = queue.Queue()
        self.defects: queue.Queue[BaseException] = queue.Queue()
        self.threads: set[str] = set()

    def on_trade(self, trade: Trade) -> None:
        self.threads.add(threading.current_thread().name)
        self.trades.put(trade)

    def on_candle(self, candle: Candle) -> None:
        self.candles.put(candle)

    def on_health(self, *, connected: bool, reason: str) -> None:
        self.health.put((connected, reason))

    def on_defect(self, error: BaseException) -> None:
        self.defects.put(error)

    def next_ids(self, count: int) -> list[int]:
        return [self.trades.get(timeout=PATIENCE_S).trade_id for _ in range(count)]

    def next_health(self) -> tuple[bool, str]:
        return self.health.get(timeout=PATIENCE_S)


class Log:
    """Keeps log events, and lets a test wait for one."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._changed = threading.Condition()

    def __call__(self, _logger: object, _method: str, event: Any) -> Any:
        with self._changed:
            self.events.append(dict(event))
            self._changed.notify_all()
        raise structlog.DropEvent

    def count(self, event: str) -> int:
        return sum(each["event"] == event for each in self.events)

    def wait_for(self, event: str, count: int = 1) -> dict[str, Any]:
        with self._changed:
            assert self._changed.wait_for(lambda: self.count(event) >= count, PATIENCE_S), self.events
        return next(each for each in reversed(self.events) if each["event"] == event)


class Rig:
    """Streams, who hears them, and how to make more of them."""

    def __init__(self, market: ScriptedMarket, log: Log) -> None:
        self.market = market
        self.log = log
        self.ear = Ear()
        self._opened: list[MarketStreams] = []

    def open(self, *symbols: str, **rules: Any) -> MarketStreams:
        streams = MarketStreams(self.market.url, WallClock(), random.Random(1), StreamRules(**rules))
        self._opened.append(streams)
        streams.start(self.ear)
        for symbol in symbols:
            streams.play(symbol)
        return streams

    def close(self) -> None:
        for streams in self._opened:
            streams.end()
        assert not any(thread.name == "market streams" for thread in threading.enumerate())


@contextlib.contextmanager
def market_rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """Open a rig whose pauses are short; no defect may come to light that the test has not taken."""
    monkeypatch.setattr(market_connection, "REQUEST_PERIOD_S", 0.01)
    monkeypatch.setattr(market_connection, "CLOSE_WITHIN_S", 0.2)
    monkeypatch.setattr(market_streams, "Backoff", functools.partial(Backoff, first_s=FIRST_S))
    before = structlog.get_config()
    log = Log()
    structlog.configure(processors=[log], cache_logger_on_first_use=False)
    try:
        with ScriptedMarket() as market:
            rig = Rig(market, log)
            try:
                yield rig
            finally:
                rig.close()
            assert rig.ear.defects.empty()
    finally:
        structlog.configure(**before)
