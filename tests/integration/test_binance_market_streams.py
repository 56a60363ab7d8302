"""The market streams against a server that misbehaves: every trade once and in order, one word for each loss."""

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
from naive_daemon.exchange.binance import market_connection, market_line, market_streams, market_subscription
from naive_daemon.exchange.binance.backoff import Backoff
from naive_daemon.exchange.binance.market_connection import StreamRules
from naive_daemon.exchange.binance.market_streams import ANEW_AFTER_NS, MarketStreams
from tests.integration.scripted_market import PATIENCE_S, Peer, ScriptedMarket, kline_frame, trade_frame

SHUTDOWN = b'{"e":"serverShutdown","E":1770123456789}'
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


@pytest.fixture(autouse=True)
def log() -> Iterator[Log]:
    before = structlog.get_config()
    log = Log()
    structlog.configure(processors=[log], cache_logger_on_first_use=False)
    yield log
    structlog.configure(**before)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_connection, "REQUEST_PERIOD_S", 0.01)
    monkeypatch.setattr(market_connection, "CLOSE_WITHIN_S", 0.2)
    monkeypatch.setattr(market_streams, "Backoff", functools.partial(Backoff, first_s=FIRST_S))


@pytest.fixture
def market() -> Iterator[ScriptedMarket]:
    with ScriptedMarket() as market:
        yield market


class Rig:
    """Streams, who hears them, and how to make more of them."""

    def __init__(self, market: ScriptedMarket) -> None:
        self.market = market
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


@pytest.fixture
def rig(market: ScriptedMarket) -> Iterator[Rig]:
    rig = Rig(market)
    yield rig
    rig.close()
    assert rig.ear.defects.empty()


def test_candles_share_the_connection_and_only_closed_ones_that_are_wanted_are_told(rig: Rig) -> None:
    streams = rig.open("BTCUSDT")
    peer = rig.market.await_peer()
    peer.await_request("SUBSCRIBE")
    streams.play_candles("BTCUSDT", "1m")
    streams.play_candles("BTCUSDT", "1m")
    assert peer.await_request("SUBSCRIBE")["params"] == ["btcusdt@kline_1m"]
    peer.send(kline_frame(1, x=False), b'{"e":"kline","k":{"x":true}}', kline_frame(1), kline_frame(1, i="3m"))
    peer.send(kline_frame(2))
    assert [rig.ear.candles.get(timeout=PATIENCE_S).trades for _ in range(2)] == [1, 2]
    assert streams.odd_frames() == {"candle of another shape: Object missing required field `s`": 1}
    streams.silence_candles("BTCUSDT", "1m")
    assert peer.await_request("UNSUBSCRIBE")["params"] == ["btcusdt@kline_1m"]
    peer.send(kline_frame(3), trade_frame(1))
    assert rig.ear.next_ids(1) == [1]
    assert rig.ear.candles.empty()
    assert [state.symbol for state in streams.states()] == ["BTCUSDT"]


def test_candles_alone_have_a_connection_which_goes_with_the_last(rig: Rig) -> None:
    streams = rig.open()
    streams.play_candles("BTCUSDT", "1m")
    peer = rig.market.await_subscribed()
    peer.send(kline_frame(1))
    assert rig.ear.candles.get(timeout=PATIENCE_S).trades == 1
    streams.silence_candles("BTCUSDT", "1m")
    assert peer.gone.wait(PATIENCE_S)


def test_trades_arrive_in_order_and_once(rig: Rig) -> None:
    streams = rig.open("BTCUSDT")
    peer = rig.market.await_peer()
    assert peer.await_request("SUBSCRIBE")["params"] == ["btcusdt@trade"]
    assert rig.ear.next_health()[0]
    peer.send(*(trade_frame(number) for number in (1, 2, 2, 3, 1, 4)))
    assert rig.ear.next_ids(4) == [1, 2, 3, 4]
    (state,) = streams.states()
    assert (state.symbol, state.connected, state.reconnects, state.dropped) == ("BTCUSDT", True, 0, 2)
    assert state.last_trade_ns == 1_700_000_000_004_000_000
    assert state.silent_s is not None
    assert state.silent_s >= 0
    assert rig.ear.threads == {"market streams"}


