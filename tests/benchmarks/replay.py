"""Trades a second through the whole strategy path, against a plain loop of the same rules and the engine alone."""

import os
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path

from naive_daemon.backtest import BacktestPlan, run_backtest
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.engine import PaperEngine
from naive_daemon.market.generated import GeneratedMarket
from naive_daemon.market.recording import Recording
from tests.benchmarks.figure import Comparison, Figure, best_rate
from tests.trading.plain import PlainLoop

DATA = Path(os.environ.get("NAIVE_TEST_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
RECORDED = DATA / "XRPETH-aggTrades-2019-10-11.csv"
GENERATED_TRADES = 200_000

XRPETH = Instrument(
    symbol="XRPETH", base_asset="XRP", quote_asset="ETH", tick_size=Decimal("0.00000001"), step_size=Decimal(1)
)
BTCUSDT = Instrument(
    symbol="BTCUSDT", base_asset="BTC", quote_asset="USDT", tick_size=Decimal("0.01"), step_size=Decimal("0.00001")
)
RECORDED_SETTINGS = TradeSettings(
    chunks=3,
    budget=Decimal("2.5"),
    buy_down_interval=Decimal("0.001"),
    profit_interval=Decimal("0.0005"),
    rebuy_interval=Decimal("0.004"),
)


def figures() -> Iterator[Figure]:
    """Measure, one after another."""
    if RECORDED.exists():
        yield from _compare("recorded XRPETH", list(Recording(RECORDED)), XRPETH, RECORDED_SETTINGS)
    market = GeneratedMarket(BTCUSDT, seed=1, start_price=Decimal(60_000), start_ns=1_700_000_000 * 10**9)
    generated = list(islice(market, GENERATED_TRADES))
    yield from _compare("generated BTCUSDT", generated, BTCUSDT, RECORDED_SETTINGS_IN_USDT)
    yield _uncrossed(generated)


RECORDED_SETTINGS_IN_USDT = TradeSettings(
    chunks=3,
    budget=Decimal(3000),
    buy_down_interval=Decimal("0.001"),
    profit_interval=Decimal("0.0005"),
    rebuy_interval=Decimal("0.004"),
)


def _compare(name: str, trades: list[Trade], instrument: Instrument, settings: TradeSettings) -> Iterator[Figure]:
    plan = BacktestPlan(instrument=instrument, settings=settings)
    orders = run_backtest(trades, plan).summary.orders
    yield Figure(
        name=f"replay, {name}: {len(trades)} trades, {orders} orders",
        value=best_rate(len(trades), lambda: run_backtest(trades, plan)),
        unit="trades/s",
        peers=(Comparison(peer="plain loop", value=best_rate(len(trades), lambda: PlainLoop(plan).run(trades))),),
    )


def _uncrossed(trades: list[Trade]) -> Figure:
    engine = PaperEngine({"BTCUSDT": BTCUSDT}, balances={"main": {"USDT": Decimal(10**9)}})
    for number in range(1, 6):
        order = Order(
            client_order_id=f"id{number}",
            key=CycleKey("main", "BTCUSDT", number, 1),
            leg=Leg(Side.BUY),
            price=Decimal(number),
            quantity=Decimal(1),
            created_ns=0,
        )
        engine.place(order, 0)
    rate = best_rate(len(trades), lambda: [engine.match(trade) for trade in trades])
    return Figure(name="paper engine, trades that cross nothing", value=rate, unit="trades/s")
