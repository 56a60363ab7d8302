"""What a report divides, and how it rounds it. Sums are exact; only quotients and roots are rounded, and only here.

`quotient` keeps 28 digits, half-even. What a report then tells as a ratio is rounded half-even to 6 decimals, what it
tells as an average of money to 12.
"""

import statistics
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow

from naive_daemon.domain.money import EXACT, ZERO

DAYS_PER_YEAR = Decimal(365)
"""Crypto trades every day."""
DAYS_MIN = 2
"""A spread of fewer days is not known."""

ROUNDED = Context(prec=28, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
_STEPPING = Context(prec=200, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])
_RATIO_STEP = Decimal("0.000001")
_AVERAGE_STEP = Decimal("0.000000000001")


def rounded(value: Decimal, step: Decimal) -> Decimal:
    """Round half-even to the exponent of `step`."""
    return value.quantize(step, context=_STEPPING)


def quotient(dividend: Decimal, divisor: Decimal) -> Decimal | None:
    """Divide, in 28 digits, half-even; None where there is nothing to divide by."""
    return ROUNDED.divide(dividend, divisor) if divisor else None


def ratio(dividend: Decimal | int, divisor: Decimal | int) -> Decimal | None:
    """Divide, rounded half-even to 6 decimals; None where there is nothing to divide by."""
    return rounded_ratio(quotient(Decimal(dividend), Decimal(divisor)))


def rounded_ratio(value: Decimal | None) -> Decimal | None:
    """Round half-even to 6 decimals."""
    return None if value is None else rounded(value, _RATIO_STEP)


def average(total: Decimal, count: int) -> Decimal | None:
    """Give an average of money, rounded half-even to 12 decimals; None of nothing."""
    value = quotient(total, Decimal(count))
    return None if value is None else rounded(value, _AVERAGE_STEP)


def median(amounts: Sequence[Decimal]) -> Decimal | None:
    """Give the middle amount, or the average of the two in the middle; None of nothing."""
    if not amounts:
        return None
    low, high = statistics.median_low(amounts), statistics.median_high(amounts)
    return average(EXACT.add(low, high), 2)


def sharpe(returns: Sequence[Decimal]) -> Decimal | None:
    """Give mean ÷ sample standard deviation × √365 of daily returns, the risk-free rate being 0.

    None of fewer than 2 days, and where no day differs from another.
    """
    if len(returns) < DAYS_MIN:
        return None
    mean = _mean(returns)
    squares = _sum_of_squares(ROUNDED.subtract(one, mean) for one in returns)
    return _annual(mean, ROUNDED.divide(squares, Decimal(len(returns) - 1)))


def sortino(returns: Sequence[Decimal]) -> Decimal | None:
    """Give mean ÷ downside deviation × √365 of daily returns, the target being 0.

    The downside deviation is the root of the mean, over all days, of the squares of the losses. None of fewer than 2
    days, and where no day has lost.
    """
    if len(returns) < DAYS_MIN:
        return None
    squares = _sum_of_squares(min(one, ZERO) for one in returns)
    return _annual(_mean(returns), ROUNDED.divide(squares, Decimal(len(returns))))


def _annual(mean: Decimal, variance: Decimal) -> Decimal | None:
    if not variance:
        return None
    return rounded_ratio(ROUNDED.multiply(ROUNDED.divide(mean, ROUNDED.sqrt(variance)), ROUNDED.sqrt(DAYS_PER_YEAR)))


def _mean(values: Sequence[Decimal]) -> Decimal:
    total = ZERO
    for value in values:
        total = ROUNDED.add(total, value)
    return ROUNDED.divide(total, Decimal(len(values)))


def _sum_of_squares(values: Iterable[Decimal]) -> Decimal:
    total = ZERO
    for value in values:
        total = ROUNDED.add(total, ROUNDED.multiply(value, value))
    return total
