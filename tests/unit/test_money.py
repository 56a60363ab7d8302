"""Exact arithmetic: the laws of rounding, at any size."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.money import affordable, ceil_to, floor_to, is_multiple, parse_decimal, plain

AMOUNTS = st.decimals(min_value=0, max_value=Decimal("1e15"), places=10)
STEPS = st.sampled_from([Decimal("0.00000001"), Decimal("0.01"), Decimal(1), Decimal("0.5"), Decimal(25)])


@given(AMOUNTS, STEPS)
def test_floor_and_ceiling_enclose_the_value_within_a_step(value: Decimal, step: Decimal) -> None:
    low, high = floor_to(value, step), ceil_to(value, step)
    assert low <= value <= high
    assert value - low < step
    assert high - value < step
    assert is_multiple(low, step)
    assert is_multiple(high, step)


@given(AMOUNTS, st.decimals(min_value=Decimal("0.00000001"), max_value=Decimal("1e6"), places=8), STEPS)
def test_what_is_affordable_is_the_most_that_does_not_cost_more(amount: Decimal, price: Decimal, step: Decimal) -> None:
    quantity = affordable(amount, price, step)
    with localcontext(prec=80):  # exact, where the usual 28 digits would round what is to be compared
        assert quantity * price <= amount
        assert (quantity + step) * price > amount


def test_a_quotient_of_more_than_28_digits_is_not_rounded_up() -> None:
    # 1e15 / 1e-8 has 23 digits before the point; in 28 digits this quotient would be rounded to a whole step more.
    value = Decimal("999999999999999.99999999999999999999")
    assert floor_to(value, Decimal("0.00000001")) == Decimal("999999999999999.99999999")


@pytest.mark.parametrize(
    ("value", "step", "floor"),
    [
        ("0.4307505249", "0.0001", "0.4307"),
        ("590.17", "1", "590"),
        ("-0.5", "1", "-1"),
        ("-2", "1", "-2"),
        ("0", "0.01", "0.00"),
    ],
)
def test_floor(value: str, step: str, floor: str) -> None:
    assert str(floor_to(Decimal(value), Decimal(step))) == floor


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "-Infinity", "1,5", "0x1", "1e", "one", "1_000", "١٢", "1e9999999999", ".", "+", "1 0"]
)
def test_what_is_no_finite_number_is_refused_by_what_was_given(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_decimal(text)


@pytest.mark.parametrize("text", ["1", " 1.50 ", "-.5", "+2.", "1e3", "1E-8"])
def test_what_is_read(text: str) -> None:
    assert parse_decimal(text) == Decimal(text.strip())


@pytest.mark.parametrize(("value", "text"), [("1E+3", "1000"), ("0.100", "0.1"), ("0E-8", "0"), ("-1.50", "-1.5")])
def test_plain(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text


def test_an_exponent_beyond_all_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="is not a decimal number"):
        parse_decimal("1e99999999999999999999")
