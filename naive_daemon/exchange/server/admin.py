"""The operator's side of the exchange, under `/admin`: faults, the market by hand, and the truth for audits.

It needs no key, and so it is served to loopback addresses alone, whatever address the exchange listens on: whoever may
run programs on this machine may do this. Owned by the server's thread.
"""

import ipaddress
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Protocol, TypeVar

import msgspec
from aiohttp import web

from naive_daemon.domain.errors import NaiveError, UsageError
from naive_daemon.domain.money import parse_decimal
from naive_daemon.exchange.server.catalogue import OPERATIONS
from naive_daemon.exchange.server.exchange import Exchange
from naive_daemon.exchange.server.fault import ACTION_KINDS, WHERE, FaultWish, check, place_of
from naive_daemon.exchange.server.order_answers import fill_answer, order_answer
from naive_daemon.exchange.server.player import Player
from naive_daemon.exchange.server.session import SESSION_OPERATIONS
from naive_daemon.exchange.server.text import amount

_NS_PER_MS = 1_000_000
_ADVANCE_MAX = 1_000_000
_Shape = TypeVar("_Shape")
_encode = msgspec.json.Encoder().encode


class Acts(Protocol):
    """What the server itself can be told to do; faults that are actions."""

    def act(self, wish: FaultWish) -> None:
        """Do it, or begin to."""

    def heal(self) -> None:
        """Undo what the actions did, as far as it can be undone."""


class _PrintedTrade(msgspec.Struct, forbid_unknown_fields=True):
    symbol: str
    price: str
    quantity: str
    buyer_is_maker: bool = False


class _MarketWish(msgspec.Struct, forbid_unknown_fields=True):
    pause: bool | None = None
    advance: int = 0
    symbol: str | None = None


