"""What Binance writes, read: whatever comes, what can be read is right and the rest is noted."""

import contextlib
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.events import OrderCancelled, OrderExpired, OrderFilled, OrderRejected
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import OrderStatus
from naive_daemon.exchange.binance.oddity import Oddities
from naive_daemon.exchange.binance.reading import Reader
from naive_daemon.exchange.binance.wire import (
    AccountInformation,
    EventKind,
    Frame,
    KnownOrder,
    OwnTrade,
    WireError,
    decode,
)

INSTRUMENT = Instrument(
    symbol="BTCUSDT", base_asset="BTC", quote_asset="USDT", tick_size=Decimal("0.01"), step_size=Decimal("0.001")
)

REPORT: dict[str, Any] = {
    "e": "executionReport",
    "E": 1_499_405_658_658,
    "s": "BTCUSDT",
    "c": "ours",
    "S": "SELL",
    "o": "LIMIT",
    "f": "GTC",
    "q": "1.00000000",
    "p": "0.10264410",
    "C": "",
    "x": "NEW",
    "X": "NEW",
    "r": "NONE",
    "i": 4_293_153,
    "l": "0.00000000",
    "z": "0.00000000",
    "L": "0.00000000",
    "n": "0",
    "N": None,
    "T": 1_499_405_658_657,
    "t": -1,
    "I": 8_641_984,
    "w": True,
    "m": False,
}
"""The example of "User Data Stream", "Order Update", as an order of ours."""

ORDER: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "orderId": 1,
    "clientOrderId": "ours",
    "price": "0.10000000",
    "origQty": "1.00000000",
    "executedQty": "0.00000000",
    "status": "NEW",
    "side": "BUY",
    "time": 1_499_827_319_559,
    "updateTime": 1_499_827_319_560,
}


def reader() -> Reader:
    structlog_before = structlog.get_config()
    structlog.configure(processors=[structlog.testing.LogCapture()])
    try:
        return Reader("main", {"BTCUSDT": INSTRUMENT}, Oddities(structlog.get_logger().bind()))
    finally:
        structlog.configure(**structlog_before)


def read(**changes: Any) -> list[Any]:
    body = msgspec.json.encode({**REPORT, **changes})
    return [each.event for each in reader().event(decode(body, EventKind), body)]


def test_a_trade_has_the_commission_of_its_own_asset_or_of_what_was_received() -> None:
    fields = {"x": "TRADE", "X": "PARTIALLY_FILLED", "t": 77, "l": "0.4", "L": "0.1", "m": True}
    (fill,) = read(**fields, n="0.0003", N="BNB")
    assert isinstance(fill, OrderFilled)
    assert (fill.trade_id, fill.quantity, fill.price, fill.is_maker) == ("77", Decimal("0.4"), Decimal("0.1"), True)
    assert (fill.commission, fill.commission_asset) == (Decimal("0.0003"), "BNB")
    assert fill.time_ns == 1_499_405_658_657_000_000
    (sold,) = read(**fields, n="0", N=None)
    assert (sold.commission, sold.commission_asset) == (0, "USDT")
    (bought,) = read(**fields, n=None, N=None, S="BUY")
    assert (bought.commission, bought.commission_asset) == (0, "BTC")


@pytest.mark.parametrize(
    ("changes", "kind", "reason"),
    [
        ({"x": "CANCELED", "X": "CANCELED", "c": "its-cancel", "C": "ours"}, OrderCancelled, "canceled"),
        ({"x": "CANCELED", "X": "CANCELED"}, OrderCancelled, "canceled"),
        ({"x": "REJECTED", "X": "REJECTED", "r": "INSUFFICIENT_BALANCE"}, OrderRejected, "INSUFFICIENT_BALANCE"),
        ({"x": "EXPIRED", "X": "EXPIRED", "eR": "INSUFFICIENT_LIQUIDITY"}, OrderExpired, "INSUFFICIENT_LIQUIDITY"),
        ({"x": "EXPIRED", "X": "EXPIRED_IN_MATCH"}, OrderExpired, "expired_in_match"),
        ({"x": "TRADE_PREVENTION", "X": "EXPIRED_IN_MATCH"}, OrderExpired, "expired_in_match"),
    ],
)
def test_how_an_order_ends(changes: dict[str, Any], kind: type[Any], reason: str) -> None:
    (event,) = read(**changes)
    assert isinstance(event, kind)
    assert (event.client_order_id, event.reason) == ("ours", reason)


