"""The matching engine for exchanges where an order may trade at once: takers beside the makers of `PaperEngine`.

Owned by the local exchange. Two kinds of market: played, where the last printed price is what a taker gets, any
quantity of it; and that of the clients, where an order which crosses the other side trades with what rests there, in
price-time priority, at the resting price, and each such trade is printed. An account never trades with itself: its
resting order expires (Binance, "Self Trade Prevention", EXPIRE_MAKER). Invariant: that of the engine.
"""

import enum
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from naive_daemon.domain.events import AccountEvent, OrderAccepted, OrderExpired, OrderFilled, OrderRejected, Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import EXACT, ZERO, affordable
from naive_daemon.domain.order import Order
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.book import Book
from naive_daemon.exchange.paper.engine import INSUFFICIENT_BALANCE, INVALID_SYMBOL, MARKET_CLOSED, PaperEngine
from naive_daemon.exchange.paper.resting import Resting, opened, spent

WOULD_TAKE = "Order would immediately match and take."
SELF_TRADE = "self-trade prevention"
NOTHING_TO_TAKE = "nothing left to trade with"


class Taking(enum.StrEnum):
    """What becomes of an order, or of the rest of it, that finds nobody to trade with.

    RESTS: it goes onto the book. MAKER: it only ever goes there, and is refused when it would trade at once.
    NOW: it expires. WHOLE: it expires unless all of it trades at once. MARKET: like NOW, at any price.
    """

    RESTS = "rests"
    MAKER = "maker"
    NOW = "now"
    WHOLE = "whole"
    MARKET = "market"


class Submitted(NamedTuple):
    """What a new order led to: account events in their order, and the trades that the market prints for them."""

    events: list[AccountEvent]
    prints: list[Trade]


class _Share(NamedTuple):
    """A part of a taker: from whom (nobody in particular on a played market), at what price, how much in base."""

    maker: Resting | None
    price: Decimal
    quantity: Decimal


