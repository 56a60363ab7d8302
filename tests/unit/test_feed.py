"""A symbol's feed: exchanges first, then whom the price wakes; who begins to wait meanwhile waits for the next."""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from naive_daemon import names
from naive_daemon.clock import VirtualClock
from naive_daemon.domain.events import LastPrice, Trade
from naive_daemon.market.alerts import NOWHERE, PriceBand
from naive_daemon.market.feed import (
    WAITING_MAX,
    AskQuiet,
    Await,
    DeliverTrade,
    Feed,
    FeedStarted,
    TradeArrived,
    Watch,
)
from naive_daemon.otp import KILL, ActorSystem, Ref, SimulatedSystem, send_exit
from naive_daemon.otp.mailbox_policy import SlowDown
from naive_daemon.strategy.protocol import Wake
from tests.trading.recorder import Recorder

if TYPE_CHECKING:
    from naive_daemon.market.last_prices import LastPrices

FEED = names.feed("AAAQ")


class Exchange(Recorder):
    """Hears trades outside of its band as they arrive, as a paper exchange does."""

    band = NOWHERE

    def init(self) -> None:
        self.subscribe(FEED)

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, FeedStarted):
            self.have_band(self.band)
        return super().on_receive(message)

    def have_band(self, band: PriceBand) -> None:
        self.system.tell(FEED, Watch(self.ref, band))


@pytest.fixture
def system() -> SimulatedSystem:
    return ActorSystem.simulated(VirtualClock())


def start(system: SimulatedSystem, recorder: Recorder | None = None) -> Recorder:
    made = recorder or Recorder()
    system.start(made)
    return made


def tell(system: SimulatedSystem, *messages: Any) -> None:
    for message in messages:
        system.tell(FEED, message)
        system.run_until_idle()


def trade(price: int) -> Trade:
    return Trade("AAAQ", Decimal(price), Decimal(1), price, 0)


def test_it_says_that_it_has_started_so_that_traders_wait_again(system: SimulatedSystem) -> None:
    exchange = start(system, Exchange())
    system.start(Feed("AAAQ"), FEED)
    system.run_until_idle()
    assert exchange.take() == [FeedStarted("AAAQ")]


def test_a_trade_goes_to_exchanges_as_it_arrives_and_to_the_woken_when_it_is_delivered(
    system: SimulatedSystem,
) -> None:
    exchange, below, above, sleeper = start(system, Exchange()), start(system), start(system), start(system)
    system.start(Feed("AAAQ"), FEED)
    tell(system, Await(below.ref, Wake(below=Decimal(10))), Await(above.ref, Wake(above=Decimal(20))))
    tell(system, Await(sleeper.ref, Wake(below=Decimal(1))), TradeArrived(trade(9)))
    assert exchange.take() == [FeedStarted("AAAQ"), trade(9)]
    assert below.take() == []
    tell(system, DeliverTrade())
    assert (below.take(), above.take(), sleeper.take()) == ([trade(9)], [], [])
    tell(system, TradeArrived(trade(9)), DeliverTrade())
    assert below.take() == []  # once


def test_who_begins_to_wait_for_the_next_trade_between_arrival_and_delivery_gets_the_next(
    system: SimulatedSystem,
) -> None:
    system.start(Feed("AAAQ"), FEED)
    fresh, waiting = start(system), start(system)
    tell(system, TradeArrived(trade(9)), Await(fresh.ref, Wake(next_trade=True)))
    tell(system, Await(waiting.ref, Wake(below=Decimal(10))), DeliverTrade())
    assert (fresh.take(), waiting.take()) == ([], [trade(9)])
    tell(system, TradeArrived(trade(8)), DeliverTrade())
    assert fresh.take() == [trade(8)]


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


def test_of_trades_that_gather_only_the_newest_is_kept_and_nobody_who_waits_is_forgotten(
    system: SimulatedSystem, logs: list[Any]
) -> None:
    exchange, waiting = start(system, Exchange()), start(system)
    feed = system.start(Feed("AAAQ"), FEED)
    system.run_until_idle()
    system.suspend(feed, 60.0)
    system.run_until_idle()
    feed.tell(Await(waiting.ref, Wake(next_trade=True)))
    for price in range(1, WAITING_MAX + 1):
        feed.tell(TradeArrived(trade(price)))
        feed.tell(DeliverTrade())
    assert len(feed.actor_inbox.messages) <= WAITING_MAX
    assert feed.actor_inbox.dropped > WAITING_MAX
    system.resume(feed)
    system.run_until_idle()
    assert exchange.take()[-1] == trade(WAITING_MAX)
    assert len(waiting.take()) == 1
    assert system.ask(FEED, LastPrice()) == trade(WAITING_MAX)
    (told,) = [entry for entry in logs if entry["event"] == "market data dropped"]
    assert (told["actor"], told["symbol"]) == ("feed:AAAQ", "AAAQ")
    assert told["count"] > 0


class Crossed(Recorder):
    """Waits anew for a price when it is told to, as a trader does that was woken."""

    def on_receive(self, message: Any) -> Any:
        if message == "wait":
            self.system.tell(FEED, Await(self.ref, Wake(below=Decimal(10))))
            return None
        return super().on_receive(message)


