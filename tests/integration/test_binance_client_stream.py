"""The account's connection against a scripted server: execution.md, rules 7 to 11."""

import contextlib
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import structlog

from naive_daemon import names
from naive_daemon.cache.messages import KeepInstruments
from naive_daemon.clock import NS_PER_S, WallClock
from naive_daemon.domain.events import BalanceUpdated, OrderAccepted, OrderCancelled, OrderExpired, OrderFilled
from naive_daemon.exchange.binance.backoff import Backoff
from naive_daemon.exchange.binance.session import Pace
from naive_daemon.exchange.binance.ws_api import FRAME_MAX
from naive_daemon.execution.client import (
    AccountSnapshot,
    AskSnapshot,
    ClientTrouble,
    MarketStatus,
    OrderNotSent,
    Reconnected,
    Reconnecting,
    SendOrder,
)
from tests.integration.binance_desk import INSTRUMENTS, Desk, Told, order, settings
from tests.integration.scripted_binance import WAIT_S, ScriptedBinance, ok, position, refused, report, trade

OPEN = {
    "symbol": "BTCUSDT",
    "orderId": 7,
    "clientOrderId": "a",
    "side": "BUY",
    "price": "2.50",
    "origQty": "1.000",
    "executedQty": "0.000",
    "status": "NEW",
    "time": 1_000,
    "updateTime": 1_000,
}


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    before = structlog.get_config()
    capture = structlog.testing.LogCapture()
    structlog.configure(processors=[capture])
    yield capture.entries
    structlog.configure(**before)


def events_until(desk: Desk, last: type[Any]) -> list[str]:
    before, message = desk.told_before(last)
    return [type(each).__name__ for each in (*before, message)]


def test_rule_7_snapshot_comes_first_then_what_came_meanwhile_without_what_it_holds(server: ScriptedBinance) -> None:
    server.rest["GET /api/v3/openOrders"] = lambda _: (200, [OPEN])
    server.holds["GET /api/v3/account"] = threading.Event()
    with Desk(settings(server.host)) as desk:
        server.next_asked("userDataStream.subscribe.signature")
        server.next_asked("GET /api/v3/account")  # it has subscribed, and reads its snapshot
        balance_events = [position("USDT", "7", 4), position("USDT", "8", 6)]
        server.push(report("NEW"), *balance_events, trade(1), trade(1), report("CANCELED", "x", C="a"))
        server.rest["GET /api/v3/account"] = lambda _: (
            200,
            {"updateTime": 5, "balances": [{"asset": "USDT", "free": "9", "locked": "0"}]},
        )
        server.holds["GET /api/v3/account"].set()
        desk.wait_for(Reconnected)
        snapshot = desk.next_told()
        assert isinstance(snapshot, AccountSnapshot)
        assert [(each.client_order_id, each.filled) for each in snapshot.orders] == [("a", Decimal(0))]
        assert [(each.asset, each.free) for each in snapshot.balances] == [("USDT", Decimal(9))]
        told = [desk.next_told() for _ in range(3)]
        # NEW is in the snapshot, the first balance is older than it, the second trade is the first again.
        assert [type(each) for each in told] == [BalanceUpdated, OrderFilled, OrderCancelled]
        assert told[0].free == 8
        assert told[2].client_order_id == "a"


@pytest.mark.parametrize(("maker", "maker_fee"), [("0.00075", Decimal("0.00075")), ("1", None)])
def test_a_snapshot_says_what_orders_pay_now(server: ScriptedBinance, maker: str, maker_fee: Decimal | None) -> None:
    server.rest["GET /api/v3/account"] = lambda _: (200, {"commissionRates": {"maker": maker, "taker": "0.001"}})
    with Desk(settings(server.host)) as desk:
        assert desk.wait_for(AccountSnapshot).maker_fee == maker_fee


def test_rule_7_a_failed_snapshot_is_a_failed_connection(server: ScriptedBinance) -> None:
    answers = [(500, {}), (200, []), (200, [])]
    server.rest["GET /api/v3/openOrders"] = lambda _: answers.pop(0) if answers else (200, [])
    with Desk(settings(server.host)) as desk:
        assert "open orders" in desk.wait_for(Reconnecting).origin
        before, _ = desk.told_before(AccountSnapshot)
        assert [type(each) for each in before] == [Reconnected]
        assert server.opened.get() == 1
        assert server.opened.get() == 2


