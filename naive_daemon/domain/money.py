"""Exact decimal arithmetic: every rounding has a name here, and a float is refused."""

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from functools import reduce

ZERO = Decimal(0)
ONE = Decimal(1)

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?").fullmatch


EXACT = Context(prec=200, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
"""For what must not round: what does not fit into 200 digits is an error instead of a lost fraction.

The usual 28 digits round a quotient that is floored then to one step too much, and a balance in the billions that holds
commissions of 20 decimals.
"""


def total(values: Iterable[Decimal]) -> Decimal:
    """Add up, exactly; nothing at all is 0."""
    return reduce(EXACT.add, values, ZERO)


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Round down to a multiple of `step` (a tick or a lot); the result has the step's exponent."""
    steps = EXACT.divide_int(value, step)
    if value < 0 and EXACT.multiply(steps, step) != value:
        steps = EXACT.subtract(steps, ONE)
    return EXACT.multiply(steps, step)


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """Round up to a multiple of `step`; the result has the step's exponent."""
    return EXACT.minus(floor_to(EXACT.minus(value), step))


def affordable(amount: Decimal, price: Decimal, step: Decimal) -> Decimal:
    """Give the largest multiple of `step` that costs no more than `amount` at `price`, to the last digit."""
    return EXACT.multiply(EXACT.divide_int(amount, EXACT.multiply(price, step)), step)


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Say whether `value` lies on the grid of `step`."""
    return EXACT.remainder(value, step) == 0


def parse_decimal(text: str) -> Decimal:
    """Read a finite decimal in plain ASCII, with an exponent or without; raises ValueError that quotes what was given.

    What Python reads beyond that is refused: `1_000`, digits of other scripts, NaN and infinity.
    """
    bare = text.strip()
    if _DECIMAL(bare) is None:
        raise ValueError(f"{text!r} is not a decimal number")
    return Decimal(bare)


def plain(value: Decimal) -> str:
    """Write a decimal without exponent and without trailing zeros: `0.001`, `1000`, `0`."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
