"""The signals of one symbol and one set of needs: computed once, for all accounts that trade on them.

Receives: CandleClosed and CandlesStarted from the candles, or every trade of the feed where the needs have no interval;
AskLastSignal from traders that start.
Sends: AskCandles to the candles; on the topic `names.signals(symbol, signature)` each Signal, and the last one once
more, as old, when the history has been read: at a start, and after a restart for those who traded on.
State: the strategy's own, made of what it analysed, and the last signal. Rebuilt from the candles' history after a
crash, so a signal that was lost between two candles still reaches those who hold; never as new, so nobody enters late.
Without an interval there is no history: after a crash it begins anew with the next trade.
Crashes when: the strategy does; and does not start while too many threads of the pool hang in signals of its symbol
that were killed, for each start might take one more, and in the end the threads of all symbols.
"""

from typing import Any, cast

import msgspec

from naive_daemon import names
from naive_daemon.domain.candle import Candle
from naive_daemon.domain.events import Trade
from naive_daemon.domain.money import plain
from naive_daemon.market.candles import AskCandles, CandleClosed, CandlesStarted
from naive_daemon.market.feed import Await, FeedStarted
from naive_daemon.market.hanging import refuse_hanging
from naive_daemon.otp import Actor, Ref, RequestFailed, crash
from naive_daemon.redflow import signature
from naive_daemon.strategy.asking import ask
from naive_daemon.strategy.discovery import load_strategy
from naive_daemon.strategy.protocol import MarketNeeds, Signal, SignalStrategy, Wake

HISTORY_TIMEOUT_S = 60.0
RETRY_S = 5.0
LOST_THREADS_MAX = 3


class AskLastSignal(msgspec.Struct, frozen=True):
    """Tell `owner` the last signal, as an old one; nothing when there was none. The history's comes to all."""

    owner: Ref


class _AskAgain(msgspec.Struct, frozen=True):
    pass


def signals_of(strategy: str, needs: MarketNeeds) -> str:
    """Give the signature of what is computed; whoever has the same hears the same signals."""
    return signature((strategy, needs))


class Signaller(Actor):
    """See the module."""

    def __init__(self, symbol: str, strategy: str, needs: MarketNeeds) -> None:
        super().__init__()
        self._symbol = symbol
        self._strategy_name = strategy
        self._strategy = cast("SignalStrategy", load_strategy(strategy))
        self._needs = needs
        self._topic = names.signals(symbol, signals_of(strategy, needs))
        self._state: Any = None
        self._analysed_ns: int | None = None
        self._is_asking = False
        self._is_waiting = False
        self._last: Signal | None = None

    def log_context(self) -> dict[str, object]:
        """Say which signals these are."""
        return {"symbol": self._symbol, "strategy": self._strategy_name, "interval": self._needs.interval}

    def init(self) -> None:
        """Hear what the signals are made of."""
        self._refuse_lost_threads()
        if self._needs.interval is None:
            self.subscribe(names.feed(self._symbol))
            self._await()
        else:
            self.subscribe(names.candles(self._symbol, self._needs.interval))
            self._ask()

    def on_receive(self, message: Any) -> None:
        """Analyse what is new."""
        match message:
            case CandleClosed(candle, is_late):
                self._take(candle, is_late=is_late)
            case Trade():
                self._analyse(message, is_new=True)
            case AskLastSignal(owner):
                if self._last is not None:
                    owner.tell(_old(self._last))
            case CandlesStarted():
                self._ask()
            case _AskAgain():
                if self._is_waiting:
                    self._ask()
            case FeedStarted():
                self._await()
            case _:
                super().on_receive(message)

    def _refuse_lost_threads(self) -> None:
        stuck = self.system.pool_health().stuck
        lost = sum(one.is_lost and names.is_of_signals(one.ref.name, self._symbol) for one in stuck)
        if lost >= LOST_THREADS_MAX:
            self.exit(crash(f"{lost} threads hang in signals of {self._symbol}: does {self._strategy_name} come back?"))

    def _await(self) -> None:
        self.system.tell(names.feed(self._symbol), Await(self.ref, Wake(every_trade=True)))

    # History --------------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        if self._is_asking or self._needs.interval is None:
            return
        self._is_asking = True
        candles = self.system.whereis(names.candles(self._symbol, self._needs.interval))
        self.request(candles, AskCandles(max(1, self._needs.history)), self._take_history, HISTORY_TIMEOUT_S)

    def _take_history(self, candles: tuple[Candle, ...] | RequestFailed) -> None:
        """Go on with what is not analysed yet; begin anew where something in between is missing."""
        self._is_asking = False
        if isinstance(candles, RequestFailed):
            if not self._is_waiting:
                self.log.warning("no candles yet", reason=str(candles.reason), retry_s=RETRY_S)
            self._is_waiting = True
            self.send_after(RETRY_S, _AskAgain())
            return
        self._is_waiting = False
        news = [candle for candle in candles if self._analysed_ns is None or candle.open_ns >= self._analysed_ns]
        if news and news[0].open_ns != self._analysed_ns:
            news = list(candles)
            self._state = None
        for candle in news:
            self._analyse(candle, is_new=False)
            self._analysed_ns = candle.close_ns
        if self._last is not None:
            self.system.pubsub.publish(self._topic, _old(self._last))

    # Signals --------------------------------------------------------------------------------------------------------

    def _take(self, candle: Candle, *, is_late: bool) -> None:
        """Analyse the candle that follows the last one; one that is missing is in the history."""
        if (
            self._is_asking
            or self._is_waiting
            or (self._analysed_ns is not None and candle.open_ns < self._analysed_ns)
        ):
            return
        if self._analysed_ns is not None and candle.open_ns > self._analysed_ns:
            self._ask()
            return
        before = self._last
        self._analyse(candle, is_new=not is_late)
        self._analysed_ns = candle.close_ns
        if is_late and self._last is not None and self._last is not before:
            self.system.pubsub.publish(self._topic, _old(self._last))  # nobody enters on it, who holds may leave

    def _analyse(self, event: Candle | Trade, *, is_new: bool) -> None:
        refuse_hanging(self, self._strategy, self._symbol)
        self._state, signal = ask(
            self._strategy, self._symbol, lambda: self._strategy.analyse(self._state, event, self._needs)
        )
        if signal is None:
            return
        self._last = signal
        if is_new:
            self.system.pubsub.publish(self._topic, signal)
            self.log.info("signal", side=signal.side.value, price=plain(signal.price))


def _old(signal: Signal) -> Signal:
    return msgspec.structs.replace(signal, is_new=False)
