"""The venue: the matching engine with everything a real exchange keeps around it. Owned by the server's thread.

It knows nothing of connections. Orders and trades go in; whoever listens is told of what happened to accounts and of
the trades that the market printed. Invariant: what anybody is told is committed to the state before.
"""

import copy
import random
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

import msgspec

from naive_daemon.clock import NS_PER_MS, Clock
from naive_daemon.domain.events import (
    AccountEvent,
    BalanceUpdated,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    Trade,
)
from naive_daemon.domain.money import EXACT
from naive_daemon.exchange.paper.engine import FillModel
from naive_daemon.exchange.paper.fee_asset import FeeAsset
from naive_daemon.exchange.paper.ledger import Balance
from naive_daemon.exchange.paper.taking import Taking, TakingEngine
from naive_daemon.exchange.server.engine_words import expired_status, fill_of, refusal_of
from naive_daemon.exchange.server.listing import Listings
from naive_daemon.exchange.server.new_order import NewOrder
from naive_daemon.exchange.server.order import Fill, Status, VenueOrder
from naive_daemon.exchange.server.records import Records
from naive_daemon.exchange.server.refusal import (
    CANCEL_REJECTED,
    DUPLICATE_ORDER,
    NEW_ORDER_REJECTED,
    UNKNOWN_ORDER,
    RefusedError,
)
from naive_daemon.exchange.server.state import State

_ID_BITS = 88
_COMMISSION_STEP = Decimal("0.00000001")


class Report(NamedTuple):
    """Something happened to an order: what (`x` of Binance), the order as it was then, and the fill."""

    order: VenueOrder
    execution: str
    execution_id: int
    time_ns: int
    fill: Fill | None = None


class Position(NamedTuple):
    """The balances of an account that have changed, absolute."""

    balances: list[tuple[str, Balance]]
    time_ns: int


Happening = Report | Position


class VenueRules(msgspec.Struct, frozen=True, kw_only=True):
    """How the venue matches and what it takes; fees are ratios, paid in `fee_asset` while an account has of it."""

    fill_model: FillModel = FillModel.VOLUME
    between_clients: bool = False
    maker_fee: Decimal = Decimal("0.001")
    taker_fee: Decimal = Decimal("0.001")
    fee_asset: FeeAsset | None = None
    history_limit: int = 100_000


