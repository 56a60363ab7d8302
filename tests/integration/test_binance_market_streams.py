"""The market streams against a server that misbehaves: every trade once and in order, and nothing stops them."""

import random
from collections.abc import Iterator

import pytest

from naive_daemon.clock import WallClock
from naive_daemon.exchange.binance import market_connection, market_subscription
from naive_daemon.exchange.binance.market_connection import StreamRules
from naive_daemon.exchange.binance.market_streams import ANEW_AFTER_NS, MarketStreams
from tests.integration.market_rig import RECONNECTING, Rig, market_rig
from tests.integration.scripted_market import PATIENCE_S, kline_frame, trade_frame


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with market_rig(monkeypatch) as rig:
        yield rig


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
    assert 1 / market_connection.REQUEST_PERIOD_S < 5  # Binance takes 5 messages a second


def test_trades_that_are_numbered_anew_are_taken_after_a_while(rig: Rig) -> None:
    rig.open("BTCUSDT")
    peer = rig.market.await_subscribed()
    later_ms = 1_700_000_000_900 + ANEW_AFTER_NS // 1_000_000
    peer.send(trade_frame(900), trade_frame(1), trade_frame(2, T=later_ms), trade_frame(3, T=later_ms))
    assert rig.ear.next_ids(3) == [900, 2, 3]
    assert rig.log.wait_for("trades are numbered anew")["last"] == 900


def test_what_is_not_understood_is_told_once_a_kind_and_stops_nothing(rig: Rig) -> None:
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
    assert rig.log.count("passed over what the exchange said") == 8
    assert rig.log.count(RECONNECTING) == 0


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
