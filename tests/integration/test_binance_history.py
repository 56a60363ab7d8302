"""What the exchange remembers, read page by page from the local exchange, whatever lies between."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from naive_daemon.clock import NS_PER_MS, NS_PER_S, VirtualClock, WallClock
from naive_daemon.config.exchange import Binance
from naive_daemon.domain.errors import TransientError, UnreachableError
from naive_daemon.domain.order import OrderStatus
from naive_daemon.exchange.binance import history
from naive_daemon.exchange.binance.address import Address
from naive_daemon.exchange.binance.history import BinanceHistory
from naive_daemon.market.generated_instruments import GENERATED_LISTINGS
from tests.exchange.local_exchange import LocalExchange
from tests.exchange.trader import Trader
from tests.integration.binance_desk import settings as scripted_settings
from tests.integration.scripted_binance import ScriptedBinance, known, own_trade

ORDERS = 8
START_MS = 1_700_000_000_000
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalExchange]:
    """Give an exchange on which one account has placed eight orders: filled in two trades, cancelled, resting."""
    with LocalExchange(tmp_path_factory.mktemp("exchange"), market="clients") as made:
        asyncio.run(place(made))
        yield made


async def place(exchange: LocalExchange) -> None:
    exchange.trade("BTCUSDT", "100")
    async with Trader(exchange.rest_url.removeprefix("http://"), exchange.api_key, exchange.api_secret) as trader:
        for number in range(ORDERS):
            answer = await trader.place("BUY", "99", "1", f"ours-{number}")
            assert answer.status == 200, answer
            if number % 3 == 0:
                exchange.trade("BTCUSDT", "98", "0.4", buyer_is_maker=True)
                exchange.trade("BTCUSDT", "98", "0.6", buyer_is_maker=True)
            elif number % 3 == 1:
                await trader.cancel(f"ours-{number}")


@pytest.fixture
def settings(exchange: LocalExchange) -> Binance:
    return Binance.model_validate(
        {
            "rest_url": exchange.rest_url,
            "ws_api_url": exchange.ws_api_url,
            "stream_url": exchange.stream_url,
            "api_key": exchange.api_key,
            "api_secret": exchange.api_secret,
        }
    )


def reader(settings: Binance, *, ends: bool = False) -> BinanceHistory:
    instruments = {"BTCUSDT": GENERATED_LISTINGS["BTCUSDT"].instrument}
    return BinanceHistory("main", settings, instruments, WallClock(), lambda: ends)


@pytest.mark.parametrize("page", [1, 3, ORDERS, 1_000])
@pytest.mark.parametrize("first", [None, 1])
@pytest.mark.parametrize("together", [1, 1_000])
def test_every_order_comes_once_with_its_fills(
    settings: Binance, monkeypatch: pytest.MonkeyPatch, page: int, first: int | None, together: int
) -> None:
    monkeypatch.setattr(history, "PAGE", page)
    monkeypatch.setattr(history, "TOGETHER_MIN", together)
    reports = reader(settings).reports("BTCUSDT", first, lambda _: True)
    assert [report.client_order_id for report in reports] == [f"ours-{number}" for number in range(ORDERS)]
    for number, report in enumerate(reports):
        assert report.order is not None
        filled = sum((fill.quantity for fill in report.fills), Decimal())
        assert filled == report.order.filled
        assert len({fill.trade_id for fill in report.fills}) == len(report.fills)
        if number % 3 == 1:
            assert report.order.status is OrderStatus.CANCELLED
    assert sum(len(report.fills) for report in reports) >= 2


@pytest.mark.parametrize("page", [2, 3, 5, 1_000])
def test_of_a_trade_with_oneself_both_orders_have_their_fill_without_being_asked_for_one_by_one(
    server: ScriptedBinance, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(history, "PAGE", page)
    monkeypatch.setattr(history, "TOGETHER_MIN", 1)
    names = {7: "buy", 8: "sell"}
    orders = [known(orderId=each, clientOrderId=names[each], executedQty="1.000", status="FILLED") for each in names]
    trades = [{**own_trade(number, "0.25"), "orderId": each} for number in (1, 2, 3, 4) for each in names]
    asked: list[int] = []

    def own_trades(parameters: dict[str, str]) -> tuple[int, Any]:
        of, first = int(parameters.get("orderId", 0)), int(parameters["fromId"])
        asked.append(of)
        found = [trade for trade in trades if trade["id"] >= first and of in (0, trade["orderId"])]
        return 200, found[: int(parameters["limit"])]

    server.rest["GET /api/v3/allOrders"] = lambda parameters: (
        200,
        [each for each in orders if each["orderId"] >= int(parameters.get("orderId", 0))][:page],
    )
    server.rest["GET /api/v3/myTrades"] = own_trades
    reports = reader(scripted_settings(server.host)).reports("BTCUSDT", 1, lambda _: True)
    assert [(each.client_order_id, [fill.trade_id for fill in each.fills]) for each in reports] == [
        ("buy", ["1", "2", "3", "4"]),
        ("sell", ["1", "2", "3", "4"]),
    ]
    assert not any(asked[asked.index(0) :]), "from its first trade on all are read at once"


def test_from_an_order_on_and_only_what_is_wanted(settings: Binance) -> None:
    asked = reader(settings)
    everything = asked.reports("BTCUSDT", None, lambda _: True)
    assert len(everything) == ORDERS
    third = everything[2].order
    assert third is not None
    later = asked.reports("BTCUSDT", int(third.exchange_order_id), lambda order: order.client_order_id != "ours-5")
    assert [report.client_order_id for report in later] == ["ours-2", "ours-3", "ours-4", "ours-6", "ours-7"]


def test_what_rests(settings: Binance) -> None:
    resting = {order.client_order_id for order in reader(settings).resting()}
    everything = reader(settings).reports("BTCUSDT", None, lambda _: True)
    assert resting == {one.client_order_id for one in everything if one.order and one.order.status.is_resting}
    assert resting


def test_answers_that_are_lost_are_asked_for_again(exchange: LocalExchange, settings: Binance) -> None:
    exchange.fault("error", where="all", count=2)
    try:
        assert len(reader(settings).resting()) > 0
    except UnreachableError:
        pytest.fail("two failures are no reason to give up")
    finally:
        exchange.heal()


def test_nothing_is_asked_for_as_long_as_the_exchange_says(
    exchange: LocalExchange, settings: Binance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "RETRY_PAUSES_S", (0.01,) * 4)
    exchange.fault("429", where="account", value="2", seconds=1)
    try:
        assert len(reader(settings).resting()) > 0
    finally:
        exchange.heal()


@pytest.mark.parametrize("path", ["/api/v3/time", "/api/v3/openOrders"])
def test_a_ban_is_waited_for_to_its_end_and_known_to_all_of_the_address(
    server: ScriptedBinance, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(history, "RETRY_PAUSES_S", (0,))
    monkeypatch.setattr(history, "LOOK_S", 0)
    clock = VirtualClock()
    shared = Address(clock)
    sound = {"/api/v3/time": {"serverTime": START_MS}, "/api/v3/openOrders": []}[path]
    asked_s: list[float] = []

    def answer(_: dict[str, str]) -> tuple[int, Any]:
        asked_s.append(clock.monotonic_s())
        if len(asked_s) > 1:
            return 200, sound
        return 418, {"code": -1003, "msg": f"IP banned until {START_MS + HOUR_MS}."}

    def shall_end() -> bool:
        """Say no; half a minute goes by."""
        clock.advance_to(clock.now_ns() + 30 * NS_PER_S)
        return False

    clock.advance_to(START_MS * NS_PER_MS)
    server.rest["GET /api/v3/time"] = lambda _: (200, {"serverTime": clock.now_ns() // NS_PER_MS})
    server.rest[f"GET {path}"] = answer
    asking = BinanceHistory("main", scripted_settings(server.host), {}, clock, shall_end, address=shared)
    assert asking.resting() == ()
    first_s, second_s = asked_s
    assert second_s * 1_000 >= START_MS + HOUR_MS > first_s * 1_000
    assert shared.weight.banned_until_ms() >= START_MS + HOUR_MS


def test_a_daemon_that_shall_end_waits_for_no_ban(server: ScriptedBinance) -> None:
    shared = Address(WallClock())
    shared.weight.ban_until(shared.time.now_ms() + HOUR_MS)
    looks = iter([False, False])
    asking = BinanceHistory(
        "main", scripted_settings(server.host), {}, WallClock(), lambda: next(looks, True), address=shared
    )
    with pytest.raises(TransientError, match="ended while"):
        asking.resting()
    assert server.asked.empty()


def test_a_daemon_that_shall_end_reads_no_further(settings: Binance) -> None:
    with pytest.raises(TransientError, match="ended while"):
        reader(settings, ends=True).resting()


def test_an_exchange_that_is_away_is_told(settings: Binance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "RETRY_PAUSES_S", ())
    away = settings.model_copy(update={"rest_url": "http://127.0.0.1:1"})
    with pytest.raises(UnreachableError):
        reader(away).resting()
