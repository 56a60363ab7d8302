"""Exact decimal arithmetic: every rounding has a name here, and a float is refused."""

from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow

ZERO = Decimal(0)
ONE = Decimal(1)


_EXACT = Context(prec=200, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
"""For what must not round: a quotient that is rounded to 28 digits can be floored to one step too much."""


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Round down to a multiple of `step` (a tick or a lot); the result has the step's exponent."""
    steps = _EXACT.divide_int(value, step)
    if value < 0 and _EXACT.multiply(steps, step) != value:
        steps = _EXACT.subtract(steps, ONE)
    return _EXACT.multiply(steps, step)


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """Round up to a multiple of `step`; the result has the step's exponent."""
    return _EXACT.minus(floor_to(_EXACT.minus(value), step))


def affordable(amount: Decimal, price: Decimal, step: Decimal) -> Decimal:
    """Give the largest multiple of `step` that costs no more than `amount` at `price`, to the last digit."""
    return _EXACT.multiply(_EXACT.divide_int(amount, _EXACT.multiply(price, step)), step)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Say whether `value` lies on the grid of `step`."""
    return _EXACT.remainder(value, step) == 0


def parse_decimal(text: str) -> Decimal:
    """Read a finite decimal; raises ValueError that quotes what was given."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a decimal number") from None
    if not value.is_finite():
        raise ValueError(f"{text!r} is not a finite number")
    return value


def plain(value: Decimal) -> str:
    """Write a decimal without exponent and without trailing zeros: `0.001`, `1000`, `0`."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