class Venue:
    """See the module. `opening` is what accounts own that the state does not know yet."""

    def __init__(
        self,
        listings: Listings,
        state: State,
        clock: Clock,
        draw: random.Random,
        rules: VenueRules,
        *,
        opening: Mapping[str, Mapping[str, Decimal]],
    ) -> None:
        self.listings = listings
        self._state = state
        self._clock = clock
        self._draw = draw
        self.records = Records(rules.history_limit)
        kept = state.load()
        for symbol in listings:
            if kept.numbers.get(_halted(symbol)):
                listings.set_trading(symbol, is_trading=False)
        balances = {**opening, **kept.balances}
        state.save(totals=[(name, asset, total) for name, owned in balances.items() for asset, total in owned.items()])
        instruments = {symbol: listings.instrument(symbol) for symbol in listings}
        # A fresh exchange begins where no former one on this machine can have been: whoever has traded on that one must
        # not take a new fill for an old one.
        fresh = clock.now_ns() // NS_PER_MS
        self.engine = TakingEngine(
            instruments,
            fill_model=rules.fill_model,
            between_clients=rules.between_clients,
            maker_fee=rules.maker_fee,
            taker_fee=rules.taker_fee,
            commission_step=_COMMISSION_STEP,
            fee_asset=rules.fee_asset,
            balances=balances,
            first_order_number=1 + max((order.order_id for order in kept.orders), default=0),
            first_trade_number=1 + max((fill.trade_id for fill in kept.fills), default=fresh),
            history_limit=0,
        )
        for symbol in list(listings):
            if kept.numbers.get(_delisted(symbol)):
                listings.delist(symbol)
        for order in kept.orders:
            self.records.add(order)
        for fill in kept.fills:
            self.records.add_fill(fill)
        self.engine.restore(order.for_engine() for order in kept.orders if order.status.is_live)
        for symbol, price in kept.prices.items():
            if symbol in listings:
                self.engine.book(symbol).last_price = price
        # Rises over restarts, without being kept: nobody prints a thousand of them in a millisecond.
        self._execution = clock.now_ns() // 1_000
        self.on_happenings: Callable[[str, list[Happening]], None] = lambda _account, _happenings: None
        self.on_trade: Callable[[Trade], None] = lambda _trade: None

    def fresh_id(self) -> str:
        """Make up a client order id."""
        return f"{self._draw.getrandbits(_ID_BITS):022x}"

    def check(self, account: str, wanted: NewOrder) -> None:
        """Raise RefusedError when the order would be refused now; nothing else happens."""
        order, taking = self._made(account, wanted)
        reason = self.engine.refusal(order.for_engine(), taking)
        if reason is not None:
            raise refusal_of(reason)

    def place(self, account: str, wanted: NewOrder) -> VenueOrder:
        """Take an order; raises RefusedError."""
        order, taking = self._made(account, wanted)
        submitted = self.engine.submit(order.for_engine(), taking, order.created_ns)
        first = submitted.events[0]
        if isinstance(first, OrderRejected):
            raise refusal_of(first.reason)
        order.order_id = int(first.exchange_order_id) if isinstance(first, OrderAccepted) else 0
        self.records.add(order)
        self._settle(submitted.events, order.created_ns)
        for trade in submitted.prints:
            self.on_trade(trade)
        return order

    def cancel(
        self, account: str, symbol: str, order_id: int | None, client_order_id: str | None, cancel_id: str | None
    ) -> VenueOrder:
        """Take an order off the book; raises RefusedError when it does not rest."""
        order = self.records.find(account, symbol, order_id, client_order_id)
        if order is None or not order.status.is_live:
            raise RefusedError(CANCEL_REJECTED, UNKNOWN_ORDER)
        order.cancel_client_order_id = cancel_id or self.fresh_id()
        now_ns = self._clock.now_ns()
        self._settle(self.engine.cancel(account, order.symbol, order.client_order_id, now_ns), now_ns)
        return order

    def print_trade(self, trade: Trade) -> None:
        """Let the market print a trade: it fills what rests, and everybody sees it. A halted symbol prints none."""
        if not self.listings.is_trading(trade.symbol):
            return
        events = self.engine.match(trade)
        if events:
            self._settle(events, trade.time_ns)
        self.on_trade(trade)

    def halt(self, symbol: str, *, is_trading: bool = False) -> None:
        """Take no more orders for a symbol, or take them again; what rests goes on resting. It survives a restart."""
        self.engine.relist(self.listings.set_trading(symbol, is_trading=is_trading))
        self._state.save(numbers=[(_halted(symbol), 0 if is_trading else 1)])

    def change_filters(self, symbol: str, filters: Mapping[str, Decimal]) -> None:
        """Go by other filters, fields of the instrument, until a restart; what rests goes on resting."""
        self.engine.relist(self.listings.change(symbol, **filters))

    def restore_filters(self) -> None:
        """Go by the filters of the start again."""
        for symbol in self.listings:
            self.engine.relist(self.listings.restore(symbol))

    def delist(self, symbol: str) -> None:
        """List a symbol no more: what rests there expires."""
        now_ns = self._clock.now_ns()
        self.halt(symbol)
        self.listings.delist(symbol)
        self._state.save(numbers=[(_delisted(symbol), 1)])
        owners = {order.account for order in self.records.all_orders() if order.symbol == symbol}
        for account in sorted(owners):
            self._settle(self.engine.expire(account, symbol, now_ns, "delisted"), now_ns)

    def list_again(self) -> None:
        """List what was delisted again, and let every symbol trade."""
        for symbol in self.listings.list_again():
            self._state.save(numbers=[(_delisted(symbol), 0)])
        for symbol in self.listings:
            if not self.listings.instrument(symbol).is_trading:
                self.halt(symbol, is_trading=True)

    def balances(self, account: str) -> dict[str, Balance]:
        """Give what an account owns, by asset."""
        return self.engine.balances(account)

    def save_prices(self, numbers: Iterable[tuple[str, int]] = ()) -> None:
        """Keep the last prices, and the numbers that go with them."""
        prices = ((symbol, self.engine.last_price(symbol)) for symbol in self.listings)
        self._state.save(prices=[(symbol, price) for symbol, price in prices if price is not None], numbers=numbers)

    def _made(self, account: str, wanted: NewOrder) -> tuple[VenueOrder, Taking]:
        self.listings.instrument(wanted.symbol)
        if wanted.client_order_id is not None and self.records.live(account, wanted.client_order_id) is not None:
            raise RefusedError(NEW_ORDER_REJECTED, DUPLICATE_ORDER)
        quantity = wanted.quantity
        if wanted.quote_quantity:
            quantity = self.engine.amount_for(wanted.symbol, wanted.side, wanted.quote_quantity)
        taking = wanted.taking
        now_ns = self._clock.now_ns()
        order = VenueOrder(
            order_id=0,
            account=account,
            symbol=wanted.symbol,
            client_order_id=wanted.client_order_id or self.fresh_id(),
            side=wanted.side,
            kind=wanted.kind,
            time_in_force=wanted.time_in_force,
            price=wanted.price,
            quantity=quantity,
            quote_quantity=wanted.quote_quantity,
            on_book=taking in (Taking.RESTS, Taking.MAKER),
            created_ns=now_ns,
            updated_ns=now_ns,
        )
        return order, taking

    def _settle(self, events: list[AccountEvent], time_ns: int) -> None:
        """Make the engine's events orders, fills and balances; commit them; tell of them."""
        happenings: dict[str, list[Happening]] = {}
        orders: dict[int, VenueOrder] = {}
        fills: list[Fill] = []
        changed: dict[tuple[str, str], Balance] = {}
        for event in events:
            if isinstance(event, BalanceUpdated):
                changed[(event.account, event.asset)] = Balance(event.free, event.locked)
                continue
            report = self._report(event, time_ns)
            if report is not None:
                orders[report.order.order_id] = self.records.number(report.order.order_id)
                if report.fill is not None:
                    fills.append(report.fill)
                happenings.setdefault(report.order.account, []).append(report)
        totals = [
            (account, asset, EXACT.add(balance.free, balance.locked)) for (account, asset), balance in changed.items()
        ]
        self._state.save(orders.values(), fills, totals)
        for account in dict.fromkeys(account for account, _ in changed):
            balances = [(asset, balance) for (owner, asset), balance in changed.items() if owner == account]
            happenings.setdefault(account, []).append(Position(balances, time_ns))
        for account, told in happenings.items():
            self.on_happenings(account, told)
        gone = self.records.forget_some()
        if gone:
            self._state.forget(gone)

    def _report(self, event: AccountEvent, time_ns: int) -> Report | None:
        order = self.records.live(event.account, event.client_order_id) if hasattr(event, "client_order_id") else None
        if order is None:
            return None
        fill = None
        match event:
            case OrderAccepted():
                execution = "NEW"
            case OrderFilled():
                fill = fill_of(order, event)
                order.add(fill)
                self.records.add_fill(fill)
                execution = "TRADE"
            case OrderCancelled():
                order.status, order.updated_ns, execution = Status.CANCELED, time_ns, "CANCELED"
            case OrderExpired(reason=reason):
                order.status = expired_status(reason)
                order.updated_ns, execution = time_ns, "EXPIRED"
            case _:
                return None
        if not order.status.is_live:
            self.records.end(order)
        self._execution += 1
        return Report(copy.copy(order), execution, self._execution, time_ns, fill)


def _halted(symbol: str) -> str:
    return f"halted {symbol}"


def _delisted(symbol: str) -> str:
    return f"delisted {symbol}"
