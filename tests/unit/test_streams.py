"""The stream desk: one feed for whoever wants a symbol, whatever comes and goes meanwhile."""

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
import structlog

from naive_daemon import names
from naive_daemon.clock import NS_PER_S, VirtualClock, WallClock
from naive_daemon.domain.errors import PermanentError
from naive_daemon.domain.events import Trade
from naive_daemon.market.columns import TradeList
from naive_daemon.market.feed import Await, DeliverTrade, Feed, MarketMissing, TradeArrived
from naive_daemon.market.player import PLAYED, Play, PlayedToEnd, Player, Silence, player_of
from naive_daemon.market.recorded_trades import RecordedTrades
from naive_daemon.market.resource import RESTARTS_MAX, RETRY_S, START_TIMEOUT_S
from naive_daemon.market.streams import StreamDesk, StreamsStarted, streams
from naive_daemon.market.work import AddWork, Work
from naive_daemon.otp import (
    DEFERRED,
    KILL,
    Actor,
    ActorSystem,
    Ref,
    SimulatedSystem,
    StartChild,
    WhichChildren,
    send_exit,
)
from naive_daemon.strategy.protocol import Wake
from tests.simulation.shown_clock import ShownClock

PATIENCE_S = 10.0


class Listener(Actor):
    """Wants one symbol, asks again when the desk asks, and writes down what is published."""

    def __init__(self, symbol: str) -> None:
        super().__init__()
        self.symbol = symbol
        self.heard: list[Any] = []

    def init(self) -> None:
        self.subscribe(names.STREAMS)
        self.subscribe(names.feed(self.symbol))
        self.subscribe(PLAYED)
        self.on_receive(StreamsStarted())

    def on_receive(self, message: Any) -> None:
        if isinstance(message, StreamsStarted):
            self.system.tell(names.STREAM_DESK, AddWork(work(self.symbol), self.ref))
        else:
            self.heard.append(message)


class Shelf:
    """Implements MarketSource on lists of trades."""

    def __init__(self, *trades: Trade, speed: Decimal | None = None) -> None:
        symbols = {trade.symbol for trade in trades}
        self._trades = {symbol: iter([each for each in trades if each.symbol == symbol]) for symbol in symbols}
        self.speed = speed
        self.saved = 0

    def trades(self, symbol: str) -> Iterator[Trade] | None:
        return self._trades.get(symbol)

    def save(self) -> None:
        self.saved += 1


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(processors=[structlog.testing.LogCapture()])
    yield
    structlog.configure(**before)


@pytest.fixture
def system() -> Iterator[SimulatedSystem]:
    system = ActorSystem.simulated(VirtualClock(100 * NS_PER_S))
    yield system
    system.stop()


def trade(number: int, symbol: str = "AAAQ", at_s: float = 0.0) -> Trade:
    return Trade(symbol, Decimal(number), Decimal(1), number, round(at_s * NS_PER_S))


def work(symbol: str = "AAAQ", account: str = "main") -> Work:
    return Work(exchange="paper", symbol=symbol, account=account, strategy="naive", signature="s1")


def wait(system: SimulatedSystem, seconds: float) -> None:
    system.advance_to(system.clock.now_ns() + round(seconds * NS_PER_S))
    system.run_until_idle()


def kill(system: SimulatedSystem, name: names.Name) -> None:
    ref = system.whereis(name)
    assert ref is not None
    send_exit(ref, KILL)
    system.run_until_idle()


def listen(system: SimulatedSystem, symbol: str = "AAAQ") -> tuple[Ref, list[Any]]:
    listener = Listener(symbol)
    ref = system.start(listener)
    return ref, listener.heard


def test_a_feed_opens_with_the_first_and_closes_with_the_last(system: SimulatedSystem) -> None:
    system.start(streams(None))
    first, _ = listen(system)
    feed = system.whereis(names.feed("AAAQ"))
    second, _ = listen(system)
    assert feed is not None
    system.terminate(first, 1)
    assert system.whereis(names.feed("AAAQ")) is feed
    system.terminate(second, 1)
    assert system.whereis(names.feed("AAAQ")) is None


def test_who_comes_while_it_closes_gets_a_feed_all_the_same(system: SimulatedSystem) -> None:
    system.start(streams(None))
    first, _ = listen(system)
    feed = system.whereis(names.feed("AAAQ"))
    second = Listener("AAAQ")
    ref = second.attach(system, None, None)
    send_exit(first, KILL)
    second.begin(None)
    system.run_until_idle()
    assert ref.is_alive()
    reopened = system.whereis(names.feed("AAAQ"))
    assert reopened is not None
    assert reopened is not feed
    wait(system, 60)
    assert system.whereis(names.feed("AAAQ")) is reopened


