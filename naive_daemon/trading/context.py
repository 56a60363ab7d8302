"""What every actor of one symbol's tree is given."""

from decimal import Decimal

import msgspec

from naive_daemon.domain.instrument import Instrument


class SymbolContext(msgspec.Struct, frozen=True, kw_only=True):
    """The symbol, whose it is, and the rates. `owner` is the daemon's own mark in client order ids."""

    account: str
    symbol: str
    owner: str
    instrument: Instrument
    fee: Decimal
    trader_restarts: int = 3
    trader_period_s: float = 5.0
    symbol_restarts: int = 3
    symbol_period_s: float = 60.0