@pytest.mark.parametrize("changes", [{"x": "REPLACED"}, {"x": "TRADE_PREVENTION", "X": "NEW"}, {"s": "XXXBTC"}])
def test_what_is_unknown_gives_nothing(changes: dict[str, Any]) -> None:
    assert read(**changes) == []


@pytest.mark.parametrize("changes", [{"T": 10**15}, {"T": -(10**15)}, {"n": "1", "N": "B\0"}])
def test_what_no_journal_could_hold_is_passed_over(changes: dict[str, Any]) -> None:
    trade = {"x": "TRADE", "X": "FILLED", "t": 1, "l": "1", "L": "1"}
    assert read(**trade) != []
    assert read(**{**trade, **changes}) == []


json_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.lists(st.integers())


@given(st.dictionaries(st.sampled_from(sorted(REPORT)), json_values, max_size=4))
def test_whatever_stands_in_a_report_nothing_is_raised_and_no_amount_is_absurd(changes: dict[str, Any]) -> None:
    body = msgspec.json.encode({**REPORT, "x": "TRADE", "t": 1, "l": "1", "L": "1", **changes})
    try:
        kind = decode(body, EventKind)
    except WireError:
        return
    for told in reader().event(kind, body):
        if isinstance(told.event, OrderFilled):
            assert told.event.price > 0
            assert told.event.quantity > 0
            assert told.event.commission >= 0


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_a_frame_is_it_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(WireError):
        decode(data, Frame)


@pytest.mark.parametrize(
    ("status", "filled", "known"),
    [
        ("NEW", "0", OrderStatus.OPEN),
        ("PENDING_NEW", "0", OrderStatus.OPEN),
        ("PARTIALLY_FILLED", "0.1", OrderStatus.PARTLY_FILLED),
        ("FILLED", "1", OrderStatus.FILLED),
        ("CANCELED", "0.1", OrderStatus.CANCELLED),
        ("REJECTED", "0", OrderStatus.REJECTED),
        ("EXPIRED", "0", OrderStatus.EXPIRED),
        ("EXPIRED_IN_MATCH", "0", OrderStatus.EXPIRED),
    ],
)
def test_every_status_of_an_order_is_known(status: str, filled: str, known: OrderStatus) -> None:
    body = msgspec.json.encode({**ORDER, "status": status, "executedQty": filled})
    order = reader().order(decode(body, KnownOrder))
    assert order is not None
    assert (order.status, order.filled) == (known, Decimal(filled))
    assert order.time_ns == 1_499_827_319_560_000_000


@pytest.mark.parametrize("changes", [{"status": "PENDING"}, {"side": "HOLD"}, {"symbol": "X"}, {"price": "NaN"}])
def test_an_order_that_can_not_be_read_is_left_out(changes: dict[str, Any]) -> None:
    assert reader().order(decode(msgspec.json.encode({**ORDER, **changes}), KnownOrder)) is None


def test_trades_are_the_oldest_first_and_none_is_left_out() -> None:
    def own(number: int, price: str = "1") -> OwnTrade:
        amounts = {"price": Decimal(price), "qty": Decimal(1), "commission": Decimal(0)}
        return OwnTrade(symbol="BTCUSDT", id=number, order_id=1, commission_asset="BTC", time=5, **amounts)

    assert [fill.trade_id for fill in reader().trades([own(3), own(1), own(2)], "ours")] == ["1", "2", "3"]
    with pytest.raises(WireError):
        reader().trades([own(1), own(2, "0")], "ours")


def test_an_asset_that_is_gone_is_owned_no_more() -> None:
    shared = reader()

    def owned(*held: tuple[str, str]) -> AccountInformation:
        balances = [{"asset": asset, "free": free, "locked": "0"} for asset, free in held]
        return decode(msgspec.json.encode({"updateTime": 7, "balances": balances}), AccountInformation)

    first = shared.balances(owned(("BTC", "1"), ("USDT", "0"), ("DOGE", "9"), ("BTC", "NaN")))
    assert [(each.asset, each.free, each.time_ns) for each in first] == [("BTC", Decimal(1), 7_000_000)]
    assert [(each.asset, each.free) for each in shared.balances(owned())] == [("BTC", Decimal(0))]
