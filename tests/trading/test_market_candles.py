"""Candles of a generated market in the streams of the tree: what was printed, grouped, over crashes and silence."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from naive_daemon import names
from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.domain.candle import Candle, open_of
from naive_daemon.domain.events import Trade
from naive_daemon.market.alerts import NOWHERE
from naive_daemon.market.candles import CandleClosed, CandlesStarted
from naive_daemon.market.candles_of_trades import CandlesOfTrades
from naive_daemon.market.feed import FeedStarted, Watch
from naive_daemon.market.generated_instruments import GENERATED_LISTINGS
from naive_daemon.market.generated_source import GeneratedSource
from naive_daemon.market.player import player_of
from naive_daemon.market.streams import StreamsStarted, streams
from naive_daemon.market.work import AddWork, RemoveWork, Work
from naive_daemon.otp import KILL, ActorSystem, SimulatedSystem, send_exit
from naive_daemon.strategy.protocol import MarketNeeds
from tests.trading.recorder import Recorder

START_NS = 1_700_000_000 * NS_PER_S + NS_PER_S // 3
SYMBOL = "BTCUSDT"
FEED, CANDLES = names.feed(SYMBOL), names.candles(SYMBOL, "1s")
WORK = Work(
    exchange="paper",
    symbol=SYMBOL,
    account="main",
    strategy="ema_cross",
    signature="s1",
    needs=MarketNeeds(interval="1s", history=4, settings=(("fast", "2"), ("slow", "4"))),
)


class Leader(Recorder):
    """Wants the signals of candles, and hears trades and candles."""

    def init(self) -> None:
        for topic in (names.STREAMS, FEED, CANDLES):
            self.subscribe(topic)

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, StreamsStarted):
            self.system.tell(names.STREAM_DESK, AddWork(WORK, self.ref))
        elif isinstance(message, FeedStarted):
            self.system.tell(FEED, Watch(self.ref, NOWHERE))
        else:
            self.told.append(message)

    def trades(self) -> list[Trade]:
        return [each for each in self.told if isinstance(each, Trade)]

    def candles(self) -> list[Candle]:
        return [each.candle for each in self.told if isinstance(each, CandleClosed)]


@pytest.fixture
def system() -> SimulatedSystem:
    return ActorSystem.simulated(VirtualClock(START_NS))


@pytest.fixture
def leader(system: SimulatedSystem, tmp_path: Path) -> Leader:
    source = GeneratedSource(
        {SYMBOL: GENERATED_LISTINGS[SYMBOL]},
        seed=7,
        trades_per_second=3,
        speed=Decimal(1),
        clock=system.clock,
        path=tmp_path / "market.json",
    )
    leader = Leader()
    system.start(leader)
    system.start(streams(player_of(source), candles=CandlesOfTrades(is_real_time=True)))
    return leader


def wait(system: SimulatedSystem, seconds: int) -> None:
    system.advance_to(system.clock.now_ns() + seconds * NS_PER_S)
    system.run_until_idle()


def kill(system: SimulatedSystem, name: names.Name) -> None:
    ref = system.whereis(name)
    assert ref is not None
    send_exit(ref, KILL)
    system.run_until_idle()


def test_candles_are_what_the_market_printed_whoever_of_the_streams_crashes(
    system: SimulatedSystem, leader: Leader
) -> None:
    wait(system, 5)
    for name in (CANDLES, names.PLAYER, names.STREAM_DESK, FEED):
        kill(system, name)
        wait(system, 5)
    wait(system, 5)
    candles = leader.candles()
    assert len(candles) >= 25
    assert all(earlier.close_ns == later.open_ns for earlier, later in pairwise(candles))
    assert leader.told.count(CandlesStarted(SYMBOL, "1s")) == 2
    for candle in candles:
        printed = [trade for trade in leader.trades() if open_of("1s", trade.time_ns) == candle.open_ns]
        prices = [trade.price for trade in printed]
        assert candle.trades == len(printed)
        assert candle.volume == sum((trade.quantity for trade in printed), Decimal(0))
        if prices:
            assert (candle.open, candle.close) == (prices[0], prices[-1])
            assert (candle.high, candle.low) == (max(prices), min(prices))


def test_candles_that_nobody_needs_are_closed_and_begin_anew_when_somebody_does(
    system: SimulatedSystem, leader: Leader
) -> None:
    wait(system, 5)
    system.tell(names.STREAM_DESK, RemoveWork(WORK.id, leader.ref))
    wait(system, 15)
    assert system.whereis(CANDLES) is None
    told = leader.candles()
    system.tell(names.STREAM_DESK, AddWork(WORK, leader.ref))
    wait(system, 5)
    fresh = leader.candles()[len(told) :]
    assert fresh
    assert fresh[0].open_ns > told[-1].close_ns  # the one between is of trades that nobody heard
    assert all(earlier.close_ns == later.open_ns for earlier, later in pairwise(fresh))
