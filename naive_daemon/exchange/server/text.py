"""How the exchange writes money and times: Binance's eight decimals, milliseconds or microseconds."""

from decimal import Decimal

_DECIMALS = 8


def amount(value: Decimal) -> str:
    """Write an amount with eight decimals, or with more where it has more: nothing is ever rounded."""
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent >= -_DECIMALS:
        return f"{value:.8f}"
    whole, _, fraction = format(value, "f").partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(_DECIMALS, '0')}"
