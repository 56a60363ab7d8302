"""What the client is asked, against a scripted server: an order with its fills, a snapshot, balances."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from naive_daemon.domain.order import OrderStatus
from naive_daemon.execution.client import (
    AccountSnapshot,
    AskBalances,
    AskOrder,
    AskSnapshot,
    OrderReport,
    Reconnected,
    Reconnecting,
)
from naive_daemon.otp import ActorDiedError
from tests.integration.binance_desk import Desk, settings
from tests.integration.scripted_binance import ScriptedBinance, known, ok, own_trade, refused

pytestmark = pytest.mark.usefixtures("quiet")


@pytest.fixture
def desk(server: ScriptedBinance) -> Iterator[Desk]:
    with Desk(settings(server.host, answer_timeout_s=0.5)) as desk:
        desk.wait_for(AccountSnapshot)
        yield desk


def test_an_order_is_reported_with_all_of_its_fills(server: ScriptedBinance, desk: Desk) -> None:
    server.rest["GET /api/v3/order"] = lambda _: (200, known(executedQty="0.600", status="PARTIALLY_FILLED"))
    pages = [[own_trade(5, "0.4")], [own_trade(5, "0.4"), own_trade(4, "0.2")]]  # the first read lags
    server.rest["GET /api/v3/myTrades"] = lambda _: (200, pages.pop(0))
    answer = desk.ask(AskOrder("BTCUSDT", "a"))
    assert isinstance(answer, OrderReport)
    assert answer.order is not None
    assert (answer.order.status, answer.order.filled) == (OrderStatus.PARTLY_FILLED, Decimal("0.600"))
    assert [fill.trade_id for fill in answer.fills] == ["4", "5"]
    assert server.next_asked("GET /api/v3/myTrades")["orderId"] == "7"


def test_an_order_with_more_trades_than_a_page_is_reported_with_all_of_them(
    server: ScriptedBinance, desk: Desk
) -> None:
    trades = [own_trade(number, "0.001") for number in range(1, 1_501)]

    def page(asked: dict[str, str]) -> tuple[int, Any]:
        """Give the eldest from an id on; without one the newest."""
        if "fromId" not in asked:
            return 200, trades[-1_000:]
        return 200, [each for each in trades if each["id"] >= int(asked["fromId"])][:1_000]

    server.rest["GET /api/v3/order"] = lambda _: (200, known(origQty="1.5", executedQty="1.500", status="FILLED"))
    server.rest["GET /api/v3/myTrades"] = page
    assert [int(fill.trade_id) for fill in desk.ask(AskOrder("BTCUSDT", "a")).fills] == list(range(1, 1_501))


@pytest.mark.parametrize(("code", "message"), [(-2013, "Order does not exist."), (-1121, "Invalid symbol.")])
def test_an_order_that_is_not_found_may_yet_be(server: ScriptedBinance, desk: Desk, code: int, message: str) -> None:
    server.rest["GET /api/v3/order"] = lambda _: (400, {"code": code, "msg": message})
    assert desk.ask(AskOrder("BTCUSDT", "a")) == OrderReport(symbol="BTCUSDT", client_order_id="a", order=None)


def test_an_order_is_reported_whose_symbol_has_been_taken_off_the_list(server: ScriptedBinance, desk: Desk) -> None:
    """A daemon that was down when a symbol was delisted must learn what became of its orders."""
    server.rest["GET /api/v3/order"] = lambda _: (
        200,
        known(symbol="GONEUSDT", executedQty="0.600", status="EXPIRED"),
    )
    server.rest["GET /api/v3/myTrades"] = lambda _: (200, [{**own_trade(5, "0.6"), "symbol": "GONEUSDT"}])
    answer = desk.ask(AskOrder("GONEUSDT", "a"))
    assert (answer.order.symbol, answer.order.status) == ("GONEUSDT", OrderStatus.EXPIRED)
    assert [fill.quantity for fill in answer.fills] == [Decimal("0.6")]


@pytest.mark.parametrize(
    ("status", "body"), [(500, {}), (200, {}), (200, b"{"), (200, known(status="SOMETHING")), (200, known(side="X"))]
)
def test_a_question_without_a_sound_answer_fails(server: ScriptedBinance, desk: Desk, status: int, body: Any) -> None:
    server.rest["GET /api/v3/order"] = lambda _: (status, body)
    with pytest.raises(ActorDiedError):
        desk.ask(AskOrder("BTCUSDT", "a"))
    assert desk.client.is_alive()


def test_an_exchange_that_gives_the_same_page_of_trades_again_is_not_asked_for_ever(
    server: ScriptedBinance, desk: Desk
) -> None:
    page = [own_trade(number, "0.001") for number in range(1, 1_001)]
    server.rest["GET /api/v3/order"] = lambda _: (200, known(executedQty="1.000", status="FILLED"))
    server.rest["GET /api/v3/myTrades"] = lambda _: (200, page)
    assert len(desk.ask(AskOrder("BTCUSDT", "a")).fills) == len(page)


@pytest.mark.parametrize("odd", [{"qty": "0"}, {"price": "-1"}, {"commission": "NaN"}])
def test_an_order_whose_trades_make_no_sense_is_a_question_without_an_answer_and_no_defect(
    server: ScriptedBinance, desk: Desk, odd: dict[str, str]
) -> None:
    server.rest["GET /api/v3/order"] = lambda _: (200, known(executedQty="0.600", status="PARTIALLY_FILLED"))
    server.rest["GET /api/v3/myTrades"] = lambda _: (200, [{**own_trade(5, "0.6"), **odd}])
    with pytest.raises(ActorDiedError, match="trades"):
        desk.ask(AskOrder("BTCUSDT", "a"))
    assert desk.client.is_alive()


def test_a_snapshot_waits_for_the_connection(server: ScriptedBinance) -> None:
    server.ws["userDataStream.subscribe.signature"] = lambda _: refused(-1, "not yet")
    with Desk(settings(server.host)) as desk:
        desk.wait_for(Reconnecting)
        server.ws["userDataStream.subscribe.signature"] = lambda _: ok({})
        assert isinstance(desk.ask(AskSnapshot()), AccountSnapshot)


def test_a_snapshot_that_is_read_while_a_connection_ends_waits_for_the_next_one_and_keeps_nobody_waiting(
    server: ScriptedBinance,
) -> None:
    """The loop is that of many accounts: who asks about an order meanwhile has an answer."""
    subscribe = "userDataStream.subscribe.signature"
    held = threading.Event()
    with Desk(settings(server.host)) as desk, ThreadPoolExecutor() as pool:
        server.rest["GET /api/v3/order"] = lambda _: (200, known())
        desk.wait_for(AccountSnapshot)
        server.next_asked("GET /api/v3/account")
        server.holds["GET /api/v3/account"] = held
        snapshot = pool.submit(desk.ask, AskSnapshot())
        server.next_asked("GET /api/v3/account")
        del server.holds["GET /api/v3/account"]
        server.drop()
        desk.wait_for(Reconnected)  # it begins with a snapshot that is younger than the question
        server.ws[subscribe] = lambda _: None
        server.next_asked(subscribe)
        server.push({"e": "serverShutdown", "E": 1})
        server.next_asked(subscribe)
        server.close(1)  # its loss is told once its successor has subscribed, or can not
        held.set()
        assert isinstance(desk.ask(AskOrder("BTCUSDT", "a")), OrderReport)
        server.ws[subscribe] = lambda _: ok({})
        server.push({"id": "1", "status": 200, "result": {}}, socket=2, is_wrapped=False)
        desk.wait_for(Reconnecting)
        assert isinstance(snapshot.result(), AccountSnapshot)


@pytest.mark.parametrize("question", [AskSnapshot(), AskBalances()], ids=["snapshot", "balances"])
def test_what_somebody_starts_with_is_asked_for_again(server: ScriptedBinance, desk: Desk, question: Any) -> None:
    sound = server.rest["GET /api/v3/account"]
    answers: list[Any] = [(500, {}), (200, b"{")]
    server.rest["GET /api/v3/account"] = lambda parameters: answers.pop() if answers else sound(parameters)
    assert desk.ask(question) is not None
    assert not answers


def test_balances_are_those_that_are_owned_or_were(server: ScriptedBinance, desk: Desk) -> None:
    def owned(*balances: tuple[str, str]) -> Any:
        held = [{"asset": asset, "free": free, "locked": "0"} for asset, free in balances]
        return lambda _: (200, {"updateTime": 9, "balances": held})

    server.rest["GET /api/v3/account"] = owned(("BTC", "1"), ("ETH", "0"), ("QQQ", "5"), ("USDT", "2"))
    assert [(each.asset, each.free) for each in desk.ask(AskBalances())] == [("BTC", 1), ("USDT", 2)]
    server.rest["GET /api/v3/account"] = owned(("USDT", "3"))
    assert [(each.asset, each.free) for each in desk.ask(AskBalances())] == [("USDT", 3), ("BTC", 0)]
