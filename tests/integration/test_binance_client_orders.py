"""Orders, cancels and questions against a scripted server: what each answer, or none, is told as (execution.md)."""

import contextlib
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import structlog

from naive_daemon.clock import NS_PER_S, WallClock
from naive_daemon.domain.events import (
    CancelRefused,
    OrderAccepted,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from naive_daemon.domain.side import Side
from naive_daemon.exchange.binance.session import Pace
from naive_daemon.execution.client import (
    AccountSnapshot,
    AskBalances,
    BooksDoubted,
    ClientTrouble,
    OrderNotSent,
    Reconnecting,
    SendCancel,
    SendOrder,
)
from tests.integration.binance_desk import SECRET, Desk, order, settings
from tests.integration.scripted_binance import ScriptedBinance, known, ok, own_trade, placed, refused, report, trade

SELL = Side.SELL


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    before = structlog.get_config()
    capture = structlog.testing.LogCapture()
    structlog.configure(processors=[capture])
    yield capture.entries
    structlog.configure(**before)


@pytest.fixture
def desk(server: ScriptedBinance) -> Iterator[Desk]:
    with Desk(settings(server.host, answer_timeout_s=0.5)) as desk:
        desk.wait_for(AccountSnapshot)
        yield desk


def test_rule_1_an_order_is_sent_exactly_and_accepted(server: ScriptedBinance, desk: Desk) -> None:
    desk.tell(SendOrder(order(price=Decimal("0.00000010"), quantity=Decimal("1E+3"))))
    sent = server.next_asked("order.place")
    assert (sent["price"], sent["quantity"], sent["newClientOrderId"]) == ("0.0000001", "1000", "a")
    assert (sent["type"], sent["timeInForce"], sent["newOrderRespType"], sent["side"]) == (
        "LIMIT",
        "GTC",
        "FULL",
        "BUY",
    )
    accepted = desk.next_told()
    assert isinstance(accepted, OrderAccepted)
    assert (accepted.exchange_order_id, accepted.time_ns) == ("7", 1_000_000_000)


def test_rule_5_what_is_filled_at_once_is_told_with_its_answer_and_not_again(
    server: ScriptedBinance, desk: Desk
) -> None:
    fills = [
        {"price": "2.4", "qty": "0.4", "commission": "0.0004", "commissionAsset": "BTC", "tradeId": 11},
        {"price": "2.5", "qty": "0.6", "commission": "0.01", "commissionAsset": "BNB", "tradeId": 12},
    ]
    server.ws["order.place"] = lambda parameters: ok(
        placed(parameters, status="FILLED", executedQty="1.0", fills=fills)
    )
    desk.tell(SendOrder(order()))
    assert isinstance(desk.next_told(), OrderAccepted)
    told = [desk.next_told() for _ in range(2)]
    assert [(each.trade_id, each.price, each.quantity) for each in told] == [
        ("11", Decimal("2.4"), Decimal("0.4")),
        ("12", Decimal("2.5"), Decimal("0.6")),
    ]
    assert told[1].commission_asset == "BNB"
    server.push(trade(11), trade(12), trade(13))
    assert desk.next_told().trade_id == "13"


def test_a_fill_that_comes_before_the_answer_counts_once(server: ScriptedBinance, desk: Desk) -> None:
    fills = [{"price": "2.5", "qty": "1", "commission": "0", "commissionAsset": "BTC", "tradeId": 1}]
    server.ws["order.place"] = lambda _: None
    desk.tell(SendOrder(order()))
    server.next_asked("order.place")
    server.push(report("NEW"), trade(1))
    answer = placed({"symbol": "BTCUSDT", "newClientOrderId": "a"}, status="FILLED", fills=fills)
    server.push({"id": "2", "status": 200, "result": answer}, is_wrapped=False)  # 1 was the subscription
    server.push(report("NEW", "b"))
    told = [desk.next_told() for _ in range(3)]
    assert [type(each) for each in told] == [OrderAccepted, OrderFilled, OrderAccepted]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refused(-1013, "Filter failure: LOT_SIZE"), OrderRejected),
        (refused(-2010, "Account has insufficient balance for requested action."), OrderRejected),
        (refused(-1121, "Invalid symbol."), OrderRejected),
        (refused(-1006, "An unexpected response was received"), OrderUnknown),
        (refused(-1007, "Timeout waiting for response", status=504), OrderUnknown),
        (refused(0, "", status=503), OrderUnknown),
        (ok({"nothing": "of it"}), OrderUnknown),
        (ok(placed({"symbol": "BTCUSDT", "newClientOrderId": "another"})), OrderUnknown),
        (ok([]), OrderUnknown),
        (refused(-1022, "Signature for this request is not valid."), OrderNotSent),
        (refused(-2015, "Invalid API-key, IP, or permissions for action."), OrderNotSent),
        (refused(-1015, "Too many new orders.", status=429), OrderNotSent),
        (refused(-1003, "Too much request weight used", status=429), OrderNotSent),
    ],
)
def test_what_an_answer_is_told_as(server: ScriptedBinance, desk: Desk, answer: Any, kind: type[Any]) -> None:
    server.ws["order.place"] = lambda _: answer
    desk.tell(SendOrder(order()))
    told = desk.wait_for(kind)
    assert told.client_order_id == "a"
    assert told.reason


