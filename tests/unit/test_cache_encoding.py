"""What is encoded comes back exactly, and no reader of JSON finds a number in it that it would round."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.cache.memory import MemoryCacheDatabase

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


class Sample(msgspec.Struct, frozen=True):
    """What has everything that our own values have."""

    number: int
    amount: Decimal
    text: str | None
    many: tuple[int, ...]
    names: frozenset[str]
    by_name: dict[str, Decimal]


SAMPLES = st.builds(
    Sample,
    number=st.integers(-(2**63), 2**63 - 1),
    amount=st.decimals(allow_nan=False, allow_infinity=False),
    text=st.none() | st.text() | st.sampled_from(["null", "true", "1", "1e5"]),
    many=st.lists(st.integers(-(2**63), 2**63 - 1)).map(tuple),
    names=st.frozensets(st.text()),
    by_name=st.dictionaries(st.text(), st.decimals(allow_nan=False, allow_infinity=False)),
)


@pytest.mark.parametrize("encoding", ["msgpack", "json"])
@given(sample=SAMPLES)
def test_what_is_encoded_comes_back_exactly(encoding: Any, sample: Sample) -> None:
    coding = MemoryCacheDatabase(encoding).encoding
    found = coding.decode(coding.encode(sample), Sample, "here")
    assert found == sample
    assert str(found.amount) == str(sample.amount)


@given(value=VALUES)
def test_json_has_no_number_that_a_reader_would_round(value: Any) -> None:
    coding = MemoryCacheDatabase("json").encoding

    def numbers(one: Any) -> Iterator[int | float]:
        match one:
            case dict():
                for inner in one.values():
                    yield from numbers(inner)
            case list():
                for inner in one:
                    yield from numbers(inner)
            case bool():
                return
            case int() | float():
                yield one

    assert all(abs(number) <= 2**53 for number in numbers(msgspec.json.decode(coding.encode(value))))
