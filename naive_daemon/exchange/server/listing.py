"""Which symbols the exchange lists, whether each trades, and how `exchangeInfo` tells of it. Owned by the venue."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from naive_daemon.domain.errors import ConfigError
from naive_daemon.domain.instrument import Instrument
from naive_daemon.exchange.information import read_exchange_information
from naive_daemon.exchange.server.refusal import unknown_symbol
from naive_daemon.exchange.server.text import amount
from naive_daemon.market.generated_instruments import GENERATED_INSTRUMENTS

TRADING = "TRADING"
HALTED = "HALT"


class Listings:
    """The listed symbols. A halted one takes no order; a delisted one is known no more, but for its past orders."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self._first = instruments
        self._instruments = dict(instruments)
        self._entries: dict[str, dict[str, Any]] = {}
        self._delisted: dict[str, Instrument] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._instruments)

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._instruments

    def instrument(self, symbol: str) -> Instrument:
        """Give a listed symbol's instrument; raises RefusedError for any other."""
        instrument = self._instruments.get(symbol)
        if instrument is None:
            raise unknown_symbol()
        return instrument

    def is_trading(self, symbol: str) -> bool:
        """Say whether a symbol is listed and not halted."""
        instrument = self._instruments.get(symbol)
        return instrument is not None and instrument.is_trading

    def set_trading(self, symbol: str, *, is_trading: bool) -> Instrument:
        """Halt a symbol, or let it trade again."""
        return self.change(symbol, is_trading=is_trading)

    def change(self, symbol: str, **changes: object) -> Instrument:
        """Change what is listed of a symbol."""
        instrument = self._instruments[symbol] = msgspec.structs.replace(self.instrument(symbol), **changes)
        self._entries.pop(symbol, None)
        return instrument

    def restore(self, symbol: str) -> Instrument:
        """List a symbol as at the start, but for whether it trades."""
        first = msgspec.structs.asdict(self._first[symbol])
        return self.change(**first | {"is_trading": self.instrument(symbol).is_trading})

    def delist(self, symbol: str) -> None:
        """List a symbol no more."""
        self._delisted[symbol] = self.instrument(symbol)
        del self._instruments[symbol]
        self._entries.pop(symbol, None)

    def list_again(self) -> list[str]:
        """List what was delisted again; gives which symbols that were."""
        symbols = list(self._delisted)
        self._instruments.update(self._delisted)
        self._delisted.clear()
        return symbols

    def entries(self, symbols: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """Give what `exchangeInfo` says of symbols, of all unless given."""
        return [self._entry(symbol) for symbol in (self._instruments if symbols is None else symbols)]

    def _entry(self, symbol: str) -> dict[str, Any]:
        entry = self._entries.get(symbol)
        if entry is None:
            entry = self._entries[symbol] = _entry(self.instrument(symbol))
        return entry


def read_instruments(exchange_info: Path | None, symbols: Iterable[str]) -> dict[str, Instrument]:
    """Give the instruments that are to be listed, all there are unless `symbols` says which.

    From a file of exchangeInfo, else the built-in ones. Raises ConfigError for a bad file or an unknown symbol.
    """
    known = read_exchange_information(exchange_info) if exchange_info is not None else dict(GENERATED_INSTRUMENTS)
    wanted = list(symbols) or list(known)
    for symbol in wanted:
        if symbol not in known:
            raise ConfigError(f"there is no symbol {symbol!r} to list", hint=f"there are {', '.join(sorted(known))}")
    return {symbol: known[symbol] for symbol in wanted}


def _entry(instrument: Instrument) -> dict[str, Any]:
    return {
        "symbol": instrument.symbol,
        "status": TRADING if instrument.is_trading else HALTED,
        "baseAsset": instrument.base_asset,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote_asset,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(instrument),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
    }


def _filters(instrument: Instrument) -> list[dict[str, Any]]:
    price, lot, notional = "PRICE_FILTER", "LOT_SIZE", "NOTIONAL"
    filters: list[dict[str, Any]] = [
        {"filterType": price, **_amounts(instrument, minPrice="min_price", maxPrice="max_price", tickSize="tick_size")},
        {"filterType": lot, **_amounts(instrument, minQty="min_quantity", maxQty="max_quantity", stepSize="step_size")},
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": amount(Decimal(0)),
            "maxQty": amount(instrument.max_quantity),
            "stepSize": amount(Decimal(0)),
        },
        {
            "filterType": notional,
            "minNotional": amount(instrument.min_notional),
            "applyMinToMarket": True,
            "maxNotional": amount(instrument.max_notional),
            "applyMaxToMarket": True,
            "avgPriceMins": 0,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            **_amounts(
                instrument,
                bidMultiplierUp="bid_multiplier_up",
                bidMultiplierDown="bid_multiplier_down",
                askMultiplierUp="ask_multiplier_up",
                askMultiplierDown="ask_multiplier_down",
            ),
            "avgPriceMins": 0,
        },
    ]
    if not instrument.bid_multiplier_up:
        filters.pop()
    if instrument.max_open_orders:
        filters.append({"filterType": "MAX_NUM_ORDERS", "maxNumOrders": instrument.max_open_orders})
    return filters


def _amounts(instrument: Instrument, **fields: str) -> dict[str, str]:
    return {name: amount(getattr(instrument, field)) for name, field in fields.items()}
