"""What waits, against a scripted server: not past its time, no entry without its connection, not for a dead one."""

from collections.abc import Iterator

import pytest

from naive_daemon.clock import WallClock
from naive_daemon.domain.events import OrderAccepted, OrderUnknown
from naive_daemon.domain.side import Side
from naive_daemon.exchange.binance import orders
from naive_daemon.exchange.binance.sender import NOT_CONNECTED
from naive_daemon.exchange.binance.ws_api import UNANSWERED_MAX
from naive_daemon.execution.client import (
    TOO_LATE,
    AccountSnapshot,
    AskBalances,
    OrderNotSent,
    Reconnecting,
    SendOrder,
)
from tests.integration.binance_desk import Desk, order, settings
from tests.integration.scripted_binance import ScriptedBinance, ok, placed, refused

pytestmark = pytest.mark.usefixtures("quiet")

CLOCK_OFF = refused(-1021, "Timestamp for this request is outside of the recvWindow.")


@pytest.fixture
def desk(server: ScriptedBinance) -> Iterator[Desk]:
    with Desk(settings(server.host, answer_timeout_s=0.5)) as desk:
        desk.wait_for(AccountSnapshot)
        server.rest["POST /api/v3/order"] = lambda parameters: (200, placed(parameters))
        yield desk


def asked(server: ScriptedBinance, what: str) -> list[str]:
    """Give the ids of the orders that were asked for by `what`."""
    return [parameters["newClientOrderId"] for name, parameters in list(server.asked.queue) if name == what]


def lose(server: ScriptedBinance, desk: Desk) -> None:
    """Cut the connection, and let none come up again."""
    server.ws["userDataStream.subscribe.signature"] = lambda _: refused(-1, "away")
    server.drop()
    desk.wait_for(Reconnecting)


def test_rule_10_an_entry_that_waited_for_the_limits_does_not_leave_once_the_connection_is_lost(
    server: ScriptedBinance, desk: Desk
) -> None:
    until_ms = WallClock().now_ns() // 1_000_000 + 400
    server.ws["order.place"] = lambda _: refused(-1015, "Too many new orders.", 429, {"retryAfter": until_ms})
    desk.tell(SendOrder(order("a")))
    desk.wait_for(OrderNotSent)
    desk.tell(SendOrder(order("b")), SendOrder(order("c", Side.SELL)))
    desk.ask(AskBalances())  # so both orders wait by now
    lose(server, desk)
    not_sent = desk.wait_for(OrderNotSent)
    assert (not_sent.client_order_id, not_sent.reason) == ("b", NOT_CONNECTED)
    assert server.next_asked("POST /api/v3/order")["newClientOrderId"] == "c"
    assert asked(server, "POST /api/v3/order") == []


def test_a_connection_that_answers_nothing_any_more_is_opened_again_and_exits_find_another_way(
    server: ScriptedBinance, desk: Desk
) -> None:
    server.ws["order.place"] = lambda _: None
    server.ws["userDataStream.subscribe.signature"] = lambda _: refused(-1, "away")
    for number in range(UNANSWERED_MAX):
        desk.tell(SendOrder(order(f"a{number}", Side.SELL)))
    assert "does not answer" in desk.wait_for(Reconnecting).origin
    desk.tell(SendOrder(order("b", Side.SELL)))
    assert server.next_asked("POST /api/v3/order")["newClientOrderId"] == "b"


def test_a_connection_that_answers_now_and_then_is_kept(server: ScriptedBinance, desk: Desk) -> None:
    server.ws["order.place"] = lambda _: None
    for number in range(UNANSWERED_MAX - 1):
        desk.tell(SendOrder(order(f"a{number}", Side.SELL)))
    for _ in range(UNANSWERED_MAX - 1):
        desk.wait_for(OrderUnknown)
    server.ws["order.place"] = lambda parameters: ok(placed(parameters))
    desk.tell(SendOrder(order("b", Side.SELL)))
    desk.wait_for(OrderAccepted)
    server.ws["order.place"] = lambda _: None
    desk.tell(SendOrder(order("c", Side.SELL)))
    desk.wait_for(OrderUnknown)
    server.ws["order.place"] = lambda parameters: ok(placed(parameters))
    desk.tell(SendOrder(order("d")))
    before, last = desk.told_before(OrderAccepted)
    assert (before, last.client_order_id) == ([], "d")


@pytest.mark.parametrize("side", Side)
def test_an_order_whose_time_was_refused_is_not_sent_again_after_its_own_time(
    server: ScriptedBinance, desk: Desk, monkeypatch: pytest.MonkeyPatch, side: Side
) -> None:
    monkeypatch.setattr(orders, "SEND_WITHIN_S", 0.0)
    answers = [CLOCK_OFF]
    server.ws["order.place"] = lambda parameters: answers.pop() if answers else ok(placed(parameters))
    desk.tell(SendOrder(order("a", side)))
    assert desk.wait_for(OrderNotSent).client_order_id == "a"
    assert asked(server, "order.place") == ["a"]


@pytest.mark.parametrize("side", Side)
def test_an_order_that_came_to_its_client_too_late_is_not_sent(server: ScriptedBinance, desk: Desk, side: Side) -> None:
    desk.tell(SendOrder(order("a", side), until_s=WallClock().monotonic_s()))
    assert desk.wait_for(OrderNotSent).reason == TOO_LATE
    server.ws["order.place"] = lambda parameters: ok(placed(parameters))
    desk.tell(SendOrder(order("b", side), until_s=WallClock().monotonic_s() + 60.0))
    desk.wait_for(OrderAccepted)
    assert asked(server, "order.place") == ["b"]