def test_rule_8_each_loss_is_told_once_and_failed_attempts_are_not(server: ScriptedBinance) -> None:
    refusals = [refused(-1, "not now")] * 2
    with Desk(settings(server.host)) as desk:
        desk.wait_for(AccountSnapshot)
        server.ws["userDataStream.subscribe.signature"] = lambda _: refusals.pop() if refusals else ok({})
        server.drop()
        assert isinstance(desk.next_told(), Reconnecting)
        assert isinstance(desk.next_told(), Reconnected)
        assert isinstance(desk.next_told(), AccountSnapshot)
        assert not refusals
        server.drop()
        assert isinstance(desk.next_told(), Reconnecting)
        assert isinstance(desk.next_told(), Reconnected)


def test_rule_8_an_exchange_that_is_away_at_the_start_is_one_loss() -> None:
    with ScriptedBinance() as server:
        host = server.host
    with Desk(settings(host)) as desk:
        assert "no connection" in desk.next_told().origin
        with ScriptedBinance(port=int(host.rpartition(":")[2])):
            before, _ = desk.told_before(Reconnected)
            assert before == []


def test_rule_8_a_fill_is_told_once_however_often_it_comes(server: ScriptedBinance) -> None:
    with Desk(settings(server.host)) as desk:
        desk.wait_for(AccountSnapshot)
        server.push(trade(1), trade(2))
        assert [desk.wait_for(OrderFilled).trade_id for _ in range(2)] == ["1", "2"]
        server.drop()
        desk.wait_for(AccountSnapshot)
        server.push(trade(2), trade(3))
        assert desk.next_told().trade_id == "3"


def test_rule_9_a_connection_that_is_silent_too_long_is_opened_again(server: ScriptedBinance) -> None:
    with Desk(settings(server.host, stale_after_s=0.2)) as desk:
        desk.wait_for(AccountSnapshot)
        assert desk.wait_for(Reconnecting).origin.startswith("silent for")
        desk.wait_for(Reconnected)


def test_the_exchange_may_end_the_event_stream(server: ScriptedBinance) -> None:
    with Desk(settings(server.host)) as desk:
        desk.wait_for(AccountSnapshot)
        server.push({"e": "eventStreamTerminated", "E": 1})
        assert "event stream" in desk.wait_for(Reconnecting).origin
        desk.wait_for(Reconnected)


@pytest.mark.parametrize("is_shutdown", [True, False], ids=["serverShutdown", "age"])
def test_a_connection_is_renewed_before_it_ends_and_nothing_is_dropped_or_doubled(
    server: ScriptedBinance, is_shutdown: bool
) -> None:
    pace = Pace(overlap_s=60) if is_shutdown else Pace(overlap_s=60, age_max_s=0.3)
    with Desk(settings(server.host), pace=pace) as desk:
        desk.wait_for(AccountSnapshot)
        server.next_asked("userDataStream.subscribe.signature")
        if is_shutdown:
            server.push({"e": "serverShutdown", "E": 1}, is_wrapped=False)
        server.push(trade(1), socket=0)
        server.next_asked("userDataStream.subscribe.signature")
        server.push(trade(2), socket=0)  # what only the first has been sent still counts
        server.push(trade(2), trade(3), socket=1)
        server.push(trade(3), trade(4), socket=0)
        assert sorted(desk.next_told().trade_id for _ in range(4)) == ["1", "2", "3", "4"]


def test_a_renewal_that_fails_is_tried_again_while_the_connection_lives(server: ScriptedBinance) -> None:
    with Desk(settings(server.host)) as desk:
        desk.wait_for(AccountSnapshot)
        refusals = [refused(-1, "not now")] * 2
        server.ws["userDataStream.subscribe.signature"] = lambda _: refusals.pop() if refusals else ok({})
        server.push({"e": "serverShutdown", "E": 1})
        for _ in range(4):
            server.next_asked("userDataStream.subscribe.signature")
        server.push(trade(1), socket=-1)
        assert desk.next_told().trade_id == "1"  # and no loss was told


