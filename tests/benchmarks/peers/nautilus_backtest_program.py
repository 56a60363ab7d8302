"""NautilusTrader's backtest of the naive strategy, in its own environment: run by its Python, it knows nothing of ours.

Arguments: a CSV of Binance's aggregated trades without a header, chunks, budget, buy-down, profit and rebuy interval,
fee, and whether the trades are in memory already ("memory") or are read in what is measured ("file"). For each line on
its standard input it runs the backtest once and prints the seconds and how many orders were placed; at the end of
input, each order as `side price quantity`.

The strategy is Python, as ours is, and as thin as the rules allow: a limit buy below the market, a limit sell above
what was paid, one more trader when the price has fallen. What a cycle could not sell is its dust, and stays.

Its orders are filled by our rule, too: each that a trade is strictly through, whole and at its own price, whoever was
the trade's maker. Left alone the engine fills by two other rules. A trade with an aggressor fills orders opposite it
only: so the trades are given none. And where a trade has filled an order, the engine moves its market to that order's
price for as long as it matches the trade, so that others of the same side, though it is through them, wait for a later
one: so a fill model says what is filled.
"""

import decimal
import sys
import time
from decimal import Decimal
from typing import Any

import pandas as pd
from nautilus_trader.backtest.engine import (
    BacktestEngine,
    BacktestEngineConfig,
)
from nautilus_trader.backtest.models import FillModel
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.currencies import ETH, XRP
from nautilus_trader.model.data import BookOrder
from nautilus_trader.model.enums import AccountType, BookType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TraderId, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import TradeTickDataWrangler
from nautilus_trader.trading.strategy import Strategy

ONE = Decimal(1)
TICK = Decimal("0.00000001")


def instrument(fee: Decimal) -> Any:
    """Describe XRPETH as it was."""
    return CurrencyPair(
        instrument_id=InstrumentId(Symbol("XRPETH"), Venue("SIM")),
        raw_symbol=Symbol("XRPETH"),
        base_currency=XRP,
        quote_currency=ETH,
        price_precision=8,
        size_precision=0,
        price_increment=Price(1e-08, precision=8),
        size_increment=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
        maker_fee=fee,
        taker_fee=fee,
    )


class ThroughFillModel(FillModel):
    """An order that a trade is through is filled whole, at its own price; one that it is just at is not."""

    def __init__(self) -> None:
        super().__init__(prob_fill_on_limit=0.0)

    def get_orderbook_for_fill_simulation(self, pair: Any, order: Any, best_bid: Any, best_ask: Any) -> Any:
        """Show what meets an order that is filled; it is asked for no other."""
        opposite = OrderSide.SELL if order.side == OrderSide.BUY else OrderSide.BUY
        book = OrderBook(pair.id, BookType.L2_MBP)
        book.add(BookOrder(opposite, order.price, order.leaves_qty, 1), 0, 0)
        return book


class Trader:
    """One cycle."""

    __slots__ = ("bought_at", "has_rebought", "quantity")

    def __init__(self) -> None:
        self.bought_at: Decimal | None = None
        self.quantity = Decimal(0)
        self.has_rebought = False


