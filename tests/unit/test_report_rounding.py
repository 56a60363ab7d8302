"""What people read of figures: rounded as told, aligned, with signs and units."""

from decimal import Decimal

import pytest

from naive_daemon.report import rounding
from naive_daemon.report.sheet import COLUMNS, row, safe
from tests.unit.report_cycle import INSTRUMENTS, ended, only_block


@pytest.mark.parametrize(
    ("value", "shown"),
    [("1234.565", "+1,234.56"), ("1234.575", "+1,234.58"), ("-0.004", "0.00"), ("-7", "−7.00"), ("0", "0.00"),
     (None, "–")],
)  # fmt: skip
def test_a_gain_is_rounded_half_even_and_has_its_sign(value: str | None, shown: str) -> None:
    assert rounding.signed(None if value is None else Decimal(value), 2) == shown


@pytest.mark.parametrize(
    ("pnl", "places"), [("0.000123", 6), ("0.14", 3), ("12", 2), ("123456", 2), ("0.000000001", 8), ("0", 2)]
)
def test_money_of_a_block_shows_three_digits_of_a_usual_cycle(pnl: str, places: int) -> None:
    assert rounding.places_of(only_block(ended(1, pnl))) == places


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [("0.1234", "0.12 s"), ("59.99", "59.99 s"), ("60", "1 min 0 s"), ("3725.9", "1 h 2 min"), ("90000", "1 d 1 h")],
)
def test_a_length_has_its_two_largest_units(seconds: str, shown: str) -> None:
    assert rounding.length(Decimal(seconds)) == shown


def test_shares_ratios_and_amounts() -> None:
    assert rounding.percentage(Decimal("0.66667")) == "66.67 %"
    assert rounding.figure(Decimal("-1.005")) == "−1.00"
    assert rounding.amounts({"BNB": Decimal("0.000045919"), "USDT": Decimal(12345)}) == "0.00004592 BNB, 12,345.00 USDT"
    assert rounding.amounts({"BTC": Decimal("-3E-7")}) == "−0.00000030 BTC"
    assert [rounding.percentage(None), rounding.figure(None), rounding.length(None), rounding.amounts({})] == ["–"] * 4


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_no_text_of_a_sheet_is_a_formula(text: str) -> None:
    assert safe(text) == f"'{text}"
    cells = dict(zip(COLUMNS, row(ended(1, "1", symbol=text), INSTRUMENTS), strict=True))
    assert cells["symbol"] == f"'{text}"


def test_a_row_of_a_sheet_is_exact() -> None:
    cells = dict(zip(COLUMNS, row(ended(7, "-0.5", fees={"USDT": "0.10", "BNB": "2E-5"}), INSTRUMENTS), strict=True))
    assert cells == {
        "account": "main", "symbol": "BTCUSDT", "trader": "1", "cycle": "7", "outcome": "completed",
        "started_at": "2026-01-01T00:00:00+00:00", "entered_at": "2026-01-01T00:30:00+00:00",
        "exited_at": "2026-01-01T01:00:00+00:00", "finished_at": "2026-01-01T01:00:00+00:00",
        "base_asset": "BTC", "quote_asset": "USDT", "bought": "1", "buy_price": "50", "sold": "1", "sell_price": "49.5",
        "turnover": "99.5", "fees": "0.00002 BNB; 0.1 USDT", "realised_pnl": "-0.5", "dust_in": "0", "dust": "0",
        "budget": "100",
    }  # fmt: skip
