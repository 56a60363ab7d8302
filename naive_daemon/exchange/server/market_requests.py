"""What the market is like: time, listings, trades, candles, prices (Binance, "Market data endpoints")."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from naive_daemon.clock import NS_PER_MS
from naive_daemon.domain.events import Trade
from naive_daemon.domain.money import EXACT, ZERO
from naive_daemon.exchange.server.candle import INTERVALS
from naive_daemon.exchange.server.operation import Call
from naive_daemon.exchange.server.refusal import RefusedError
from naive_daemon.exchange.server.text import amount

_LIMIT, _LIMIT_MAX = 500, 1_000
_DEPTH, _DEPTH_MAX = 100, 5_000


def ping(_: Call) -> dict[str, Any]:
    """Answer."""
    return {}


def time(call: Call) -> dict[str, Any]:
    """Say what time it is."""
    return {"serverTime": call.exchange.clock.now_ns() // call.unit_ns}


def exchange_info(call: Call) -> dict[str, Any]:
    """Show the limits, and symbols with their filters."""
    exchange, parameters = call.exchange, call.parameters
    one, several = parameters.text("symbol"), parameters.names("symbols")
    symbols = [one] if one is not None else several
    entries = exchange.listings.entries(symbols)
    status = parameters.text("symbolStatus")
    return {
        "timezone": "UTC",
        "serverTime": exchange.clock.now_ns() // NS_PER_MS,
        "rateLimits": exchange.limiter.listed(),
        "exchangeFilters": [],
        "symbols": [entry for entry in entries if status in (None, entry["status"])],
    }


def depth(call: Call) -> dict[str, Any]:
    """Show the book."""
    symbol = _symbol(call)
    bids, asks = call.exchange.levels(symbol, call.parameters.limit(_DEPTH, _DEPTH_MAX))
    return {
        "lastUpdateId": call.exchange.tape[symbol].next_id,
        "bids": [[amount(price), amount(quantity)] for price, quantity in bids],
        "asks": [[amount(price), amount(quantity)] for price, quantity in asks],
    }


def trades(call: Call) -> list[dict[str, Any]]:
    """Show the last trades."""
    return [_trade(trade, call.unit_ns) for trade in _some_trades(call)]


def aggregate_trades(call: Call) -> list[dict[str, Any]]:
    """Show the last trades as aggregates, each of one trade."""
    return [
        {
            "a": trade.trade_id,
            "p": amount(trade.price),
            "q": amount(trade.quantity),
            "f": trade.trade_id,
            "l": trade.trade_id,
            "T": trade.time_ns // call.unit_ns,
            "m": trade.buyer_is_maker,
            "M": True,
        }
        for trade in _some_trades(call)
    ]


def klines(call: Call) -> list[list[Any]]:
    """Show candles."""
    symbol, parameters, unit_ns = _symbol(call), call.parameters, call.unit_ns
    interval = parameters.required("interval")
    if interval not in INTERVALS:
        raise RefusedError(-1120, "Invalid interval.")
    start, end = parameters.integer("startTime"), parameters.integer("endTime")
    limit = parameters.limit(_LIMIT, _LIMIT_MAX)
    tape = call.exchange.tape[symbol]
    candles = tape.candles(interval)
    tape.advance(call.exchange.clock.now_ns())
    found = [
        candle
        for candle in candles
        if (start is None or candle.start_ns // unit_ns >= start) and (end is None or candle.start_ns // unit_ns <= end)
    ]
    return [candle.row(unit_ns) for candle in (found[:limit] if start is not None else found[-limit:])]


def average_price(call: Call) -> dict[str, Any]:
    """Show the mean price of five minutes."""
    symbol = _symbol(call)
    price = call.exchange.tape.typical_price(symbol)
    now = call.exchange.clock.now_ns() // call.unit_ns
    return {"mins": 5, "price": "0.00000000" if price is None else f"{price:.8f}", "closeTime": now}


def price_ticker(call: Call) -> Any:
    """Show last prices."""
    return _of_symbols(call, _price)


def book_ticker(call: Call) -> Any:
    """Show best prices."""
    return _of_symbols(call, _best)


def day_ticker(call: Call) -> Any:
    """Show the last 24 hours."""
    return _of_symbols(call, _day)


def _symbol(call: Call) -> str:
    symbol = call.parameters.required("symbol")
    call.exchange.listings.instrument(symbol)
    return symbol


def _some_trades(call: Call) -> Iterable[Trade]:
    symbol, parameters = _symbol(call), call.parameters
    limit = parameters.limit(_LIMIT, _LIMIT_MAX)
    first, start, end = parameters.integer("fromId"), parameters.integer("startTime"), parameters.integer("endTime")
    kept = call.exchange.tape[symbol].trades
    found = [
        trade
        for trade in kept
        if (first is None or trade.trade_id >= first)
        and (start is None or trade.time_ns // call.unit_ns >= start)
        and (end is None or trade.time_ns // call.unit_ns <= end)
    ]
    if first is not None or start is not None:
        return islice(found, limit)
    return found[-limit:]


def _trade(trade: Trade, unit_ns: int) -> dict[str, Any]:
    return {
        "id": trade.trade_id,
        "price": amount(trade.price),
        "qty": amount(trade.quantity),
        "quoteQty": amount(EXACT.multiply(trade.price, trade.quantity)),
        "time": trade.time_ns // unit_ns,
        "isBuyerMaker": trade.buyer_is_maker,
        "isBestMatch": True,
    }


def _of_symbols(call: Call, show: Callable[[Call, str], dict[str, Any]]) -> Any:
    """Give one value for one symbol, a list for several or all."""
    parameters = call.parameters
    if parameters.has("symbol"):
        return show(call, _symbol(call))
    symbols = parameters.names("symbols")
    listings = call.exchange.listings
    wanted = list(listings) if symbols is None else [listings.instrument(symbol).symbol for symbol in symbols]
    return [show(call, symbol) for symbol in wanted]


def _price(call: Call, symbol: str) -> dict[str, Any]:
    return {"symbol": symbol, "price": amount(call.exchange.venue.engine.last_price(symbol) or ZERO)}


def _best(call: Call, symbol: str) -> dict[str, Any]:
    quote = call.exchange.quote(symbol)
    return {
        "symbol": symbol,
        "bidPrice": amount(quote.bid),
        "bidQty": amount(quote.bid_quantity),
        "askPrice": amount(quote.ask),
        "askQty": amount(quote.ask_quantity),
    }


def _day(call: Call, symbol: str) -> dict[str, Any]:
    exchange, unit_ns = call.exchange, call.unit_ns
    tape = exchange.tape[symbol]
    day = tape.day()
    best = {name: value for name, value in _best(call, symbol).items() if name != "symbol"}
    if day is None:
        now = exchange.clock.now_ns() // unit_ns
        empty = dict.fromkeys(_DAY_AMOUNTS, "0.00000000")
        times = {"openTime": now, "closeTime": now}
        return {"symbol": symbol, **empty, **best, **times, "firstId": -1, "lastId": -1, "count": 0}
    change = EXACT.subtract(day.close, day.open)
    return {
        "symbol": symbol,
        "priceChange": amount(change),
        "priceChangePercent": f"{change * 100 / day.open:.3f}",
        "weightedAvgPrice": f"{day.quote / day.base:.8f}" if day.base else amount(day.close),
        "prevClosePrice": amount(day.open),
        "lastPrice": amount(day.close),
        "lastQty": amount(tape.trades[-1].quantity if tape.trades else ZERO),
        **best,
        "openPrice": amount(day.open),
        "highPrice": amount(day.high),
        "lowPrice": amount(day.low),
        "volume": amount(day.base),
        "quoteVolume": amount(day.quote),
        "openTime": day.start_ns // unit_ns,
        "closeTime": day.end_ns // unit_ns - 1,
        "firstId": day.first_id,
        "lastId": day.last_id,
        "count": day.count,
    }


_DAY_AMOUNTS = (
    "priceChange",
    "priceChangePercent",
    "weightedAvgPrice",
    "prevClosePrice",
    "lastPrice",
    "lastQty",
    "openPrice",
    "highPrice",
    "lowPrice",
    "volume",
    "quoteVolume",
)