class Admin:
    """Answers requests of operators."""

    def __init__(self, exchange: Exchange, player: Player | None, acts: Acts) -> None:
        self._exchange = exchange
        self._player = player
        self._acts = acts

    def add_routes(self, app: web.Application) -> None:
        """Let an application serve the paths of operators."""
        for method, path, answer in (
            ("GET", "/admin/faults", self._faults),
            ("POST", "/admin/faults", self._add_fault),
            ("DELETE", "/admin/faults", self._clear_faults),
            ("DELETE", "/admin/faults/{number:[0-9]+}", self._clear_faults),
            ("POST", "/admin/trades", self._print_trade),
            ("POST", "/admin/market", self._move_market),
            ("GET", "/admin/market", self._market),
            ("GET", "/admin/orders", self._orders),
            ("GET", "/admin/fills", self._fills),
            ("GET", "/admin/balances", self._balances),
            ("GET", "/admin/connections", self._connections),
        ):
            app.router.add_route(method, path, _guarded(answer))

    async def _faults(self, _: web.Request) -> Any:
        return {"faults": self._exchange.faults.listed(), "skew_ms": self._exchange.clock.skew_ns // _NS_PER_MS}

    async def _add_fault(self, request: web.Request) -> Any:
        wish = await _read(request, FaultWish)
        check(wish)
        if wish.kind in ACTION_KINDS:
            self._acts.act(wish)
            return {"done": wish.kind}
        if wish.where not in {*WHERE, *OPERATIONS, *SESSION_OPERATIONS} and not self._is_account(wish.where):
            raise UsageError(
                f"there is no place {wish.where!r}", hint=f"there are {', '.join(WHERE)}, and account:NAME"
            )
        return self._exchange.faults.add(wish).shown()

    async def _clear_faults(self, request: web.Request) -> Any:
        number = request.match_info.get("number")
        if number is None:
            self._acts.heal()
        return {"cleared": self._exchange.faults.clear(None if number is None else int(number))}

    async def _print_trade(self, request: web.Request) -> Any:
        printed = await _read(request, _PrintedTrade)
        if not self._exchange.listings.is_trading(self._listed(printed.symbol)):
            raise UsageError(f"{printed.symbol} is halted", hint="resume it")
        price, quantity = _positive("price", printed.price), _positive("quantity", printed.quantity)
        self._exchange.print_trade(printed.symbol, price, quantity, buyer_is_maker=printed.buyer_is_maker)
        return {"id": self._exchange.tape[printed.symbol].next_id - 1}

    async def _move_market(self, request: web.Request) -> Any:
        wish = await _read(request, _MarketWish)
        player = self._player
        if player is None:
            raise UsageError("this market is made by its clients", hint="print trades with POST /admin/trades")
        if not 0 <= wish.advance <= _ADVANCE_MAX:
            raise UsageError(f"advance is from 0 to {_ADVANCE_MAX} trades")
        if wish.pause is not None:
            player.pause() if wish.pause else player.resume()
        symbols = list(self._exchange.listings) if wish.symbol is None else [self._listed(wish.symbol)]
        printed = {symbol: player.advance(self._exchange, symbol, wish.advance) for symbol in symbols}
        return {"paused": player.is_paused, "printed": printed if wish.advance else {}}

    async def _market(self, _: web.Request) -> Any:
        exchange = self._exchange
        prices = ((symbol, exchange.venue.engine.last_price(symbol)) for symbol in exchange.listings)
        return {
            "paused": self._player.is_paused if self._player is not None else None,
            "prices": {symbol: None if price is None else amount(price) for symbol, price in prices},
        }

    async def _orders(self, request: web.Request) -> Any:
        owner = request.query.get("account")
        return [
            {"account": order.account, **order_answer(order, _NS_PER_MS)}
            for order in self._exchange.venue.records.all_orders()
            if owner in (None, order.account)
        ]

    async def _fills(self, request: web.Request) -> Any:
        owner = request.query.get("account")
        records = self._exchange.venue.records
        return [
            {
                "account": fill.account,
                "clientOrderId": records.number(fill.order_id).client_order_id,
                **fill_answer(fill, _NS_PER_MS),
            }
            for fill in records.all_fills()
            if owner in (None, fill.account)
        ]

    async def _balances(self, _: web.Request) -> Any:
        venue = self._exchange.venue
        return {
            record.name: {
                asset: {"free": amount(balance.free), "locked": amount(balance.locked)}
                for asset, balance in venue.balances(record.name).items()
            }
            for record in self._exchange.accounts
        }

    async def _connections(self, _: web.Request) -> Any:
        return {
            "user_subscriptions": self._exchange.users.counts(),
            "market_streams": self._exchange.streams.counts(),
        }

    def _is_account(self, place: str) -> bool:
        return any(place == place_of(record.name) for record in self._exchange.accounts)

    def _listed(self, symbol: str) -> str:
        if symbol not in self._exchange.listings:
            raise UsageError(f"there is no symbol {symbol!r}", hint=f"there are {', '.join(self._exchange.listings)}")
        return symbol


def _guarded(answer: Callable[[web.Request], Awaitable[Any]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Answer loopback alone; an error of the asker is a line with a hint."""

    async def serve(request: web.Request) -> web.Response:
        if not ipaddress.ip_address(request.remote or "0.0.0.0").is_loopback:  # noqa: S104 - an address of nobody
            return _json(403, {"error": "only this machine may ask", "hint": None})
        # A page in a browser can send this request from this machine, but not without naming itself.
        if "Origin" in request.headers:
            return _json(403, {"error": "no page of the web may ask", "hint": None})
        try:
            return _json(200, await answer(request))
        except NaiveError as error:
            return _json(400, {"error": error.message, "hint": error.hint})

    return serve


async def _read(request: web.Request, shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.json.decode(await request.read(), type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"the request is not what it should be: {error}") from error


def _positive(name: str, text: str) -> Decimal:
    try:
        value = parse_decimal(text)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error
    if value <= 0:
        raise UsageError(f"{name}: {text} is not more than 0")
    return value


def _json(status: int, value: Any) -> web.Response:
    return web.Response(status=status, body=_encode(value), content_type="application/json")
