"""The naive strategy as one plain loop: no actors, no journal, no book. What the daemon does is held against it.

It is written from the rules alone: fills first; then the event reaches the traders that were there before it.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from naive_daemon.backtest import BacktestPlan
from naive_daemon.domain.events import Trade

if TYPE_CHECKING:
    from naive_daemon.domain.settings import TradeSettings

ONE = Decimal(1)


class PlainTrader:
    """One cycle: where its orders are, and what they brought."""

    __slots__ = ("bought_at", "has_rebought", "quantity", "sell_at", "sold")

    def __init__(self) -> None:
        self.bought_at: Decimal | None = None
        self.sell_at: Decimal | None = None
        self.quantity = Decimal(0)
        self.sold = Decimal(0)
        self.has_rebought = False


class PlainLoop:
    """Feed it trades in order; `orders` are (side, price, quantity), oldest first in each event."""

    def __init__(self, plan: BacktestPlan) -> None:
        self.settings: TradeSettings = plan.settings
        self.tick, self.step, self.fee = plan.instrument.tick_size, plan.instrument.step_size, plan.fee
        self.traders = [PlainTrader()]
        self.orders: list[tuple[str, Decimal, Decimal]] = []
        self.cycles = 0
        self.pnl = Decimal(0)
        self.dust = Decimal(0)

    def run(self, trades: Iterable[Trade]) -> "PlainLoop":
        for trade in trades:
            self.take(trade.price)
        return self

    def take(self, price: Decimal) -> None:
        before = list(self.traders)
        self._fill(price)
        for trader in before:
            if trader in self.traders:
                self._act(trader, price)

    def _fill(self, price: Decimal) -> None:
        for place, trader in enumerate(list(self.traders)):
            if trader.sell_at is None and trader.bought_at is not None and price < trader.bought_at:
                self._sell(trader, trader.bought_at)
            elif trader.sell_at is not None and price > trader.sell_at:
                self._finish(place, trader, trader.sell_at)

    def _sell(self, trader: PlainTrader, bought_at: Decimal) -> None:
        held = trader.quantity * (ONE - self.fee)
        trader.sell_at = self._floor(
            bought_at * (ONE + self.fee) * (ONE + self.settings.profit_interval) * (ONE + self.fee), self.tick
        )
        trader.sold = self._floor(held, self.step)
        self.orders.append(("SELL", trader.sell_at, trader.sold))

    def _finish(self, place: int, trader: PlainTrader, sell_at: Decimal) -> None:
        assert trader.bought_at is not None
        self.cycles += 1
        self.pnl += trader.sold * sell_at * (ONE - self.fee) - trader.quantity * trader.bought_at
        self.dust += trader.quantity * (ONE - self.fee) - trader.sold
        self.traders[place] = PlainTrader()

    def _act(self, trader: PlainTrader, price: Decimal) -> None:
        if trader.bought_at is None:
            trader.bought_at = self._floor(price * (ONE - self.settings.buy_down_interval), self.tick)
            budget = self.settings.budget / self.settings.chunks
            trader.quantity = self._floor(budget / trader.bought_at, self.step)
            self.orders.append(("BUY", trader.bought_at, trader.quantity))
        elif not trader.has_rebought and price < trader.bought_at * (ONE - self.settings.rebuy_interval):
            trader.has_rebought = True
            if len(self.traders) < self.settings.chunks:
                self.traders.append(PlainTrader())

    @staticmethod
    def _floor(value: Decimal, step: Decimal) -> Decimal:
        return value // step * step
