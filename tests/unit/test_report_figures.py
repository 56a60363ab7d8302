"""The figures of a report, reckoned by hand, and the laws that hold whatever was traded."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from naive_daemon.domain.cycle import Cycle, CycleOutcome, CycleResult
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.report.figures import DEFINITIONS, Figures
from naive_daemon.report.maker import LastPrice
from naive_daemon.report.overlap import covered, peak
from naive_daemon.report.tally import Tally
from naive_daemon.report.traded import TradedCycle, traded_cycles
from tests.unit.report_cycle import HEADING, HOUR_NS, START_NS, ended, made, only_block

PNL = st.decimals(min_value=-50, max_value=50, places=3).map(str)


def test_three_cycles_of_two_days_reckoned_by_hand() -> None:
    block = only_block(
        ended(1, "10", hours=2, fees={"USDT": "0.1"}),
        ended(2, "-4", starts_h=1, trader=2, hours=2, fees={"BNB": "0.01", "USDT": "0.2"}),
        ended(3, "6", starts_h=24, hours=6),
    )
    figures = block.figures
    assert (figures.cycles, figures.wins, figures.losses, figures.abandoned) == (3, 2, 1, 0)
    assert figures.win_rate == Decimal("0.666667")
    assert figures.realised_pnl == 12
    assert (figures.average_pnl, figures.median_pnl) == (4, 6)
    assert (figures.best_pnl, figures.worst_pnl) == (10, -4)
    assert (figures.gross_profit, figures.gross_loss, figures.profit_factor) == (16, 4, 4)
    assert figures.fees == {"BNB": Decimal("0.01"), "USDT": Decimal("0.3")}
    assert figures.turnover == 3 * 50 + 60 + 46 + 56
    assert figures.capital == 200, "two were open at once"
    assert figures.max_drawdown == 4
    assert figures.max_drawdown_share == Decimal("0.019048"), "4 of 200 + 10"
    assert (figures.average_length_s, figures.median_length_s) == (12_000, 7_200)
    assert figures.time_in_market == Decimal("0.266667"), "0:30 to 3:00 and 24:30 to 30:00 of 30 hours"
    assert figures.losing_streak == 1
    # Both days have brought 6 of 200.
    assert [(day.day, day.cycles, day.wins, day.realised_pnl, day.realised_pnl_total) for day in block.days] == [
        ("2026-01-01", 2, 1, 6, 6),
        ("2026-01-02", 1, 1, 6, 12),
    ]
    assert figures.sharpe is None, "no day differs from another"
    assert figures.sortino is None, "no day has lost"


def test_sharpe_and_sortino_reckoned_by_hand() -> None:
    # Daily returns of 0.03, -0.01, 0 (a day without an end) and 0.02: the mean is 0.01.
    figures = only_block(
        ended(1, "3"), ended(2, "-1", starts_h=24), ended(3, "2", starts_h=72), ended(4, "0", starts_h=73)
    ).figures
    assert figures.capital == 100
    # 0.01 ÷ √((0.02² + 0.02² + 0.01² + 0.01²) ÷ 3) × √365, and 0.01 ÷ √(0.01² ÷ 4) × √365
    assert figures.sharpe == Decimal("10.464225")
    assert figures.sortino == Decimal("38.209946")


def test_what_is_not_known_is_none_and_not_zero() -> None:
    figures = only_block(ended(1, "0", bought="0", outcome=CycleOutcome.ABANDONED)).figures
    assert (figures.cycles, figures.abandoned) == (0, 1)
    for name in ("win_rate", "average_pnl", "median_pnl", "best_pnl", "profit_factor", "sharpe", "sortino",
                 "average_length_s", "median_length_s"):  # fmt: skip
        assert getattr(figures, name) is None, name
    assert figures.time_in_market == 0


def test_a_cycle_that_is_not_sold_but_had_bought_is_a_loss() -> None:
    figures = only_block(ended(1, "-5", outcome=CycleOutcome.ABANDONED), ended(2, "5", starts_h=2)).figures
    assert (figures.wins, figures.losses, figures.win_rate, figures.cycles) == (1, 1, Decimal("0.5"), 1)


def test_the_longest_losing_streak_is_not_the_last() -> None:
    results = ["-1", "-1", "-1", "2", "-1", "-1"]
    figures = only_block(*(ended(number, pnl, starts_h=number) for number, pnl in enumerate(results))).figures
    assert figures.losing_streak == 3


def test_quote_assets_are_never_added_up() -> None:
    report = made(ended(1, "1"), ended(1, "2", symbol="ETHUSDT"), ended(1, "3", symbol="ETHBTC")).report
    assert [(block.quote_asset, block.figures.realised_pnl) for block in report.blocks] == [("BTC", 3), ("USDT", 3)]
    assert [one.symbol for one in report.blocks[1].symbols] == ["BTCUSDT", "ETHUSDT"]


def test_a_symbol_that_nobody_lists_is_a_block_of_its_own() -> None:
    report = made(ended(1, "1"), ended(1, "2", symbol="OLDUSDT"), ended(1, "3", symbol="GONEUSDT")).report
    assert [block.quote_asset for block in report.blocks] == ["USDT", "quote of GONEUSDT", "quote of OLDUSDT"]


def opened(*, bought: str = "2", sold: str = "0", dust_in: str = "0.5") -> TradedCycle:
    return msgspec.structs.replace(
        ended(9, "0", starts_h=5),
        outcome=None,
        finished_ns=None,
        exited_ns=None,
        bought=Decimal(bought),
        bought_quote=Decimal(100),
        sold=Decimal(sold),
        sold_quote=Decimal(sold) * 60,
        dust_in=Decimal(dust_in),
        fees={"BTC": Decimal("0.1"), "USDT": Decimal(3), "BNB": Decimal(7)},
    )


def test_open_cycles_are_worth_what_they_hold_at_the_last_price() -> None:
    price = LastPrice(Decimal(60), START_NS + 10 * HOUR_NS, "last fill")
    block = only_block(ended(1, "1"), opened(sold="1"), prices={"BTCUSDT": price})
    assert block.symbols[0].held == Decimal("1.4"), "2 bought and 0.5 taken over, less 0.1 of commission and 1 sold"
    assert block.figures.unrealised_pnl == 60 + Decimal("1.4") * 60 - 100 - 3
    assert block.figures.open_cycles == 1
    assert (block.symbols[0].price, block.symbols[0].price_of) == (60, "last fill")


def test_dust_is_what_ended_cycles_have_left_whoever_has_it_now() -> None:
    left = msgspec.structs.replace(ended(1, "1"), dust_base=Decimal("0.7"))
    swept = msgspec.structs.replace(ended(2, "1"), dust_in=Decimal("0.7"), dust_base=Decimal("0.5"))
    assert only_block(left, swept, opened(dust_in="0.5")).dust == {"BTC": Decimal("0.5")}
    assert only_block(swept).dust == {"BTC": Decimal("-0.2")}, "of a part of the journal it is the change"


def test_without_a_price_the_worth_is_not_known() -> None:
    block = only_block(ended(1, "1"), opened())
    assert block.figures.unrealised_pnl is None
    assert block.symbols[0].held == Decimal("2.4")


def test_a_buy_that_waits_needs_no_price_to_be_worth_nothing() -> None:
    nothing = msgspec.structs.replace(opened(bought="0", dust_in="0"), bought_quote=Decimal(0), fees={})
    elsewhere = msgspec.structs.replace(nothing, key=CycleKey("main", "ETHUSDT", 1, 1))
    price = LastPrice(Decimal(60), START_NS + 10 * HOUR_NS, "last fill")
    block = only_block(ended(1, "1"), opened(sold="1"), elsewhere, prices={"BTCUSDT": price})
    assert [one.figures.unrealised_pnl for one in block.symbols] == [60 + Decimal("1.4") * 60 - 100 - 3, 0]
    assert block.figures.unrealised_pnl == block.symbols[0].figures.unrealised_pnl


def test_a_span_of_the_past_tells_nothing_of_what_is_open_now() -> None:
    heading = msgspec.structs.replace(HEADING, since_ns=START_NS - HOUR_NS, until_ns=START_NS + 48 * HOUR_NS)
    made_report = made(ended(1, "1", hours=3), heading=heading)
    (block,) = made_report.report.blocks
    assert (block.figures.unrealised_pnl, block.figures.open_cycles, block.symbols[0].held) == (None, None, None)
    assert made_report.report.from_ns == START_NS, "nothing happened before"
    assert made_report.report.to_ns == START_NS + 3 * HOUR_NS + 1


def test_a_span_that_ends_in_the_future_is_of_now() -> None:
    heading = msgspec.structs.replace(HEADING, until_ns=HEADING.made_at_ns + 1)
    block = only_block(ended(1, "1"), opened(), heading=heading)
    assert block.figures.open_cycles == 1


def test_every_figure_that_can_be_misread_is_defined() -> None:
    assert set(DEFINITIONS) - {"dust", "length"} <= set(Figures.__struct_fields__)
    assert "365" in DEFINITIONS["sharpe"]
    assert "365" in DEFINITIONS["sortino"]


def test_a_cycle_that_has_not_ended_is_refused_by_what_adds_up_ends() -> None:
    with pytest.raises(ValueError, match="main/BTCUSDT/1/9 has not ended"):
        Tally().add(opened())


@settings(deadline=None)
@given(st.lists(st.tuples(PNL, st.integers(0, 60), st.sampled_from(["BTCUSDT", "ETHUSDT"])), min_size=1, max_size=40))
def test_parts_add_up_to_the_whole(drawn: list[tuple[str, int, str]]) -> None:
    cycles = [ended(n, pnl, starts_h=hour, symbol=name) for n, (pnl, hour, name) in enumerate(drawn)]
    cycles.sort(key=lambda cycle: cycle.finished_ns or 0)
    block = only_block(*cycles)
    whole = block.figures
    for field in ("cycles", "wins", "losses", "realised_pnl", "gross_profit", "gross_loss", "turnover"):
        assert sum(getattr(one.figures, field) for one in block.symbols) == getattr(whole, field), field
    assert sum(day.realised_pnl for day in block.days) == whole.realised_pnl == block.days[-1].realised_pnl_total
    assert whole.gross_profit - whole.gross_loss == whole.realised_pnl
    assert whole.capital <= sum(one.figures.capital for one in block.symbols)
    assert whole.max_drawdown == deepest([cycle.realised_pnl for cycle in cycles])


def deepest(results: list[Decimal]) -> Decimal:
    totals = [Decimal(0)]
    for result in results:
        totals.append(totals[-1] + result)
    return max(before - after for at, before in enumerate(totals) for after in totals[at:])


SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 15)), max_size=25)


@settings(deadline=None)
@given(SPANS)
def test_covered_time_is_that_of_the_moments_in_any_span(drawn: list[tuple[int, int]]) -> None:
    spans = [(start, start + length) for start, length in drawn]
    assert covered(spans) == len({moment for start, end in spans for moment in range(start, end)})


@settings(deadline=None)
@given(SPANS)
def test_the_peak_is_the_fullest_moment(drawn: list[tuple[int, int]]) -> None:
    spans = [(start, start + length, Decimal(length)) for start, length in drawn]
    levels = [sum(amount for start, end, amount in spans if start <= moment < end) for moment in range(60)]
    assert peak(spans) == max(levels)


def test_cycles_and_orders_of_a_journal_become_traded_cycles() -> None:
    key = CycleKey("main", "BTCUSDT", 1, 1)
    result = CycleResult(
        outcome=CycleOutcome.COMPLETED, finished_ns=90, bought=Decimal(3), sold=Decimal(2), buy_price=Decimal(10),
        sell_price=Decimal(12), fees={"BNB": Decimal("0.1")}, realised_pnl=Decimal(-6), dust_base=Decimal(1),
    )  # fmt: skip
    cycle = Cycle(key=key, budget=Decimal(100), fee=Decimal(0), settings=TradeSettings(), started_ns=1, result=result)
    still_open = Cycle(
        key=CycleKey("main", "BTCUSDT", 2, 1),
        budget=Decimal(100),
        fee=Decimal(0),
        settings=TradeSettings(),
        started_ns=0,
    )
    orders = [
        order(key, Leg(Side.BUY, 1), "1", 20),
        order(key, Leg(Side.BUY, 2), "2", 30),
        order(key, Leg(Side.BUY, 3), "0", 40),
        order(key, Leg(Side.SELL, 1), "2", 80),
    ]
    first, second = traded_cycles([still_open, cycle], orders)
    assert (first.key, second.key) == (key, still_open.key), "what is open comes last"
    assert (first.started_ns, first.entered_ns, first.exited_ns, first.finished_ns) == (2, 20, 80, 90)
    assert (first.bought, first.bought_quote, first.buy_price) == (3, 30, 10)
    assert (first.sold, first.sold_quote, first.turnover) == (2, 20, 50)
    assert first.fees == {"BNB": Decimal("0.1")}
    assert (second.buy_price, second.sell_price, second.outcome) == (None, None, None)


def order(key: CycleKey, leg: Leg, filled: str, time_ns: int) -> Order:
    return Order(
        client_order_id=str(leg), key=key, leg=leg, price=Decimal(10), quantity=Decimal(5), created_ns=2,
        updated_ns=time_ns, status=OrderStatus.CANCELLED, filled=Decimal(filled), filled_quote=Decimal(filled) * 10,
        commissions={"BNB": Decimal(filled) / 10},
    )  # fmt: skip
