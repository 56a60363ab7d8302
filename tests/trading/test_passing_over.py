"""What a backtest passes over changes nothing: it is held against one that carries every trade to its end."""

from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive_daemon.backtest import BacktestPlan, BacktestResult, needs_of_plan, run_backtest, run_stretches
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.settings import Dust, TradeSettings
from naive_daemon.exchange.paper.engine import FillModel
from naive_daemon.market.alerts import PriceBand
from naive_daemon.market.candles_of_trades import CandlesOfTrades
from naive_daemon.market.columns import DECIMALS, Columns, TradeList
from naive_daemon.market.signals_in_bulk import signals_in
from naive_daemon.market.told import NothingTold
from naive_daemon.strategy.naive import NaiveStrategy
from naive_daemon.strategy.protocol import Decision, Position, StrategyEvent, Wake
from tests.trading.plain import PlainLoop
from tests.trading.test_backtest import SMALL

LOAD = "naive_daemon.trading.crew.load_strategy"


class Each(TradeList):
    """Passes over nothing."""

    def seek(self, start: int, stop: int, band: PriceBand, due_ns: int) -> int:
        return min(start, stop)


class Restless(NaiveStrategy):
    """Decides as the naive one does, and looks at every trade."""

    def decide(self, event: StrategyEvent, position: Position, instrument: Instrument) -> tuple[Decision, ...]:
        decisions = super().decide(event, position, instrument)
        return tuple(Wake(every_trade=True) if isinstance(one, Wake) else one for one in decisions)


def columns(trades: list[Trade]) -> Columns:
    def whole(value: Decimal) -> int:
        return int(value.scaleb(DECIMALS))

    return Columns(
        symbol=trades[0].symbol,
        prices=np.array([whole(trade.price) for trade in trades]),
        quantities=np.array([whole(trade.quantity) for trade in trades]),
        ids=np.array([trade.trade_id for trade in trades]),
        times=np.array([trade.time_ns for trade in trades]),
        makers=np.array([trade.buyer_is_maker for trade in trades]),
    )


def traded(result: BacktestResult) -> BacktestResult:
    """Give all but what it took."""
    return msgspec.structs.replace(
        result, summary=msgspec.structs.replace(result.summary, wall_s=Decimal(0), events_per_s=0)
    )


TRADES = st.lists(
    st.tuples(st.integers(-40, 40), st.sampled_from([0, 0, 1, 10**8, 10**11]), st.integers(1, 400), st.booleans()),
    min_size=1,
    max_size=250,
)
RATIOS = st.sampled_from([Decimal(0), Decimal("0.0005"), Decimal("0.002"), Decimal("0.01")])
SETTINGS = st.builds(
    TradeSettings,
    chunks=st.integers(1, 4),
    budget=st.sampled_from([Decimal(300), Decimal(20)]),
    buy_down_interval=RATIOS,
    profit_interval=RATIOS,
    rebuy_interval=RATIOS,
    dust=st.sampled_from(Dust),
)
PLANS = st.builds(
    BacktestPlan,
    instrument=st.builds(
        Instrument,
        symbol=st.just("AAAQ"),
        base_asset=st.just("AAA"),
        quote_asset=st.just("Q"),
        tick_size=st.just(Decimal("0.01")),
        step_size=st.just(Decimal("0.001")),
        min_notional=st.sampled_from([Decimal(0), Decimal("19.9"), Decimal(90), Decimal(10_000)]),
    ),
    settings=SETTINGS,
    fee=st.sampled_from([Decimal(0), Decimal("0.001")]),
    fill_model=st.sampled_from(FillModel),
    shutdown_at=st.none() | st.integers(0, 200),
)


@settings(max_examples=60, deadline=None)
@given(TRADES, PLANS, st.booleans(), st.integers(1, 100), st.sampled_from([7, 10_000]))
def test_what_is_passed_over_changes_nothing(
    moves: list[tuple[int, int, int, bool]], plan: BacktestPlan, restless: bool, cut: int, look: int
) -> None:
    price, time_ns, trades = Decimal(100), 0, []
    for number, (move, later_ns, thousandths, maker) in enumerate(moves, 1):
        price, time_ns = max(price + move * Decimal("0.01"), Decimal(50)), time_ns + later_ns
        trades.append(Trade("AAAQ", price, Decimal(thousandths) / 1_000, number, time_ns, maker))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("naive_daemon.backtest.PROGRESS_TRADES", look)
        if restless:
            patch.setattr(LOAD, lambda _: Restless())
        each = traded(run_stretches([Each([trade]) for trade in trades], plan))
        pieces = [trades[start : start + cut] for start in range(0, len(trades), cut)]
        assert traded(run_stretches(map(columns, pieces), plan)) == each
        assert traded(run_stretches([columns(trades)], plan)) == each
        assert traded(run_backtest(trades, plan)) == each


