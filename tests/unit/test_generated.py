"""The generated market: repeatable, resumable, on the grid, and within bounds.

That there is something to trade on is told by the strategy's plain rules.
"""

from decimal import Decimal
from itertools import islice, pairwise

import msgspec
import pytest

from naive_daemon.backtest import BacktestPlan
from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.money import is_multiple
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.market.generated import TRADES_PER_SECOND, GeneratedMarket, GeneratedState, Walk
from naive_daemon.market.generated_instruments import GENERATED_LISTINGS, market_listing
from naive_daemon.market.generated_sweep import Sweeps
from tests.trading.plain import PlainLoop

START_NS = 1_700_000_000 * NS_PER_S
BTC = GENERATED_LISTINGS["BTCUSDT"]


def market(symbol: str = "BTCUSDT", seed: int = 1, trades_per_second: int = 20) -> GeneratedMarket:
    listing = GENERATED_LISTINGS[symbol]
    return GeneratedMarket(
        listing.instrument,
        seed=seed,
        start_price=listing.start_price,
        start_ns=START_NS,
        trades_per_second=trades_per_second,
    )


def test_the_same_seed_gives_the_same_trades_and_another_gives_others() -> None:
    first = list(islice(market(), 600))
    assert list(islice(market(), 600)) == first
    assert [trade.price for trade in islice(market(seed=2), 600)] != [trade.price for trade in first]


def test_symbols_of_one_seed_move_apart() -> None:
    moves = [[trade.buyer_is_maker for trade in islice(market(symbol), 200)] for symbol in GENERATED_LISTINGS]
    assert len({tuple(each) for each in moves}) == len(GENERATED_LISTINGS)


def test_a_symbol_that_other_information_lists_has_a_market_too() -> None:
    other = msgspec.structs.replace(BTC.instrument, symbol="AAAUSDT", base_asset="AAA")
    listing = market_listing(other)
    assert listing.instrument is other
    assert is_multiple(listing.start_price, other.tick_size)
    assert listing.start_price >= other.min_price
    assert market_listing(BTC.instrument) == BTC


@pytest.mark.parametrize("symbol", GENERATED_LISTINGS)
def test_trades_are_on_the_grid_and_in_order(symbol: str) -> None:
    instrument = GENERATED_LISTINGS[symbol].instrument
    for number, trade in enumerate(islice(market(symbol), 300)):
        assert trade.symbol == symbol
        assert trade.trade_id == number + 1
        assert trade.time_ns == START_NS + number * NS_PER_S // 20
        assert is_multiple(trade.price, instrument.tick_size)
        assert is_multiple(trade.quantity, instrument.step_size)
        assert trade.quantity >= instrument.min_quantity
        assert trade.price > 0


@pytest.mark.parametrize("taken_after", [0, 1, 100, 255, 256, 257, 700])
def test_a_resumed_market_goes_on_with_the_same_trades(taken_after: int) -> None:
    whole = list(islice(market(), taken_after + 300))
    former = market()
    for _ in islice(former, taken_after):
        pass
    kept = msgspec.json.decode(msgspec.json.encode(former.state), type=GeneratedState)
    assert list(islice(GeneratedMarket.resume(BTC.instrument, kept), 300)) == whole[taken_after:]


def test_a_market_resumed_later_keeps_its_price_and_ids_but_not_its_time() -> None:
    former = market()
    last = list(islice(former, 1000))[-1]
    resumed = GeneratedMarket.resume(BTC.instrument, former.state, start_ns=START_NS + 10**15)
    trade = next(resumed)
    assert (trade.trade_id, trade.time_ns) == (last.trade_id + 1, START_NS + 10**15)
    assert trade.price == next(former).price


def test_a_market_started_at_the_last_price_does_not_jump() -> None:
    last = list(islice(market(), 1000))[-1]
    again = GeneratedMarket(
        BTC.instrument, seed=9, start_price=last.price, start_ns=last.time_ns, first_trade_id=last.trade_id + 1
    )
    assert abs(next(again).price / last.price - 1) < Decimal("0.01")


@pytest.mark.parametrize("seed", [1, 2])
def test_a_day_stays_within_a_factor_of_three(seed: int) -> None:
    prices = [trade.price for trade in islice(market(seed=seed, trades_per_second=1), 86_400)]
    assert BTC.start_price / 3 < min(prices)
    assert max(prices) < BTC.start_price * 3


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT"])
@pytest.mark.parametrize("seed", range(1, 11))
def test_the_default_settings_finish_cycles_for_as_long_as_it_runs(symbol: str, seed: int) -> None:
    trades = market(symbol, seed)
    loop = PlainLoop(BacktestPlan(instrument=GENERATED_LISTINGS[symbol].instrument, settings=TradeSettings()))
    finished = []
    for _ in range(12):
        before = loop.cycles
        loop.run(islice(trades, 5 * 60 * TRADES_PER_SECOND))
        finished.append(loop.cycles - before)
    assert min(finished) > 20, finished


def test_what_a_former_version_kept_goes_on_around_its_last_price() -> None:
    last = Decimal("70123.45")
    kept = {
        "seed": 1,
        "start_price": "65000.00",
        "trades_per_second": 20,
        "next_trade_id": 9,
        "next_ns": START_NS,
        "walk": {"count": 8, "mean": 70_000_000, "swing": 9_000_000, "last_price": str(last)},
    }
    resumed = GeneratedMarket.resume(BTC.instrument, msgspec.convert(kept, GeneratedState))
    trades = list(islice(resumed, 100))
    assert trades[0].trade_id == 9
    assert all(abs(trade.price / last - 1) < Decimal("0.02") for trade in trades)


@pytest.mark.parametrize("rate", [1, 7, 20])
def test_sweeps_alternate_and_none_follows_another_at_once(rate: int) -> None:
    sweeps = Sweeps("key", rate)
    far = {number: sweeps.at(number) for number in range(5_000)}
    swept = [number for number, each in far.items() if each]
    assert all(after - before > 1 for before, after in pairwise(swept))
    assert all(far[before] * far[after] < 0 for before, after in pairwise(swept))
    assert len(swept) >= 5_000 // (5 * rate)
    assert Sweeps("key", rate).at(swept[-1]) == far[swept[-1]]


@pytest.mark.parametrize("far", [-(10**12), 10**12])
def test_a_price_far_out_is_held_within_a_factor_of_three(far: int) -> None:
    state = msgspec.structs.replace(market().state, walk=Walk(mean=far, swing=far))
    price = next(GeneratedMarket.resume(BTC.instrument, state)).price
    assert BTC.start_price / 3 < price < BTC.start_price * 3


def test_a_price_of_one_tick_never_falls_to_zero() -> None:
    tick = BTC.instrument.tick_size
    cheap = GeneratedMarket(BTC.instrument, seed=1, start_price=tick, start_ns=0)
    assert all(trade.price >= tick for trade in islice(cheap, 300))


@pytest.mark.parametrize(
    ("start_price", "rate", "complaint"),
    [
        ("0.009", 20, "less than a tick"),
        ("-1", 20, "less than a tick"),
        ("1", 0, "trades a second"),
        ("1", 10**7, "a second"),
    ],
)
def test_what_makes_no_market_is_refused(start_price: str, rate: int, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        GeneratedMarket(BTC.instrument, seed=1, start_price=Decimal(start_price), start_ns=0, trades_per_second=rate)
