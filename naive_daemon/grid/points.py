"""The points of a grid: every combination of what each setting is given."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import product
from math import prod

import msgspec

from naive_daemon.backtest import BacktestPlan
from naive_daemon.domain.errors import UsageError
from naive_daemon.domain.money import EXACT, parse_decimal, plain
from naive_daemon.domain.settings import shown

POINTS_MAX = 10_000
_AXIS = "--grid chunks=3,5,8 --grid profit_interval=0.0005..0.002:0.0005"
_SHOWN_MAX = 5


class Axis(msgspec.Struct, frozen=True):
    """One setting and the texts of its values, in the order in which they were given."""

    key: str
    values: tuple[str, ...]


class Point(msgspec.Struct, frozen=True):
    """One backtest: what differs from point to point, and the whole plan. Numbers count from 0."""

    number: int
    changes: dict[str, str]
    plan: BacktestPlan


class Grid(msgspec.Struct, frozen=True):
    """All points; `left_out` says why a combination is none of them, for each that is not."""

    axes: tuple[Axis, ...]
    points: tuple[Point, ...]
    left_out: tuple[str, ...] = ()


def read_axes(given: Sequence[str]) -> tuple[Axis, ...]:
    """Read `KEY=A,B,C` and `KEY=FROM..TO:STEP`; raises UsageError with a line for each that is refused."""
    axes: dict[str, Axis] = {}
    mistakes: list[str] = []
    for text in given:
        key, equals, values = (part.strip() for part in text.partition("="))
        try:
            if not equals or not key:
                raise ValueError("it is not written as KEY=VALUE,VALUE …")  # noqa: TRY301 - gathered with the others
            if key in axes:
                raise ValueError(f"{shown(key)} is given twice")  # noqa: TRY301 - gathered with the others
            axes[key] = Axis(key, _read_values(values))
        except ValueError as error:
            mistakes.append(f"--grid {shown(text)} is refused: {error}")
    count = prod(len(axis.values) for axis in axes.values())
    if count > POINTS_MAX:
        mistakes.append(f"the grid has {count:,} points, and at most {POINTS_MAX:,} are tested at once")
    if mistakes:
        raise UsageError("\n  ".join(mistakes), hint=_AXIS)
    return tuple(axes.values())


def make_grid(axes: Sequence[Axis], plan_of: Callable[[Mapping[str, str]], BacktestPlan]) -> Grid:
    """Make the points; `plan_of` gives the plan of one or raises UsageError.

    A combination whose values do not go together (a fast average slower than the slow one) is left out. Raises
    UsageError when a value is in no combination that can be tested.
    """
    points: list[Point] = []
    left_out: list[str] = []
    used: set[tuple[str, str]] = set()
    refusals: dict[tuple[str, str], str] = {}
    for values in product(*(axis.values for axis in axes)):
        changes = {axis.key: value for axis, value in zip(axes, values, strict=True)}
        try:
            plan = plan_of(changes)
        except UsageError as error:
            left_out.append(error.message)
            for pair in changes.items():
                refusals.setdefault(pair, error.message)
            continue
        used |= changes.items()
        points.append(Point(len(points), changes, plan))
    refused = dict.fromkeys(message for pair, message in refusals.items() if pair not in used)
    if refused:
        shown = list(refused)[:_SHOWN_MAX]
        raise UsageError("\n  ".join(shown), hint=_AXIS)
    return Grid(tuple(axes), tuple(points), tuple(left_out))


def _read_values(text: str) -> tuple[str, ...]:
    if not text:
        raise ValueError("it has no values")
    values: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        if not part:
            raise ValueError("one of its values is empty")
        values += _read_range(part) if ".." in part else [part]
    spelled = [_spelled(value) for value in values]
    for place, value in enumerate(spelled):
        if value in spelled[:place]:
            raise ValueError(f"{shown(value)} is given twice")
    return tuple(values)


def _read_range(given: str) -> list[str]:
    text = shown(given)
    first, _, rest = given.partition("..")
    last, colon, step = rest.partition(":")
    try:
        start, end, width = parse_decimal(first), parse_decimal(last), parse_decimal(step if colon else "1")
    except ValueError:
        raise ValueError(f"{text} is not a range like 3..8 or 0.001..0.002:0.0005") from None
    if width <= 0 or end < start:
        raise ValueError(f"the range {text} has no value in it")
    try:
        count = int(EXACT.divide_int(EXACT.subtract(end, start), width)) + 1
    except ArithmeticError:
        raise ValueError(f"the range {text} has more values than can be counted") from None
    if count > POINTS_MAX:
        many = shown(f"{count:,}")
        raise ValueError(f"the range {text} has {many} values, and at most {POINTS_MAX:,} points are tested at once")
    return [plain(EXACT.add(start, EXACT.multiply(width, Decimal(number)))) for number in range(count)]


def _spelled(value: str) -> str:
    """Give one spelling for each number."""
    try:
        return plain(parse_decimal(value))
    except ValueError:
        return value
