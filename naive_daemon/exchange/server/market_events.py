"""Market events as JSON values (Binance, "WebSocket Streams"). Times are in units of `unit_ns` nanoseconds."""

from typing import Any

from naive_daemon.domain.events import Trade
from naive_daemon.domain.money import EXACT
from naive_daemon.exchange.server.candle import Candle
from naive_daemon.exchange.server.tape import Quote
from naive_daemon.exchange.server.text import amount


def trade_event(trade: Trade, time_ns: int, unit_ns: int) -> dict[str, Any]:
    """Give a `trade`."""
    return {
        "e": "trade",
        "E": time_ns // unit_ns,
        "s": trade.symbol,
        "t": trade.trade_id,
        "p": amount(trade.price),
        "q": amount(trade.quantity),
        "T": trade.time_ns // unit_ns,
        "m": trade.buyer_is_maker,
        "M": True,
    }


def aggregate_event(trade: Trade, time_ns: int, unit_ns: int) -> dict[str, Any]:
    """Give an `aggTrade`; here each aggregates one trade."""
    return {
        "e": "aggTrade",
        "E": time_ns // unit_ns,
        "s": trade.symbol,
        "a": trade.trade_id,
        "p": amount(trade.price),
        "q": amount(trade.quantity),
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": trade.time_ns // unit_ns,
        "m": trade.buyer_is_maker,
        "M": True,
    }


def book_ticker(symbol: str, quote: Quote, number: int) -> dict[str, Any]:
    """Give a `bookTicker`."""
    return {
        "u": number,
        "s": symbol,
        "b": amount(quote.bid),
        "B": amount(quote.bid_quantity),
        "a": amount(quote.ask),
        "A": amount(quote.ask_quantity),
    }


def kline_event(
    symbol: str, interval: str, candle: Candle, time_ns: int, unit_ns: int, *, is_closed: bool
) -> dict[str, Any]:
    """Give a `kline`."""
    return {
        "e": "kline",
        "E": time_ns // unit_ns,
        "s": symbol,
        "k": candle.event(symbol, interval, unit_ns, is_closed=is_closed),
    }


def mini_ticker(symbol: str, day: Candle, time_ns: int, unit_ns: int) -> dict[str, Any]:
    """Give a `24hrMiniTicker`."""
    return {
        "e": "24hrMiniTicker",
        "E": time_ns // unit_ns,
        "s": symbol,
        "c": amount(day.close),
        "o": amount(day.open),
        "h": amount(day.high),
        "l": amount(day.low),
        "v": amount(day.base),
        "q": amount(day.quote),
    }


def ticker(symbol: str, day: Candle, quote: Quote, last: Trade | None, *, time_ns: int, unit_ns: int) -> dict[str, Any]:
    """Give a `24hrTicker`."""
    change = EXACT.subtract(day.close, day.open)
    return {
        "e": "24hrTicker",
        "E": time_ns // unit_ns,
        "s": symbol,
        "p": amount(change),
        "P": f"{change * 100 / day.open:.3f}",
        "w": f"{day.quote / day.base:.8f}" if day.base else amount(day.close),
        "x": amount(day.open),
        "c": amount(day.close),
        "Q": amount(last.quantity) if last is not None else "0.00000000",
        "b": amount(quote.bid),
        "B": amount(quote.bid_quantity),
        "a": amount(quote.ask),
        "A": amount(quote.ask_quantity),
        "o": amount(day.open),
        "h": amount(day.high),
        "l": amount(day.low),
        "v": amount(day.base),
        "q": amount(day.quote),
        "O": day.start_ns // unit_ns,
        "C": day.end_ns // unit_ns - 1,
        "F": day.first_id,
        "L": day.last_id,
        "n": day.count,
    }
