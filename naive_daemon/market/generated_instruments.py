"""The built-in listing of the generated market: what paper trading trades when no exchange information is given.

Filters are Binance's of these symbols; the start prices are of the right size and nothing more. What other exchange
information lists has a generated market, too.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

import msgspec

from naive_daemon.domain.instrument import Instrument


class Listing(msgspec.Struct, frozen=True):
    """An instrument and the price, in its quote asset and on its grid, that a generated market starts at."""

    instrument: Instrument
    start_price: Decimal


_START_TICKS = 10_000

# Symbol, base, quote, tick, step, highest price, highest quantity, least notional, start price.
_ROWS = (
    ("BTCUSDT", "BTC", "USDT", "0.01", "0.000001", "1000000", "9000", "5", "65000.00"),
    ("ETHUSDT", "ETH", "USDT", "0.01", "0.0001", "1000000", "9000", "5", "3200.00"),
    ("BNBUSDT", "BNB", "USDT", "0.01", "0.001", "100000", "900000", "5", "600.00"),
    ("XRPUSDT", "XRP", "USDT", "0.0001", "0.1", "10000", "9222449", "5", "2.1500"),
    ("SOLUSDT", "SOL", "USDT", "0.01", "0.001", "100000", "90000", "5", "160.00"),
    ("ADAUSDT", "ADA", "USDT", "0.0001", "0.1", "1000", "900000", "5", "0.6500"),
    ("DOGEUSDT", "DOGE", "USDT", "0.00001", "1", "1000", "9000000", "1", "0.18000"),
    ("LTCUSDT", "LTC", "USDT", "0.01", "0.001", "100000", "90000", "5", "95.00"),
    ("XRPETH", "XRP", "ETH", "0.00000001", "0.1", "1000", "90000000", "0.001", "0.00067000"),
    ("ETHBTC", "ETH", "BTC", "0.00001", "0.0001", "922327", "100000", "0.0001", "0.04900"),
)


def _listing(row: tuple[str, ...]) -> Listing:
    symbol, base, quote, *numbers = row
    tick, step, max_price, max_quantity, min_notional, start_price = map(Decimal, numbers)
    instrument = Instrument(
        symbol=symbol,
        base_asset=base,
        quote_asset=quote,
        tick_size=tick,
        step_size=step,
        min_price=tick,
        max_price=max_price,
        min_quantity=step,
        max_quantity=max_quantity,
        min_notional=min_notional,
        max_notional=Decimal(9_000_000),
        bid_multiplier_up=Decimal(5),
        bid_multiplier_down=Decimal("0.2"),
        ask_multiplier_up=Decimal(5),
        ask_multiplier_down=Decimal("0.2"),
        max_open_orders=200,
    )
    return Listing(instrument, start_price)


GENERATED_LISTINGS: Mapping[str, Listing] = MappingProxyType({row[0]: _listing(row) for row in _ROWS})
GENERATED_INSTRUMENTS: Mapping[str, Instrument] = MappingProxyType(
    {symbol: listing.instrument for symbol, listing in GENERATED_LISTINGS.items()}
)


def market_listing(instrument: Instrument) -> Listing:
    """Give what a generated market needs: the built-in start price, else one of a usual number of ticks."""
    known = GENERATED_LISTINGS.get(instrument.symbol)
    if known is not None:
        return Listing(instrument, known.start_price)
    return Listing(instrument, max(_START_TICKS * instrument.tick_size, instrument.min_price))
