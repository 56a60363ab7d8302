"""The signaller: history in silence, each candle once, no signal lost or twice new over crashes and holes."""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import structlog

from naive_daemon import names
from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.domain.candle import Candle
from naive_daemon.domain.events import Trade
from naive_daemon.domain.side import Side
from naive_daemon.market import signaller as module
from naive_daemon.market.candles import CandleClosed, CandleFeed, CandlesStarted
from naive_daemon.market.feed import DeliverTrade, Feed, TradeArrived
from naive_daemon.market.signaller import LOST_THREADS_MAX, RETRY_S, AskLastSignal, Signaller, signals_of
from naive_daemon.otp import (
    KILL,
    Actor,
    ActorSystem,
    PoolHealth,
    Ref,
    SimulatedSystem,
    StartFailedError,
    StuckActor,
    send_exit,
)
from naive_daemon.strategy.protocol import MarketNeeds, Signal

BUY, SELL = Side.BUY, Side.SELL
NEEDS = MarketNeeds(interval="1s", history=5, settings=(("a", "1"),))
TICKS = MarketNeeds()
TOPIC = names.signals("AAAQ", signals_of("turns", NEEDS))


class Turns:
    """A strategy with signals: BUY at a price above the last one, SELL at one below; 13 makes it raise."""

    def __init__(self) -> None:
        self.seen: list[Decimal] = []

    def analyse(
        self, state: Decimal | None, event: Candle | Trade, needs: MarketNeeds
    ) -> tuple[Decimal, Signal | None]:
        price = event.close if isinstance(event, Candle) else event.price
        time_ns = event.close_ns if isinstance(event, Candle) else event.time_ns
        if price == 13:
            raise ValueError("unlucky")
        self.seen.append(price)
        if state is None or price == state:
            return price, None
        return price, Signal(BUY if price > state else SELL, price, time_ns)


