"""Every operation by its name in the WebSocket API, and by REST's method and path; with Binance's weights."""

from collections.abc import Callable, Mapping
from typing import Any

from naive_daemon.exchange.server import account_requests as accounts
from naive_daemon.exchange.server import market_requests as market
from naive_daemon.exchange.server import trading
from naive_daemon.exchange.server.operation import Call, Operation, Security
from naive_daemon.exchange.server.parameters import Parameters

Weight = Callable[[Parameters], int]


def _flat(weight: int) -> Weight:
    return lambda _: weight


def _by_symbol(one: int, all_symbols: int) -> Weight:
    return lambda parameters: one if parameters.has("symbol") else all_symbols


def _of_trades(parameters: Parameters) -> int:
    return 5 if parameters.has("orderId") else 20


def _of_test(parameters: Parameters) -> int:
    return 20 if parameters.has("computeCommissionRates") else 1


def _of_depth(parameters: Parameters) -> int:
    limit = parameters.limit(100, 5_000)
    return next(weight for most, weight in ((100, 5), (500, 25), (1_000, 50), (5_000, 250)) if limit <= most)


_MARKET, _SIGNED, _TRADE = Security.NONE, Security.SIGNED, Security.TRADE
_ACCOUNT, _PUBLIC = "account", "market"

# Name, REST's method and path ("" where REST has none), what answers, weight, security, where faults find it.
_ROWS: tuple[tuple[str, str, Callable[[Call], Any], Weight, Security, str], ...] = (
    ("ping", "GET /api/v3/ping", market.ping, _flat(1), _MARKET, _PUBLIC),
    ("time", "GET /api/v3/time", market.time, _flat(1), _MARKET, _PUBLIC),
    ("exchangeInfo", "GET /api/v3/exchangeInfo", market.exchange_info, _flat(20), _MARKET, _PUBLIC),
    ("depth", "GET /api/v3/depth", market.depth, _of_depth, _MARKET, _PUBLIC),
    ("trades.recent", "GET /api/v3/trades", market.trades, _flat(25), _MARKET, _PUBLIC),
    ("trades.historical", "GET /api/v3/historicalTrades", market.trades, _flat(25), _MARKET, _PUBLIC),
    ("trades.aggregate", "GET /api/v3/aggTrades", market.aggregate_trades, _flat(4), _MARKET, _PUBLIC),
    ("klines", "GET /api/v3/klines", market.klines, _flat(2), _MARKET, _PUBLIC),
    ("uiKlines", "GET /api/v3/uiKlines", market.klines, _flat(2), _MARKET, _PUBLIC),
    ("avgPrice", "GET /api/v3/avgPrice", market.average_price, _flat(2), _MARKET, _PUBLIC),
    ("ticker.price", "GET /api/v3/ticker/price", market.price_ticker, _by_symbol(2, 4), _MARKET, _PUBLIC),
    ("ticker.24hr", "GET /api/v3/ticker/24hr", market.day_ticker, _by_symbol(2, 80), _MARKET, _PUBLIC),
    ("ticker.book", "GET /api/v3/ticker/bookTicker", market.book_ticker, _by_symbol(2, 4), _MARKET, _PUBLIC),
    ("order.place", "POST /api/v3/order", trading.place, _flat(1), _TRADE, "order.place"),
    ("order.test", "POST /api/v3/order/test", trading.test, _of_test, _TRADE, _ACCOUNT),
    ("order.status", "GET /api/v3/order", trading.status, _flat(4), _SIGNED, "order.status"),
    ("order.cancel", "DELETE /api/v3/order", trading.cancel, _flat(1), _TRADE, "order.cancel"),
    ("openOrders.status", "GET /api/v3/openOrders", trading.open_orders, _by_symbol(6, 80), _SIGNED, _ACCOUNT),
    ("openOrders.cancelAll", "DELETE /api/v3/openOrders", trading.cancel_all, _flat(1), _TRADE, "order.cancel"),
    ("allOrders", "GET /api/v3/allOrders", trading.all_orders, _flat(20), _SIGNED, _ACCOUNT),
    ("myTrades", "GET /api/v3/myTrades", accounts.my_trades, _of_trades, _SIGNED, _ACCOUNT),
    ("account.status", "GET /api/v3/account", accounts.account, _flat(20), _SIGNED, _ACCOUNT),
    ("account.commission", "GET /api/v3/account/commission", accounts.commission, _flat(20), _SIGNED, _ACCOUNT),
    ("account.rateLimits.orders", "GET /api/v3/rateLimit/order", accounts.order_limits, _flat(40), _SIGNED, _ACCOUNT),
    ("apiRestrictions", "GET /sapi/v1/account/apiRestrictions", accounts.restrictions, _flat(1), _SIGNED, _ACCOUNT),
)  # fmt: skip

OPERATIONS: Mapping[str, Operation] = {
    name: Operation(name, answer, weight, security, (name, place, "all"))
    for name, _, answer, weight, security, place in _ROWS
}
ROUTES: Mapping[tuple[str, str], Operation] = {
    (method, path): OPERATIONS[name] for name, route, *_ in _ROWS for method, path in (route.split(" "),)
}
