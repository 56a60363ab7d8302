"""Binance's candles in the tree, against the local exchange: each closed one once, whatever happens between."""

import json
import queue
import random
import threading
import urllib.request
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from naive_daemon import names
from naive_daemon.clock import NS_PER_MS, WallClock
from naive_daemon.config.exchange import Binance
from naive_daemon.domain.candle import Candle
from naive_daemon.exchange.binance.live_market import LiveMarket
from naive_daemon.market import candles_of_exchange
from naive_daemon.market.candles import AskCandles, CandleClosed, CandlesStarted
from naive_daemon.market.candles_of_exchange import CandlesOfExchange
from naive_daemon.market.player import AskKlines, PlayCandles
from naive_daemon.otp import (
    KILL,
    Actor,
    ActorDiedError,
    ActorSystem,
    ChildSpec,
    RequestFailed,
    Supervisor,
    crash,
    send_exit,
)
from tests.exchange.local_exchange import LocalExchange
from tests.integration.scripted_market import ScriptedMarket, kline_frame

PATIENCE_S = 30.0
CANDLES = names.candles("BTCUSDT", "1s")
_MARKET = ("--trades-per-s", "40", "--symbol", "BTCUSDT")


class Ear(Actor):
    """Hears candles, those of the history first, as who computes signals does: none twice, none missing."""

    def __init__(self) -> None:
        super().__init__()
        self.candles: queue.Queue[Candle] = queue.Queue()
        self.failed: queue.Queue[RequestFailed] = queue.Queue()
        self.has_history = False
        self.last_ns = 0

    def init(self) -> None:
        self.subscribe(CANDLES)
        self.on_receive(CandlesStarted("BTCUSDT", "1s"))

    def on_receive(self, message: Any) -> None:
        match message:
            case CandlesStarted():
                self.request(self.system.whereis(CANDLES), AskCandles(100), self.take_history, PATIENCE_S)
            case CandleClosed(candle) if self.has_history:
                self.take(candle)

    def take_history(self, candles: tuple[Candle, ...] | RequestFailed) -> None:
        if isinstance(candles, RequestFailed):
            self.failed.put(candles)
            return
        self.has_history = True
        for candle in candles:
            if candle.open_ns >= self.last_ns:
                self.take(candle)

    def take(self, candle: Candle) -> None:
        self.last_ns = candle.close_ns
        self.candles.put(candle)

    def next(self, count: int) -> list[Candle]:
        return [self.candles.get(timeout=PATIENCE_S) for _ in range(count)]


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candles_of_exchange, "GRACE_S", 0.5)
    monkeypatch.setattr(candles_of_exchange, "RETRY_FIRST_S", 0.1)


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    system = ActorSystem.live(WallClock(), threads=2)
    yield system
    system.stop()


Begin = Callable[[LocalExchange], Ear]


@pytest.fixture
def begin(system: ActorSystem) -> Iterator[Begin]:
    """Give what starts a live market with the candles of one symbol, and who hears them."""
    ends: list[Callable[[], object]] = []

    def begin(exchange: LocalExchange) -> Ear:
        config = Binance(rest_url=exchange.rest_url, stream_url=exchange.stream_url)
        market = LiveMarket(config, WallClock(), random.Random(1), ["BTCUSDT"])
        children = [
            ChildSpec(id="player", start=market.make_player, name=names.PLAYER),
            ChildSpec(id="candles", start=lambda: CandlesOfExchange().candle_feed("BTCUSDT", "1s"), name=CANDLES),
        ]
        top = system.start(Supervisor(children, max_restarts=10))
        ends.extend((lambda: system.terminate(top, PATIENCE_S), market.end))
        ear = Ear()
        system.start(ear)
        return ear

    yield begin
    for end in ends:
        end()
    assert not any(thread.name == "market streams" for thread in threading.enumerate())


def kill(system: ActorSystem, name: Any, reason: Any) -> None:
    ref = system.whereis(name)
    assert ref is not None
    send_exit(ref, reason)


def rows(exchange: LocalExchange) -> dict[int, list[Any]]:
    """Ask the exchange itself, by the time of the candle."""
    url = f"{exchange.rest_url}/api/v3/klines?symbol=BTCUSDT&interval=1s&limit=1000"
    with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 - our own server
        return {row[0] * NS_PER_MS: row for row in json.load(answer)}


def assert_continuous(candles: list[Candle]) -> None:
    assert all(earlier.close_ns == later.open_ns for earlier, later in pairwise(candles))


def test_history_and_live_candles_are_the_exchanges_over_cuts_and_crashes(
    tmp_path: Path, system: ActorSystem, begin: Begin
) -> None:
    with LocalExchange(tmp_path, *_MARKET) as exchange:
        for kind in ("error", "429", "latency"):
            exchange.fault(kind, where="market", count=1, value="1")
        ear = begin(exchange)
        told = ear.next(1)
        exchange.fault("disconnect", where="stream", count=1)
        told += ear.next(1)
        kill(system, CANDLES, crash("boom"))
        told += ear.next(1)
        kill(system, names.PLAYER, KILL)
        told += ear.next(1)
        exchange.fault("duplicate", where="stream")
        told += ear.next(2)
        expected = rows(exchange)
    assert_continuous(told)
    assert any(candle.trades for candle in told)
    for candle in told:
        row = expected[candle.open_ns]
        assert [candle.open, candle.high, candle.low, candle.close, candle.volume] == [
            Decimal(text) for text in row[1:6]
        ]
        assert candle.trades == row[8]
    assert ear.failed.empty()


def test_who_begins_while_the_exchange_is_away_waits_and_when_it_was_away_candles_go_on(
    tmp_path: Path, begin: Begin
) -> None:
    with LocalExchange(tmp_path, *_MARKET) as exchange:
        exchange.kill()
        ear = begin(exchange)
        exchange.start()
        told = ear.next(1)
        exchange.kill()  # it forgets its candles, unlike a real one
        exchange.start()
        told += ear.next(2)
    assert all(earlier.close_ns <= later.open_ns for earlier, later in pairwise(told))
    assert ear.failed.empty()


def test_candles_that_nobody_takes_are_given_up_and_those_that_are_not_listed_are_refused(system: ActorSystem) -> None:
    with ScriptedMarket() as server:
        config = Binance(rest_url=server.url.replace("ws", "http"), stream_url=server.url)
        market = LiveMarket(config, WallClock(), random.Random(1), ["BTCUSDT"])
        try:
            player = system.start(market.make_player(), names.PLAYER)
            with pytest.raises(ActorDiedError, match="the exchange does not list NONEUSDT"):
                system.ask(player, AskKlines("NONEUSDT", "1m"))
            for symbol in ("NONEUSDT", "BTCUSDT"):
                player.tell(PlayCandles(symbol, "1m"))
            peer = server.await_peer()
            assert peer.await_request("SUBSCRIBE")["params"] == ["btcusdt@kline_1m"]
            peer.send(kline_frame(1))
            assert peer.gone.wait(PATIENCE_S)
            system.terminate(player, PATIENCE_S)
        finally:
            market.end()