def test_a_symbol_comes_and_goes_on_the_same_connection(rig: Rig) -> None:
    streams = rig.open("AAAQ")
    peer = rig.market.await_subscribed()
    assert peer.await_request("SUBSCRIBE")["params"] == ["aaaq@trade"]
    streams.play("BBBQ")
    assert peer.await_request("SUBSCRIBE")["params"] == ["bbbq@trade"]
    streams.silence("AAAQ")
    assert peer.await_request("UNSUBSCRIBE")["params"] == ["aaaq@trade"]
    peer.send(trade_frame(1, "AAAQ"), trade_frame(2, "BBBQ"))
    assert rig.ear.trades.get(timeout=PATIENCE_S).symbol == "BBBQ"
    streams.silence("BBBQ")
    assert peer.gone.wait(PATIENCE_S)
    assert streams.states() == ()
    streams.play("AAAQ")
    rig.market.await_subscribed().send(trade_frame(3, "AAAQ"))
    assert rig.ear.next_ids(1) == [3]


def test_many_symbols_share_requests_and_no_connection_has_too_many(rig: Rig) -> None:
    symbols = [f"S{number}Q" for number in range(1_100)]
    rig.open(*symbols)
    asked: dict[int, set[str]] = {}
    while sum(map(len, asked.values())) < len(symbols):
        number, request = rig.market.requests.get(timeout=PATIENCE_S)
        assert len(request["params"]) <= market_subscription.REQUEST_STREAMS_MAX
        asked.setdefault(number, set()).update(request["params"])
    assert sorted(map(len, asked.values())) == [76, 1_024]
    assert set().union(*asked.values()) == {f"{symbol.lower()}@trade" for symbol in symbols}
    assert rig.market.attempts == 2


def test_requests_keep_to_the_pace_of_the_exchange() -> None:
    assert 1 / 0.25 < 5  # REQUEST_PERIOD_S, which `quick` has shortened here; Binance takes 5 messages a second


@pytest.mark.parametrize("how", ["close", "cut"])
def test_rule_8_a_loss_is_told_once_with_its_origin(rig: Rig, log: Log, how: str) -> None:
    streams = rig.open("BTCUSDT")
    peer = rig.market.await_subscribed()
    assert rig.ear.next_health() == (True, "connected")
    for _ in range(3):  # failed attempts, of which nothing is said
        rig.market.refuse.put(503)
    getattr(peer, how)()
    origin = log.wait_for(RECONNECTING)["origin"]
    assert origin.startswith("closed (1001)" if how == "close" else "closed (1006)")
    assert rig.ear.next_health() == (False, f"market stream of 127.0.0.1:{rig.market.port}: {origin}")
    rig.market.await_subscribed().send(trade_frame(7))
    assert rig.ear.next_ids(1) == [7]
    assert rig.ear.next_health() == (True, "connected")
    assert (log.count(RECONNECTING), log.count(BACK)) == (1, 1)
    assert rig.market.attempts == 5
    assert streams.states()[0].reconnects == 1


def test_another_connection_that_is_lost_meanwhile_is_told_as_well(rig: Rig) -> None:
    streams = rig.open("AAAQ", streams_max=1)
    first = rig.market.await_subscribed()
    streams.play("BBBQ")
    second = rig.market.await_subscribed()
    assert rig.ear.next_health() == (True, "connected")
    for _ in range(1_000):  # neither comes back
        rig.market.refuse.put(503)
    second.close()
    assert "closed (1001)" in rig.ear.next_health()[1]
    first.cut()
    assert "closed (1006)" in rig.ear.next_health()[1]


def test_a_market_that_can_not_be_reached_at_first_is_one_loss(rig: Rig, log: Log) -> None:
    for _ in range(3):
        rig.market.refuse.put(418)
    rig.open("BTCUSDT")
    rig.market.await_subscribed()
    assert [rig.ear.next_health()[0] for _ in range(2)] == [False, True]
    assert log.wait_for(BACK)
    assert log.count(RECONNECTING) == 1
    assert "HTTP 418" in log.wait_for(RECONNECTING)["origin"]


def test_after_a_loss_what_was_seen_before_is_dropped(rig: Rig) -> None:
    rig.open("BTCUSDT")
    peer = rig.market.await_subscribed()
    peer.send(trade_frame(1), trade_frame(2))
    assert rig.ear.next_ids(2) == [1, 2]
    peer.cut()
    rig.market.await_subscribed().send(trade_frame(1), trade_frame(2), trade_frame(3))
    assert rig.ear.next_ids(1) == [3]


def test_trades_that_are_numbered_anew_are_taken_after_a_while(rig: Rig, log: Log) -> None:
    rig.open("BTCUSDT")
    peer = rig.market.await_subscribed()
    later_ms = 1_700_000_000_900 + ANEW_AFTER_NS // 1_000_000
    peer.send(trade_frame(900), trade_frame(1), trade_frame(2, T=later_ms), trade_frame(3, T=later_ms))
    assert rig.ear.next_ids(3) == [900, 2, 3]
    assert log.wait_for("trades are numbered anew")["last"] == 900


