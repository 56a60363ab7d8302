"""The whole tree on real threads; its clock stands until a test moves it: a thread is stuck when the test says so."""

import threading
from decimal import Decimal
from typing import Any

from naive_daemon import names
from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.market.feed import DeliverTrade, TradeArrived
from naive_daemon.otp import ActorSystem
from naive_daemon.otp.pool import PoolDispatcher
from naive_daemon.strategy.protocol import Decision, Position, Strategy, StrategyEvent
from naive_daemon.tree import root
from tests.trading.plant import STEP_NS, Notifier, Plant

PATIENCE_S = 30.0
STUCK_AFTER_S = 5.0
KILL_AFTER_S = 30.0
PERIOD_S = 1.0


class LivePlant(Plant):
    """`hung` is how many handlers hang at the moment: they are not waited for."""

    hung = 0

    def start(self) -> "LivePlant":
        """Start the tree."""
        self.notifier = Notifier()
        self.system: Any = ActorSystem.live(
            self.clock, threads=2, stuck_after_s=STUCK_AFTER_S, kill_after_s=KILL_AFTER_S
        )
        pool = self.system._dispatchers["pool"]
        assert isinstance(pool, PoolDispatcher)
        self.pool = pool
        self.pool.look(self.clock.monotonic_s(), PERIOD_S)
        self.top = self.system.start(root(self._make_ports()))
        self.settle()
        return self

    def settle(self) -> None:
        assert self.system.settle(self.hung, PATIENCE_S)

    def send(self, price: str, symbol: str) -> None:
        """Let the market print a trade, and wait for nothing."""
        self.trade_id += 1
        self.clock.advance_to(self.clock.now_ns() + STEP_NS)
        trade = Trade(symbol, Decimal(price), Decimal(1), self.trade_id, self.clock.now_ns())
        for message in (TradeArrived(trade), DeliverTrade()):
            self.system.tell(names.feed(symbol), message)

    def trade(self, price: Any, symbol: str = "", quantity: str = "1") -> None:
        """Let the market print a trade, and carry it to its end."""
        self.send(str(price), symbol or self.symbols[0])
        self.settle()

    def pass_time(self, seconds: float) -> None:
        """Move the clock and look after the threads, period by period."""
        for _ in range(round(seconds / PERIOD_S)):
            self.clock.advance_to(self.clock.now_ns() + round(PERIOD_S * NS_PER_S))
            self.pool.look(self.clock.monotonic_s(), PERIOD_S)


class Hanging:
    """A plug-in whose decision does not come back, `times` times, before it is let go; otherwise it is `inner`.

    It hangs on trades of `symbol` alone, where one is given.
    """

    def __init__(self, inner: Strategy, times: int, symbol: str | None = None) -> None:
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()
        self._inner = inner
        self._times = times
        self._symbol = symbol

    def decide(self, event: StrategyEvent, position: Position, instrument: Instrument) -> tuple[Decision, ...]:
        if isinstance(event, Trade) and self._times and self._symbol in (None, event.symbol):
            self._times -= 1
            self.entered.release()
            assert self.go_on.wait(PATIENCE_S)
        return self._inner.decide(event, position, instrument)