class TakingEngine(PaperEngine):
    """A PaperEngine that also knows takers. `taker_fee` is a ratio; with `between_clients` orders meet each other."""

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        *,
        taker_fee: Decimal = Decimal("0.001"),
        between_clients: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(instruments, **options)
        self._taker_fee = taker_fee
        self._between_clients = between_clients

    def book(self, symbol: str) -> Book:
        """Give a symbol's book, for looking; it must be listed."""
        return self._books[symbol]

    def relist(self, instrument: Instrument) -> None:
        """Take over what has changed of an instrument that is listed already: whether it trades."""
        self._books[instrument.symbol].instrument = instrument

    def amount_for(self, symbol: str, side: Side, quote: Decimal) -> Decimal:
        """Give how much base a market order worth `quote` trades now, rounded down to lots; 0 without a market."""
        book = self._books[symbol]
        left, total = quote, ZERO
        for _, price, quantity in self._offers(book, side, None, account=None):
            share = affordable(left, price, book.instrument.step_size)
            if quantity is not None:
                share = min(share, quantity)
            total = EXACT.add(total, share)
            left = EXACT.subtract(left, EXACT.multiply(share, price))
        return total

    def submit(self, order: Order, taking: Taking, time_ns: int) -> Submitted:
        """Take a new order: OrderAccepted, what it trades at once, and whether it rests or expires; or OrderRejected.

        Its client order id must not rest already. The price of a MARKET order does not count.
        """
        book = self._books.get(order.symbol)
        shares = [] if book is None else self._taken(book, order, taking)
        reason = self._refusal_of(book, order, taking, shares)
        if reason is not None or book is None:
            return Submitted([_rejected(order, reason or INVALID_SYMBOL, time_ns)], [])
        number = self._next_order
        self._next_order += 1
        taker = Resting(opened(order, str(number), time_ns), number)
        if taking is Taking.WHOLE and _total(shares) < order.quantity:
            shares = []
        return self._trade(book, taker, taking, shares, time_ns)

    def refusal(self, order: Order, taking: Taking) -> str | None:
        """Say why `submit` would refuse the order now, in the exchange's words; None when it would not."""
        book = self._books.get(order.symbol)
        return self._refusal_of(book, order, taking, [] if book is None else self._taken(book, order, taking))

    def expire(self, account: str, symbol: str, time_ns: int, reason: str) -> list[AccountEvent]:
        """Take every order of the account off a symbol's book."""
        events: list[AccountEvent] = []
        for resting in self._books[symbol].resting(account):
            events.append(self._expired(resting, reason, time_ns))
            events.append(self._ledger.updated(account, self._locked(resting.order)[0], time_ns))
        return events

    def _trade(self, book: Book, taker: Resting, taking: Taking, shares: list[_Share], time_ns: int) -> Submitted:
        order = taker.order
        accepted: OrderAccepted = taker.accepted(time_ns)
        submitted = Submitted([accepted], [])
        owners = {order.key.account: None}
        for share in shares:
            self._take(book, taker, share, time_ns, submitted)
            if share.maker is not None:
                owners[share.maker.order.key.account] = None
        order = taker.order
        if not order.remaining:
            self._history.add_order(order)
        elif taking in (Taking.RESTS, Taking.MAKER):
            taker = self._rest(order, taker.number)
        else:
            expired = _expiry(order, NOTHING_TO_TAKE, time_ns)
            self._history.add_order(order.apply(expired))
            submitted.events.append(expired)
        assets = [book.instrument.base_asset, book.instrument.quote_asset]
        if not shares:
            assets = [spent(book.instrument, order.side, order.price, order.quantity)[0]]
        paid = [(event.account, event.commission_asset) for event in submitted.events if isinstance(event, OrderFilled)]
        changed = dict.fromkeys([*((owner, asset) for owner in owners for asset in assets), *paid])
        submitted.events.extend(self._ledger.updated(owner, asset, time_ns) for owner, asset in changed)
        return submitted

    def _take(self, book: Book, taker: Resting, share: _Share, time_ns: int, submitted: Submitted) -> None:
        maker, price, quantity = share
        order, instrument = taker.order, book.instrument
        if maker is not None and maker.order.key.account == order.key.account:
            submitted.events.append(self._expired(maker, SELF_TRADE, time_ns))
            return
        self._ledger.lock(order.key.account, *spent(instrument, order.side, price, quantity))
        fill = self._traded(instrument, order, price, quantity, time_ns, taker_fee=self._taker_fee)
        taker.order = order.apply(fill)
        submitted.events.append(fill)
        if maker is not None:
            # One trade has one number, on both sides.
            made = self._traded(instrument, maker.order, price, quantity, time_ns)
            self._after_fill(maker, made)
            submitted.events.append(made)
        book.last_price = price
        is_sell = order.side is Side.SELL
        submitted.prints.append(Trade(order.symbol, price, quantity, self._next_trade, time_ns, is_sell))
        self._next_trade += 1

    def _expired(self, resting: Resting, reason: str, time_ns: int) -> OrderExpired:
        order = resting.order
        self._ledger.unlock(order.key.account, *self._locked(order))
        expired = _expiry(order, reason, time_ns)
        resting.order = order.apply(expired)
        self._retire(resting)
        return expired

    def _taken(self, book: Book, order: Order, taking: Taking) -> list[_Share]:
        """Give what the order trades at once, best price first; its own account's orders on the way are shares of 0."""
        if not self._between_clients and taking is Taking.RESTS:
            return []
        shares: list[_Share] = []
        left = order.quantity
        limit = None if taking is Taking.MARKET else order.price
        for maker, price, quantity in self._offers(book, order.side, limit, order.key.account):
            if left <= 0:
                break
            share = left if quantity is None else min(left, quantity)
            left = EXACT.subtract(left, share)
            shares.append(_Share(maker, price, share))
        return shares

    def _offers(
        self, book: Book, side: Side, limit: Decimal | None, account: str | None
    ) -> Iterator[tuple[Resting | None, Decimal, Decimal | None]]:
        """Go over what may be traded with up to `limit`: who, price, quantity (None: any)."""
        is_buy = side is Side.BUY
        if not self._between_clients:
            last = book.last_price
            if last is not None and (limit is None or (limit >= last if is_buy else limit <= last)):
                yield None, last, None
            return
        price = limit if limit is not None else Decimal("Infinity" if is_buy else "-Infinity")
        for resting in (book.asks if is_buy else book.bids).crossed(price, at_price=True):
            order = resting.order
            yield resting, order.price, ZERO if order.key.account == account else order.remaining

    def _refusal_of(self, book: Book | None, order: Order, taking: Taking, shares: list[_Share]) -> str | None:
        if book is None or taking is not Taking.MARKET:
            if taking is Taking.MAKER and _total(shares):
                return WOULD_TAKE
            return self._refusal(order)
        return self._market_refusal(book, order, shares)

    def _market_refusal(self, book: Book, order: Order, shares: list[_Share]) -> str | None:
        """Name what speaks against a market order; its notional is measured at the price that it trades at first."""
        instrument = book.instrument
        if not instrument.is_trading:
            return MARKET_CLOSED
        if not shares:
            return None
        reason = instrument.refusal(order.side, shares[0].price, order.quantity)
        if reason is not None:
            return reason
        asset, needed = instrument.base_asset, order.quantity
        if order.side is Side.BUY:
            asset, needed = instrument.quote_asset, _cost(shares)
        return INSUFFICIENT_BALANCE if self._ledger.balance(order.key.account, asset).free < needed else None


def _total(shares: list[_Share]) -> Decimal:
    return sum((share.quantity for share in shares), ZERO)


def _expiry(order: Order, reason: str, time_ns: int) -> OrderExpired:
    return OrderExpired(
        account=order.key.account,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        time_ns=time_ns,
        reason=reason,
    )


def _rejected(order: Order, reason: str, time_ns: int) -> OrderRejected:
    return OrderRejected(
        account=order.key.account,
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        time_ns=time_ns,
        reason=reason,
    )


def _cost(shares: list[_Share]) -> Decimal:
    return sum((EXACT.multiply(share.price, share.quantity) for share in shares), ZERO)
