"""What every actor of one symbol's tree is given."""

from decimal import Decimal

import msgspec

from naive_daemon.domain.instrument import Instrument


class SymbolContext(msgspec.Struct, frozen=True, kw_only=True):
    """The symbol, where and whose it is, and the rates. `owner` is the daemon's own mark in client order ids.

    `cycle_floor`: no fresh cycle has a lower number, as a journal that was restored does not know all that were given.
    """

    account: str
    symbol: str
    owner: str
    exchange: str = "paper"
    instrument: Instrument
    fee: Decimal
    cycle_floor: int = 0
    trader_restarts: int = 3
    trader_period_s: float = 5.0
    symbol_restarts: int = 3
    symbol_period_s: float = 60.0