def test_rule_8_a_connection_that_ends_before_it_was_renewed_is_one_loss(server: ScriptedBinance) -> None:
    with Desk(settings(server.host)) as desk:
        desk.wait_for(AccountSnapshot)
        server.ws["userDataStream.subscribe.signature"] = lambda _: refused(-1, "not now")
        server.next_asked("userDataStream.subscribe.signature")
        server.push({"e": "serverShutdown", "E": 1})
        server.next_asked("userDataStream.subscribe.signature")
        server.drop(0)
        assert isinstance(desk.next_told(), Reconnecting)
        server.ws["userDataStream.subscribe.signature"] = lambda _: ok({})
        assert [type(desk.next_told()) for _ in range(2)] == [Reconnected, AccountSnapshot]


def test_rule_8_a_connection_that_ends_while_its_successor_subscribes_is_one_loss(server: ScriptedBinance) -> None:
    with Desk(settings(server.host)) as desk:
        desk.wait_for(AccountSnapshot)
        server.next_asked("userDataStream.subscribe.signature")
        server.ws["userDataStream.subscribe.signature"] = lambda _: None
        server.push({"e": "serverShutdown", "E": 1})
        server.next_asked("userDataStream.subscribe.signature")
        server.close(0)  # what happens to the account from here on, neither of the two is told
        server.ws["userDataStream.subscribe.signature"] = lambda _: ok({})
        server.push({"id": "1", "status": 200, "result": {}}, socket=1, is_wrapped=False)
        assert [type(desk.next_told()) for _ in range(3)] == [Reconnecting, Reconnected, AccountSnapshot]


def test_rule_8_a_connection_that_ends_while_its_successor_waits_for_the_end_of_a_ban_is_a_loss_at_once(
    server: ScriptedBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Backoff, "next_pause_s", lambda _: 0.0)
    until_ms = WallClock().now_ns() // 1_000_000 + 60_000
    server.ws["order.place"] = lambda _: refused(-1003, "banned", status=418, data={"retryAfter": until_ms})
    with Desk(settings(server.host)) as desk:
        desk.wait_for(AccountSnapshot)
        desk.tell(SendOrder(order()))
        desk.wait_for(OrderNotSent)
        server.push({"e": "serverShutdown", "E": 1}, socket=-1)
        server.push(trade(1), socket=-1)
        desk.wait_for(OrderFilled)  # so the connection is to be renewed by now
        server.close(len(server.sockets) - 1)
        desk.wait_for(Reconnecting)


