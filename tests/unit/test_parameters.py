"""A strategy's own settings: read by its rules, in one spelling, refused with the key, the value and what is right."""

from contextlib import suppress
from decimal import Decimal
from typing import ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.parameters import TEXT_MAX, Parameter, canonical, read_parameter, read_parameters
from naive_daemon.domain.settings import InvalidSettingError, SettingRule, TradeSettings
from naive_daemon.strategy.discovery import load_strategy
from naive_daemon.strategy.ema_cross import EmaCrossStrategy
from naive_daemon.strategy.settings import change_trade, mistakes, needs_of, settled

DECLARED = EmaCrossStrategy.parameters
CROSS = TradeSettings(strategy="ema_cross")
FULL = (("fast", "9"), ("interval", "1m"), ("order_size", "0"), ("slow", "21"), ("stop_loss", "0.02"))


@pytest.mark.parametrize(
    ("text", "written"), [("0.020", "0.02"), (" 2e-2 ", "0.02"), ("0", "0"), ("0.00", "0"), ("+.5", "0.5")]
)
def test_a_number_has_one_spelling(text: str, written: str) -> None:
    changed = change_trade(CROSS, {"stop_loss": text})
    assert changed.parameters == (("stop_loss", written),)
    assert settled(load_strategy("ema_cross"), changed) == settled(
        load_strategy("ema_cross"), TradeSettings(strategy="ema_cross", parameters=(("stop_loss", text),))
    )


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("fast", "0"),
        ("fast", "201"),
        ("fast", "1.5"),
        ("fast", "1\uff11"),
        ("interval", "2m"),
        ("interval", "1M"),
        ("stop_loss", "1"),
        ("stop_loss", "-0.1"),
        ("stop_loss", "NaN"),
        ("order_size", "1e16"),
        ("order_size", "1_000"),
        ("order_size", ""),
        ("slow", "9" * (TEXT_MAX + 1)),
        ("interval", "1m\0"),
    ],
)
def test_what_is_refused_says_which_key_and_what_would_be_right(key: str, text: str) -> None:
    with pytest.raises(InvalidSettingError, match=rf"^{key}=") as refused:
        change_trade(CROSS, {key: text})
    assert refused.value.key == key
    assert refused.value.allowed == DECLARED[key].rule.allowed
    assert "\n" not in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("strategy", "has"), [("naive", "naive has no parameters"), ("ema_cross", "ema_cross has fast,")]
)
def test_a_key_that_the_strategy_does_not_have_is_refused_with_those_it_has(strategy: str, has: str) -> None:
    settings = TradeSettings(strategy=strategy)
    with pytest.raises(InvalidSettingError, match=has):
        change_trade(settings, {"colour": "red"})
    (line,) = mistakes(settings, {"colour": "red"})
    assert line.startswith("colour=red is refused: colour is not a setting; there are chunks, ")


def test_rules_over_several_keys_hold_for_all_of_them_together() -> None:
    assert change_trade(CROSS, {"fast": "50", "slow": "60"}).parameters == (("fast", "50"), ("slow", "60"))
    for changes in ({"fast": "21"}, {"slow": "9"}, {"fast": "60", "slow": "50"}):
        with pytest.raises(InvalidSettingError, match="fast is less than slow"):
            change_trade(CROSS, changes)


def test_parameters_are_changed_one_by_one_and_a_strategy_begins_with_its_defaults() -> None:
    one = change_trade(CROSS, {"fast": "5"})
    two = change_trade(one, {"slow": "8", "chunks": "2"})
    assert (two.parameters, two.chunks) == ((("fast", "5"), ("slow", "8")), 2)
    assert change_trade(two, {"budget": "7"}).parameters == two.parameters
    assert change_trade(two, {"strategy": "ema_cross", "slow": "30"}).parameters == (("slow", "30"),)
    assert change_trade(two, {"strategy": "naive"}).parameters == ()
    with pytest.raises(InvalidSettingError, match="naive has no parameters"):
        change_trade(two, {"strategy": "naive", "fast": "5"})


