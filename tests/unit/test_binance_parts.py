"""Where Binance is, how long to pause, what is delivered once, and what time it is there."""

import random
import threading
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import structlog

from naive_daemon.clock import NS_PER_MS, VirtualClock
from naive_daemon.config.exchange import Binance
from naive_daemon.domain.errors import ConfigError
from naive_daemon.domain.events import BalanceUpdated, OrderAccepted, OrderFilled
from naive_daemon.exchange.binance.backoff import HELD_S, MAX_S, Backoff
from naive_daemon.exchange.binance.delivery import Delivery
from naive_daemon.exchange.binance.endpoints import NETWORKS, account_endpoints, address, market_endpoints
from naive_daemon.exchange.binance.exchange_time import ExchangeTime
from naive_daemon.exchange.binance.loop_thread import LoopThread
from naive_daemon.exchange.binance.oddity import KINDS_MAX, Oddities
from naive_daemon.exchange.binance.reading import Told, fill_told
from naive_daemon.exchange.binance.trouble import Troubles
from naive_daemon.exchange.binance.wire import WireError, amount, positive
from naive_daemon.execution.client import ClientTrouble

ALL_URLS = {"rest_url": "http://a:1/", "ws_api_url": "ws://a:1/ws-api/v3", "stream_url": "ws://a:1"}


def test_an_account_is_traded_only_where_somebody_says_so() -> None:
    with pytest.raises(ConfigError, match=r"exchange\.binance\.network is not set") as raised:
        account_endpoints(Binance())
    assert "mainnet" in str(raised.value.hint)
    assert "testnet" in str(raised.value.hint)
    with pytest.raises(ConfigError, match=r"neither is exchange\.binance\.ws_api_url$"):
        account_endpoints(Binance(rest_url="http://a:1", stream_url="ws://a:1"))


def test_a_network_is_taken_over_and_a_url_stands_before_it() -> None:
    assert account_endpoints(Binance(network="testnet")) == NETWORKS["testnet"]
    assert account_endpoints(Binance(**ALL_URLS)).rest_url == "http://a:1"
    mixed = account_endpoints(Binance(network="mainnet", rest_url="https://api1.binance.com"))
    assert (mixed.rest_url, mixed.ws_api_url) == ("https://api1.binance.com", NETWORKS["mainnet"].ws_api_url)


def test_market_data_is_mainnets_unless_another_place_is_named() -> None:
    assert market_endpoints(Binance()) == NETWORKS["mainnet"]
    assert market_endpoints(Binance(network="testnet")) == NETWORKS["testnet"]
    with pytest.raises(ConfigError, match=r"exchange\.binance\.stream_url is not set, though the other one is"):
        market_endpoints(Binance(rest_url="http://a:1"))


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://api.binance.com", "api.binance.com:443"),
        ("ws://localhost:80/ws-api/v3", "localhost:80"),
        ("http://[::1]:9", "[::1]:9"),
    ],
)
def test_an_address_is_named_as_host_and_port(url: str, named: str) -> None:
    assert address(url) == named


def test_rule_9_pauses_double_from_125_ms_to_a_minute_with_jitter() -> None:
    backoff = Backoff(random.Random(1))
    pauses = [backoff.next_pause_s() for _ in range(14)]
    bounds = [min(0.125 * 2**number, MAX_S) for number in range(14)]
    assert all(bound / 2 <= pause <= bound for pause, bound in zip(pauses, bounds, strict=True))
    assert len({pause / bound for pause, bound in zip(pauses, bounds, strict=True)}) == 14


@pytest.mark.parametrize("lifetime_s", [0.0, HELD_S - 0.1])
def test_rule_9_a_connection_that_drops_at_once_does_not_spin(lifetime_s: float) -> None:
    backoff = Backoff(random.Random(2))
    for _ in range(20):
        backoff.note_lifetime(lifetime_s)
        pause_s = backoff.next_pause_s()
    assert pause_s >= MAX_S / 2
    backoff.note_lifetime(HELD_S)
    assert backoff.next_pause_s() <= 0.125


@pytest.mark.parametrize("lifetime_s", [0.0, 1.0, HELD_S])
def test_an_address_is_never_tried_more_often_than_binance_allows(lifetime_s: float) -> None:
    backoff, now_s, attempts = Backoff(random.Random(3)), 0.0, 0
    while now_s < 300:
        attempts += 1
        backoff.note_lifetime(lifetime_s)
        now_s += lifetime_s + backoff.next_pause_s()
    assert attempts < 60


def accepted(client_order_id: str) -> OrderAccepted:
    return OrderAccepted(account="main", symbol="X", client_order_id=client_order_id, exchange_order_id="1", time_ns=0)


def fill(price: str) -> OrderFilled:
    return OrderFilled(
        account="main",
        symbol="AAAQ",
        client_order_id="a",
        exchange_order_id="1",
        trade_id="1",
        price=Decimal(price),
        quantity=Decimal(1),
        commission=Decimal(0),
        commission_asset="Q",
        time_ns=0,
    )


def balance(free: int, time_ns: int) -> Told:
    return Told(BalanceUpdated(account="main", asset="A", free=Decimal(free), locked=Decimal(0), time_ns=time_ns), None)


def test_the_same_happening_is_delivered_once_and_what_has_no_key_always() -> None:
    told: list[Any] = []
    delivery = Delivery(told.append, Oddities(structlog.get_logger()))
    delivery.events([Told(accepted("a"), ("k", 1)), Told(accepted("a"), ("k", 1)), Told(accepted("b"), None)])
    delivery.events([Told(accepted("c"), ("k", 1)), Told(accepted("b"), None)])
    assert [each.client_order_id for each in told] == ["a", "b", "b"]


