"""The candles' actors: each closed candle once and in order, of trades, of an exchange, or told from outside."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import structlog

from naive_daemon import names
from naive_daemon.clock import VirtualClock
from naive_daemon.domain.candle import NS_PER_S, Candle
from naive_daemon.domain.events import Trade
from naive_daemon.market.candle_source import CandlesFromOutside, CandleSource
from naive_daemon.market.candles import HISTORY_MAX, AskCandles, CandleClosed, CandlesStarted
from naive_daemon.market.candles_of_exchange import GRACE_S, LATE_S, NOTHING_NEW, RETRY_MAX_S, CandlesOfExchange
from naive_daemon.market.candles_of_trades import CandlesOfTrades
from naive_daemon.market.feed import DeliverTrade, Feed, TradeArrived
from naive_daemon.market.player import AskKlines, PlayCandles, PlayerStarted, SilenceCandles
from naive_daemon.market.resource import SayTrouble
from naive_daemon.otp import (
    DEFERRED,
    KILL,
    Actor,
    ActorSystem,
    Call,
    ChildSpec,
    Ref,
    SimulatedSystem,
    Supervisor,
    crash,
    send_exit,
)
from tests.trading.recorder import Recorder

START_NS = 1_700_000_000 * NS_PER_S
CANDLES = names.candles("BTCUSDT", "1s")


class Listener(Recorder):
    """Hears the candles."""

    def init(self) -> None:
        self.subscribe(CANDLES)

    def opens(self) -> list[int]:
        """Give which seconds were told since the last look."""
        return [number(each.candle) for each in self.take() if isinstance(each, CandleClosed)]


class Market(Actor):
    """Stands in the live market's place: has candles `0` until before `now`, and answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 10
        self.told: list[Any] = []
        self.waiting: list[Call] = []
        self.trouble: str | None = None
        self.holds_back = False

    def on_receive(self, message: Any) -> Any:
        if not isinstance(message, AskKlines):
            self.told.append(message)
            return None
        self.waiting.append(self.caller())
        if not self.holds_back:
            self.answer()
        return DEFERRED

    def answer(self) -> None:
        waiting, self.waiting = self.waiting, []
        for call in waiting:
            if self.trouble is None:
                call.reply(tuple(candle(second) for second in range(self.now + 1)))
            else:
                call.fail(crash(self.trouble))


@pytest.fixture
def system() -> SimulatedSystem:
    return ActorSystem.simulated(VirtualClock(START_NS))


def candle(second: int) -> Candle:
    price = Decimal(second + 1)
    return Candle(
        symbol="BTCUSDT",
        interval="1s",
        open_ns=START_NS + second * NS_PER_S,
        close_ns=START_NS + (second + 1) * NS_PER_S,
        open=price,
        high=price,
        low=price,
        close=price,
        volume=Decimal(1),
        trades=1,
    )


def number(candle: Candle) -> int:
    return (candle.open_ns - START_NS) // NS_PER_S


def open_candles(system: SimulatedSystem, source: CandleSource) -> Ref:
    """Start the actor under a supervisor, which starts it again."""
    system.start(Supervisor([ChildSpec(id="candles", start=lambda: source.candle_feed("BTCUSDT", "1s"), name=CANDLES)]))
    system.run_until_idle()
    ref = system.whereis(CANDLES)
    assert ref is not None
    return ref


def listen(system: SimulatedSystem) -> Listener:
    listener = Listener()
    system.start(listener)
    return listener


def history(system: SimulatedSystem, count: int = HISTORY_MAX) -> list[int]:
    return [number(each) for each in system.ask(CANDLES, AskCandles(count))]


# Told from outside --------------------------------------------------------------------------------------------------


def test_what_is_told_from_outside_is_told_on_once_and_kept(system: SimulatedSystem) -> None:
    listener = listen(system)
    open_candles(system, CandlesFromOutside())
    assert listener.take() == [CandlesStarted("BTCUSDT", "1s")]
    for second in (0, 1, 1, 0, 2):
        system.tell(CANDLES, CandleClosed(candle(second)))
    system.run_until_idle()
    assert listener.opens() == [0, 1, 2]
    assert history(system) == [0, 1, 2]
    assert history(system, 2) == [1, 2]
    assert history(system, 0) == history(system, -1) == []