def test_a_long_swing_in_columns_gives_the_orders_of_the_plain_loop() -> None:
    prices = [Decimal(100) + Decimal(n % 997 - 498) / 100 + Decimal(n % 31 - 15) / 50 for n in range(1, 20_001)]
    trades = [Trade("AAAQ", price, Decimal(1), n, n * 10**9) for n, price in enumerate(prices, 1)]
    instrument = Instrument(
        symbol="AAAQ", base_asset="AAA", quote_asset="Q", tick_size=Decimal("0.01"), step_size=Decimal("0.001")
    )
    plan = BacktestPlan(instrument=instrument, settings=TradeSettings(chunks=3, budget=Decimal(300)))
    result, loop = run_stretches([columns(trades)], plan), PlainLoop(plan).run(trades)
    shown = sorted((order.side.value, order.price, order.quantity) for order in result.orders)
    assert shown == sorted(loop.orders)
    assert len(shown) > 100
    assert (result.summary.cycles, result.summary.realised_pnl) == (loop.cycles, loop.pnl)


SIGNALS = st.builds(
    lambda fast, more, stop, interval: (
        ("fast", str(fast)), ("interval", interval), ("slow", str(fast + more)), ("stop_loss", stop),
    ),
    st.integers(1, 4), st.integers(1, 4), st.sampled_from(["0", "0.004", "0.02"]), st.sampled_from(["1s", "1m"]),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(TRADES, PLANS, SIGNALS, st.integers(1, 100))
def test_candles_told_in_bulk_trade_as_those_that_hear_every_trade(
    moves: list[tuple[int, int, int, bool]], plan: BacktestPlan, signals: tuple[tuple[str, str], ...], cut: int
) -> None:
    price, time_ns, trades = Decimal(100), 0, []
    for number, (move, later_ns, thousandths, maker) in enumerate(moves * 3, 1):
        price, time_ns = max(price + move * Decimal("0.03"), Decimal(50)), time_ns + later_ns * 3
        trades.append(Trade("AAAQ", price, Decimal(thousandths) / 1_000, number, time_ns, maker))
    trading = msgspec.structs.replace(plan.settings, strategy="ema_cross", parameters=signals)
    plan = msgspec.structs.replace(plan, settings=trading)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("naive_daemon.backtest._told", lambda _, __: NothingTold())
        patch.setattr("naive_daemon.backtest.CandlesFromOutside", CandlesOfTrades)
        heard = traded(run_stretches([Each([trade]) for trade in trades], plan))
    pieces = [trades[start : start + cut] for start in range(0, len(trades), cut)]
    assert traded(run_stretches(map(columns, pieces), plan)) == heard
    assert traded(run_backtest(trades, plan)) == heard
    # The same again, with the signals computed beforehand, as for all points of a grid that need the same.
    needs = needs_of_plan(plan)
    assert needs is not None
    stretches = list(map(columns, pieces))
    told = signals_in(stretches, "AAAQ", "ema_cross", needs)
    assert told is not None
    assert traded(run_stretches(stretches, plan, signals=told)) == heard


def test_a_candle_strategy_trades_on_what_it_is_told_in_bulk() -> None:
    prices = [Decimal(100) + Decimal(n // 40 % 25 - 12) / 10 for n in range(8_000)]
    trades = [Trade("AAAQ", price, Decimal(1), n, n * 10**9) for n, price in enumerate(prices, 1)]
    trading = TradeSettings(strategy="ema_cross", budget=Decimal(300), parameters=(("fast", "2"), ("slow", "4")))
    result = run_stretches([columns(trades)], msgspec.structs.replace(SMALL, settings=trading))
    assert result.summary.cycles >= 3