def test_rule_9_connections_that_are_to_be_renewed_at_once_do_not_spin(
    server: ScriptedBinance, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[Backoff] = []
    monkeypatch.setattr(Backoff, "next_pause_s", lambda backoff: pauses.append(backoff) or 0.0)
    with Desk(settings(server.host)) as desk:
        desk.wait_for(AccountSnapshot)
        server.opened.get(timeout=WAIT_S)
        for renewals in range(1, 4):
            server.push({"e": "serverShutdown", "E": 1}, socket=-1)
            server.next_asked("userDataStream.subscribe.signature")
            assert server.opened.get(timeout=WAIT_S) == renewals + 1
            assert len(pauses) >= renewals


def test_a_request_goes_by_the_new_connection_and_the_old_one_is_closed(server: ScriptedBinance) -> None:
    with Desk(settings(server.host), pace=Pace(overlap_s=0.05)) as desk:
        desk.wait_for(AccountSnapshot)
        server.push({"e": "serverShutdown", "E": 1})
        server.next_asked("userDataStream.subscribe.signature")
        server.next_asked("userDataStream.subscribe.signature")
        desk.tell(SendOrder(order("b")))
        assert desk.next_told().client_order_id == "b"
        server.push(trade(9), socket=1)
        assert desk.next_told().trade_id == "9"


def test_rule_11_a_balance_never_goes_back_in_time(server: ScriptedBinance) -> None:
    with Desk(settings(server.host)) as desk:
        desk.wait_for(AccountSnapshot)
        server.push(position("BTC", "3", 30), position("BTC", "2", 20), position("BTC", "4", 30), trade(1))
        told = [desk.next_told() for _ in range(3)]
        assert [each.free for each in told[:2]] == [3, 4]
        assert isinstance(told[2], OrderFilled)


def test_odd_frames_end_nothing_and_are_logged_once_a_kind(server: ScriptedBinance, logged: list[Any]) -> None:
    with Desk(settings(server.host)) as desk:
        desk.wait_for(AccountSnapshot)
        odd: list[Any] = [
            "{",
            "[]",
            "null",
            "",
            "{}",
            '{"id":"99","status":200,"result":{}}',
            '{"subscriptionId":0,"event":{"e":"executionReport"}}',
            b"\x00\xff",
            {"e": "somethingNew", "E": 1},
            {"e": "somethingNew", "E": 2},
            report("NEW", s="XXXUSDT"),
            report("RENAMED"),
            trade(5, quantity="NaN"),
            trade(6, quantity="-1"),
            trade(7, quantity="0"),
            trade(-1),
            position("QQQ", "1", 50),
            trade(4),
            trade(4, quantity="2"),
            "x" * 100_000,
        ]
        server.push(*odd, trade(8, quantity="0.5"))
        assert [desk.wait_for(OrderFilled).trade_id for _ in range(2)] == ["4", "8"]
        kinds = [(each["kind"], each["detail"]) for each in logged if each["event"].startswith("passed over")]
        assert ("unknown event type", "somethingNew") in kinds
        assert ("unknown symbol", "XXXUSDT") in kinds
        assert ("unknown asset", "QQQ") in kinds
        assert ("binary frame", "user data") in kinds
        assert ("trade id again with other data", "BTCUSDT") in kinds
        assert len(kinds) == len(set(kinds))


def test_a_frame_that_is_too_large_costs_the_connection_and_nothing_else(server: ScriptedBinance) -> None:
    with Desk(settings(server.host)) as desk:
        desk.wait_for(AccountSnapshot)
        with contextlib.suppress(ConnectionError):  # the client hangs up in the midst of it
            server.push("x" * (FRAME_MAX + 1))
        desk.wait_for(Reconnecting)
        desk.wait_for(AccountSnapshot)


def test_numbers_that_come_as_numbers_are_read_exactly(server: ScriptedBinance) -> None:
    with Desk(settings(server.host)) as desk:
        desk.wait_for(AccountSnapshot)
        raw = '{"subscriptionId":0,"event":%s}'
        frame = raw % (
            '{"e":"executionReport","E":1,"s":"BTCUSDT","c":"a","C":"","S":"BUY","x":"TRADE","X":"FILLED","i":7,'
            '"T":1000,"l":0.1000000000000000055511151231257827,"L":123456789012345678.12345678,"n":0,"N":null,"t":1}'
        )
        server.push(frame)
        fill = desk.wait_for(OrderFilled)
        assert fill.quantity == Decimal("0.1000000000000000055511151231257827")
        assert fill.price == Decimal("123456789012345678.12345678")
        assert (fill.commission, fill.commission_asset) == (0, "BTC")


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (report("NEW"), OrderAccepted),
        (report("CANCELED", "its-cancel", C="a"), OrderCancelled),
        (report("EXPIRED"), OrderExpired),
        (report("TRADE_PREVENTION", X="EXPIRED_IN_MATCH"), OrderExpired),
    ],
)
def test_what_an_execution_report_becomes(server: ScriptedBinance, event: dict[str, Any], kind: type[Any]) -> None:
    with Desk(settings(server.host)) as desk:
        desk.wait_for(AccountSnapshot)
        server.push(event, event, trade(1))
        told = [desk.next_told() for _ in range(2)]
        assert [type(each) for each in told] == [kind, OrderFilled]
        assert told[0].client_order_id == "a"


