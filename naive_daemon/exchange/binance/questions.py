"""What is asked of the exchange: one order with its fills, everything that rests, what is owned, which symbols trade.

Owned by one gateway, used on its loop only. By REST, inside the budget. Invariant: an answer is whole or there is none
(AskError): an order is never reported filled without the fills that filled it, since reads of Binance may lag.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import TypeVar

from naive_daemon.domain.events import BalanceUpdated, OrderFilled
from naive_daemon.exchange.binance.budget import Priority
from naive_daemon.exchange.binance.oddity import Oddities
from naive_daemon.exchange.binance.reading import Reader, total
from naive_daemon.exchange.binance.sender import Sender
from naive_daemon.exchange.binance.signal import Accepted, NotFound, Refused, Signal
from naive_daemon.exchange.binance.wire import (
    AccountInformation,
    ExchangeInformation,
    KeyRestrictions,
    KnownOrder,
    OwnTrade,
    WireError,
    decode,
    fee,
)
from naive_daemon.execution.client import AccountSnapshot, ExchangeOrder, OrderReport

ASK_WITHIN_S = 10.0
"""How long a question may wait for the budget."""
ORDER_WEIGHT = 4
TRADES_WEIGHT = 5
OPEN_ORDERS_WEIGHT = 80
ACCOUNT_WEIGHT = 20
INFORMATION_WEIGHT = 20
RESTRICTIONS_WEIGHT = 0
"""What a key may do is counted apart (SAPI)."""
SNAPSHOT_WEIGHT = OPEN_ORDERS_WEIGHT + ACCOUNT_WEIGHT
TRADES_PAGE = 1_000
INVALID_SYMBOL = -1121
"""The symbol is gone, and its orders with it: they are not found either."""
LAG_PAUSES_S = (0.1, 0.4, 1.0)
"""When an order's trades are read again that do not add up to what is filled of it."""
INSIST_PAUSES_S = (0.1, 0.5, 1.0, 2.0, 5.0)

T = TypeVar("T")


class AskError(Exception):
    """There is no answer; the text says why."""

    def __init__(self, what: str, signal: Signal | None = None, reason: str = "") -> None:
        super().__init__(f"{what}: {reason or getattr(signal, 'reason', type(signal).__name__)}")
        self.signal = signal


