"""Settings as an operator writes them: read, in range, or refused with the key, the value and the range."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.settings import (
    SETTING_RULES,
    InvalidSettingError,
    SymbolSettings,
    TradeSettings,
    TradingStatus,
    change_settings,
    read_setting,
)


def test_the_defaults_are_those_of_the_original() -> None:
    settings = TradeSettings()
    assert (settings.chunks, settings.budget, settings.strategy) == (5, Decimal(1000), "naive")
    assert settings.buy_down_interval == Decimal("0.0001")
    assert (settings.rebuy_interval, settings.profit_interval) == (Decimal("0.001"), Decimal("0.001"))
    assert SymbolSettings(account="main", symbol="BTCUSDT").status is TradingStatus.OFF


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("chunks", "1", 1),
        ("chunks", " 10000 ", 10_000),
        ("budget", "0.00000001", Decimal("0.00000001")),
        ("budget", "1e15", Decimal(10) ** 15),
        ("buy_down_interval", "0", Decimal(0)),
        ("profit_interval", "0.99", Decimal("0.99")),
        ("rebuy_interval", "0.001", Decimal("0.001")),
        ("strategy", "naive", "naive"),
    ],
)
def test_what_is_read(key: str, text: str, value: object) -> None:
    assert read_setting(key, text) == value


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("chunks", "0"),
        ("chunks", "-1"),
        ("chunks", "1.5"),
        ("chunks", "10001"),
        ("chunks", "1_0"),
        ("chunks", "١٢"),
        ("chunks", "+-1"),
        ("budget", "0"),
        ("budget", "1_000"),
        ("budget", "١٢"),
        ("budget", "-5"),
        ("budget", "nan"),
        ("budget", "1e16"),
        ("buy_down_interval", "1"),
        ("profit_interval", "-0.001"),
        ("rebuy_interval", "much"),
        ("strategy", ""),
        ("leverage", "10"),
    ],
)
def test_what_is_refused_says_which_key_and_what_would_be_right(key: str, text: str) -> None:
    with pytest.raises(InvalidSettingError, match=key) as refused:
        read_setting(key, text)
    assert refused.value.key == key
    assert text in str(refused.value)
    assert refused.value.allowed in str(refused.value)


def test_changes_apply_together_or_not_at_all() -> None:
    before = TradeSettings()
    after = change_settings(before, {"chunks": "7", "budget": "70"})
    assert (after.chunks, after.budget, after.profit_interval) == (7, Decimal(70), before.profit_interval)
    with pytest.raises(InvalidSettingError):
        change_settings(before, {"chunks": "7", "budget": "x"})
    assert before == TradeSettings()


@given(st.sampled_from(sorted(SETTING_RULES)), st.text(max_size=20))
def test_whatever_is_written_is_either_in_range_or_refused(key: str, text: str) -> None:
    with suppress(InvalidSettingError):
        assert SETTING_RULES[key].holds(read_setting(key, text))