def test_a_trade_id_that_comes_with_other_data_counts_once_and_is_noted() -> None:
    told: list[Any] = []
    oddities = Oddities(structlog.get_logger())
    delivery = Delivery(told.append, oddities)
    delivery.events([fill_told(fill("2")), fill_told(fill("2"))])
    assert oddities.counts() == {}
    delivery.events([fill_told(fill("3"))])
    assert oddities.counts() == {"trade id again with other data: AAAQ": 1}
    assert told == [fill("2")]


def test_one_trade_of_two_orders_is_delivered_for_each() -> None:
    told: list[Any] = []
    oddities = Oddities(structlog.get_logger())
    bought, sold = fill("2"), msgspec.structs.replace(fill("2"), client_order_id="b")
    Delivery(told.append, oddities).events(fill_told(each) for each in (bought, sold, bought, sold))
    assert told == [bought, sold]
    assert oddities.counts() == {}


def test_rule_11_balances_are_delivered_in_the_order_of_their_times() -> None:
    told: list[Any] = []
    delivery = Delivery(told.append, Oddities(structlog.get_logger()))
    delivery.events([balance(1, 10), balance(2, 9), balance(3, 10), balance(4, 11)])
    assert [each.free for each in told] == [1, 3, 4]


def test_a_trouble_is_told_with_the_reason_that_is_so_now_and_begins_once() -> None:
    told: list[Any] = []
    begun: list[str] = []
    log = structlog.get_logger()
    troubles = Troubles("main", Delivery(told.append, Oddities(log)), log, begun.append)
    assert troubles.begin("clock", "off by a second")
    assert not troubles.begin("clock", "off by a second")
    assert not troubles.begin("clock", "off by two hours")
    changed = [ClientTrouble("main", "clock", "off by a second"), ClientTrouble("main", "clock", "off by two hours")]
    assert told == changed
    troubles.tell_all()
    assert told == [*changed, changed[-1]]
    assert begun == ["clock"]


class _Clock(VirtualClock):
    """A wall clock that can be set while monotonic time goes on."""

    off_ns = 0

    def now_ns(self) -> int:
        return super().now_ns() + self.off_ns


def test_the_exchanges_time_goes_on_whoever_sets_our_clock() -> None:
    clock = _Clock(1_000_000 * NS_PER_MS)
    time = ExchangeTime(clock)
    assert time.now_ms() == 1_000_000
    asked_s = time.monotonic_s()
    clock.advance_to(1_000_100 * NS_PER_MS)
    assert time.measured(3_000_050, asked_s, time.monotonic_s()) == -2_000_000 + 51
    assert time.now_ms() == 3_000_100
    clock.off_ns = 3_600_000 * NS_PER_MS
    assert time.now_ms() == 3_000_100
    clock.advance_to(1_000_200 * NS_PER_MS)
    assert time.now_ms() == 3_000_200


@pytest.mark.parametrize(("server_ms", "ahead_ms"), [(1_000_050, 0), (1_000_000, 0), (1_000_101, 0), (999_000, 999)])
def test_what_the_way_there_may_explain_is_no_drift(server_ms: int, ahead_ms: int) -> None:
    clock = _Clock(1_000_000 * NS_PER_MS)
    time = ExchangeTime(clock)
    clock.advance_to(1_000_100 * NS_PER_MS)
    assert time.measured(server_ms, 1_000.0, 1_000.1) == ahead_ms


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-1", "1e41", "1e-41", "1" * 81])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(WireError):
        amount(Decimal(text), "field")


def test_an_amount_may_be_nothing_but_a_price_may_not() -> None:
    assert amount(Decimal("0.00000000"), "field") == 0
    with pytest.raises(WireError):
        positive(Decimal(0), "price")


def test_odd_things_are_logged_once_a_kind_and_never_fill_the_memory() -> None:
    capture = structlog.testing.LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[capture])
    try:
        oddities = Oddities(structlog.get_logger("test"))
        for number in range(3 * KINDS_MAX):
            oddities.note("unknown", f"{number % (2 * KINDS_MAX)}")
    finally:
        structlog.configure(**before)
    assert oddities.count("unknown") == 3 * KINDS_MAX
    assert len(capture.entries) == KINDS_MAX + 1


def test_a_loop_runs_what_it_is_given_and_ends_it_from_any_thread() -> None:
    thread = LoopThread("test")
    thread.start()
    started, ended = threading.Event(), threading.Event()

    async def wait_for_ever() -> None:
        import asyncio  # noqa: PLC0415 - where it is used

        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    assert thread.submit(wait_for_ever)
    assert started.wait(10)
    other = threading.Thread(target=thread.end)
    other.start()
    other.join(10)
    assert ended.is_set()
    assert not thread.call(started.clear)
    assert thread.end()


def test_a_loop_that_was_never_started_may_be_ended() -> None:
    thread = LoopThread("test")
    assert thread.end()
    thread.start()
    assert not thread.call(print)


def test_a_defect_on_a_loop_is_told_and_the_loop_goes_on() -> None:
    errors: list[BaseException] = []
    told = threading.Event()

    def take(error: BaseException) -> None:
        errors.append(error)
        told.set()

    async def fail() -> None:
        raise ValueError("a defect")

    thread = LoopThread("test", take)
    thread.start()
    try:
        thread.submit(fail)
        assert told.wait(10)
        again = threading.Event()
        assert thread.call(again.set)
        assert again.wait(10)
    finally:
        assert thread.end()
    assert [str(error) for error in errors] == ["a defect"]