class Naive(Strategy):
    """The naive strategy by its rules; fills come before the trade that made them, and who began then waits."""

    def __init__(self, pair: Any, chunks: int, budget: Decimal, ratios: tuple[Decimal, ...], fee: Decimal) -> None:
        super().__init__()
        self.pair = pair
        self.chunks, self.budget, self.fee = chunks, budget, fee
        self.down, self.profit, self.rebuy = ratios
        self.traders: list[Trader] = [Trader()]
        self.fresh: list[Trader] = []
        self.owners: dict[Any, Trader] = {}
        self.placed: list[tuple[str, Decimal, Decimal]] = []

    def on_start(self) -> None:
        self.subscribe_trade_ticks(self.pair.id)

    def on_trade_tick(self, tick: Any) -> None:
        price = tick.price.as_decimal()
        fresh = self.fresh
        self.fresh = []
        for trader in list(self.traders):
            if trader in fresh:
                continue
            if trader.bought_at is None:
                self.buy(trader, price)
            elif not trader.has_rebought and price < trader.bought_at * (ONE - self.rebuy):
                trader.has_rebought = True
                if len(self.traders) < self.chunks:
                    self.traders.append(Trader())

    def buy(self, trader: Trader, price: Decimal) -> None:
        limit = price * (ONE - self.down) // TICK * TICK
        trader.bought_at, trader.quantity = limit, self.budget / self.chunks // limit
        self.place(trader, OrderSide.BUY, limit, trader.quantity)

    def place(self, trader: Trader, side: Any, price: Decimal, quantity: Decimal) -> None:
        order = self.order_factory.limit(
            self.pair.id, side, Quantity.from_str(f"{quantity:f}"), Price.from_str(f"{price:f}")
        )
        self.owners[order.client_order_id] = trader
        self.placed.append(("BUY" if side == OrderSide.BUY else "SELL", price, quantity))
        self.submit_order(order)

    def on_order_filled(self, event: Any) -> None:
        if not self.cache.order(event.client_order_id).is_closed:
            return
        trader = self.owners.pop(event.client_order_id)
        if event.order_side == OrderSide.BUY:
            paid = trader.bought_at
            assert paid is not None
            limit = paid * (ONE + self.fee) * (ONE + self.profit) * (ONE + self.fee) // TICK * TICK
            self.place(trader, OrderSide.SELL, limit, trader.quantity * (ONE - self.fee) // ONE)
        else:
            another = Trader()
            self.traders[self.traders.index(trader)] = another
            self.fresh.append(another)


def ticks_of(path: str, pair: Any) -> list[Any]:
    """Read the trades as its users do, with pandas and its wrangler, without their aggressors."""
    names = ["trade_id", "price", "quantity", "first", "last", "time", "buyer_maker", "best"]
    rows = pd.read_csv(path, names=names, usecols=["trade_id", "price", "quantity", "time"])
    rows.index = pd.to_datetime(rows.pop("time"), unit="ms", utc=True)
    return list(TradeTickDataWrangler(pair).process(rows))


def main() -> None:
    """Run once for each line."""
    path, chunks, budget, *ratios, fee = sys.argv[1:-1]
    is_from_file = sys.argv[-1] == "file"
    decimal.getcontext().prec = 28
    pair = instrument(Decimal(fee))
    ticks: list[Any] = [] if is_from_file else ticks_of(path, pair)
    strategy = None
    for _ in sys.stdin:
        strategy = Naive(pair, int(chunks), Decimal(budget), tuple(map(Decimal, ratios)), Decimal(fee))
        engine = BacktestEngine(
            BacktestEngineConfig(trader_id=TraderId("BENCH-001"), logging=LoggingConfig(bypass_logging=True))
        )
        engine.add_venue(
            venue=Venue("SIM"),
            oms_type=OmsType.NETTING,
            account_type=AccountType.CASH,
            starting_balances=[Money(Decimal(budget) * 10, ETH), Money(0, XRP)],
            fill_model=ThroughFillModel(),
        )
        engine.add_instrument(pair)
        engine.add_strategy(strategy)
        if not is_from_file:
            engine.add_data(ticks, validate=False)
        began = time.perf_counter()
        if is_from_file:
            engine.add_data(ticks_of(path, pair), validate=False)
        engine.run()
        spent_s = time.perf_counter() - began
        engine.dispose()
        sys.stdout.write(f"{spent_s} {len(strategy.placed)}\n")
        sys.stdout.flush()
    for side, price, quantity in strategy.placed if strategy else ():
        sys.stdout.write(f"{side} {price} {quantity}\n")


if __name__ == "__main__":
    main()
