"""Binance's live market in the tree, against the local exchange: trades reach their feeds, whatever happens between."""

import json
import queue
import random
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog

from naive_daemon import names
from naive_daemon.clock import WallClock
from naive_daemon.config.exchange import Binance
from naive_daemon.domain.events import AskMarketHealth, MarketHealth, Trade
from naive_daemon.exchange.binance.live_market import LiveMarket
from naive_daemon.market.alerts import NOWHERE
from naive_daemon.market.feed import FeedStarted, MarketMissing, Watch
from naive_daemon.market.live import AskOddFrames, AskStreams, StreamState
from naive_daemon.market.streams import StreamsStarted, streams
from naive_daemon.market.work import AddWork, Work
from naive_daemon.otp import KILL, Actor, ActorSystem, send_exit
from tests.e2e.daemon import eventually
from tests.exchange.local_exchange import LocalExchange

PATIENCE_S = 20.0
CONNECTED = MarketHealth(connected=True, reason="connected")


class Ear(Actor):
    """Wants symbols, and hears trades and how the market is."""

    def __init__(self, *symbols: str) -> None:
        super().__init__()
        self.symbols = symbols
        self.trades: queue.Queue[Trade] = queue.Queue()
        self.health: queue.Queue[MarketHealth] = queue.Queue()
        self.missing: queue.Queue[MarketMissing] = queue.Queue()

    def init(self) -> None:
        for topic in (names.STREAMS, *map(names.feed, self.symbols), names.MARKET_HEALTH, names.MARKET_MISSING):
            self.subscribe(topic)
        self.on_receive(StreamsStarted())

    def on_receive(self, message: Any) -> None:
        match message:
            case StreamsStarted():
                for symbol in self.symbols:
                    work = Work(exchange="binance", symbol=symbol, account="main", strategy="naive", signature="s1")
                    self.system.tell(names.STREAM_DESK, AddWork(work, self.ref))
            case FeedStarted(symbol):
                self.system.tell(names.feed(symbol), Watch(self.ref, NOWHERE))
            case Trade():
                self.trades.put(message)
            case MarketHealth():
                self.health.put(message)
            case MarketMissing():
                self.missing.put(message)

    def next_ids(self, count: int) -> list[int]:
        return [self.trades.get(timeout=PATIENCE_S).trade_id for _ in range(count)]

    def await_connected(self) -> None:
        """Wait until the market is there."""
        assert self.health.get(timeout=PATIENCE_S) == CONNECTED

    def await_back(self) -> None:
        """Wait until the market was away and is back."""
        assert not self.health.get(timeout=PATIENCE_S).connected
        self.await_connected()


