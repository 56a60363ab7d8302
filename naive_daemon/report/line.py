"""Lines with too many points to draw: kept to a bound in one pass, and no peak of them is lost."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Generic, NamedTuple, TypeVar

POINTS_MAX = 2_000
"""So many points are drawn of a line at the most: more than a screen has pixels for."""
_POINTS_PER_STRETCH = 4
_STRETCHES_MAX = POINTS_MAX // _POINTS_PER_STRETCH - 1
"""The last one may not be full yet."""

_Thing = TypeVar("_Thing")
_Point = tuple[int, int, Decimal]
"""Its number in the line, its time and its value."""


class _Stretch(NamedTuple):
    first: _Point
    low: _Point
    high: _Point
    last: _Point

    def join(self, later: "_Stretch") -> "_Stretch":
        low, high = min(self.low, later.low, key=_value), max(self.high, later.high, key=_value)
        return _Stretch(self.first, low, high, later.last)


class Line:
    """Takes points in the order of time (UTC nanoseconds), and keeps those that show its shape: at most `POINTS_MAX`.

    The points are counted off in stretches of one length, of which the first, the lowest, the highest and the last are
    kept. Where there are too many stretches, each two become one.
    """

    __slots__ = ("_first", "_high", "_last", "_left", "_length", "_low", "_stretches", "count")

    def __init__(self) -> None:
        self.count = 0
        self._stretches: list[_Stretch] = []
        self._length = 1
        self._left = 0

    def add(self, time_ns: int, value: Decimal) -> None:
        """Take the next point."""
        point = self._last = (self.count, time_ns, value)
        self.count += 1
        if not self._left:
            self._first = self._low = self._high = point
            self._left = self._length
        elif value < self._low[2]:
            self._low = point
        elif value > self._high[2]:
            self._high = point
        self._left -= 1
        if not self._left:
            self._stretches.append(self._stretch())
            if len(self._stretches) == _STRETCHES_MAX + 1:
                self._halve()

    def extend(self, points: Iterable[tuple[int, Decimal]]) -> "Line":
        """Take these points, and give the line."""
        for time_ns, value in points:
            self.add(time_ns, value)
        return self

    @property
    def is_thinned(self) -> bool:
        """Say whether points were left out."""
        return self._length > 1 and self.count > len(self.points())

    def points(self) -> list[tuple[int, Decimal]]:
        """Give the time and the value of what is kept, in the order in which it came."""
        stretches = [*self._stretches, self._stretch()] if self._left else self._stretches
        kept = sorted({point[0]: point for stretch in stretches for point in stretch}.values(), key=_number)
        return [(time_ns, value) for _, time_ns, value in kept]

    def _stretch(self) -> _Stretch:
        return _Stretch(self._first, self._low, self._high, self._last)

    def _halve(self) -> None:
        """Make one stretch of each two; of an odd number the last one goes on."""
        whole = self._stretches
        pairs = zip(whole[::2], whole[1::2], strict=False)
        self._stretches = [one.join(other) for one, other in pairs]
        if len(whole) % 2:
            self._first, self._low, self._high, self._last = whole[-1]
            self._left = self._length
        self._length *= 2


class Sample(Generic[_Thing]):
    """Takes things, and keeps at most `most` of them, evenly over all that came."""

    def __init__(self, most: int) -> None:
        self.count = 0
        self._most = most
        self._stride = 1
        self._kept: list[_Thing] = []

    def add(self, thing: _Thing) -> None:
        """Take the next one."""
        if self.count % self._stride == 0:
            self._kept.append(thing)
            if len(self._kept) > self._most:
                self._kept = self._kept[::2]
                self._stride *= 2
        self.count += 1

    @property
    def is_thinned(self) -> bool:
        """Say whether things were left out."""
        return self._stride > 1

    def things(self) -> tuple[_Thing, ...]:
        """Give what is kept, in the order in which it came."""
        return tuple(self._kept)


def _number(point: _Point) -> int:
    return point[0]


def _value(point: _Point) -> Decimal:
    return point[2]