class Ear(Actor):
    """Writes down what it is told of signals."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[Side, int, bool]] = []

    def init(self) -> None:
        self.subscribe(TOPIC)

    def on_receive(self, message: Any) -> None:
        if isinstance(message, Signal):
            self.heard.append((message.side, int(message.price), message.is_new))


def candle(number: int, price: int) -> Candle:
    close = Decimal(price)
    return Candle(
        symbol="AAAQ", interval="1s", open_ns=number * NS_PER_S, close_ns=(number + 1) * NS_PER_S, open=close,
        high=close, low=close, close=close, volume=Decimal(1), trades=1,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    before = structlog.get_config()
    capture = structlog.testing.LogCapture()
    structlog.configure(processors=[capture], cache_logger_on_first_use=False)
    yield capture.entries
    structlog.configure(**before)


@pytest.fixture(autouse=True)
def turns(monkeypatch: pytest.MonkeyPatch) -> Turns:
    strategy = Turns()
    monkeypatch.setattr(module, "load_strategy", {"turns": strategy}.__getitem__)
    return strategy


class Desk:
    """A system with candles told from outside, a signaller and an ear."""

    def __init__(self, *history: int) -> None:
        self.system: SimulatedSystem = ActorSystem.simulated(VirtualClock(NS_PER_S))
        self.count = 0
        self.kept: deque[Candle] = deque()
        self.candles = self.system.start(CandleFeed("AAAQ", "1s", self.kept), names.candles("AAAQ", "1s"))
        self.close(*history)
        self.ear = Ear()
        self.listener = self.system.start(self.ear)
        self.signaller = self.begin()

    def begin(self) -> Ref:
        self.signaller = self.system.start(Signaller("AAAQ", "turns", NEEDS), TOPIC)
        self.system.run_until_idle()
        return self.signaller

    def close(self, *prices: int) -> None:
        for price in prices:
            self.candles.tell(CandleClosed(self.candle(price)))
            self.system.run_until_idle()

    def candle(self, price: int) -> Candle:
        self.count += 1
        return candle(self.count, price)

    def heard(self) -> list[tuple[Side, int, bool]]:
        heard, self.ear.heard = self.ear.heard, []
        return heard


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk(1, 2)
    yield desk
    desk.system.stop()


def test_history_is_analysed_in_silence_and_its_last_signal_told_as_old(desk: Desk, turns: Turns) -> None:
    assert turns.seen == [1, 2]
    assert desk.heard() == [(BUY, 2, False)]


def test_a_candle_that_comes_again_is_not_analysed_again(desk: Desk, turns: Turns) -> None:
    desk.signaller.tell(CandleClosed(candle(desk.count, 9)))
    desk.close(3)
    assert turns.seen == [1, 2, 3]


def test_signals_of_candles_that_were_missed_when_they_closed_are_told_as_old(desk: Desk) -> None:
    desk.heard()
    for price in (3, 1, 1):
        desk.signaller.tell(CandleClosed(desk.candle(price), is_late=True))
    desk.system.run_until_idle()
    assert desk.heard() == [(BUY, 3, False), (SELL, 1, False)]
    desk.signaller.tell(CandleClosed(desk.candle(4)))
    desk.system.run_until_idle()
    assert desk.heard() == [(BUY, 4, True)]


def test_signals_of_new_candles_are_new(desk: Desk) -> None:
    desk.heard()
    desk.close(3, 3, 1)
    assert desk.heard() == [(BUY, 3, True), (SELL, 1, True)]


def test_without_any_history_the_first_candles_signals_are_new() -> None:
    desk = Desk()
    assert desk.heard() == []
    desk.close(5, 4)
    assert desk.heard() == [(SELL, 4, True)]
    desk.system.stop()


def test_only_as_much_history_is_asked_for_as_is_needed(turns: Turns) -> None:
    desk = Desk(*range(1, 10))
    assert turns.seen == [5, 6, 7, 8, 9]
    desk.system.stop()


def test_who_starts_is_told_the_last_signal_as_an_old_one(desk: Desk) -> None:
    desk.close(1)
    late = Ear()
    ref = desk.system.start(late)
    desk.system.tell(TOPIC, AskLastSignal(ref))
    desk.system.run_until_idle()
    assert late.heard == [(SELL, 1, False)]


def test_a_signal_that_was_lost_in_a_crash_reaches_those_who_hold_as_an_old_one_and_none_is_new_twice(
    desk: Desk, turns: Turns
) -> None:
    desk.close(3)
    desk.heard()
    desk.close(13)  # raises
    assert desk.system.whereis(TOPIC) is None
    desk.heard()
    desk.close(2)  # SELL, and nobody computes it
    turns.seen.clear()
    desk.kept.remove(desk.kept[-2])  # what makes it raise is history no more
    desk.begin()
    assert desk.heard() == [(SELL, 2, False)]
    desk.close(5)
    assert desk.heard() == [(BUY, 5, True)]


def test_a_hole_is_filled_from_history_before_the_next_candle(desk: Desk, turns: Turns) -> None:
    desk.heard()
    missed = desk.candle(1)
    desk.kept.append(missed)
    desk.close(4)
    assert turns.seen == [1, 2, 1, 4]
    assert desk.heard() == [(BUY, 4, False)]
    desk.close(3)
    assert desk.heard() == [(SELL, 3, True)]


def test_a_hole_that_nothing_fills_makes_it_begin_anew(desk: Desk, turns: Turns) -> None:
    desk.heard()
    desk.count += 100
    desk.kept.clear()
    turns.seen.clear()
    desk.close(4, 5)
    assert turns.seen == [4, 5]
    assert desk.heard()[-1] == (BUY, 5, True)


def test_candles_that_start_anew_are_asked_for_what_was_missed(desk: Desk, turns: Turns) -> None:
    desk.heard()
    desk.kept.append(desk.candle(1))
    desk.system.pubsub.publish(names.candles("AAAQ", "1s"), CandlesStarted("AAAQ", "1s"))
    desk.system.run_until_idle()
    assert turns.seen == [1, 2, 1]
    assert desk.heard() == [(SELL, 1, False)]


def test_history_that_does_not_come_is_asked_for_again_and_said_once(turns: Turns, logs: list[Any]) -> None:
    system: SimulatedSystem = ActorSystem.simulated(VirtualClock(NS_PER_S))
    system.start(Signaller("AAAQ", "turns", NEEDS), TOPIC)  # there are no candles at all
    for _ in range(3):
        system.advance_to(system.clock.now_ns() + round(RETRY_S * NS_PER_S))
        system.run_until_idle()
    assert [entry["event"] for entry in logs].count("no candles yet") == 1
    candles = system.start(CandleFeed("AAAQ", "1s"), names.candles("AAAQ", "1s"))
    system.run_until_idle()
    for number, price in enumerate((3, 4)):
        candles.tell(CandleClosed(candle(number, price)))
    system.run_until_idle()
    assert turns.seen == [3, 4]
    system.stop()


def test_without_an_interval_every_trade_is_analysed_over_a_restart_of_the_feed(turns: Turns) -> None:
    system: SimulatedSystem = ActorSystem.simulated(VirtualClock(NS_PER_S))
    system.start(Signaller("AAAQ", "turns", TICKS), names.signals("AAAQ", signals_of("turns", TICKS)))
    for prices in ((3, 4), (4, 2)):
        feed = system.start(Feed("AAAQ"), names.feed("AAAQ"))
        system.run_until_idle()
        for number, price in enumerate(prices, 1):
            feed.tell(TradeArrived(Trade("AAAQ", Decimal(price), Decimal(1), number, number)))
            feed.tell(DeliverTrade())
            system.run_until_idle()
        send_exit(feed, KILL)
        system.run_until_idle()
    assert turns.seen == [3, 4, 4, 2]
    system.stop()


def test_it_does_not_start_while_too_many_threads_hang_in_signals_of_its_symbol(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = StuckActor(desk.signaller, "pool 1", 60.0, is_lost=True)
    for count, starts in ((LOST_THREADS_MAX - 1, True), (LOST_THREADS_MAX, False)):
        send_exit(desk.signaller, KILL)
        desk.system.run_until_idle()
        health = PoolHealth(1, (stuck,) * count, 0)
        monkeypatch.setattr(type(desk.system), "pool_health", lambda _, health=health: health)
        if starts:
            desk.begin()
        else:
            with pytest.raises(StartFailedError, match="3 threads hang in signals of AAAQ: does turns come back"):
                desk.begin()


def test_equal_needs_of_one_strategy_are_one_computation() -> None:
    same = MarketNeeds(interval="1s", history=5, settings=(("a", "1"),))
    assert signals_of("turns", NEEDS) == signals_of("turns", same)
    others = [("other", NEEDS), ("turns", TICKS), ("turns", MarketNeeds(interval="1s", history=5))]
    assert len({signals_of(*each) for each in [("turns", NEEDS), *others]}) == len(others) + 1