def test_a_balance_that_is_not_there_doubts_the_books(server: ScriptedBinance, desk: Desk) -> None:
    server.ws["order.place"] = lambda _: refused(-2010, "Account has insufficient balance for requested action.")
    desk.tell(SendOrder(order()))
    assert "insufficient balance" in desk.wait_for(BooksDoubted).reason
    assert desk.wait_for(OrderRejected).client_order_id == "a"


def test_a_refusal_carries_the_exchanges_words(server: ScriptedBinance, desk: Desk) -> None:
    server.ws["order.place"] = lambda _: refused(-1013, "Filter failure: LOT_SIZE")
    desk.tell(SendOrder(order()))
    assert desk.wait_for(OrderRejected).reason == "Filter failure: LOT_SIZE"


def test_rule_3_an_order_without_an_answer_is_unknown_and_rule_4_a_late_answer_still_counts(
    server: ScriptedBinance, desk: Desk
) -> None:
    server.ws["order.place"] = lambda _: None
    desk.tell(SendOrder(order()))
    assert "no answer within" in str(desk.wait_for(OrderUnknown).reason)
    answer = placed({"symbol": "BTCUSDT", "newClientOrderId": "a"})
    server.push({"id": "2", "status": 200, "result": answer}, is_wrapped=False)
    assert isinstance(desk.next_told(), OrderAccepted)
    assert [name for name, _ in list(server.asked.queue)].count("order.place") == 1  # and it was never sent again


def test_rule_3_an_order_whose_connection_is_lost_is_unknown(server: ScriptedBinance, desk: Desk) -> None:
    server.ws["order.place"] = lambda _: None
    desk.tell(SendOrder(order()))
    server.next_asked("order.place")
    server.drop()
    before, unknown = desk.told_before(OrderUnknown)
    assert unknown.client_order_id == "a"
    assert all(isinstance(each, Reconnecting) for each in before)
    desk.wait_for(AccountSnapshot)
    assert "order.place" not in [name for name, _ in list(server.asked.queue)]


def away(server: ScriptedBinance, desk: Desk) -> None:
    """Cut the connection, and let none come up again."""
    server.ws["userDataStream.subscribe.signature"] = lambda _: refused(-1, "away")
    server.drop()
    desk.wait_for(Reconnecting)


def test_rule_10_while_not_connected_no_entry_leaves_but_exits_and_cancels_go_by_rest(
    server: ScriptedBinance, desk: Desk
) -> None:
    away(server, desk)
    server.rest["POST /api/v3/order"] = lambda parameters: (200, placed(parameters))
    server.rest["DELETE /api/v3/order"] = lambda _: (200, known(status="CANCELED"))
    server.rest["GET /api/v3/order"] = lambda _: (200, known(status="CANCELED", executedQty="0.4"))
    server.rest["GET /api/v3/myTrades"] = lambda _: (200, [own_trade(1, "0.4")])
    desk.tell(SendOrder(order("a")), SendOrder(order("b", SELL)), SendCancel("BTCUSDT", "c"))
    assert desk.wait_for(OrderNotSent).client_order_id == "a"
    assert desk.wait_for(OrderAccepted).client_order_id == "b"
    assert desk.wait_for(OrderFilled).quantity == Decimal("0.4")
    assert desk.wait_for(OrderCancelled).client_order_id == "c"
    names = [name for name, _ in list(server.asked.queue)]
    assert names.count("POST /api/v3/order") == 1
    assert "order.place" not in names


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, b"", OrderUnknown),
        (502, b"<html>bad gateway</html>", OrderUnknown),
        (200, b"<html>captive portal</html>", OrderUnknown),
        (400, {"code": -1013, "msg": "Filter failure: PRICE_FILTER"}, OrderRejected),
        (403, b"<html>firewall</html>", OrderNotSent),
        (418, {"code": -1003, "msg": "IP banned"}, OrderNotSent),
    ],
)
def test_what_an_answer_of_rest_is_told_as(
    server: ScriptedBinance, desk: Desk, status: int, body: Any, kind: type[Any]
) -> None:
    away(server, desk)
    server.rest["POST /api/v3/order"] = lambda _: (status, body)
    desk.tell(SendOrder(order("b", SELL)))
    assert desk.wait_for(kind).client_order_id == "b"


