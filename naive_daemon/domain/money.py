"""Exact decimal arithmetic: every rounding has a name here, and a float is refused."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation

ZERO = Decimal(0)
ONE = Decimal(1)


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Round down to a multiple of `step` (a tick or a lot); the result has the step's exponent."""
    return (value / step).to_integral_value(ROUND_FLOOR) * step


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """Round up to a multiple of `step`; the result has the step's exponent."""
    return (value / step).to_integral_value(ROUND_CEILING) * step


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Say whether `value` lies on the grid of `step`."""
    return value % step == 0


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
