"""Lines and samples of anything that long stay small, and lose nothing that an eye would miss."""

import itertools
import random
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from naive_daemon.report.line import POINTS_MAX, Line, Sample


def test_a_short_line_is_kept_whole() -> None:
    points = [(number, Decimal(number % 7)) for number in range(400)]
    line = Line().extend(points)
    assert line.points() == points
    assert not line.is_thinned


def test_several_points_of_one_time_stay_in_their_order() -> None:
    points = [(5, Decimal(value)) for value in (3, 1, 2)]
    assert Line().extend(points).points() == points


def test_an_empty_line_has_no_points() -> None:
    assert Line().points() == []
    assert not Line().is_thinned


@settings(deadline=None)
@given(st.integers(0, 6_000), st.integers())
def test_a_long_line_is_bounded_and_keeps_its_ends_and_extremes(count: int, seed: int) -> None:
    drawn = random.Random(seed)
    values = [Decimal(drawn.randint(-9_999, 9_999)) for _ in range(count)]
    line = Line().extend(enumerate(values))
    points = line.points()
    assert len(points) <= POINTS_MAX
    assert points == sorted(points, key=lambda point: point[0])
    assert all(values[at] == value for at, value in points)
    assert line.count == count
    if values:
        assert (points[0][0], points[-1][0]) == (0, count - 1)
        assert {min(values), max(values)} <= {value for _, value in points}
    assert line.is_thinned == (len(points) < count)


@settings(deadline=None)
@given(st.integers(0, 5_000), st.integers(1, 60))
def test_a_sample_is_even_and_bounded(count: int, most: int) -> None:
    sample: Sample[int] = Sample(most)
    for number in range(count):
        sample.add(number)
    kept = sample.things()
    assert len(kept) <= most
    assert len({after - before for before, after in itertools.pairwise(kept)}) <= 1
    assert sample.is_thinned == (len(kept) < count)
    assert count == 0 or kept[0] == 0
