"""What Binance remembers of an account's orders, read before the account is traded, when the journal has lost some.

For a thread that may wait, like `permission`: each question waits, within its deadline, and is asked again a few times.
Slow on purpose: half of the minute's weight stays free. Invariants: an answer is whole, or an error is raised; nothing
is asked during a ban, however long it is.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, TypeVar

import structlog

from naive_daemon.clock import Clock
from naive_daemon.config.exchange import Binance
from naive_daemon.domain.errors import TransientError, UnreachableError
from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.instrument import Instrument
from naive_daemon.exchange.binance.address import Address
from naive_daemon.exchange.binance.endpoints import account_endpoints
from naive_daemon.exchange.binance.oddity import Oddities
from naive_daemon.exchange.binance.permission import body_of, measure
from naive_daemon.exchange.binance.reading import Reader, total
from naive_daemon.exchange.binance.rest import Rest
from naive_daemon.exchange.binance.signing import Parameters, Signer, load_signer
from naive_daemon.exchange.binance.wire import KnownOrder, OwnTrade, WireError, decode
from naive_daemon.execution.client import ExchangeOrder, OrderReport

PAGE = 1_000
RETRY_PAUSES_S = (0.5, 1.0, 2.0, 4.0)
"""After a question that was not answered, and after fills that do not add up yet."""
TOGETHER_MIN = 5
"""From so many filled orders of a symbol on their trades are read a page at once: it weighs as much as four of them."""
LOOK_S = 0.5
"""How often it is looked whether it shall end, while a ban is waited for."""
WEIGHT_MAX = 3_000
REST_S = 10.0
_FIRST_ID = 1
_WEIGHT_HEADER = "x-mbx-used-weight-1m"

Result = TypeVar("Result")


class BinanceHistory:
    """See the module; of the configured account unless a signer is given. `address`: what it shares with all accounts.

    A question that is still to be asked once `shall_end` says so is a TransientError.
    """

    def __init__(
        self,
        account: str,
        config: Binance,
        instruments: Mapping[str, Instrument],
        clock: Clock,
        shall_end: Callable[[], bool],
        *,
        signer: Signer | None = None,
        address: Address | None = None,
    ) -> None:
        self._config = config
        self._url = account_endpoints(config).rest_url
        self._signer = signer or load_signer(config)
        self._address = address or Address(clock)
        self._time = self._address.time
        self._log: Any = structlog.get_logger("naive_daemon").bind(actor="history", account=account)
        self._reader = Reader(account, instruments, Oddities(self._log))
        self._shall_end = shall_end

    def resting(self) -> tuple[ExchangeOrder, ...]:
        """Give all orders that rest, whoever placed them; raises ConfigError, UnreachableError, TransientError."""

        async def ask(rest: Rest) -> tuple[ExchangeOrder, ...]:
            return self._read(await self._ask(rest, "/api/v3/openOrders", (), list[KnownOrder]))

        return self._run(ask)

    def reports(
        self, symbol: str, first_order_id: int | None, is_wanted: Callable[[ExchangeOrder], bool]
    ) -> tuple[OrderReport, ...]:
        """Give the wanted orders of a symbol with their fills, oldest first, from an exchange order id on.

        Without an id from the first one on. Raises as `resting`.
        """
        return self._run(lambda rest: self._reports(rest, symbol, first_order_id, is_wanted))

    def _run(self, ask: Callable[[Rest], Awaitable[Result]]) -> Result:
        async def run() -> Result:
            rest = Rest(
                self._url,
                self._signer,
                self._time,
                recv_window_ms=self._config.recv_window_ms,
                timeout_s=self._config.answer_timeout_s,
            )
            try:
                await self._patiently(lambda: measure(rest, self._time, self._url, self._address.heed))
                return await ask(rest)
            finally:
                await rest.close()

        return asyncio.run(run())

    async def _reports(
        self, rest: Rest, symbol: str, first_order_id: int | None, is_wanted: Callable[[ExchangeOrder], bool]
    ) -> tuple[OrderReport, ...]:
        wanted: list[ExchangeOrder] = []
        first = first_order_id
        while True:
            start: Parameters = () if first is None else (("orderId", str(first)),)
            parameters = (("symbol", symbol), *start, ("limit", str(PAGE)))
            page = await self._ask(rest, "/api/v3/allOrders", parameters, list[KnownOrder])
            if first is None and len(page) == PAGE:
                first = _FIRST_ID  # these are the newest, and there may be more
                continue
            wanted += [order for order in self._read(page) if is_wanted(order)]
            if len(page) < PAGE:
                return await self._with_fills(rest, wanted)
            first = max(known.order_id for known in page) + 1

    async def _with_fills(self, rest: Rest, orders: list[ExchangeOrder]) -> tuple[OrderReport, ...]:
        """Give a symbol's orders with their fills; where these were not all among many read at once, order by order."""
        filled = [order for order in orders if order.filled]
        together = await self._fills_since(rest, filled[0]) if len(filled) >= TOGETHER_MIN else {}
        reports = []
        for order in orders:
            fills = together.get(order.exchange_order_id, [])
            known = self._reader.trades(fills, order.client_order_id)
            is_whole = order.filled > 0 and total(known) >= order.filled
            reports.append(_report_of(order, known) if is_whole else await self._report(rest, order))
        return tuple(reports)

    async def _fills_since(self, rest: Rest, first: ExchangeOrder) -> dict[str, list[OwnTrade]]:
        """Read all trades of a symbol since the first one of an order, by exchange order id."""
        own = await self._trades(rest, (("symbol", first.symbol), ("orderId", first.exchange_order_id)))
        found: defaultdict[str, list[OwnTrade]] = defaultdict(list)
        if own:
            for trade in await self._trades(rest, (("symbol", first.symbol),), min(trade.id for trade in own)):
                found[str(trade.order_id)].append(trade)
        return found

    async def _report(self, rest: Rest, order: ExchangeOrder) -> OrderReport:
        for pause_s in (*RETRY_PAUSES_S, None):
            place = (("symbol", order.symbol), ("orderId", order.exchange_order_id))
            trades = await self._trades(rest, place) if order.filled else ()
            fills = self._reader.trades(trades, order.client_order_id)
            if total(fills) >= order.filled:
                return _report_of(order, fills)
            if pause_s is not None:
                await asyncio.sleep(pause_s)
        raise UnreachableError(f"Binance's trades of order {order.client_order_id} do not add up to what is filled")

    async def _trades(self, rest: Rest, place: Parameters, first_id: int = 0) -> Collection[OwnTrade]:
        """Read trades from an id on; an account that trades with itself has two of the same id."""
        trades: dict[tuple[int, int], OwnTrade] = {}
        first = first_id
        while True:
            # From the first one on: without it the newest are given.
            parameters = (*place, ("fromId", str(first)), ("limit", str(PAGE)))
            page = await self._ask(rest, "/api/v3/myTrades", parameters, list[OwnTrade])
            trades |= {(trade.id, trade.order_id): trade for trade in page}
            last = max((trade.id for trade in page), default=-1)
            if len(page) < PAGE or last < first:
                return trades.values()
            first = last if last > first else last + 1  # a page may end between two of the same id

    def _read(self, known: list[KnownOrder]) -> tuple[ExchangeOrder, ...]:
        orders = (self._reader.order(each) for each in sorted(known, key=lambda each: each.order_id))
        return tuple(order for order in orders if order is not None)

    async def _ask(self, rest: Rest, path: str, parameters: Parameters, shape: type[Result]) -> Result:
        async def ask() -> Result:
            result = await rest.ask("GET", path, parameters)
            body = body_of(result, self._time, self._url, self._address.heed, self._signer.where)
            weight = result.headers.get(_WEIGHT_HEADER, "0")
            if weight.isdecimal() and int(weight) > WEIGHT_MAX:
                await asyncio.sleep(REST_S)
            try:
                return decode(body, shape)
            except WireError as error:
                raise UnreachableError(f"Binance's answer to {path} makes no sense: {error}") from error

        return await self._patiently(ask)

    async def _patiently(self, ask: Callable[[], Awaitable[Result]]) -> Result:
        """Ask again a few times; raises what the last attempt raised."""
        for pause_s in RETRY_PAUSES_S:
            await self._wait_for_ban()
            try:
                return await ask()
            except UnreachableError:
                await asyncio.sleep(pause_s)
        await self._wait_for_ban()
        return await ask()

    async def _wait_for_ban(self) -> None:
        """Wait until the exchange may be spoken to; raises TransientError when it shall end before."""
        weight, is_told = self._address.weight, False
        while not self._shall_end():
            left_s = (weight.banned_until_ms() - self._time.now_ms()) / 1_000
            if left_s <= 0:
                return
            if not is_told:
                self._log.warning("a ban is waited for", reason=weight.ban_reason, for_s=round(left_s))
                is_told = True
            await asyncio.sleep(min(LOOK_S, left_s))
        raise TransientError("ended while it read what the exchange remembers")


def _report_of(order: ExchangeOrder, fills: tuple[OrderFilled, ...]) -> OrderReport:
    return OrderReport(symbol=order.symbol, client_order_id=order.client_order_id, order=order, fills=fills)
