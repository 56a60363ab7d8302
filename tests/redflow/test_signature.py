"""One id for equal settings, whatever they are written in; another one for any difference."""

import dataclasses
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.redflow import SignatureError, canonical, signature


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class Number(IntEnum):
    ONE = 1


class Settings(msgspec.Struct, frozen=True):
    chunks: Decimal | int
    more: Any = None


class OtherSettings(msgspec.Struct, frozen=True):
    chunks: Decimal | int
    more: Any = None


@dataclasses.dataclass
class Plain:
    chunks: int


EQUAL = [
    [1, 1.0, Decimal(1), Decimal("1.0"), Decimal("1.00"), Decimal("1E0"), Decimal("0.1E1")],
    [0, 0.0, -0.0, Decimal("-0.00"), Decimal("0E+9")],
    [0.1, Decimal("0.1"), Decimal("0.10")],
    [1000, Decimal("1E3"), 1e3],
    [-25, Decimal("-25.0")],
    [10**6000, Decimal(10**6000)],
    [[1, "a"], (1, "a"), (1.0, "a")],
    [{"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": Decimal("3.0"), "c": 2}, "a": 1.0}],
    [{1: "x"}, {Decimal("1.0"): "x"}],
    [{1, 2, "x"}, frozenset(("x", 2.0, Decimal(1)))],
    [Settings(3, more={"a": 1, "b": 2}), Settings(Decimal("3.0"), more={"b": 2, "a": 1})],
    [Plain(3), Plain(3)],
]

DIFFERENT = [
    *(group[0] for group in EQUAL),
    None,
    True,
    False,
    "1",
    "",
    "null",
    "true",
    b"1",
    2,
    11,
    Decimal("1.01"),
    Decimal("1." + "0" * 40 + "1"),
    10**6000 + 1,
    "a\u0301",
    "á",
    "\ud800",
    [],
    {},
    set(),
    [[]],
    [1, ["a"]],
    [[1], "a"],
    ["1,a"],
    ["a", 1],
    {"a": 1},
    {"a": {"b": 1}},
    {"a": None},
    {"a": 1, "b": 2},
    ["a", 1, "b", 2],
    Side.BUY,
    "BUY",
    Side.SELL,
    Number.ONE,
    Settings(3),
    Settings(3, more={}),
    OtherSettings(3),
    {"chunks": 3, "more": None},
    Plain(4),
]


@pytest.mark.parametrize("group", EQUAL, ids=lambda group: canonical(group[0])[:30])
def test_equal_content_in_other_spellings(group: list[Any]) -> None:
    assert len({signature(value) for value in group}) == 1


def test_whatever_differs_has_a_signature_of_its_own() -> None:
    assert len({signature(value) for value in DIFFERENT}) == len(DIFFERENT)


def test_a_signature_is_the_same_in_every_process() -> None:
    assert signature({"chunks": 3, "profit_interval": Decimal("0.0010")}) == "16f21b8c863a75a974fa6370591f65d3"
    assert canonical({"b": [1.50, True, None], "a": "x"}) == '{"a":"x","b":[15e-1,true,null]}'


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (object(), r"the value is builtins.object"),
        ({"a": [1, {"b": object()}]}, r"the value\['a'\]\[1\]\['b'\] is builtins.object"),
        ({"a": float("nan")}, r"the value\['a'\] is nan, which is no number"),
        ([float("inf")], r"the value\[0\] is inf"),
        ([Decimal("sNaN")], r"the value\[0\] is sNaN"),
        (Settings(1, more=lambda: 0), r"the value\['more'\] is builtins.function"),
        (Plain, r"the value is builtins.type"),
        ({"a": 1j}, r"the value\['a'\] is builtins.complex"),
        ({0.1: 1, Decimal("0.1"): 2}, r"the value has two keys that are the same: Decimal\('0.1'\)"),
        ({(1, object()): 1}, r"the value\['key'\]\[1\] is builtins.object"),
    ],
)
def test_what_has_none_is_refused_with_its_place(value: Any, where: str) -> None:
    with pytest.raises(SignatureError, match=where):
        signature(value)


def test_a_value_that_contains_itself_is_refused() -> None:
    circle: dict[str, Any] = {"a": 1}
    circle["b"] = [circle]
    with pytest.raises(SignatureError, match=r"contains itself: the value\['b'\]\[0\]\['b'\] …"):
        signature(circle)


NUMBERS = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
SETTINGS = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)


def _other_spelling(value: Any) -> Any:
    """Spell the same settings otherwise: keys backwards, tuples for lists, zeros at the end of numbers."""
    match value:
        case bool() | None | str():
            return value
        case dict():
            return {key: _other_spelling(value[key]) for key in reversed(value)}
        case list():
            return tuple(map(_other_spelling, value))
    sign, digits, exponent = Decimal(value).as_tuple()
    return Decimal((sign, (*digits, 0, 0), exponent - 2))


@given(value=SETTINGS)
def test_any_settings_have_the_signature_of_their_other_spelling(value: Any) -> None:
    assert signature(value) == signature(_other_spelling(value))


@given(one=SETTINGS, other=SETTINGS)
def test_settings_that_differ_differ(one: Any, other: Any) -> None:
    """Python thinks True is 1; apart from that, equal settings are those that it takes for equal."""
    assert (canonical(one) == canonical(other)) == (_typed(one) == _typed(other))


def _typed(value: Any) -> Any:
    match value:
        case bool():
            return "truth", value
        case dict():
            return {key: _typed(each) for key, each in value.items()}
        case list():
            return [_typed(each) for each in value]
    return value


class Odd(float):
    """A float that writes itself in another way, as numpy's do."""

    def __repr__(self) -> str:
        return f"Odd({float.__repr__(self)})"


def test_a_float_of_another_class_is_the_number_that_it_is() -> None:
    assert signature({"a": Odd(1.5)}) == signature({"a": Decimal("1.50")})