def test_rubbish_of_another_hand_is_refused_and_gone_with_the_strategys_name() -> None:
    rubbish = TradeSettings(strategy="ema_cross", parameters=(("colour", "red"), ("fast", "many")))
    with pytest.raises(InvalidSettingError, match=r"fast=many|colour=red"):
        settled(load_strategy("ema_cross"), rubbish)
    with pytest.raises(InvalidSettingError, match=r"fast=many|colour=red"):
        change_trade(rubbish, {"slow": "30"})
    assert change_trade(rubbish, {"chunks": "2"}).parameters == rubbish.parameters
    assert change_trade(rubbish, {"strategy": "ema_cross"}).parameters == ()


def test_all_mistakes_are_told_at_once() -> None:
    lines = mistakes(TradeSettings(), {"strategy": "ema_cross", "chunks": "0", "fast": "x", "color": "red"})
    assert [line.split("=")[0] for line in lines] == ["chunks", "fast", "color"]
    assert [line.split("=")[0] for line in mistakes(TradeSettings(), {"strategy": "none", "fast": "9"})] == [
        "strategy",
        "fast",
    ]
    assert mistakes(TradeSettings(), {"strategy": "ema_cross", "fast": "9", "slow": "21", "budget": "1"}) == []


def test_a_cycle_has_every_parameter_so_that_a_new_default_changes_nothing_for_it() -> None:
    assert settled(load_strategy("ema_cross"), CROSS).parameters == FULL
    assert settled(load_strategy("naive"), TradeSettings()) == TradeSettings()


def test_a_cycle_that_was_journaled_before_there_were_parameters_has_none() -> None:
    journaled = msgspec.json.encode({"chunks": 3, "budget": "10", "strategy": "naive", "dust": "keep"})
    assert msgspec.json.decode(journaled, type=TradeSettings).parameters == ()


def test_a_strategy_may_check_what_no_rule_for_one_key_can_say_and_needs_an_interval_that_there_is() -> None:
    class Plugin:
        parameters: ClassVar = {"low": Parameter(SettingRule(Decimal, bool, "a number"), "1", "")}

        def check(self, settings: TradeSettings) -> None:
            raise InvalidSettingError("low", dict(settings.parameters)["low"], "less than high")

    with pytest.raises(InvalidSettingError, match="low=x is"):
        settled(Plugin(), TradeSettings(parameters=(("low", "x"),)))
    with pytest.raises(InvalidSettingError, match="low=1 is refused: low is less than high"):
        settled(Plugin(), TradeSettings())  # type: ignore[arg-type]  # it decides nothing

    class Odd(EmaCrossStrategy):
        def needs(self, settings: TradeSettings) -> object:
            return msgspec.structs.replace(super().needs(settings), interval="7s")

    with pytest.raises(InvalidSettingError, match="interval=7s is refused"):
        needs_of(Odd(), CROSS)


def test_only_what_the_signals_depend_on_is_among_the_needs() -> None:
    cross = EmaCrossStrategy()
    needs = [
        cross.needs(change_trade(CROSS, changes))
        for changes in ({}, {"stop_loss": "0.1", "order_size": "5", "budget": "7"}, {"slow": "21"})
    ]
    assert needs[0] == needs[1] == needs[2]
    assert cross.needs(change_trade(CROSS, {"fast": "8"})) != needs[0]
    assert cross.needs(change_trade(CROSS, {"interval": "5m"})) != needs[0]


@given(st.dictionaries(st.sampled_from([*DECLARED, "colour"]), st.text(max_size=12)))
def test_whatever_is_written_is_either_read_by_its_rule_or_refused(given_texts: dict[str, str]) -> None:
    with suppress(InvalidSettingError):
        values = read_parameters(DECLARED, given_texts.items())
        assert values.keys() == DECLARED.keys()
        assert all(DECLARED[key].rule.holds(value) for key, value in values.items())
        again = read_parameters(DECLARED, canonical(values))
        assert again == values
        assert canonical(again) == canonical(values)


def test_a_parameter_that_is_not_declared_is_refused_where_nothing_is_declared_too() -> None:
    with pytest.raises(InvalidSettingError, match="there are none"):
        read_parameter({}, "fast", "1")