def test_an_exit_that_rest_does_not_answer_is_unknown(server: ScriptedBinance, desk: Desk) -> None:
    away(server, desk)
    server.holds["POST /api/v3/order"] = threading.Event()
    desk.tell(SendOrder(order("b", SELL)))
    desk.wait_for(OrderUnknown)
    server.holds["POST /api/v3/order"].set()


def test_an_exit_that_reaches_nobody_is_certainly_not_sent() -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(ScriptedBinance())
        with Desk(settings(server.host)) as desk:
            desk.wait_for(AccountSnapshot)
            stack.close()
            desk.wait_for(Reconnecting)
            desk.tell(SendOrder(order("b", SELL)))
            assert "no connection" in desk.wait_for(OrderNotSent).reason


def test_a_duplicate_is_the_live_order_and_is_adopted(server: ScriptedBinance, desk: Desk) -> None:
    server.ws["order.place"] = lambda _: refused(-2010, "Duplicate order sent.")
    server.rest["GET /api/v3/order"] = lambda _: (200, known(executedQty="0.4", status="PARTIALLY_FILLED"))
    server.rest["GET /api/v3/myTrades"] = lambda _: (200, [own_trade(3, "0.4")])
    desk.tell(SendOrder(order()))
    told = [desk.next_told() for _ in range(2)]
    assert [type(each) for each in told] == [OrderAccepted, OrderFilled]
    assert told[1].trade_id == "3"


@pytest.mark.parametrize("answer", [(500, {}), (400, {"code": -2013, "msg": "Order does not exist."})])
def test_a_duplicate_that_is_not_found_is_unknown(server: ScriptedBinance, desk: Desk, answer: Any) -> None:
    server.ws["order.place"] = lambda _: refused(-2010, "Duplicate order sent.")
    server.rest["GET /api/v3/order"] = lambda _: answer
    desk.tell(SendOrder(order()))
    assert desk.wait_for(OrderUnknown).client_order_id == "a"


def test_a_timestamp_that_was_refused_is_measured_and_signed_once_more(server: ScriptedBinance, desk: Desk) -> None:
    answers: list[Any] = [refused(-1021, "Timestamp for this request is outside of the recvWindow.")]
    server.ws["order.place"] = lambda parameters: answers.pop() if answers else ok(placed(parameters))
    desk.tell(SendOrder(order()))
    assert isinstance(desk.next_told(), OrderAccepted)
    server.ws["order.place"] = lambda _: refused(-1021, "Timestamp for this request is outside of the recvWindow.")
    desk.tell(SendOrder(order("b")))
    assert desk.wait_for(OrderNotSent).client_order_id == "b"
    assert [name for name, _ in list(server.asked.queue)].count("order.place") == 4


class HourAhead(WallClock):
    def now_ns(self) -> int:
        return super().now_ns() + 3_600 * NS_PER_S


