"""The points of a grid, what is refused, how they are ranked, and the market that their processes share."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.backtest import BacktestPlan, run_backtest
from naive_daemon.cli.grid_option import read_grid
from naive_daemon.cli.trade_setting import read_trade_settings
from naive_daemon.domain.errors import UsageError
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.grid.flow import PointsFlow
from naive_daemon.grid.outcome import Outcome, RankBy, outcome_of, ranked
from naive_daemon.grid.points import POINTS_MAX, Point, make_grid, read_axes
from naive_daemon.grid.shared import read, written
from naive_daemon.market.columns import Columns, TradeList
from naive_daemon.market.recorded_columns import RecordedColumns
from naive_daemon.strategy.settings import change_trade
from naive_daemon.trading.summary import summarise
from tests.trading.test_backtest import SMALL, trades_at


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("chunks=3", ("3",)),
        ("chunks=3,5 , 8", ("3", "5", "8")),
        ("chunks=1..4", ("1", "2", "3", "4")),
        ("fee=0.0005..0.002:0.0005", ("0.0005", "0.001", "0.0015", "0.002")),
        ("fee=0..1:0.3,2", ("0", "0.3", "0.6", "0.9", "2")),
        ("strategy=naive,other", ("naive", "other")),
    ],
)
def test_an_axis_is_a_list_of_values_and_ranges(text: str, values: tuple[str, ...]) -> None:
    (axis,) = read_axes([text])
    assert (axis.key, axis.values) == (text.partition("=")[0], values)


@pytest.mark.parametrize(
    "text",
    [
        "budget=1e999999",
        "budget=1e999999..2e999999:1e999999",
        "budget=1e200..3e200:1e200",
        f"budget={'9' * 5_000}",
        f"fast={'9' * 5_000}",
        f"fee={'9' * 5_000},{'9' * 5_000}",
        f"budget=1..{'9' * 5_000}x",
        f"budget=1..{'9' * 150}",
        f"strategy={'x' * 5_000}",
        f"{'x' * 5_000}=3",
        "x" * 5_000,
    ],
)
def test_a_value_of_any_length_is_refused_in_short_lines(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_grid([text], [], SMALL)
    lines = str(refused.value).splitlines()
    assert 1 <= len(lines) <= 5
    assert max(map(len, lines)) <= 300


@pytest.mark.parametrize(
    ("given_texts", "reason"),
    [
        (["chunks"], "not written as KEY=VALUE"),
        (["=3"], "not written as KEY=VALUE"),
        (["chunks="], "it has no values"),
        (["chunks=3,,5"], "one of its values is empty"),
        (["chunks=3,5,3"], "3 is given twice"),
        (["fee=0.001,0.0010"], "0.001 is given twice"),
        (["chunks=1..3,2"], "2 is given twice"),
        (["chunks=3", "chunks=5"], "chunks is given twice"),
        (["chunks=5..3"], "the range 5..3 has no value in it"),
        (["chunks=1..3:0"], "the range 1..3:0 has no value in it"),
        (["chunks=1..3:1e-400"], "the range 1..3:1e-400 has more values than can be counted"),
        (["chunks=1..3:-1"], "has no value in it"),
        (["chunks=a..b"], "a..b is not a range like"),
        (["chunks=1..9:"], "is not a range like"),
        (["budget=1..1e9"], "has 1,000,000,000 values"),
        (["chunks=1..200", "budget=1..200"], f"40,000 points, and at most {POINTS_MAX:,} are tested at once"),
    ],
)
def test_a_grid_that_is_none_is_refused_with_the_reason(given_texts: list[str], reason: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_axes(given_texts)
    assert reason in raised.value.message
    assert "\n" not in raised.value.message
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        (["chunks=3", "chunks = 4"], "chunks is given twice"),
        (["fee=0.1", "fee=0.1"], "fee is given twice"),
        (["chunks=3", "budget=1", "chunks=x"], "chunks is given twice"),
    ],
)
def test_a_setting_that_is_given_twice_is_refused(pairs: list[str], reason: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_trade_settings(pairs, SMALL.fee)
    assert refused.value.message == reason


def plan_of(changes: Mapping[str, str]) -> BacktestPlan:
    numbers = {key: Decimal(value) for key, value in changes.items()}
    if numbers.get("chunks", 1) > numbers.get("budget", 100):
        raise UsageError("chunks is not more than budget")
    return msgspec.structs.replace(SMALL, fee=numbers.get("fee", SMALL.fee))


def test_every_combination_is_a_point_and_what_does_not_go_together_is_left_out() -> None:
    grid = make_grid(read_axes(["chunks=1,5", "budget=3,9"]), plan_of)
    assert [point.changes for point in grid.points] == [
        {"chunks": "1", "budget": "3"}, {"chunks": "1", "budget": "9"}, {"chunks": "5", "budget": "9"},
    ]  # fmt: skip
    assert [point.number for point in grid.points] == [0, 1, 2]
    assert grid.left_out == ("chunks is not more than budget",)


def test_a_value_that_no_point_can_have_is_refused() -> None:
    with pytest.raises(UsageError, match="chunks is not more than budget"):
        make_grid(read_axes(["chunks=1,50", "budget=3,9"]), plan_of)


def outcome(number: int, pnl: str | None, open_pnl: str | None = "0") -> Outcome:
    if pnl is None:
        return Outcome(number=number, changes={}, error="gone")
    summary = msgspec.structs.replace(summarise(1, (), (), 1), realised_pnl=Decimal(pnl))
    left = None if open_pnl is None else Decimal(open_pnl)
    return Outcome(number=number, changes={}, summary=summary, open_pnl=left)


@given(st.permutations([(0, "1"), (1, None), (2, "-3"), (3, "7"), (4, "1"), (5, None)]))
def test_the_best_comes_first_and_what_failed_last_however_they_came(came: list[tuple[int, str | None]]) -> None:
    outcomes = [outcome(number, pnl) for number, pnl in came]
    assert [each.number for each in ranked(outcomes, RankBy.PNL)] == [3, 0, 4, 2, 1, 5]
    # Nothing traded is no drawdown and no win rate: of equals, and of what is not known, the number decides.
    assert [each.number for each in ranked(outcomes, RankBy.DRAWDOWN)] == [0, 2, 3, 4, 1, 5]
    assert [each.number for each in ranked(outcomes, RankBy.WIN_RATE)] == [0, 2, 3, 4, 1, 5]


def test_what_is_open_counts_as_if_it_were_sold() -> None:
    outcomes = [outcome(0, "9", "-9.5"), outcome(1, "1", "-0.25"), outcome(2, "0", "0.5"), outcome(3, "10", None)]
    assert [each.value(RankBy.PNL) for each in outcomes] == [Decimal("-0.5"), Decimal("0.75"), Decimal("0.5"), None]
    assert [each.number for each in ranked(outcomes, RankBy.PNL)] == [1, 2, 0, 3]
    assert [each.number for each in ranked(outcomes, RankBy.REALISED_PNL)] == [3, 0, 1, 2]
    assert [each.number for each in ranked(outcomes, RankBy.OPEN_PNL)] == [2, 1, 0, 3]


def outcome_on(*prices: str) -> Outcome:
    settings = msgspec.structs.replace(SMALL.settings, chunks=1)
    point = Point(0, {}, msgspec.structs.replace(SMALL, settings=settings))
    return outcome_of(point, run_backtest(trades_at(prices), point.plan))


def test_what_was_bought_and_not_sold_is_worth_the_last_price_less_the_fee_of_a_sale() -> None:
    fallen = outcome_on("100", "99", "90")
    # 3.003 at 99.9 have cost 299.9997; a thousandth was the fee of the buy. 2.999997 × 90 × 0.999 is what is left.
    assert fallen.value(RankBy.REALISED_PNL) == 0
    assert fallen.value(RankBy.OPEN_PNL) == fallen.value(RankBy.PNL) == Decimal("269.72973027") - Decimal("299.9997")
    assert fallen.figures is not None
    assert fallen.figures.unrealised_pnl == Decimal("269.99973") - Decimal("299.9997")


def test_a_buy_that_waits_and_a_market_without_a_trade_leave_nothing_open() -> None:
    assert [outcome_on(*prices).value(RankBy.OPEN_PNL) for prices in [("100", "100"), ()]] == [0, 0]


def test_the_shared_market_has_the_trades_that_were_written(tmp_path: Path) -> None:
    path = tmp_path / "AAAQ-trades.csv"
    rows = [f"{n},{n}.{n:08d},0.{n},0,{1_570_752_000_000 + n},{n % 2 == 0},True" for n in range(1, 1_000)]
    path.write_text("\n".join(rows))
    (columns,) = RecordedColumns(path).stretches()
    fine = TradeList([Trade("AAAQ", Decimal("0.00000000001"), Decimal(1), 2_000, 1_670_752_000_000_000_000)])
    with written([columns, fine, columns]) as market:
        stretches = read(market)
        assert market.trades == 999 * 2 + 1
    assert [type(stretch) for stretch in stretches] == [Columns, TradeList, Columns]
    for stretch, origin in zip(stretches, [columns, fine, columns], strict=True):
        assert [stretch.trade(n) for n in range(len(stretch))] == [origin.trade(n) for n in range(len(origin))]
    first = stretches[0]
    assert isinstance(first, Columns)
    with pytest.raises(ValueError, match="read-only"):
        first.prices[0] = 1


def test_a_plan_survives_the_way_to_another_process() -> None:
    assert isinstance(SMALL.instrument, Instrument)
    (point,) = make_grid(read_axes(["fee=0.002"]), plan_of).points
    assert point.plan == msgspec.structs.replace(SMALL, fee=Decimal("0.002"))


def crossing(changes: Mapping[str, str]) -> BacktestPlan:
    given_strategy = {"strategy": "naive"} if "fast" not in changes else {"strategy": "ema_cross"}
    return msgspec.structs.replace(SMALL, settings=change_trade(TradeSettings(), {**given_strategy, **changes}))


def test_points_that_need_the_same_signals_come_one_after_the_other() -> None:
    grid = make_grid(read_axes(["chunks=1,2", "fast=2,3", "interval=1s,1m"]), crossing)
    flow = PointsFlow(grid.points)
    order = [(point.changes["interval"], point.changes["fast"]) for point in flow.in_order()]
    assert sorted(point.number for point in flow.in_order()) == list(range(8))
    # Each pair of points that differ in chunks alone is together, and so are all of one interval.
    assert order[::2] == order[1::2]
    assert [interval for interval, _ in order] in (["1s"] * 4 + ["1m"] * 4, ["1m"] * 4 + ["1s"] * 4)
    assert flow.signals_count() == 4


def test_a_strategy_without_signals_shares_the_recording_alone() -> None:
    flow = PointsFlow(make_grid(read_axes(["chunks=3,1,2"]), crossing).points)
    assert [point.number for point in flow.in_order()] == [0, 1, 2]
    assert flow.signals_count() == 0