def test_history_is_bounded(system: SimulatedSystem) -> None:
    open_candles(system, CandlesFromOutside())
    for second in range(HISTORY_MAX + 50):
        system.tell(CANDLES, CandleClosed(candle(second)))
    system.run_until_idle()
    assert history(system, 10 * HISTORY_MAX) == list(range(50, HISTORY_MAX + 50))


# Of trades ----------------------------------------------------------------------------------------------------------


def open_feed(system: SimulatedSystem) -> None:
    system.start(Supervisor([ChildSpec(id="feed", start=lambda: Feed("BTCUSDT"), name=names.feed("BTCUSDT"))]))


def print_trades(system: SimulatedSystem, *tenths: int) -> None:
    """Let the market print trades, at tenths of a second, and its time pass."""
    for tenth in tenths:
        system.advance_to(START_NS + tenth * NS_PER_S // 10)
        tell_trade(system, tenth)


def tell_trade(system: SimulatedSystem, tenth: int) -> None:
    printed = Trade("BTCUSDT", Decimal(tenth + 1), Decimal(1), tenth, START_NS + tenth * NS_PER_S // 10)
    for message in (TradeArrived(printed), DeliverTrade()):
        system.tell(names.feed("BTCUSDT"), message)
        system.run_until_idle()


def test_candles_of_trades_close_by_the_trades_times_and_the_first_is_not_told(system: SimulatedSystem) -> None:
    open_feed(system)
    listener = listen(system)
    open_candles(system, CandlesOfTrades())
    print_trades(system, 3, 8, 12, 15, 18)
    assert listener.take() == [CandlesStarted("BTCUSDT", "1s")]
    print_trades(system, 41)
    assert listener.opens() == [1, 2, 3]
    second, third, fourth = system.ask(CANDLES, AskCandles(5))
    assert (second.open, second.high, second.low, second.close) == (13, 19, 13, 19)
    assert (second.volume, second.trades) == (3, 3)
    assert (third.close, third.trades, fourth.close) == (19, 0, 19)


def test_a_played_markets_candles_wait_for_a_trade_however_late_it_is(system: SimulatedSystem) -> None:
    open_feed(system)
    listener = listen(system)
    open_candles(system, CandlesOfTrades())
    print_trades(system, 3, 12)
    system.advance_to(START_NS + 60 * NS_PER_S)
    assert listener.opens() == []
    print_trades(system, 600)
    assert listener.opens() == list(range(1, 60))


def test_in_real_time_a_quiet_symbols_candles_close_by_the_clock(system: SimulatedSystem) -> None:
    open_feed(system)
    listener = listen(system)
    open_candles(system, CandlesOfTrades(is_real_time=True))
    print_trades(system, 3, 12)
    system.advance_to(START_NS + 29 * NS_PER_S // 10)
    assert listener.opens() == []
    system.advance_to(START_NS + 31 * NS_PER_S // 10)
    assert listener.opens() == [1]
    system.advance_to(START_NS + 52 * NS_PER_S // 10)
    assert listener.opens() == [2, 3]
    print_trades(system, 53)
    assert listener.opens() == [4]
    print_trades(system, 62)
    assert listener.opens() == [5]


def test_the_log_says_what_is_in_no_candle(system: SimulatedSystem) -> None:
    open_feed(system)
    open_candles(system, CandlesOfTrades())
    print_trades(system, 3, 12, 22)
    with structlog.testing.capture_logs() as logs:
        tell_trade(system, 11)
        print_trades(system, 32, 10 * (HISTORY_MAX + 13), 10 * (HISTORY_MAX + 14))
    assert [(each["event"], each["count"]) for each in logs] == [
        ("trades came too late for their candles", 1),
        ("candles are missing", 9),
    ]


@pytest.mark.parametrize("reason", [crash("boom"), KILL])
def test_a_crash_costs_no_candle_and_doubles_none(system: SimulatedSystem, reason: Any) -> None:
    open_feed(system)
    listener = listen(system)
    ref = open_candles(system, CandlesOfTrades())
    print_trades(system, 3, 12, 22, 24)
    assert listener.opens() == [1]
    send_exit(ref, reason)
    system.run_until_idle()
    assert system.whereis(CANDLES) is not ref
    assert history(system) == [1]
    print_trades(system, 28, 33)
    assert listener.take() == [CandlesStarted("BTCUSDT", "1s"), CandleClosed(system.ask(CANDLES, AskCandles(1))[0])]
    last = system.ask(CANDLES, AskCandles(1))[0]
    assert (number(last), last.trades, last.open, last.close) == (2, 3, 23, 29)


def test_a_feed_that_starts_anew_is_waited_for_again(system: SimulatedSystem) -> None:
    open_feed(system)
    listener = listen(system)
    open_candles(system, CandlesOfTrades())
    print_trades(system, 3, 12)
    feed = system.whereis(names.feed("BTCUSDT"))
    assert feed is not None
    send_exit(feed, crash("boom"))
    system.run_until_idle()
    print_trades(system, 22)
    assert listener.opens() == [1]


def test_candles_that_nobody_wanted_for_a_while_begin_anew(system: SimulatedSystem) -> None:
    open_feed(system)
    source = CandlesOfTrades()
    first = system.start(source.candle_feed("BTCUSDT", "1s"), CANDLES)
    print_trades(system, 3, 12, 22)
    assert history(system) == [1]
    system.terminate(first, 10)
    print_trades(system, 125)  # nobody hears this one: its candle would be wrong
    system.start(source.candle_feed("BTCUSDT", "1s"), CANDLES)
    print_trades(system, 128, 133, 144)
    assert history(system) == [13]


def test_candles_that_are_wanted_again_at_once_go_on_as_after_a_crash_of_who_wanted_them(
    system: SimulatedSystem,
) -> None:
    open_feed(system)
    source = CandlesOfTrades()
    first = system.start(source.candle_feed("BTCUSDT", "1s"), CANDLES)
    print_trades(system, 3, 12, 22)
    system.terminate(first, 10)
    system.start(source.candle_feed("BTCUSDT", "1s"), CANDLES)
    print_trades(system, 28, 33)
    assert history(system) == [1, 2]


# Of an exchange -----------------------------------------------------------------------------------------------------


@pytest.fixture
def market(system: SimulatedSystem) -> Market:
    market = Market()
    system.start(market, names.PLAYER)
    return market


def arrive(system: SimulatedSystem, *seconds: int) -> None:
    """Let the stream say that candles have closed, each at its time."""
    for second in seconds:
        system.advance_to(START_NS + (second + 1) * NS_PER_S)
        system.tell(CANDLES, CandleClosed(candle(second)))
        system.run_until_idle()


def ask_later(system: SimulatedSystem, count: int = 3) -> Callable[[], list[int] | None]:
    """Ask for history; what is given says what was answered so far."""
    answers: list[list[int]] = []

    class Asker(Actor):
        def init(self) -> None:
            candles = self.system.whereis(CANDLES)
            self.request(candles, AskCandles(count), self._take, 3600.0)

        def _take(self, candles: Any) -> None:
            answers.append([number(each) for each in candles])

    system.start(Asker())
    system.run_until_idle()
    return lambda: answers[0] if answers else None


def test_history_is_there_before_it_is_answered_and_then_come_the_candles(
    system: SimulatedSystem, market: Market
) -> None:
    system.advance_to(START_NS + 10 * NS_PER_S)
    market.holds_back = True
    listener = listen(system)
    open_candles(system, CandlesOfExchange())
    assert market.told == [PlayCandles("BTCUSDT", "1s")]
    answer = ask_later(system)
    arrive(system, 10)
    assert answer() is None
    market.now = 12
    market.answer()
    system.run_until_idle()
    assert answer() == [7, 8, 9]
    assert listener.opens() == [10]
    arrive(system, 11, 12)
    assert listener.opens() == [11, 12]
    assert history(system, 4) == [9, 10, 11, 12]


def test_a_hole_is_filled_before_the_next_candle_is_told(system: SimulatedSystem, market: Market) -> None:
    system.advance_to(START_NS + 10 * NS_PER_S)
    listener = listen(system)
    open_candles(system, CandlesOfExchange())
    market.holds_back = True
    arrive(system, 10, 10, 13, 12)
    assert listener.opens() == [10]
    market.now = 14
    market.answer()
    system.run_until_idle()
    arrive(system, 14, 11)
    told = [each for each in listener.take() if isinstance(each, CandleClosed)]
    assert [(number(each.candle), each.is_late) for each in told] == [
        (11, True),
        (12, True),
        (13, False),
        (14, False),
    ]


def test_a_candle_that_does_not_come_is_asked_for(system: SimulatedSystem, market: Market) -> None:
    system.advance_to(START_NS + 10 * NS_PER_S)
    listener = listen(system)
    open_candles(system, CandlesOfExchange())
    arrive(system, 10)
    market.now = 14
    system.advance_to(START_NS + 12 * NS_PER_S + int((GRACE_S - 0.5) * NS_PER_S))
    assert listener.opens() == [10]
    system.advance_to(START_NS + 12 * NS_PER_S + int((GRACE_S + 0.5) * NS_PER_S))
    assert listener.opens() == [11, 12, 13]


@pytest.mark.parametrize(("after_s", "is_late"), [(LATE_S - 1, False), (LATE_S + 1, True)])
def test_the_newest_candle_is_late_when_it_ended_long_ago(
    system: SimulatedSystem, market: Market, after_s: float, is_late: bool
) -> None:
    system.advance_to(START_NS + 10 * NS_PER_S)
    listener = listen(system)
    open_candles(system, CandlesOfExchange())
    market.holds_back, market.now = True, 11
    system.advance_to(START_NS + 11 * NS_PER_S + int(after_s * NS_PER_S))
    market.answer()
    system.run_until_idle()
    told = [each for each in listener.take() if isinstance(each, CandleClosed)]
    assert [(number(each.candle), each.is_late) for each in told] == [(10, is_late)]


def test_trouble_with_history_is_retried_and_who_asks_waits(system: SimulatedSystem, market: Market) -> None:
    system.advance_to(START_NS + 10 * NS_PER_S)
    market.trouble = "the exchange does not answer"
    open_candles(system, CandlesOfExchange())
    answer = ask_later(system)
    system.advance_to(START_NS + 1_000 * NS_PER_S)
    assert answer() is None
    market.trouble, market.now = None, 1_000
    system.advance_to(START_NS + (1_000 + int(RETRY_MAX_S) + 1) * NS_PER_S)
    assert answer() == [997, 998, 999]


@pytest.mark.parametrize("has_history", [True, False])
def test_an_exchange_without_newer_candles_is_told_to_the_desk_once_they_are_overdue(
    system: SimulatedSystem, market: Market, has_history: bool
) -> None:
    desk = Recorder()
    system.start(desk, names.STREAM_DESK)
    market.now = 10 if has_history else -1
    system.advance_to(START_NS + 10 * NS_PER_S)
    open_candles(system, CandlesOfExchange())
    system.advance_to(START_NS + (10 + LATE_S - 10) * NS_PER_S)
    assert desk.take() == []
    system.advance_to(START_NS + (10 + LATE_S + 2 * int(RETRY_MAX_S)) * NS_PER_S)
    assert set(desk.take()) == {SayTrouble(CANDLES, NOTHING_NEW)}
    market.now = 250
    system.advance_to(START_NS + 250 * NS_PER_S)
    assert desk.take()[-1] == SayTrouble(CANDLES, None)


def test_trouble_is_met_with_less_and_less_questions(system: SimulatedSystem, market: Market) -> None:
    market.trouble = "the exchange does not answer"
    market.holds_back = True
    open_candles(system, CandlesOfExchange())
    asked = 0
    for second in range(600):
        system.advance_to(START_NS + second * NS_PER_S)
        arrive(system, second) if second % 7 else None  # a stream that goes on does not hurry it
        asked += len(market.waiting)
        market.answer()
        system.run_until_idle()
    assert 10 <= asked <= 20


def test_a_market_that_starts_anew_is_asked_for_the_candles_again(system: SimulatedSystem, market: Market) -> None:
    open_candles(system, CandlesOfExchange())
    system.pubsub.publish(names.PLAYER, PlayerStarted())
    system.run_until_idle()
    assert market.told == [PlayCandles("BTCUSDT", "1s")] * 2


def test_a_crash_costs_no_candle_of_an_exchange(system: SimulatedSystem, market: Market) -> None:
    system.advance_to(START_NS + 10 * NS_PER_S)
    listener = listen(system)
    ref = open_candles(system, CandlesOfExchange())
    arrive(system, 10)
    market.now = 12
    send_exit(ref, crash("boom"))
    system.run_until_idle()
    assert history(system, 3) == [9, 10, 11]
    arrive(system, 11, 12)
    assert listener.opens() == [10, 12]


def test_candles_that_nobody_wants_any_more_are_silenced(system: SimulatedSystem, market: Market) -> None:
    ref = system.start(CandlesOfExchange().candle_feed("BTCUSDT", "1s"), CANDLES)
    system.run_until_idle()
    system.terminate(ref, 10)
    assert market.told == [PlayCandles("BTCUSDT", "1s"), SilenceCandles("BTCUSDT", "1s")]