def test_many_who_wait_anew_at_once_are_not_told_to_slow_down_and_trades_stay_bounded(
    system: SimulatedSystem, logs: list[Any]
) -> None:
    feed = system.start(Feed("AAAQ"), FEED)
    system.run_until_idle()
    system.suspend(feed, 60.0)
    system.run_until_idle()
    crowd = [start(system, Crossed()) for _ in range(2 * WAITING_MAX)]
    for one in crowd:
        one.ref.tell("wait")
    system.run_until_idle()
    for price in range(1, 3 * WAITING_MAX):
        feed.tell(TradeArrived(trade(price + 10)))
        feed.tell(DeliverTrade())
    waiting = feed.actor_inbox.messages
    assert sum(isinstance(waiting[at], Await) for at in range(len(waiting))) == len(crowd)
    assert len(waiting) <= 2 * (len(crowd) + 2)
    system.resume(feed)
    tell(system, TradeArrived(trade(9)), DeliverTrade())
    assert all(one.take() == [trade(9)] for one in crowd)
    assert not [entry for entry in logs if entry["event"] == "mailbox congested"]


class SmallExchange(Exchange):
    mailbox = SlowDown(limit=10)


def test_an_exchange_that_is_behind_gets_the_newest_trade_when_it_has_caught_up_and_others_miss_nothing(
    system: SimulatedSystem, logs: list[Any]
) -> None:
    exchange, other, waiting = start(system, SmallExchange()), start(system, Exchange()), start(system)
    system.start(Feed("AAAQ"), FEED)
    system.run_until_idle()
    assert exchange.take() == other.take() == [FeedStarted("AAAQ")]
    system.suspend(exchange.ref, 60.0)
    for price in range(1, 101):
        tell(system, Await(waiting.ref, Wake(next_trade=True)), TradeArrived(trade(price)), DeliverTrade())
    assert len(waiting.take()) == len(other.take()) == 100
    system.resume(exchange.ref)
    system.run_until_idle()
    assert exchange.take() == [trade(price) for price in [*range(1, 12), 100]]
    (told,) = [entry for entry in logs if entry["event"] == "market data dropped"]
    assert told["count"] == 88
    tell(system, TradeArrived(trade(7)))
    assert exchange.take() == [trade(7)]


def test_an_exchange_hears_of_trades_outside_of_its_newest_band_only(system: SimulatedSystem) -> None:
    exchange = start(system, Exchange())
    system.start(Feed("AAAQ"), FEED)
    system.run_until_idle()
    exchange.have_band(PriceBand(Decimal(10), Decimal(20)))
    exchange.take()
    for price in (10, 20, 9, 21, 9):
        tell(system, TradeArrived(trade(price)), DeliverTrade())
    assert exchange.take() == [trade(9), trade(21), trade(9)]
    assert system.ask(FEED, AskQuiet("AAAQ")) == PriceBand(Decimal(10), Decimal(20))
    exchange.have_band(PriceBand(high=Decimal(8)))
    tell(system, TradeArrived(trade(8)), TradeArrived(trade(9)))
    assert exchange.take() == [trade(9)]
    exchange.have_band(PriceBand())
    tell(system, TradeArrived(trade(1)), TradeArrived(trade(99)))
    assert exchange.take() == []
    assert system.ask(FEED, AskQuiet("AAAQ")) == PriceBand()


def test_who_hears_every_trade_asks_once_and_begins_with_the_next(system: SimulatedSystem) -> None:
    prices: LastPrices = {}
    system.start(Feed("AAAQ", prices), FEED)
    every = start(system)
    tell(system, TradeArrived(trade(9)), Await(every.ref, Wake(every_trade=True)), DeliverTrade())
    assert every.take() == []
    for price in (8, 9, 9):
        tell(system, TradeArrived(trade(price)), DeliverTrade())
    # Asking for the same once more, after a fill of the trade that has just arrived, loses none.
    tell(system, TradeArrived(trade(7)), Await(every.ref, Wake(every_trade=True)), DeliverTrade())
    assert every.take() == [trade(8), trade(9), trade(9), trade(7)]
    assert prices == {"AAAQ": Decimal(7)}


def test_the_dead_wait_for_nothing(system: SimulatedSystem) -> None:
    feed = Feed("AAAQ")
    system.start(feed, FEED)
    recorder = start(system)
    tell(system, Await(recorder.ref, Wake(below=Decimal(10))), Watch(recorder.ref, NOWHERE))
    system.terminate(recorder.ref, 1)
    system.run_until_idle()
    assert len(feed._alerts) == len(feed._watches) == 0
    assert feed._monitors == {}


def test_a_crash_costs_no_exchange_the_next_trade(system: SimulatedSystem) -> None:
    bands: dict[Ref, PriceBand] = {}
    feed = system.start(Feed("AAAQ", bands=bands), FEED)
    slow, gone = start(system), start(system)  # neither says again what it waits for
    band = PriceBand(Decimal(10), Decimal(20))
    tell(system, Watch(slow.ref, band), Watch(gone.ref, band))
    send_exit(feed, KILL)
    system.terminate(gone.ref, 1)
    feed = system.start(Feed("AAAQ", bands=bands), FEED)
    tell(system, TradeArrived(trade(15)), TradeArrived(trade(21)))
    assert slow.take() == [trade(21)]
    assert bands == {slow.ref: band}
    system.terminate(feed, 1)
    assert bands == {}


def test_it_knows_its_last_price_and_where_nobody_is_woken(system: SimulatedSystem) -> None:
    system.start(Feed("AAAQ"), FEED)
    recorder = start(system)
    assert system.ask(FEED, LastPrice()) is None
    assert system.ask(FEED, AskQuiet("AAAQ")) == PriceBand()
    tell(system, TradeArrived(trade(15)), DeliverTrade())
    tell(system, Await(recorder.ref, Wake(below=Decimal(10), above=Decimal(20))))
    assert system.ask(FEED, LastPrice()) == trade(15)
    assert system.ask(FEED, AskQuiet("AAAQ")) == PriceBand(Decimal(10), Decimal(20))
    tell(system, Await(recorder.ref, Wake(next_trade=True)))
    assert system.ask(FEED, AskQuiet("AAAQ")) == NOWHERE