def assert_overlapped(market: ScriptedMarket, former: Peer, fresh: Peer) -> None:
    """Check that the former connection was there until the fresh one was subscribed."""
    assert former.gone.wait(PATIENCE_S)
    assert market.story.index((fresh.number, "SUBSCRIBE")) < market.story.index((former.number, "gone"))


def test_a_shutdown_of_the_server_overlaps_two_connections_and_loses_nothing(rig: Rig, log: Log) -> None:
    rig.open("BTCUSDT")
    former = rig.market.await_subscribed()
    former.send(trade_frame(1), SHUTDOWN, trade_frame(2))
    assert rig.ear.next_ids(2) == [1, 2]
    fresh = rig.market.await_subscribed()
    assert_overlapped(rig.market, former, fresh)
    fresh.send(trade_frame(3))
    assert rig.ear.next_ids(1) == [3]
    assert log.count(RECONNECTING) == 0
    assert rig.ear.next_health()[0]
    assert rig.ear.health.empty()


def test_what_the_new_connection_is_ahead_of_waits_for_the_former(rig: Rig) -> None:
    """The new one shows trade 5 before the former has shown 3: none overtakes another, and none is lost or doubled."""
    rig.market.answer = lambda asked: None if asked["method"] == "LIST_SUBSCRIPTIONS" else {"result": None}
    rig.open("BTCUSDT")
    former = rig.market.await_subscribed()
    former.send(trade_frame(1), SHUTDOWN)
    fresh = rig.market.await_subscribed()
    fresh.send(trade_frame(4), trade_frame(5))
    former.await_request("SUBSCRIBE")
    barrier = former.await_request("LIST_SUBSCRIPTIONS")
    former.send(trade_frame(2), trade_frame(3), trade_frame(4))
    assert rig.ear.next_ids(4) == [1, 2, 3, 4]
    former.send(b'{"result":[],"id":%d}' % barrier["id"])
    assert rig.ear.next_ids(1) == [5]
    assert_overlapped(rig.market, former, fresh)
    fresh.send(trade_frame(6))
    assert rig.ear.next_ids(1) == [6]


def test_a_former_connection_that_ends_too_early_is_a_loss_but_costs_no_trade(rig: Rig, log: Log) -> None:
    answers = threading.Event()

    def answer(asked: dict[str, Any]) -> dict[str, Any] | None:
        return {"result": None} if not answers.is_set() or asked["method"] == "SUBSCRIBE" else None

    rig.market.answer = answer
    rig.open("BTCUSDT")
    former = rig.market.await_subscribed()
    answers.set()
    former.send(trade_frame(1), SHUTDOWN)
    fresh = rig.market.await_subscribed()
    fresh.send(trade_frame(2))
    former.await_answer("LIST_SUBSCRIPTIONS")
    former.cut()
    assert rig.ear.next_ids(2) == [1, 2]
    fresh.send(trade_frame(3))
    assert rig.ear.next_ids(1) == [3]
    assert log.count(RECONNECTING) == 0  # the new one was subscribed by then


def test_an_exchange_that_does_not_answer_the_last_question_is_not_waited_for(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market_line, "DRAIN_WITHIN_S", 0.05)
    rig.market.answer = lambda asked: None if asked["method"] == "LIST_SUBSCRIPTIONS" else {"result": None}
    rig.open("BTCUSDT")
    former = rig.market.await_subscribed()
    former.send(SHUTDOWN)
    fresh = rig.market.await_subscribed()
    assert_overlapped(rig.market, former, fresh)
    fresh.send(trade_frame(1))
    assert rig.ear.next_ids(1) == [1]


def test_a_connection_is_replaced_before_its_time_is_over(rig: Rig, log: Log) -> None:
    rig.open("BTCUSDT", max_age_s=0.2)
    former = rig.market.await_subscribed()
    fresh = rig.market.await_subscribed()
    assert_overlapped(rig.market, former, fresh)
    fresh.send(trade_frame(1))
    assert rig.ear.next_ids(1) == [1]
    assert log.wait_for("market stream is replaced")["reason"] == "its time is over"
    assert log.count(RECONNECTING) == 0


def test_a_silent_connection_is_dead(rig: Rig, log: Log) -> None:
    rig.open("BTCUSDT", stale_after_s=0.2)
    silent = rig.market.await_subscribed()
    rig.market.await_subscribed()
    assert silent.gone.wait(PATIENCE_S)
    assert log.wait_for(RECONNECTING)["origin"] == "silent for 0.2 s"