class Questions:
    """See the module."""

    def __init__(self, account: str, sender: Sender, reader: Reader, oddities: Oddities) -> None:
        self._account = account
        self._sender = sender
        self._reader = reader
        self._oddities = oddities

    async def report(self, symbol: str, client_order_id: str) -> OrderReport:
        """Ask for one order and its fills; raises AskError."""
        parameters = (("symbol", symbol), ("origClientOrderId", client_order_id))
        signal = await self._sender.ask("GET", "/api/v3/order", parameters, weight=ORDER_WEIGHT, within_s=ASK_WITHIN_S)
        if isinstance(signal, NotFound) or (isinstance(signal, Refused) and signal.code == INVALID_SYMBOL):
            return OrderReport(symbol=symbol, client_order_id=client_order_id, order=None)
        known = _body_of(signal, KnownOrder, "order")
        order = self._reader.order(known, client_order_id)
        if order is None:
            raise AskError("order", reason="it can not be read")
        fills = await self._fills(order) if order.filled else ()
        return OrderReport(symbol=symbol, client_order_id=client_order_id, order=order, fills=fills)

    async def snapshot(self, priority: Priority = Priority.QUESTION) -> AccountSnapshot:
        """Ask for what rests and what is owned; raises AskError."""
        signal = await self._sender.ask(
            "GET", "/api/v3/openOrders", weight=OPEN_ORDERS_WEIGHT, within_s=ASK_WITHIN_S, priority=priority
        )
        orders = [self._reader.order(known) for known in _body_of(signal, list[KnownOrder], "open orders")]
        information = await self.account(priority)
        rates = information.commission_rates
        return AccountSnapshot(
            account=self._account,
            orders=tuple(order for order in orders if order is not None),
            balances=self._reader.balances(information),
            maker_fee=None if rates is None else fee(rates.maker),
        )

    async def balances(self) -> tuple[BalanceUpdated, ...]:
        """Ask for what is owned, as balances; raises AskError."""
        return self._reader.balances(await self.account())

    async def account(self, priority: Priority = Priority.QUESTION) -> AccountInformation:
        """Ask for what is owned, and may be done; raises AskError."""
        signal = await self._sender.ask(
            "GET", "/api/v3/account", weight=ACCOUNT_WEIGHT, within_s=ASK_WITHIN_S, priority=priority
        )
        return _body_of(signal, AccountInformation, "account")

    async def restrictions(self) -> KeyRestrictions:
        """Ask what the key may do; raises AskError, also where the network does not say."""
        signal = await self._sender.ask(
            "GET", "/sapi/v1/account/apiRestrictions", weight=RESTRICTIONS_WEIGHT, within_s=ASK_WITHIN_S
        )
        return _body_of(signal, KeyRestrictions, "key restrictions")

    async def information(self, look: Callable[[bytes], object]) -> ExchangeInformation:
        """Ask which symbols are traded, and what the limits are; raises AskError. `look` is given the whole answer."""
        signal = await self._sender.ask(
            "GET",
            "/api/v3/exchangeInfo",
            (("showPermissionSets", "false"),),
            weight=INFORMATION_WEIGHT,
            within_s=ASK_WITHIN_S,
            is_signed=False,
        )
        information = _body_of(signal, ExchangeInformation, "exchangeInfo")
        if isinstance(signal, Accepted):
            look(signal.body)
        return information

    async def _fills(self, order: ExchangeOrder) -> tuple[OrderFilled, ...]:
        for pause_s in (*LAG_PAUSES_S, None):
            fills = self._read_fills(await self._trades(order), order.client_order_id)
            if total(fills) >= order.filled:
                return fills
            if pause_s is not None:
                self._oddities.note("trades lag behind their order", order.symbol)
                await asyncio.sleep(pause_s)
        raise AskError("trades", reason="they do not add up to what is filled of the order")

    def _read_fills(self, trades: list[OwnTrade], client_order_id: str) -> tuple[OrderFilled, ...]:
        try:
            return self._reader.trades(trades, client_order_id)
        except WireError as error:
            raise AskError("trades", reason=str(error)) from error

    async def _trades(self, order: ExchangeOrder) -> list[OwnTrade]:
        trades: list[OwnTrade] = []
        while True:
            last = trades[-1].id if trades else -1
            parameters = (
                ("symbol", order.symbol),
                ("orderId", order.exchange_order_id),
                ("fromId", str(last + 1)),  # also at first: without it the newest are given
                ("limit", str(TRADES_PAGE)),
            )
            signal = await self._sender.ask(
                "GET", "/api/v3/myTrades", parameters, weight=TRADES_WEIGHT, within_s=ASK_WITHIN_S
            )
            page = _body_of(signal, list[OwnTrade], "trades")
            fresh = sorted((trade for trade in page if trade.id > last), key=lambda trade: trade.id)
            trades += fresh
            if len(page) < TRADES_PAGE or not fresh:
                return trades


async def insist(ask: Callable[[], Awaitable[T]], within_s: float) -> T:
    """Ask again, with growing pauses, until there is an answer; raises AskError after `within_s` seconds."""
    failure = AskError("the exchange", reason="not connected")
    try:
        async with asyncio.timeout(within_s):
            for pause_s in itertools.chain(INSIST_PAUSES_S, itertools.repeat(INSIST_PAUSES_S[-1])):
                try:
                    return await ask()
                except AskError as error:
                    failure = error
                await asyncio.sleep(pause_s)
    except TimeoutError:
        pass
    raise failure


def _body_of(signal: Signal, shape: type[T], what: str) -> T:
    if not isinstance(signal, Accepted):
        raise AskError(what, signal)
    try:
        return decode(signal.body, shape)
    except WireError as error:
        raise AskError(what, reason=str(error)) from error
