"""The matching engine of paper trading, replay, backtest and the local exchange server.

Plain and deterministic: no clock, no randomness, one thread; the same calls give the same events. It owns its books,
balances and numbers; nobody else changes them. Invariant: what an account has locked is exactly what its resting
orders may still spend, and nothing is ever negative.

Every order rests first and is a maker: one whose price would trade at once (a buy above the last price) is accepted
like any other and meets the *next* trade, at its own price. Commission leaves the received asset, unrounded: base on
a buy, quote on a sell (reference "Fees"); or a third asset, while the account has enough of it free.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from naive_daemon.domain.errors import ConfigError
from naive_daemon.domain.events import (
    AccountEvent,
    CancelRefused,
    OrderCancelled,
    OrderFilled,
    OrderRejected,
    Trade,
)
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import EXACT, ONE, ZERO, floor_to, plain
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.exchange.paper.book import Book, FillModel
from naive_daemon.exchange.paper.fee_asset import FeeAsset
from naive_daemon.exchange.paper.history import History
from naive_daemon.exchange.paper.ledger import Balance, Ledger
from naive_daemon.exchange.paper.resting import Resting, opened, order_number, received, spent

__all__ = ["FillModel", "PaperEngine"]

INSUFFICIENT_BALANCE = "Account has insufficient balance for requested action."
INVALID_SYMBOL = "Invalid symbol."
MARKET_CLOSED = "Market is closed."
TOO_MANY_ORDERS = "Filter failure: MAX_NUM_ORDERS"
UNKNOWN_ORDER = "Unknown order sent."

HISTORY_LIMIT = 10_000
"""Twice what a thousand symbols with five traders each may have at rest: whoever missed an end asks for it soon."""


class PaperEngine:
    """An exchange in memory, for many accounts and symbols.

    `balances` maps account to asset to what it owns; orders given to `restore` take their funds out of that.
    `maker_fee` is a ratio, at least 0 and below 1; commissions are rounded down to `commission_step`, 0 leaves them as
    they are; with a `fee_asset` they are paid in that one first. Order and trade ids are whole numbers, counted upwards
    from the two given ones over all symbols. Orders that are over and fills are remembered up to `history_limit` each.
    Raises ConfigError for a fee out of range or a negative balance.
    """

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        *,
        fill_model: FillModel = FillModel.THROUGH,
        maker_fee: Decimal = Decimal("0.001"),
        commission_step: Decimal = ZERO,
        fee_asset: FeeAsset | None = None,
        balances: Mapping[str, Mapping[str, Decimal]],
        first_order_number: int = 1,
        first_trade_number: int = 1,
        history_limit: int = HISTORY_LIMIT,
    ) -> None:
        if not ZERO <= maker_fee < ONE:
            raise ConfigError(f"a maker fee of {maker_fee} is refused", hint="a ratio, at least 0 and below 1")
        self._books = {symbol: Book(instrument) for symbol, instrument in instruments.items()}
        self._fill_model = fill_model
        self._only_through = fill_model is FillModel.THROUGH
        self._maker_fee = maker_fee
        self._commission_step = commission_step
        self._fee_asset = fee_asset
        self._ledger = Ledger(balances)
        self._history = History(history_limit)
        self._resting: dict[tuple[str, str], Resting] = {}
        self._next_order = first_order_number
        self._next_trade = first_trade_number

    def place(self, order: Order, time_ns: int) -> list[AccountEvent]:
        """Put an order on the book: OrderAccepted and BalanceUpdated, or OrderRejected in the exchange's words.

        Only the order's id, key, leg, price and quantity count. An id that rests already is neither doubled nor
        rejected, for a rejection would end the live order in its owner's books: the one that rests stays as it is
        and is accepted once more, with its own exchange order id. The id of an order that is over may be used again,
        as on Binance.
        """
        account = order.key.account
        resting = self._resting.get((account, order.client_order_id))
        if resting is not None:
            return [resting.accepted(time_ns)]
        reason = self._refusal(order)
        if reason is not None:
            return [
                OrderRejected(
                    account=account,
                    symbol=order.symbol,
                    client_order_id=order.client_order_id,
                    time_ns=time_ns,
                    reason=reason,
                )
            ]
        resting = self._rest(opened(order, str(self._next_order), time_ns), self._next_order)
        asset, _ = self._locked(resting.order)
        return [resting.accepted(time_ns), self._ledger.updated(account, asset, time_ns)]

    def cancel(self, account: str, symbol: str, client_order_id: str, time_ns: int) -> list[AccountEvent]:
        """Take an order off the book: OrderCancelled and BalanceUpdated; CancelRefused when it does not rest."""
        resting = self._resting.get((account, client_order_id))
        if resting is None or resting.order.symbol != symbol:
            return [
                CancelRefused(
                    account=account,
                    symbol=symbol,
                    client_order_id=client_order_id,
                    time_ns=time_ns,
                    reason=UNKNOWN_ORDER,
                )
            ]
        asset, amount = self._locked(resting.order)
        self._ledger.unlock(account, asset, amount)
        cancelled = OrderCancelled(account=account, symbol=symbol, client_order_id=client_order_id, time_ns=time_ns)
        resting.order = resting.order.apply(cancelled)
        self._retire(resting)
        return [cancelled, self._ledger.updated(account, asset, time_ns)]

    def match(self, trade: Trade) -> list[AccountEvent]:
        """Match a printed trade against the orders that rested before it.

        Fills come in price-time priority, buys before sells, followed by the balances that they changed. In the
        VOLUME model both sides draw on the one traded quantity, the side that was the trade's maker first. A trade
        of a symbol that is not listed changes nothing.
        """
        book = self._books.get(trade.symbol)
        if book is None:
            return []
        price = trade.price
        book.last_price = price
        # Most trades reach no order: they end here, whatever rests.
        if self._only_through:
            if book.bids.best <= price <= book.asks.best:
                return []
        elif book.bids.best < price < book.asks.best:
            return []
        return self._fill(book, book.reached(trade, self._fill_model), trade.time_ns)

    def restore(self, orders: Iterable[Order]) -> None:
        """Put orders that rested when the daemon ended back onto the book, with what is filled already.

        Their funds are locked, and numbering goes on above their ids. Orders that do not rest (an intent that was
        never accepted, one that is over) are left out, one that is here already stays. All or nothing: raises
        ConfigError when a symbol is not listed any more or when the balances do not cover the orders.
        """
        live = {(order.key.account, order.client_order_id): order for order in orders if order.status.is_resting}
        fresh = [order for owner, order in live.items() if owner not in self._resting]
        self._check_restorable(fresh)
        for order in fresh:
            self._next_order = max(self._next_order, order_number(order) + 1)
            trades = (int(trade_id) for trade_id in order.trade_ids if trade_id.isdecimal())
            self._next_trade = max(self._next_trade, 1 + max(trades, default=0))
        for order in sorted(fresh, key=lambda order: (order_number(order), order.created_ns, order.client_order_id)):
            number = order_number(order) or self._next_order
            self._rest(msgspec.structs.replace(order, exchange_order_id=order.exchange_order_id or str(number)), number)

    def order(self, account: str, client_order_id: str) -> Order | None:
        """Give an order as the exchange knows it; None when it never came onto the book or was long forgotten."""
        resting = self._resting.get((account, client_order_id))
        return resting.order if resting is not None else self._history.order(account, client_order_id)

    def open_orders(self, account: str, symbol: str | None = None) -> list[Order]:
        """Give the account's resting orders, of one symbol or of all, oldest first; none of an unlisted symbol."""
        books = self._books.values() if symbol is None else filter(None, [self._books.get(symbol)])
        found = [resting for book in books for resting in book.resting(account)]
        return [resting.order for resting in sorted(found, key=lambda resting: resting.number)]

    def fills(self, account: str, symbol: str, since: int = 0) -> list[OrderFilled]:
        """Give the fills whose trade number is `since` or higher, oldest first; those before a restart are gone."""
        return self._history.fills(account, symbol, since)

    def balances(self, account: str) -> dict[str, Balance]:
        """Give what the account owns, by asset."""
        return self._ledger.balances(account)

    def last_price(self, symbol: str) -> Decimal | None:
        """Give the price of the symbol's last trade, None before the first."""
        book = self._books.get(symbol)
        return book.last_price if book is not None else None

    def note_price(self, symbol: str, price: Decimal) -> None:
        """Take over the market's price where trades that reach no order are not shown to `match`."""
        book = self._books.get(symbol)
        if book is not None:
            book.last_price = price

    def quiet(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Give the lowest and the highest price of a trade that fills nothing; infinite where nothing rests."""
        book = self._books.get(symbol)
        if book is None:
            return Decimal("-Infinity"), Decimal("Infinity")
        low, high = book.bids.best, book.asks.best
        if self._only_through:
            return low, high
        # In the VOLUME model a trade at an order's own price fills it, too.
        return low.next_plus() if low.is_finite() else low, high.next_minus() if high.is_finite() else high

    def _refusal(self, order: Order) -> str | None:
        book = self._books.get(order.symbol)
        if book is None:
            return INVALID_SYMBOL
        instrument = book.instrument
        if not instrument.is_trading:
            return MARKET_CLOSED
        reason = instrument.refusal(order.side, order.price, order.quantity, book.last_price)
        if reason is not None:
            return reason
        account = order.key.account
        if 0 < instrument.max_open_orders <= book.count(account):
            return TOO_MANY_ORDERS
        asset, amount = spent(instrument, order.side, order.price, order.quantity)
        return INSUFFICIENT_BALANCE if self._ledger.balance(account, asset).free < amount else None

    def _rest(self, order: Order, number: int) -> Resting:
        self._next_order = max(self._next_order, number + 1)
        resting = Resting(order, number)
        asset, amount = self._locked(order)
        self._ledger.lock(order.key.account, asset, amount)
        self._books[order.symbol].add(resting)
        self._resting[(order.key.account, order.client_order_id)] = resting
        return resting

    def _retire(self, resting: Resting) -> None:
        order = resting.order
        self._books[order.symbol].remove(resting)
        del self._resting[(order.key.account, order.client_order_id)]
        self._history.add_order(order)

    def _locked(self, order: Order) -> tuple[str, Decimal]:
        return spent(self._books[order.symbol].instrument, order.side, order.price, order.remaining)

    def _fill(self, book: Book, shares: list[tuple[Resting, Decimal]], time_ns: int) -> list[AccountEvent]:
        events: list[AccountEvent] = []
        changed: dict[tuple[str, str], None] = {}
        for resting, quantity in shares:
            fill = self._filled(book.instrument, resting, quantity, time_ns)
            events.append(fill)
            changed[(fill.account, book.instrument.base_asset)] = None
            changed[(fill.account, book.instrument.quote_asset)] = None
            changed[(fill.account, fill.commission_asset)] = None
        events.extend(self._ledger.updated(account, asset, time_ns) for account, asset in changed)
        return events

    def _filled(self, instrument: Instrument, resting: Resting, quantity: Decimal, time_ns: int) -> OrderFilled:
        order = resting.order
        fill = self._traded(instrument, order, order.price, quantity, time_ns)
        self._next_trade += 1
        self._after_fill(resting, fill)
        return fill

    def _after_fill(self, resting: Resting, fill: OrderFilled) -> None:
        resting.order = resting.order.apply(fill)
        if resting.order.status is OrderStatus.FILLED:
            self._retire(resting)

    def _traded(
        self,
        instrument: Instrument,
        order: Order,
        price: Decimal,
        quantity: Decimal,
        time_ns: int,
        *,
        taker_fee: Decimal | None = None,
    ) -> OrderFilled:
        """Book one trade, numbered next, of funds that are locked; a `taker_fee` makes the order its taker."""
        account = order.key.account
        asset, gross = received(instrument, order.side, price, quantity)
        self._ledger.spend(account, *spent(instrument, order.side, price, quantity))
        self._ledger.receive(account, asset, gross)
        rate = self._maker_fee if taker_fee is None else taker_fee
        asset, commission = self._commission(account, (asset, gross), EXACT.multiply(price, quantity), rate)
        self._ledger.pay(account, asset, commission)
        fill = OrderFilled(
            account=account,
            symbol=order.symbol,
            client_order_id=order.client_order_id,
            exchange_order_id=order.exchange_order_id,
            trade_id=str(self._next_trade),
            price=price,
            quantity=quantity,
            commission=commission,
            commission_asset=asset,
            time_ns=time_ns,
            is_maker=taker_fee is None,
        )
        self._history.add_fill(fill)
        return fill

    def _commission(
        self, account: str, received: tuple[str, Decimal], quote: Decimal, rate: Decimal
    ) -> tuple[str, Decimal]:
        """Give the asset that a trade worth `quote` is paid for in, and how much of it."""
        third = self._fee_asset
        if third is not None:
            commission = third.commission(quote, rate)
            if self._ledger.balance(account, third.asset).free >= commission:
                return third.asset, commission
        asset, gross = received
        commission = EXACT.multiply(gross, rate)
        return asset, floor_to(commission, self._commission_step) if self._commission_step else commission

    def _check_restorable(self, orders: list[Order]) -> None:
        needed: dict[tuple[str, str], Decimal] = {}
        for order in orders:
            if order.symbol not in self._books:
                raise ConfigError(
                    f"order {order.client_order_id} rests on {order.symbol}, which the exchange does not list",
                    hint="give the exchange information that lists it",
                )
            asset, amount = self._locked(order)
            owner = (order.key.account, asset)
            needed[owner] = EXACT.add(needed.get(owner, ZERO), amount)
        for (account, asset), amount in needed.items():
            free = self._ledger.balance(account, asset).free
            if free < amount:
                raise ConfigError(
                    f"the resting orders of {account} hold {plain(amount)} {asset}, its paper balance is {plain(free)}",
                    hint="raise the paper balance again, or cancel orders before lowering it",
                )