def test_a_revoked_key_is_told_and_a_mended_one_heals(server: ScriptedBinance, logged: list[Any]) -> None:
    bad = refused(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
    with Desk(settings(server.host), pace=Pace(credentials_pause_s=0.01)) as desk:
        desk.wait_for(AccountSnapshot)
        server.ws["userDataStream.subscribe.signature"] = lambda _: bad
        server.drop()
        desk.wait_for(Reconnecting)
        trouble = desk.wait_for(ClientTrouble)
        assert (trouble.kind, "Invalid API-key" in str(trouble.reason)) == ("credentials", True)
        server.ws["userDataStream.subscribe.signature"] = lambda _: ok({})
        assert desk.next_told() == ClientTrouble("main", "credentials", None)
        assert isinstance(desk.next_told(), Reconnected)
    assert [each["trouble"] for each in logged if each["log_level"] == "error"] == ["credentials"]


def test_a_clock_that_was_set_right_heals(server: ScriptedBinance) -> None:
    class Clock(WallClock):
        off_ns = 3_600 * NS_PER_S

        def now_ns(self) -> int:
            return super().now_ns() + self.off_ns

    clock = Clock()
    with Desk(settings(server.host), clock=clock, pace=Pace(heal_period_s=0.01)) as desk:
        assert desk.wait_for(ClientTrouble).kind == "clock"
        clock.off_ns = 0
        assert desk.wait_for(ClientTrouble) == ClientTrouble("main", "clock", None)


def test_a_handshake_that_says_banned_is_a_ban(server: ScriptedBinance) -> None:
    server.handshake = (418, {"Retry-After": "1"})
    with Desk(settings(server.host)) as desk:
        assert "HTTP 418" in desk.wait_for(Reconnecting).origin
        server.handshake = None
        desk.wait_for(ClientTrouble, lambda trouble: trouble.reason is None)
        desk.wait_for(AccountSnapshot)


def test_what_was_halted_when_the_instruments_were_read_is_told_before_the_exchange_was_asked(
    server: ScriptedBinance,
) -> None:
    halted = {"BTCUSDT": msgspec.structs.replace(INSTRUMENTS["BTCUSDT"], is_trading=False)}
    server.rest["GET /api/v3/exchangeInfo"] = lambda _: (503, {})
    with Desk(settings(server.host), instruments=INSTRUMENTS | halted) as desk:
        desk.ask(AskSnapshot())
        assert desk.wait_for(MarketStatus).halted == {"BTCUSDT"}


def test_filters_that_change_are_taken_told_to_the_cache_and_said_once(
    server: ScriptedBinance, logged: list[Any]
) -> None:
    def listed(tick_size: str, status: str) -> Any:
        symbols = [
            {
                "symbol": symbol,
                "status": status,
                "baseAsset": symbol[:-4],
                "quoteAsset": "USDT",
                "filters": [
                    {"filterType": "PRICE_FILTER", "tickSize": tick_size if symbol == "BTCUSDT" else "0.01000000"},
                    {"filterType": "LOT_SIZE", "stepSize": "0.00100000"},
                ],
            }
            for symbol in ("BTCUSDT", "ETHUSDT", "XUSDT")
        ]
        return lambda _: (200, {"symbols": symbols, "rateLimits": []})

    def said() -> list[tuple[str, str]]:
        return [(each["symbol"], each["difference"]) for each in logged if each["event"] == "filters changed"]

    server.rest["GET /api/v3/exchangeInfo"] = listed("0.01000000", "BREAK")
    with Desk(settings(server.host, refresh_s=0.05)) as desk:
        cache = Told()
        desk.system.start(cache, names.CACHE)
        desk.wait_for(MarketStatus)
        assert said() == []
        for status in ("TRADING", "BREAK"):
            server.rest["GET /api/v3/exchangeInfo"] = listed("0.10000000", status)
            desk.wait_for(MarketStatus)
            assert said() == [("BTCUSDT", "tick_size was 0.01, is 0.1")]
        changed = msgspec.structs.replace(INSTRUMENTS["BTCUSDT"], tick_size=Decimal("0.1"))
        assert desk.instruments == INSTRUMENTS | {"BTCUSDT": changed}
        assert cache.messages.get(timeout=WAIT_S) == KeepInstruments((changed,))
        assert cache.messages.empty()


def test_halted_and_delisted_symbols_are_told_when_they_change(server: ScriptedBinance) -> None:
    def listed(*symbols: tuple[str, str]) -> Any:
        entries = [{"symbol": symbol, "status": status, "isSpotTradingAllowed": True} for symbol, status in symbols]
        return lambda _: (200, {"symbols": entries, "rateLimits": []})

    server.rest["GET /api/v3/exchangeInfo"] = listed(("BTCUSDT", "BREAK"), ("ETHUSDT", "TRADING"), ("XUSDT", "BREAK"))
    with Desk(settings(server.host, refresh_s=0.05)) as desk:
        assert desk.wait_for(MarketStatus).halted == {"BTCUSDT"}
        server.rest["GET /api/v3/exchangeInfo"] = listed(("BTCUSDT", "TRADING"))
        assert desk.wait_for(MarketStatus).halted == {"ETHUSDT"}
        desk.ask(AskSnapshot())  # who asks afresh learns it again
        assert desk.wait_for(MarketStatus).halted == {"ETHUSDT"}