def test_a_clock_that_is_off_by_an_hour_alarms_and_requests_are_signed_right(
    server: ScriptedBinance, logged: list[Any]
) -> None:
    with Desk(settings(server.host), clock=HourAhead()) as desk:
        trouble = desk.wait_for(ClientTrouble)
        assert trouble.kind == "clock"
        assert "ahead" in str(trouble.reason)
        desk.wait_for(AccountSnapshot)
        desk.tell(SendOrder(order()))
        sent = server.next_asked("order.place")
        assert abs(sent["timestamp"] - WallClock().now_ns() // 1_000_000) < 60_000
    assert [each["trouble"] for each in logged if each["log_level"] == "error"] == ["clock"]


def banned(for_ms: int) -> Any:
    until_ms = WallClock().now_ns() // 1_000_000 + for_ms
    return refused(-1003, "Way too much request weight used", status=418, data={"retryAfter": until_ms})


def test_a_ban_stops_everything_while_it_lasts(server: ScriptedBinance, desk: Desk) -> None:
    server.ws["order.place"] = lambda _: banned(60_000)
    desk.tell(SendOrder(order()))
    assert desk.wait_for(ClientTrouble).kind == "ban"
    assert 50 < desk.wait_for(OrderNotSent).retry_after_s <= 61
    server.next_asked("order.place")
    while not server.asked.empty():
        server.asked.get()
    desk.tell(SendCancel("BTCUSDT", "x"), SendOrder(order("b", SELL)))
    assert {type(desk.next_told()) for _ in range(2)} == {CancelRefused, OrderNotSent}
    assert server.asked.empty()


def test_what_waited_for_the_end_of_a_ban_goes_then(server: ScriptedBinance, desk: Desk) -> None:
    server.ws["order.place"] = lambda _: banned(300)
    desk.tell(SendOrder(order()))
    desk.wait_for(OrderNotSent)
    server.ws["order.place"] = lambda parameters: ok(placed(parameters))
    server.ws["order.cancel"] = lambda _: refused(-2011, "Unknown order sent.")
    desk.tell(SendOrder(order("b", SELL)), SendCancel("BTCUSDT", "x"))
    told = [desk.next_told() for _ in range(3)]
    assert ClientTrouble("main", "ban", None) in told
    # The cancel goes first, though it came last.
    kinds = [type(each) for each in told if not isinstance(each, ClientTrouble)]
    assert kinds == [CancelRefused, OrderAccepted]


def test_an_order_that_is_cancelled_while_it_waits_is_never_sent(server: ScriptedBinance, desk: Desk) -> None:
    server.ws["order.place"] = lambda _: banned(1_000)
    desk.tell(SendOrder(order()))
    desk.wait_for(OrderNotSent)
    server.ws["order.place"] = lambda parameters: ok(placed(parameters))
    desk.tell(SendOrder(order("b", SELL)), SendOrder(order("c", SELL)), SendCancel("BTCUSDT", "b"))
    cancelled = desk.next_told()
    assert isinstance(cancelled, OrderCancelled)
    assert cancelled.client_order_id == "b"
    assert desk.wait_for(OrderAccepted).client_order_id == "c"
    assert "order.cancel" not in [name for name, _ in list(server.asked.queue)]


def test_too_many_orders_stop_orders_while_cancels_go_on(server: ScriptedBinance, desk: Desk) -> None:
    until_ms = WallClock().now_ns() // 1_000_000 + 60_000
    server.ws["order.place"] = lambda _: refused(
        -1015, "Too many new orders.", status=429, data={"retryAfter": until_ms}
    )
    server.ws["order.cancel"] = lambda _: refused(-2011, "Unknown order sent.")
    desk.tell(SendOrder(order()))
    assert desk.wait_for(ClientTrouble).kind == "order limit"
    assert desk.wait_for(OrderNotSent).retry_after_s > 30
    desk.tell(SendCancel("BTCUSDT", "x"))
    assert "Unknown order" in desk.wait_for(CancelRefused).reason


def test_an_order_that_waits_too_long_for_the_budget_is_not_sent(server: ScriptedBinance, desk: Desk) -> None:
    used_up = {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 160_000, "count": 160_000}
    server.ws["order.place"] = lambda parameters: {
        "status": 200,
        "result": placed(parameters),
        "rateLimits": [used_up],
    }
    desk.tell(SendOrder(order("a")))
    desk.wait_for(OrderAccepted)
    desk.tell(SendOrder(order("b")))
    not_sent = desk.wait_for(OrderNotSent)
    assert not_sent.client_order_id == "b"
    assert "limits" in not_sent.reason


@pytest.mark.parametrize(
    "answer",
    [refused(-2011, "Unknown order sent."), refused(0, "", status=500), None],
    ids=["unknown order", "5xx", "no answer"],
)
def test_a_cancel_that_came_to_nothing_is_refused_whatever_became_of_the_order(
    server: ScriptedBinance, desk: Desk, answer: Any
) -> None:
    server.ws["order.cancel"] = lambda _: answer
    desk.tell(SendCancel("BTCUSDT", "a"))
    assert server.next_asked("order.cancel")["origClientOrderId"] == "a"
    assert desk.wait_for(CancelRefused).client_order_id == "a"


def test_no_secret_is_ever_logged_or_told(server: ScriptedBinance, logged: list[Any]) -> None:
    with Desk(settings(server.host), pace=Pace(credentials_pause_s=0.01)) as desk:
        desk.wait_for(AccountSnapshot)
        server.ws["order.place"] = lambda _: refused(-1022, "Signature for this request is not valid.")
        desk.tell(SendOrder(order()))
        told = [desk.wait_for(OrderNotSent)]
        server.drop()
        told.append(desk.wait_for(Reconnecting))
    assert SECRET not in f"{logged} {told} {desk.gateways} {desk.client}"


def test_a_gateway_that_is_ended_tells_nothing_more_and_may_be_ended_again(server: ScriptedBinance) -> None:
    with Desk(settings(server.host)) as desk:
        desk.wait_for(AccountSnapshot)
        (gateway,) = desk.gateways
        assert gateway.end()
        assert gateway.end()
        desk.tell(SendOrder(order()))
        with pytest.raises(TimeoutError):
            desk.system.ask(desk.client, AskBalances(), 0.05)
    assert "order.place" not in [name for name, _ in list(server.asked.queue)]


def test_a_defect_on_the_loop_crashes_the_client(server: ScriptedBinance) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a defect")

    with Desk(settings(server.host)) as desk:
        desk.wait_for(AccountSnapshot)
        ended = threading.Event()
        desk.client.watch(1, lambda _: ended.set())
        desk.gateways[0]._thread.call(fail)
        assert ended.wait(10)
        assert "a defect" in str(desk.client.reason)
