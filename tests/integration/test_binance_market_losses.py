"""Market streams that are lost or replaced: one word for each loss, and no trade less or twice."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from naive_daemon.exchange.binance import market_connection, market_line
from tests.integration.market_rig import BACK, FIRST_S, RECONNECTING, Rig, market_rig
from tests.integration.scripted_market import PATIENCE_S, Peer, ScriptedMarket, trade_frame

SHUTDOWN = b'{"e":"serverShutdown","E":1770123456789}'


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with market_rig(monkeypatch) as rig:
        yield rig


@pytest.mark.parametrize("how", ["close", "cut"])
def test_rule_8_a_loss_is_told_once_with_its_origin(rig: Rig, how: str) -> None:
    streams = rig.open("BTCUSDT")
    peer = rig.market.await_subscribed()
    assert rig.ear.next_health() == (True, "connected")
    for _ in range(3):  # failed attempts, of which nothing is said
        rig.market.refuse.put(503)
    getattr(peer, how)()
    origin = rig.log.wait_for(RECONNECTING)["origin"]
    assert origin.startswith("closed (1001)" if how == "close" else "closed (1006)")
    assert rig.ear.next_health() == (False, f"market stream of 127.0.0.1:{rig.market.port}: {origin}")
    rig.market.await_subscribed().send(trade_frame(7))
    assert rig.ear.next_ids(1) == [7]
    assert rig.ear.next_health() == (True, "connected")
    assert (rig.log.count(RECONNECTING), rig.log.count(BACK)) == (1, 1)
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


def test_a_market_that_can_not_be_reached_at_first_is_one_loss(rig: Rig) -> None:
    for _ in range(3):
        rig.market.refuse.put(418)
    rig.open("BTCUSDT")
    rig.market.await_subscribed()
    assert [rig.ear.next_health()[0] for _ in range(2)] == [False, True]
    assert rig.log.wait_for(BACK)
    assert rig.log.count(RECONNECTING) == 1
    assert "HTTP 418" in rig.log.wait_for(RECONNECTING)["origin"]


def test_after_a_loss_what_was_seen_before_is_dropped(rig: Rig) -> None:
    rig.open("BTCUSDT")
    peer = rig.market.await_subscribed()
    peer.send(trade_frame(1), trade_frame(2))
    assert rig.ear.next_ids(2) == [1, 2]
    peer.cut()
    rig.market.await_subscribed().send(trade_frame(1), trade_frame(2), trade_frame(3))
    assert rig.ear.next_ids(1) == [3]


def assert_overlapped(market: ScriptedMarket, former: Peer, fresh: Peer) -> None:
    """Check that the former connection was there until the fresh one was subscribed."""
    assert former.gone.wait(PATIENCE_S)
    assert market.story.index((fresh.number, "SUBSCRIBE")) < market.story.index((former.number, "gone"))


def test_a_shutdown_of_the_server_overlaps_two_connections_and_loses_nothing(rig: Rig) -> None:
    rig.open("BTCUSDT")
    former = rig.market.await_subscribed()
    former.send(trade_frame(1), SHUTDOWN, trade_frame(2))
    assert rig.ear.next_ids(2) == [1, 2]
    fresh = rig.market.await_subscribed()
    assert_overlapped(rig.market, former, fresh)
    fresh.send(trade_frame(3))
    assert rig.ear.next_ids(1) == [3]
    assert rig.log.count(RECONNECTING) == 0
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


def test_a_former_connection_that_ends_too_early_is_a_loss_but_costs_no_trade(rig: Rig) -> None:
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
    assert rig.log.count(RECONNECTING) == 0  # the new one was subscribed by then


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


def test_a_connection_is_replaced_before_its_time_is_over(rig: Rig) -> None:
    rig.open("BTCUSDT", max_age_s=0.2)
    former = rig.market.await_subscribed()
    fresh = rig.market.await_subscribed()
    assert_overlapped(rig.market, former, fresh)
    fresh.send(trade_frame(1))
    assert rig.ear.next_ids(1) == [1]
    assert rig.log.wait_for("market stream is replaced")["reason"] == "its time is over"
    assert rig.log.count(RECONNECTING) == 0


def test_a_silent_connection_is_dead(rig: Rig) -> None:
    rig.open("BTCUSDT", stale_after_s=0.2)
    silent = rig.market.await_subscribed()
    rig.market.await_subscribed()
    assert silent.gone.wait(PATIENCE_S)
    assert rig.log.wait_for(RECONNECTING)["origin"] == "silent for 0.2 s"


def test_a_ping_is_answered_and_is_a_sign_of_life(rig: Rig) -> None:
    rig.market.ping_s = 0.05
    rig.open("BTCUSDT", stale_after_s=0.6)
    peer = rig.market.await_subscribed()
    for _ in range(15):  # that takes longer than the deadline
        peer.pongs.get(timeout=PATIENCE_S)
    peer.send(trade_frame(1))
    assert rig.ear.next_ids(1) == [1]
    assert rig.log.count(RECONNECTING) == 0


def test_a_frame_beyond_all_measure_costs_the_connection_only(rig: Rig) -> None:
    rig.open("BTCUSDT")
    peer = rig.market.await_subscribed()
    with contextlib.suppress(ConnectionError):  # it is closed before all of it was sent
        peer.send(b'"' + b"x" * (market_connection.MESSAGE_MAX + 1) + b'"')
    rig.market.await_subscribed().send(trade_frame(1))
    assert rig.ear.next_ids(1) == [1]
    assert "exceeds" in rig.log.wait_for(RECONNECTING)["origin"]


def test_a_subscription_that_is_refused_is_a_loss(rig: Rig) -> None:
    refused = {"error": {"code": 2, "msg": "Invalid request: no"}}
    answers = iter([refused, refused])
    rig.market.answer = lambda _: next(answers, {"result": None})
    rig.open("BTCUSDT")
    for _ in range(2):
        assert rig.market.await_peer().gone.wait(PATIENCE_S)
    rig.market.await_subscribed().send(trade_frame(1))
    assert rig.ear.next_ids(1) == [1]
    assert rig.log.wait_for(RECONNECTING)["origin"] == "SUBSCRIBE refused: Invalid request: no (2)"
    assert rig.log.count(RECONNECTING) == 1


def test_a_request_that_is_never_answered_is_a_loss(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(market_connection, "SUBSCRIBE_WITHIN_S", 0.2)
    rig.market.answer = lambda asked: {"result": None} if asked["params"] != ["bbbq@trade"] else None
    streams = rig.open("AAAQ")
    peer = rig.market.await_subscribed()
    streams.play("BBBQ")
    peer.await_request("SUBSCRIBE")
    peer.await_request("SUBSCRIBE")
    rig.market.await_subscribed()
    assert rig.log.wait_for(RECONNECTING)["origin"] == "SUBSCRIBE not answered within 0.2 s"


def test_rule_9_one_that_comes_up_and_drops_at_once_does_not_spin(rig: Rig) -> None:
    streams = rig.open("BTCUSDT")
    assert rig.ear.next_health()[0]
    for losses in range(4):
        rig.market.await_subscribed().cut()
        rig.log.wait_for(BACK, losses + 1)
    (line,) = streams._lines
    assert line._backoff._pause_s == FIRST_S * 2**4
    assert rig.log.count(RECONNECTING) == 4
