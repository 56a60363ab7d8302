"""A synthetic instrument: a price made of the prices of others, traded nowhere."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

VENUE = ".SYNTH"
"""What the symbol of every synthetic instrument ends with, and no other's."""


class SyntheticInstrument(msgspec.Struct, frozen=True, kw_only=True):
    """Its price is Σ weight × price over its components, by symbol; `tick_size` is the grid it is shown on."""

    symbol: str
    weights: Mapping[str, Decimal]
    tick_size: Decimal

    def __post_init__(self) -> None:
        if not is_synthetic(self.symbol):
            raise ValueError(f"{self.symbol!r} is no synthetic instrument: its symbol ends with {VENUE}")


def is_synthetic(symbol: str) -> bool:
    """Say whether a symbol is a synthetic instrument's."""
    return symbol.endswith(VENUE) and len(symbol) > len(VENUE)
