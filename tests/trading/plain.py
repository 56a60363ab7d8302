"""The naive strategy as one plain loop: no actors, no journal, no book. What the daemon does is held against it.

It is written from the rules alone: fills first; then the event reaches the traders that were there before it.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from naive_daemon.backtest import BacktestPlan
from naive_daemon.domain.events import Trade
from naive_daemon.domain.settings import Dust

if TYPE_CHECKING:
    from naive_daemon.domain.settings import TradeSettings

ONE = Decimal(1)


class PlainTrader:
    """One cycle: where its orders are, and what they brought."""

    __slots__ = ("bought_at", "dust", "has_rebought", "number", "quantity", "sell_at", "sold")

    def __init__(self, dust: Decimal) -> None:
        self.dust = dust
        self.number = 0
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
        self.orders: list[tuple[str, Decimal, Decimal]] = []
        self.cycles = 0
        self.pnl = Decimal(0)
        self.dust = Decimal(0)
        self.traders = [self._fresh()]

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
        """Fill buys, then sells, each by price and then by time: that decides who gets the dust of whom."""
        resting = [trader for trader in self.traders if trader.bought_at is not None]
        buys = [trader for trader in resting if trader.sell_at is None and price < (trader.bought_at or 0)]
        sells = [trader for trader in resting if trader.sell_at is not None and price > trader.sell_at]
        for trader in sorted(buys, key=lambda trader: (-(trader.bought_at or 0), trader.number)):
            assert trader.bought_at is not None
            self._sell(trader, trader.bought_at)
        for trader in sorted(sells, key=lambda trader: (trader.sell_at or 0, trader.number)):
            assert trader.sell_at is not None
            self._finish(trader, trader.sell_at)

    def _sell(self, trader: PlainTrader, bought_at: Decimal) -> None:
        held = trader.quantity * (ONE - self.fee) + trader.dust
        trader.sell_at = self._floor(
            bought_at * (ONE + self.fee) * (ONE + self.settings.profit_interval) * (ONE + self.fee), self.tick
        )
        trader.sold = self._floor(held, self.step)
        self._place(trader, "SELL", trader.sell_at, trader.sold)

    def _finish(self, trader: PlainTrader, sell_at: Decimal) -> None:
        assert trader.bought_at is not None
        self.cycles += 1
        self.pnl += trader.sold * sell_at * (ONE - self.fee) - trader.quantity * trader.bought_at
        self.dust += trader.quantity * (ONE - self.fee) + trader.dust - trader.sold
        self.traders[self.traders.index(trader)] = self._fresh()

    def _fresh(self) -> PlainTrader:
        """Give all dust to whoever starts, where it is swept."""
        given = self.dust if self.settings.dust is Dust.SWEEP else Decimal(0)
        self.dust -= given
        return PlainTrader(given)

    def _place(self, trader: PlainTrader, side: str, price: Decimal, quantity: Decimal) -> None:
        self.orders.append((side, price, quantity))
        trader.number = len(self.orders)

    def _act(self, trader: PlainTrader, price: Decimal) -> None:
        if trader.bought_at is None:
            trader.bought_at = self._floor(price * (ONE - self.settings.buy_down_interval), self.tick)
            budget = self.settings.budget / self.settings.chunks
            trader.quantity = self._floor(budget / trader.bought_at, self.step)
            self._place(trader, "BUY", trader.bought_at, trader.quantity)
        elif not trader.has_rebought and price < trader.bought_at * (ONE - self.settings.rebuy_interval):
            trader.has_rebought = True
            if len(self.traders) < self.settings.chunks:
                self.traders.append(self._fresh())

    @staticmethod
    def _floor(value: Decimal, step: Decimal) -> Decimal:
        return value // step * step