def test_a_feed_that_crashes_opens_again_and_says_so(system: SimulatedSystem) -> None:
    system.start(streams(None))
    _, heard = listen(system)
    before = len(heard)
    kill(system, names.feed("AAAQ"))
    assert system.whereis(names.feed("AAAQ")) is not None
    assert len(heard) == before + 1


def test_one_that_keeps_crashing_pauses_and_the_others_do_not_notice(system: SimulatedSystem) -> None:
    system.start(streams(None))
    listen(system)
    listen(system, "BBBQ")
    other, feeds = system.whereis(names.feed("BBBQ")), system.whereis(names.FEEDS)
    for _ in range(RESTARTS_MAX + 1):
        kill(system, names.feed("AAAQ"))
    assert system.whereis(names.feed("AAAQ")) is None
    wait(system, RETRY_S)
    assert system.whereis(names.feed("AAAQ")) is not None
    assert system.whereis(names.feed("BBBQ")) is other
    assert system.whereis(names.FEEDS) is feeds


def test_a_desk_that_crashed_finds_its_feeds_and_their_listeners_again(system: SimulatedSystem) -> None:
    system.start(streams(None))
    ref, _ = listen(system)
    feed = system.whereis(names.feed("AAAQ"))
    kill(system, names.STREAM_DESK)
    assert system.whereis(names.feed("AAAQ")) is feed
    system.terminate(ref, 1)
    assert system.whereis(names.feed("AAAQ")) is None


def test_a_feed_that_lost_its_last_listener_with_the_desk_is_closed_in_a_while(system: SimulatedSystem) -> None:
    system.start(streams(None))
    ref, _ = listen(system)
    desk = system.whereis(names.STREAM_DESK)
    assert desk is not None
    send_exit(ref, KILL)
    send_exit(desk, KILL)
    system.run_until_idle()
    assert system.whereis(names.feed("AAAQ")) is not None
    wait(system, 20)
    assert system.whereis(names.feed("AAAQ")) is None


def test_a_feed_that_stands_under_its_name_already_is_used(system: SimulatedSystem) -> None:
    """Its start took so long that nobody waited for the answer any more."""
    system.start(streams(player_of(Shelf(trade(1), trade(2)))))
    slow = Tape()
    slow.attach(system, names.feed("AAAQ"), None)
    listen(system)
    slow.begin(None)
    system.run_until_idle()
    assert played(slow.told) == [1, 2]


def test_a_feed_that_starts_after_a_minute_is_used(system: SimulatedSystem) -> None:
    asked: list[Any] = []

    class Asleep(Actor):
        def on_receive(self, message: Any) -> Any:
            asked.append(message)
            return () if isinstance(message, WhichChildren) else DEFERRED

    system.start(Asleep(), names.FEEDS)
    system.start(StreamDesk(lambda _: Asleep()), names.STREAM_DESK)
    listen(system)
    slow = Tape()
    slow.attach(system, names.feed("AAAQ"), None)
    player = Plays()
    system.start(player, names.PLAYER)
    wait(system, START_TIMEOUT_S - 1)
    assert player.asked == []
    wait(system, 1)
    assert player.asked == [Play("AAAQ")]
    assert [type(each) for each in asked] == [WhichChildren, StartChild]


