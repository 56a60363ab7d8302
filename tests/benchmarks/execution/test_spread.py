"""A percentile is a value that was measured, the least that is high enough."""

import pytest

from tests.benchmarks.execution.spread import percentile


@pytest.mark.parametrize(
    ("values", "ratio", "found"),
    [
        ([7.0], 0.5, 7.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([4.0, 3.0, 2.0, 1.0], 0.5, 2.0),
        ([float(number) for number in range(1, 101)], 0.99, 99.0),
        ([float(number) for number in range(1, 101)], 1.0, 100.0),
        ([2.0, 1.0], 0.0, 1.0),
    ],
)
def test_it_is_the_least_value_that_the_ratio_of_all_does_not_exceed(
    values: list[float], ratio: float, found: float
) -> None:
    assert percentile(values, ratio) == found


def test_there_is_none_of_nothing() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)
