"""What every actor of one symbol's tree is given."""

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from naive_daemon.domain.instrument import Instrument


class SymbolContext(msgspec.Struct, frozen=True, kw_only=True):
    """The symbol, where and whose it is, and the rates. `owner` is the daemon's own mark in client order ids.

    `instruments`: all symbols', by symbol, as the exchange has them now; whoever asks it writes what has changed.
    `cycle_floor`: no fresh cycle has a lower number, as a journal that was restored does not know all that were given.
    """

    account: str
    symbol: str
    owner: str
    exchange: str = "paper"
    instruments: Mapping[str, Instrument]
    fee: Decimal
    cycle_floor: int = 0
    trader_restarts: int = 3
    trader_period_s: float = 5.0
    symbol_restarts: int = 3
    symbol_period_s: float = 60.0

    @property
    def instrument(self) -> Instrument:
        """The symbol's, by the newest filters: to be looked up for each order, those of a running cycle too."""
        return self.instruments[self.symbol]


ContextOf = Callable[[str, str, Decimal], SymbolContext | str]
"""Gives the context of (account, symbol, the account's maker fee), or in words why it cannot be traded."""
