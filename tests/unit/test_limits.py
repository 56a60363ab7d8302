"""Limits as an operator writes them: read, taken away, or refused with the key, the value and the range."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.limits import LIMIT_RULES, RiskLimits, read_limit
from naive_daemon.domain.settings import InvalidSettingError


def test_every_limit_has_a_rule() -> None:
    assert tuple(LIMIT_RULES) == RiskLimits.__struct_fields__


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("max_open_orders", "0", 0),
        ("max_open_orders", " 1000000 ", 1_000_000),
        ("max_open_orders", "none", None),
        ("max_orders_per_min", "1", 1),
        ("max_symbol_at_risk", "0.00000001", Decimal("0.00000001")),
        ("max_account_at_risk", "1e15", Decimal(10) ** 15),
        ("max_daily_loss", "50", Decimal(50)),
        ("max_daily_loss", " None ", None),
    ],
)
def test_what_is_read(key: str, text: str, value: object) -> None:
    assert read_limit(key, text) == value


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("max_open_orders", "-1"),
        ("max_open_orders", "1000001"),
        ("max_open_orders", "1.5"),
        ("max_open_orders", "1_0"),
        ("max_open_orders", ""),
        ("max_orders_per_min", "0"),
        ("max_symbol_at_risk", "0"),
        ("max_account_at_risk", "1e16"),
        ("max_daily_loss", "-50"),
        ("max_daily_loss", "nan"),
        ("max_daily_loss", "infinity"),
        ("max_daily_loss", "much"),
        ("max_leverage", "10"),
    ],
)
def test_what_is_refused_says_which_key_and_what_would_be_right(key: str, text: str) -> None:
    with pytest.raises(InvalidSettingError) as refused:
        read_limit(key, text)
    assert refused.value.key == key
    assert str(refused.value).startswith(f"{key}={text} is refused: {key} is ")
    assert refused.value.allowed in str(refused.value)


@given(st.sampled_from(sorted(LIMIT_RULES)), st.text(max_size=20))
def test_whatever_is_written_is_either_in_range_or_refused(key: str, text: str) -> None:
    with suppress(InvalidSettingError):
        value = read_limit(key, text)
        assert value is None or LIMIT_RULES[key].holds(value)