class Log:
    """Keeps what is logged; `replaced` is set when a connection has been taken over."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.replaced = threading.Event()

    def __call__(self, _logger: object, _method: str, event: Any) -> Any:
        self.events.append(event["event"])
        if event["event"] == "market stream is replaced":
            self.replaced.set()
        raise structlog.DropEvent


@pytest.fixture(autouse=True)
def log() -> Iterator[Log]:
    before = structlog.get_config()
    log = Log()
    structlog.configure(processors=[log], cache_logger_on_first_use=False)
    yield log
    structlog.configure(**before)


@pytest.fixture(scope="module")
def silent_exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExchange]:
    """Give an exchange that prints a trade only when a test says so."""
    with LocalExchange(tmp_path_factory.mktemp("exchange"), market="clients") as exchange:
        yield exchange


@pytest.fixture
def exchange(silent_exchange: LocalExchange) -> Iterator[LocalExchange]:
    yield silent_exchange
    silent_exchange.heal()


Begin = Callable[..., Ear]


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    system = ActorSystem.live(WallClock(), threads=2)
    yield system
    system.stop()


@pytest.fixture
def begin(system: ActorSystem) -> Iterator[Begin]:
    """Give what starts the streams of the tree on an exchange and somebody who wants symbols."""
    ends: list[Callable[[], None]] = []

    def begin(exchange: LocalExchange, *symbols: str, listed: tuple[str, ...] = (), **rules: Any) -> Ear:
        config = Binance(rest_url=exchange.rest_url, stream_url=exchange.stream_url, **rules)
        market = LiveMarket(config, WallClock(), random.Random(1), listed or symbols)
        top = system.start(streams(market.make_player))
        ends.append(lambda: system.terminate(top, PATIENCE_S) and market.end())
        ear = Ear(*symbols)
        ref = system.start(ear)
        ends.insert(0, lambda: system.terminate(ref, PATIENCE_S) and None)
        return ear

    yield begin
    for end in ends:
        end()
    assert not any(thread.name == "market streams" for thread in threading.enumerate())


def ask_streams(system: ActorSystem) -> tuple[StreamState, ...]:
    states: tuple[StreamState, ...] = system.ask(names.PLAYER, AskStreams())
    return states


def test_trades_reach_their_feeds_exactly_and_in_order(
    exchange: LocalExchange, system: ActorSystem, begin: Begin
) -> None:
    ear = begin(exchange, "BTCUSDT", "ETHUSDT")
    ear.await_connected()
    printed = [exchange.trade("BTCUSDT", f"60000.0{digit}", "0.00100") for digit in range(1, 6)]
    printed.append(exchange.trade("ETHUSDT", "3000.10", "0.0100"))
    heard = [ear.trades.get(timeout=PATIENCE_S) for _ in printed]
    assert [trade.trade_id for trade in heard] == printed
    assert [trade.price for trade in heard] == [
        *(Decimal(f"60000.0{digit}") for digit in range(1, 6)),
        Decimal("3000.1"),
    ]
    assert {trade.quantity for trade in heard} == {Decimal("0.001"), Decimal("0.01")}
    bitcoin, ether = ask_streams(system)
    assert (bitcoin.symbol, bitcoin.connected, bitcoin.last_trade_ns) == ("BTCUSDT", True, heard[4].time_ns)
    assert (ether.symbol, ether.connected, ether.last_trade_ns) == ("ETHUSDT", True, heard[5].time_ns)
    assert system.ask(names.PLAYER, AskOddFrames()) == {}


def test_who_has_just_started_is_told_again_that_trades_arrive(
    exchange: LocalExchange, system: ActorSystem, begin: Begin
) -> None:
    ear = begin(exchange, "BTCUSDT")
    ear.await_connected()
    system.pubsub.publish(names.MARKET_HEALTH_ASKED, AskMarketHealth())
    ear.await_connected()


def test_a_symbol_that_is_not_listed_has_no_market(exchange: LocalExchange, begin: Begin) -> None:
    ear = begin(exchange, "BTCUSDT", "NONEUSDT", listed=("BTCUSDT",))
    assert ear.missing.get(timeout=PATIENCE_S) == MarketMissing("NONEUSDT")


def test_after_a_cut_connection_trades_go_on(
    exchange: LocalExchange, system: ActorSystem, begin: Begin, log: Log
) -> None:
    ear = begin(exchange, "BTCUSDT")
    ear.await_connected()
    before = exchange.trade("BTCUSDT", "60000.01")
    assert ear.next_ids(1) == [before]
    exchange.fault("disconnect", where="stream", count=1)
    exchange.trade("BTCUSDT", "60000.02")  # instead of this event the connection is cut
    ear.await_back()
    after = exchange.trade("BTCUSDT", "60000.03")
    assert ear.next_ids(1) == [after]
    (state,) = ask_streams(system)
    assert (state.connected, state.reconnects) == (True, 1)
    assert log.events.count("market stream reconnecting") == log.events.count("market stream is back") == 1


def test_a_shutdown_of_the_server_loses_no_trade_and_doubles_none(
    exchange: LocalExchange, begin: Begin, log: Log
) -> None:
    ear = begin(exchange, "BTCUSDT")
    ear.await_connected()
    printed = [exchange.trade("BTCUSDT", "60000.01") for _ in range(20)]
    exchange.fault("server-shutdown", where="stream", value="2")
    while not log.replaced.is_set() or len(printed) < 200:
        printed.append(exchange.trade("BTCUSDT", "60000.01"))
    assert ear.next_ids(len(printed)) == printed
    assert ear.trades.empty()
    assert "market stream reconnecting" not in log.events
    assert ear.health.empty()


def test_duplicate_and_reordered_events_are_told_once_and_in_order(
    exchange: LocalExchange, system: ActorSystem, begin: Begin
) -> None:
    ear = begin(exchange, "BTCUSDT")
    ear.await_connected()
    exchange.fault("duplicate", where="stream")
    printed = [exchange.trade("BTCUSDT", "60000.01") for _ in range(10)]
    assert ear.next_ids(10) == printed
    exchange.heal()
    last = exchange.trade("BTCUSDT", "60000.01")
    assert ear.next_ids(1) == [last]
    assert ask_streams(system)[0].dropped == 10


def test_a_stream_that_stalls_is_noticed(tmp_path: Path, begin: Begin, log: Log) -> None:
    with LocalExchange(tmp_path, "--trades-per-s", "200", "--symbol", "BTCUSDT") as exchange:
        ear = begin(exchange, "BTCUSDT", stale_after_s=1.0)
        ear.await_connected()
        exchange.fault("stall", where="stream", count=1, value="3600")
        ear.await_back()
        assert log.events.count("market stream reconnecting") == 1


def test_the_exchange_restarts_and_the_market_comes_back(tmp_path: Path, begin: Begin, log: Log) -> None:
    with LocalExchange(tmp_path, market="clients") as exchange:
        ear = begin(exchange, "BTCUSDT")
        ear.await_connected()
        exchange.kill()
        assert not ear.health.get(timeout=PATIENCE_S).connected
        exchange.start()
        ear.await_connected()
        after = exchange.trade("BTCUSDT", "60000.03")
        assert ear.next_ids(1) == [after]
        assert log.events.count("market stream reconnecting") == 1


def test_a_killed_actor_leaves_no_streams_that_double_its_successors(
    exchange: LocalExchange, system: ActorSystem, begin: Begin
) -> None:
    ear = begin(exchange, "BTCUSDT")
    ear.await_connected()
    player = system.whereis(names.PLAYER)
    assert player is not None
    send_exit(player, KILL)
    ear.await_connected()
    printed = [exchange.trade("BTCUSDT", "60000.01") for _ in range(10)]
    assert ear.next_ids(10) == printed
    assert ear.trades.empty()


def test_more_symbols_than_a_connection_may_have(tmp_path: Path, system: ActorSystem, begin: Begin) -> None:
    symbols = tuple(f"S{number}USDT" for number in range(1_100))
    listing = tmp_path / "info.json"
    listed = [
        {"symbol": symbol, "status": "TRADING", "baseAsset": symbol[:-4], "quoteAsset": "USDT"} for symbol in symbols
    ]
    listing.write_text(json.dumps({"symbols": listed}), encoding="utf-8")
    with LocalExchange(tmp_path, "--exchange-info", str(listing), market="clients") as exchange:
        ear = begin(exchange, *symbols)
        ear.await_connected()
        arrived: set[str] = set()
        while len(arrived) < len(symbols):
            for symbol in (symbols[0], *(symbol for symbol in symbols if symbol not in arrived)):
                exchange.trade(symbol, "1.00")
            while not ear.trades.empty():
                arrived.add(ear.trades.get().symbol)
        for attempt in eventually():  # a trade may come before the answer to its subscription
            with attempt:
                assert all(state.connected for state in ask_streams(system))