class Plays(Actor):
    """Stands where the player would, and writes down what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []

    def on_receive(self, message: Any) -> None:
        self.asked.append(message)


# The player ---------------------------------------------------------------------------------------------------------


class Tape(Actor):
    """Stands where a feed would, and writes down what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, int, int]] = []

    def on_receive(self, message: Any) -> None:
        if isinstance(message, TradeArrived):
            told = ("arrived", message.trade.trade_id, self.system.clock.now_ns() // NS_PER_S)
        else:
            assert isinstance(message, DeliverTrade)
            told = ("delivered", 0, self.system.clock.now_ns() // NS_PER_S)
        self.told.append(told)


def tape(system: SimulatedSystem, symbol: str = "AAAQ") -> list[tuple[str, int, int]]:
    """Put a tape in the feed's place; the desk takes it for the feed that a former desk has opened."""
    made = Tape()
    system.start(made, names.feed(symbol))
    return made.told


def played(told: list[tuple[str, int, int]]) -> list[int]:
    return [number for what, number, _ in told if what == "arrived"]


def test_every_trade_arrives_and_is_delivered_before_the_next(system: SimulatedSystem) -> None:
    shelf = Shelf(*(trade(number) for number in (1, 2, 3)))
    system.start(streams(player_of(shelf)))
    _, heard = listen(system)
    assert heard[-1] == PlayedToEnd("AAAQ", 3)
    wait(system, 3)
    assert shelf.saved >= 3


class TapedFeed(Feed):
    """A feed that writes down which trades arrive."""

    def __init__(self) -> None:
        super().__init__("AAAQ")
        self.arrived: list[int] = []

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, TradeArrived):
            self.arrived.append(message.trade.trade_id)
        return super().on_receive(message)


class Waiter(Actor):
    """Waits in a feed for a price below, as often as it is told of one."""

    def __init__(self, below: int) -> None:
        super().__init__()
        self._below = Decimal(below)
        self.heard: list[int] = []

    def init(self) -> None:
        self._wait()

    def on_receive(self, message: Any) -> None:
        self.heard.append(message.trade_id)
        self._wait()

    def _wait(self) -> None:
        self.system.tell(names.feed("AAAQ"), Await(self.ref, Wake(below=self._below)))


class Recorded(Shelf):
    """Implements MarketSource on stretches of two trades of one symbol; `is_damaged` behind the last.

    `on_stretch` is called with the place of each that is read.
    """

    def __init__(
        self, *trades: Trade, is_damaged: bool = False, on_stretch: Callable[[int], object] = lambda _: None
    ) -> None:
        super().__init__(*trades)
        self._on_stretch = on_stretch
        self._recorded = RecordedTrades(self._stretches(trades, is_damaged=is_damaged))

    def trades(self, symbol: str) -> Iterator[Trade] | None:
        return self._recorded if symbol in self._trades else None

    def _stretches(self, trades: tuple[Trade, ...], *, is_damaged: bool) -> Iterator[TradeList]:
        for at in range(0, len(trades), 2):
            self._on_stretch(at // 2)
            yield TradeList(trades[at : at + 2])
        if is_damaged:
            raise PermanentError("damaged")


def priced(*prices: int) -> list[Trade]:
    return [Trade("AAAQ", Decimal(price), Decimal(1), at, 0) for at, price in enumerate(prices, 1)]


PRICES = (9, 9, 9, 9, 4, 9, 9, 9, 3, 9, 9, 9, 9)


@pytest.mark.parametrize("is_damaged", [False, True])
def test_of_a_recording_trades_that_nobody_waits_for_are_passed_over_and_counted(
    system: SimulatedSystem, is_damaged: bool
) -> None:
    feed, waiter = TapedFeed(), Waiter(below=5)
    system.start(feed, names.feed("AAAQ"))
    player = system.start(Player(Recorded(*priced(*PRICES), is_damaged=is_damaged)), names.PLAYER)
    system.start(waiter)
    ended = Plays()
    system.start(ended)
    system.pubsub.subscribe(PLAYED, ended.ref)
    player.tell(Play("AAAQ"))
    system.run_until_idle()
    assert waiter.heard == [5, 9]
    assert feed.arrived == [1, 5, 9]
    (end,) = ended.asked
    assert (end.symbol, end.trades) == ("AAAQ", len(PRICES))
    assert (end.error is not None) == is_damaged


def test_what_somebody_begins_to_wait_for_while_trades_are_passed_over_is_played(system: SimulatedSystem) -> None:
    feed, first, late = TapedFeed(), Waiter(below=3), Waiter(below=7)
    system.start(feed, names.feed("AAAQ"))
    system.start(first)

    def wait_later(stretch: int) -> None:
        if stretch == 2:
            system.tell(names.feed("AAAQ"), Await(late.ref, Wake(below=Decimal(7))))

    system.start(late)
    system.tell(names.feed("AAAQ"), Await(late.ref, Wake()))
    recorded = Recorded(*priced(9, 9, 9, 9, 9, 9, 6, 9, 2, 9), on_stretch=wait_later)
    system.start(Player(recorded), names.PLAYER).tell(Play("AAAQ"))
    system.run_until_idle()
    assert (first.heard, late.heard) == ([9], [7, 9])
    assert feed.arrived == [1, 7, 9]


def test_of_a_recording_each_trade_is_played_while_nobody_waits_for_any_price(system: SimulatedSystem) -> None:
    feed = TapedFeed()
    system.start(feed, names.feed("AAAQ"))
    system.start(Player(Recorded(*priced(*PRICES))), names.PLAYER).tell(Play("AAAQ"))
    system.run_until_idle()
    assert feed.arrived == list(range(1, len(PRICES) + 1))


def test_with_a_speed_trades_come_at_their_times_and_a_quicker_market_does_not_wait_for_a_slow_one(
    system: SimulatedSystem,
) -> None:
    slow = [trade(number, at_s=60.0 * number) for number in (1, 2, 3)]
    quick = [trade(number, "BBBQ", at_s=1.0 * number) for number in range(1, 100)]
    told, quickly = tape(system), tape(system, "BBBQ")
    player = system.start(Player(Shelf(*slow, *quick, speed=Decimal(1))), names.PLAYER)
    player.tell(Play("AAAQ"))
    system.run_until_idle()
    wait(system, 1)
    assert played(told) == [1]
    player.tell(Play("BBBQ"))
    system.run_until_idle()
    wait(system, 10)
    assert len(played(quickly)) == 11
    assert played(told) == [1]
    wait(system, 50)
    assert played(told) == [1, 2]
    player.tell(Silence("AAAQ"))
    player.tell(Play("AAAQ"))
    system.run_until_idle()
    wait(system, 200)
    assert played(told) == [1, 2]  # the third was taken and is gone: the market did not wait


@pytest.mark.parametrize("set_s", [-3_600, 3_600])
def test_a_clock_that_is_set_neither_stops_nor_hurries_the_market(set_s: int) -> None:
    time = VirtualClock(100 * NS_PER_S)
    shown = ShownClock(time)
    system = ActorSystem.simulated(time, shown=shown)
    trades = [trade(number, at_s=1.0 * number) for number in range(1, 100)]
    told = tape(system)
    system.start(Player(Shelf(*trades, speed=Decimal(1))), names.PLAYER).tell(Play("AAAQ"))
    system.run_until_idle()
    shown.set_ahead(set_s)
    for seconds in range(1, 60):
        system.advance_to((100 + seconds) * NS_PER_S)
        system.run_until_idle()
        assert len(played(told)) == 1 + seconds
    system.stop()


def test_a_symbol_without_a_market_is_told(system: SimulatedSystem) -> None:
    listener = Plays()
    system.start(listener)
    system.pubsub.subscribe(names.MARKET_MISSING, listener.ref)
    system.start(streams(player_of(Shelf(trade(1)))))
    listen(system, "NONE")
    assert listener.asked == [MarketMissing("NONE")]


def test_a_crash_of_the_player_skips_no_trade(system: SimulatedSystem) -> None:
    shelf = Shelf(*(trade(number, at_s=60.0 * number) for number in range(1, 5)), speed=Decimal(1))
    told = tape(system)
    system.start(streams(player_of(shelf)))
    listen(system)
    wait(system, 1)
    assert played(told) == [1]
    for _ in range(2):
        kill(system, names.PLAYER)
    wait(system, 600)
    assert played(told) == [1, 2, 3, 4]


def test_a_handler_that_hangs_stops_no_other_symbols_market(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("naive_daemon.market.player.SETTLE_TIMEOUT_S", 0.2)
    monkeypatch.setattr("naive_daemon.market.player.HUNG_TIMEOUT_S", PATIENCE_S)
    go_on, all_played = threading.Event(), threading.Event()

    class Stuck(Actor):
        runs_on = "thread"

        def on_receive(self, message: Any) -> None:
            assert go_on.wait(PATIENCE_S), message

    class Ends(Actor):
        def on_receive(self, message: Any) -> None:
            if message == PlayedToEnd("BBBQ", 50):
                all_played.set()

    system = ActorSystem.live(WallClock(), threads=2)
    ends = Ends()
    system.start(ends)
    system.pubsub.subscribe(PLAYED, ends.ref)
    top = system.start(streams(player_of(Shelf(*(trade(number, "BBBQ") for number in range(50))))))
    system.start(Stuck()).tell("hang")
    ref = system.start(Listener("BBBQ"))
    # Each of the hundred waits that follow the first would take PATIENCE_S, did they wait for the one that hangs.
    assert all_played.wait(PATIENCE_S)
    go_on.set()
    system.terminate(ref, PATIENCE_S)
    system.terminate(top, PATIENCE_S)
    system.stop()
