"""Read Binance's exchangeInfo into instruments (Binance Spot API, "Exchange information" and "Filters").

Works on a file or on the answer of `GET /api/v3/exchangeInfo`. Filters that concern no limit order (MARKET_LOT_SIZE,
MAX_NUM_ALGO_ORDERS, ...) and those that came later are passed over. Invariant: an instrument's tick and step are
always more than 0, so that everybody can round to them.
"""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import msgspec

from naive_daemon.domain.errors import ConfigError
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import ZERO, parse_decimal, plain

_HINT = "give the answer of Binance's GET /api/v3/exchangeInfo"
_PRECISION_MAX = 18

_Shape = TypeVar("_Shape")


class _Information(msgspec.Struct):
    symbols: list[msgspec.Raw]


class _Symbol(msgspec.Struct, rename="camel"):
    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    filters: list[dict[str, object]] = []
    base_asset_precision: int = 8
    quote_asset_precision: int = 8
    is_spot_trading_allowed: bool = True


class _Named(msgspec.Struct):
    symbol: str


def read_exchange_information(path: Path) -> dict[str, Instrument]:
    """Read a file of exchangeInfo; gives instruments by symbol.

    Raises ConfigError that names the file, the symbol and the field when the file is missing, is not exchangeInfo,
    or holds a filter that makes no sense.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"exchange information {path}: {error.strerror}", hint=_HINT) from error
    return parse_exchange_information(data, source=str(path))


def parse_exchange_information(
    data: bytes, *, source: str = "exchangeInfo", pass_over: Callable[[ConfigError], None] | None = None
) -> dict[str, Instrument]:
    """Give the instruments in the JSON text `data` by symbol; errors as of `read_exchange_information`.

    With `pass_over`, which is told why, a symbol that can not be read is left out: the exchange's word on thousands of
    symbols is not refused for one of them.
    """
    information = _decoded(data, _Information, source)
    instruments: dict[str, Instrument] = {}
    for place, raw in enumerate(information.symbols, 1):
        name = _decoded(bytes(raw), _Named, f"{source}: symbol number {place}").symbol
        where = f"{source}: symbol {name!r}"
        if not name or name in instruments:
            raise ConfigError(f"{where}: {'is listed twice' if name else 'has no name'}", hint=_HINT)
        try:
            instruments[name] = _instrument(_decoded(bytes(raw), _Symbol, where), where)
        except ConfigError as error:
            if pass_over is None:
                raise
            pass_over(error)
    if not instruments:
        raise ConfigError(f"{source}: lists no symbol", hint=_HINT)
    return instruments


def _decoded(data: bytes, shape: type[_Shape], where: str) -> _Shape:
    try:
        return msgspec.json.decode(data, type=shape)
    except (ValueError, RecursionError) as error:  # ValueError: not JSON, another shape, or not UTF-8
        raise ConfigError(f"{where}: {error}", hint=_HINT) from error


def _instrument(symbol: _Symbol, where: str) -> Instrument:
    filters = _Filters(symbol.filters, where)
    notional = "NOTIONAL" if filters.has("NOTIONAL") else "MIN_NOTIONAL"
    return Instrument(
        symbol=symbol.symbol,
        base_asset=symbol.base_asset,
        quote_asset=symbol.quote_asset,
        tick_size=filters.amount("PRICE_FILTER", "tickSize") or _grid(symbol.quote_asset_precision, where),
        step_size=filters.amount("LOT_SIZE", "stepSize") or _grid(symbol.base_asset_precision, where),
        min_price=filters.amount("PRICE_FILTER", "minPrice"),
        max_price=filters.amount("PRICE_FILTER", "maxPrice"),
        min_quantity=filters.amount("LOT_SIZE", "minQty"),
        max_quantity=filters.amount("LOT_SIZE", "maxQty"),
        min_notional=filters.amount(notional, "minNotional"),
        max_notional=filters.amount(notional, "maxNotional"),
        bid_multiplier_up=filters.multiplier("bid", "Up"),
        bid_multiplier_down=filters.multiplier("bid", "Down"),
        ask_multiplier_up=filters.multiplier("ask", "Up"),
        ask_multiplier_down=filters.multiplier("ask", "Down"),
        max_open_orders=filters.count("MAX_NUM_ORDERS", "maxNumOrders"),
        is_trading=symbol.status == "TRADING" and symbol.is_spot_trading_allowed,
    )


def _grid(precision: int, where: str) -> Decimal:
    """Give the finest grid that the exchange can write; it holds where a filter leaves the grid open."""
    if not 0 <= precision <= _PRECISION_MAX:
        raise ConfigError(f"{where}: a precision of {precision} is not within 0 and {_PRECISION_MAX}", hint=_HINT)
    return Decimal(1).scaleb(-precision)


class _Filters:
    """One symbol's filters by type; what a filter leaves out is 0, which switches it off."""

    def __init__(self, filters: list[dict[str, object]], where: str) -> None:
        self._where = where
        self._filters: dict[object, dict[str, object]] = {entry.get("filterType"): entry for entry in filters}

    def has(self, kind: str) -> bool:
        return kind in self._filters

    def amount(self, kind: str, field: str) -> Decimal:
        value = self._filters.get(kind, {}).get(field, "0")
        # A JSON number would have been a float on its way: exactness is lost before anybody can see it.
        if isinstance(value, bool | float) or not isinstance(value, str | int):
            raise self._error(kind, field, f"{value!r} is not a decimal in quotes")
        try:
            amount = parse_decimal(str(value))
        except ValueError as error:
            raise self._error(kind, field, str(error)) from error
        if amount < ZERO:
            raise self._error(kind, field, f"{value} is negative")
        # "0.01000000" as 0.01: what is rounded to a grid takes over the grid's digits.
        return Decimal(plain(amount))

    def count(self, kind: str, field: str) -> int:
        amount = self.amount(kind, field)
        if amount != int(amount):
            raise self._error(kind, field, f"{amount} is not a whole number")
        return int(amount)

    def multiplier(self, side: str, bound: str) -> Decimal:
        if self.has("PERCENT_PRICE_BY_SIDE"):
            return self.amount("PERCENT_PRICE_BY_SIDE", f"{side}Multiplier{bound}")
        return self.amount("PERCENT_PRICE", f"multiplier{bound}")

    def _error(self, kind: str, field: str, reason: str) -> ConfigError:
        return ConfigError(f"{self._where}: {kind}.{field}: {reason}", hint=_HINT)