def test_a_ping_is_answered_and_is_a_sign_of_life(rig: Rig, log: Log) -> None:
    rig.market.ping_s = 0.05
    rig.open("BTCUSDT", stale_after_s=0.6)
    peer = rig.market.await_subscribed()
    for _ in range(15):  # that takes longer than the deadline
        peer.pongs.get(timeout=PATIENCE_S)
    peer.send(trade_frame(1))
    assert rig.ear.next_ids(1) == [1]
    assert log.count(RECONNECTING) == 0


def test_what_is_not_understood_is_told_once_a_kind_and_stops_nothing(rig: Rig, log: Log) -> None:
    streams = rig.open("BTCUSDT")
    peer = rig.market.await_subscribed()
    for number in (1, 2):
        peer.send(b"{", b"\xff\xfe", b"[]", b'{"e":"news"}', trade_frame(number, p=1.5), trade_frame(number, T=0))
        peer.send(b'{"e":"' + b"x" * 70_000 + b'"}', b'{"error":{"code":3,"msg":"no"}}')
        peer.send_binary(b"\x00" * 1_000)
        peer.send(trade_frame(number))
        assert rig.ear.next_ids(1) == [number]
    assert streams.odd_frames() == {
        "malformed frame": 4,
        "frame of another shape": 2,
        "event of unknown type: news": 2,
        "trade of another shape: Expected `str`, got `float` - at `$.p`": 2,
        "trade with a time that is none": 2,
        "huge frame": 2,
        "error without a request: no (3)": 2,
        "binary frame": 2,
    }
    assert log.count("passed over what the exchange said") == 8
    assert log.count(RECONNECTING) == 0


def test_a_frame_beyond_all_measure_costs_the_connection_only(rig: Rig, log: Log) -> None:
    rig.open("BTCUSDT")
    peer = rig.market.await_subscribed()
    with contextlib.suppress(ConnectionError):  # it is closed before all of it was sent
        peer.send(b'"' + b"x" * (market_connection.MESSAGE_MAX + 1) + b'"')
    rig.market.await_subscribed().send(trade_frame(1))
    assert rig.ear.next_ids(1) == [1]
    assert "exceeds" in log.wait_for(RECONNECTING)["origin"]


def test_a_subscription_that_is_refused_is_a_loss(rig: Rig, log: Log) -> None:
    refused = {"error": {"code": 2, "msg": "Invalid request: no"}}
    answers = iter([refused, refused])
    rig.market.answer = lambda _: next(answers, {"result": None})
    rig.open("BTCUSDT")
    for _ in range(2):
        assert rig.market.await_peer().gone.wait(PATIENCE_S)
    rig.market.await_subscribed().send(trade_frame(1))
    assert rig.ear.next_ids(1) == [1]
    assert log.wait_for(RECONNECTING)["origin"] == "SUBSCRIBE refused: Invalid request: no (2)"
    assert log.count(RECONNECTING) == 1


def test_a_request_that_is_never_answered_is_a_loss(rig: Rig, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_connection, "SUBSCRIBE_WITHIN_S", 0.2)
    rig.market.answer = lambda asked: {"result": None} if asked["params"] != ["bbbq@trade"] else None
    streams = rig.open("AAAQ")
    peer = rig.market.await_subscribed()
    streams.play("BBBQ")
    peer.await_request("SUBSCRIBE")
    peer.await_request("SUBSCRIBE")
    rig.market.await_subscribed()
    assert log.wait_for(RECONNECTING)["origin"] == "SUBSCRIBE not answered within 0.2 s"


def test_rule_9_one_that_comes_up_and_drops_at_once_does_not_spin(rig: Rig, log: Log) -> None:
    streams = rig.open("BTCUSDT")
    assert rig.ear.next_health()[0]
    for losses in range(4):
        rig.market.await_subscribed().cut()
        log.wait_for(BACK, losses + 1)
    (line,) = streams._lines
    assert line._backoff._pause_s == FIRST_S * 2**4
    assert log.count(RECONNECTING) == 4


def test_nothing_is_told_after_the_end_and_the_end_is_quick_whatever_goes_on(rig: Rig) -> None:
    rig.market.answer = lambda _: None  # it never gets as far as being subscribed
    streams = rig.open("BTCUSDT")
    rig.market.await_peer()
    streams.end()
    streams.play("AAAQ")
    streams.end()
    assert rig.ear.trades.empty()
    assert rig.ear.health.empty()
    never = MarketStreams(rig.market.url, WallClock(), random.Random(1), StreamRules())
    never.end()


def test_a_defect_is_told(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: bytes) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(market_connection, "parse_frame", broken)
    rig.open("BTCUSDT")
    rig.market.await_peer()
    error = rig.ear.defects.get(timeout=PATIENCE_S)
    assert isinstance(error, ExceptionGroup | RuntimeError)
