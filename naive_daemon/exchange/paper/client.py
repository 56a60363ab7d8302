"""The paper exchange as an account's client: the matching engine in an actor.

Receives: SendOrder, SendCancel; trades that may fill an order; requests AskSnapshot, AskOrder, AskBalances.
Sends: account events to the account's execution manager, in the engine's order, and OrderNotSent for an entry that came
too late; Watch to the feeds of symbols in which orders rest. A trade that was on its way when an order came is not
matched with it, the next one is.
State: the engine, what the feeds were told to watch, how many fills of a former process nobody has written down, and
the time of the latest balance. Fills happen on the market's clock and the rest on ours, so each balance is stamped
later than the one before, whichever clock is ahead.

The journal is the only durable truth of a paper exchange: it starts from the journal's orders and fills, and what the
journal has not seen has never happened. An intent that was committed but not accepted was therefore certainly never
placed (`OrderReport.is_final`). An order of a symbol that is not listed any more does not rest any more; what was
bought of it, and what it cost, stays in the balances.
Crashes when: the journal cannot be read.
"""

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.domain.events import AccountEvent, BalanceUpdated, OrderFilled, Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import EXACT, ZERO
from naive_daemon.domain.order import Order
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.engine import PaperEngine
from naive_daemon.execution.client import (
    TOO_LATE,
    AccountSnapshot,
    AskBalances,
    AskOrder,
    AskSnapshot,
    ExchangeOrder,
    OrderNotSent,
    OrderReport,
    SendCancel,
    SendOrder,
)
from naive_daemon.execution.journal_messages import LoadAccount
from naive_daemon.execution.journal_store import AccountJournal
from naive_daemon.market.alerts import PriceBand
from naive_daemon.market.feed import FeedStarted, Watch
from naive_daemon.market.last_prices import LastPrices
from naive_daemon.otp import DEFERRED, KILL, Actor, Deferred, RequestFailed, crash, send_exit

LOAD_TIMEOUT_S = 60.0
ANYWHERE = PriceBand()

EngineFactory = Callable[[Mapping[str, Mapping[str, Decimal]], int], PaperEngine]
"""Makes an engine from balances (account → asset → amount) and the first order number."""


class PaperClient(Actor):
    """See the module."""

    def __init__(
        self,
        account: str,
        make_engine: EngineFactory,
        instruments: Mapping[str, Instrument],
        balances: Mapping[str, Decimal],
        prices: LastPrices | None = None,
    ) -> None:
        super().__init__()
        self._account = account
        self._make_engine = make_engine
        self._instruments = instruments
        self._opening = balances
        self._prices: LastPrices = {} if prices is None else prices
        self._bands: dict[str, PriceBand] = {}
        self._engine: PaperEngine
        self._unwritten: dict[str, int] = {}
        self._balance_ns = 0

    def log_context(self) -> dict[str, object]:
        """Say whose exchange this is."""
        return {"account": self._account}

    def init(self) -> Deferred:
        """Rebuild books and balances from the journal, once nobody writes there what a former client has told."""
        manager = self.system.whereis(names.execution_manager(self._account))
        if manager is not None and manager.is_orphan():  # its supervisor was killed, and it may still be busy
            send_exit(manager, KILL)
        self.request(self.system.whereis(names.JOURNAL), LoadAccount(self._account), self._restore, LOAD_TIMEOUT_S)
        return DEFERRED

    def on_receive(self, message: Any) -> Any:
        """Match a trade, or serve an order."""
        match message:
            case Trade():
                self._emit(message.symbol, self._engine.match(message))
            case SendOrder(order, until_s):
                self._place(order, until_s)
            case SendCancel(symbol, client_order_id):
                now_ns = self.system.clock.now_ns()
                self._emit(symbol, self._engine.cancel(self._account, symbol, client_order_id, now_ns))
            case FeedStarted(symbol):
                self._tell_band(symbol)
            case AskOrder(symbol, client_order_id):
                return self._report(symbol, client_order_id)
            case AskSnapshot():
                return self._snapshot()
            case AskBalances():
                return self._balances()
            case _:
                super().on_receive(message)
        return None

    def _restore(self, journal: AccountJournal | RequestFailed) -> None:
        if isinstance(journal, RequestFailed):
            self.exit(crash(f"the journal of {self._account} could not be read: {journal.reason}"))
        balances = balances_after(self._opening, journal, self._instruments)
        self._engine = self._make_engine({self._account: balances}, journal.orders_count + 1)
        resting = [order for order in journal.live_orders if order.status.is_resting]
        listed = [order for order in resting if order.symbol in self._instruments]
        self._engine.restore(listed)
        self._unwritten = {order.client_order_id: _unwritten(order) for order in listed}
        for symbol in dict.fromkeys(order.symbol for order in listed):
            self._watch(symbol)
        for symbol in sorted({order.symbol for order in resting} - self._instruments.keys()):
            self.log.warning("symbol is not listed any more: its orders are off the book", symbol=symbol)
        self.log.info("paper exchange opened", resting=len(listed))
        self.acknowledge_start()

    def _place(self, order: Order, until_s: float) -> None:
        if order.side is Side.BUY and self.system.clock.monotonic_s() >= until_s:
            self.system.tell(names.execution_manager(self._account), OrderNotSent.of(order, TOO_LATE, 0.0))
            return
        price = self._prices.get(order.symbol)
        if price is not None:
            self._engine.note_price(order.symbol, price)
        self._emit(order.symbol, self._engine.place(order, order.created_ns))

    def _emit(self, symbol: str, events: list[AccountEvent]) -> None:
        if not events:
            return
        manager = self.system.whereis(names.execution_manager(self._account))
        if manager is not None:
            for event in events:
                manager.tell(self._as_told(event))
        self._watch(symbol)

    def _watch(self, symbol: str) -> None:
        """Have the feed tell of the trades that reach the symbol's orders, when those have become others."""
        band = PriceBand(*self._engine.quiet(symbol))
        if band == self._bands.get(symbol, ANYWHERE):
            return
        if symbol not in self._bands:
            self.subscribe(names.feed(symbol))
        self._bands[symbol] = band
        self.system.tell(names.feed(symbol), Watch(self.ref, band))

    def _tell_band(self, symbol: str) -> None:
        """Tell a feed that has started anew."""
        band = self._bands.get(symbol, ANYWHERE)
        if band != ANYWHERE:
            self.system.tell(names.feed(symbol), Watch(self.ref, band))

    def _snapshot(self) -> AccountSnapshot:
        orders = tuple(_there(order) for order in self._engine.open_orders(self._account))
        return AccountSnapshot(account=self._account, orders=orders, balances=self._balances())

    def _report(self, symbol: str, client_order_id: str) -> OrderReport:
        order = self._engine.order(self._account, client_order_id)
        if order is None:
            return OrderReport(symbol=symbol, client_order_id=client_order_id, order=None, is_final=True)
        known = self._engine.fills(self._account, order.symbol) if order.filled else []
        fills = [fill for fill in known if fill.client_order_id == client_order_id]
        first = 1 + self._number(order) - len(fills)  # those before it are from before this process
        return OrderReport(
            symbol=symbol,
            client_order_id=client_order_id,
            order=_there(order),
            fills=tuple(_named(fill, number) for number, fill in enumerate(fills, first)),
        )

    def _balances(self) -> tuple[BalanceUpdated, ...]:
        now_ns = self.system.clock.now_ns()
        updates = (
            BalanceUpdated(account=self._account, asset=asset, free=balance.free, locked=balance.locked, time_ns=now_ns)
            for asset, balance in self._engine.balances(self._account).items()
        )
        return tuple(self._stamped(update) for update in updates)

    def _as_told(self, event: AccountEvent) -> AccountEvent:
        match event:
            case BalanceUpdated():
                return self._stamped(event)
            case OrderFilled():
                order = self._engine.order(self._account, event.client_order_id)
                return event if order is None else _named(event, self._number(order))
            case _:
                return event

    def _number(self, order: Order) -> int:
        """Say the how-manieth fill of an order the last one is, with those that nobody has written down."""
        return len(order.trade_ids) + self._unwritten.get(order.client_order_id, 0)

    def _stamped(self, update: BalanceUpdated) -> BalanceUpdated:
        """Give the balance a time after every earlier one's: that is how the account knows which is the newest."""
        self._balance_ns = max(self._balance_ns + 1, update.time_ns)
        return msgspec.structs.replace(update, time_ns=self._balance_ns)


def _unwritten(order: Order) -> int:
    """Count the fills that a former process has made and named, between others, and that are not in the journal."""
    numbers = (number for _, _, number in (trade_id.rpartition("-") for trade_id in order.trade_ids))
    last = max((int(number) for number in numbers if number.isdecimal()), default=0)
    return max(0, last - len(order.trade_ids))


def _named(fill: OrderFilled, number: int) -> OrderFilled:
    """Name the fill by its order and which of its fills it is.

    So no fill has the name of another, whatever a former process has filled and told nobody in the end; and such a one
    has the same name again when it is made again.
    """
    return msgspec.structs.replace(fill, trade_id=f"{fill.exchange_order_id}-{number}")


def _there(order: Order) -> ExchangeOrder:
    return ExchangeOrder(
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        exchange_order_id=order.exchange_order_id or "",
        side=order.side,
        price=order.price,
        quantity=order.quantity,
        filled=order.filled,
        status=order.status,
        time_ns=order.updated_ns,
        reason=order.reason,
    )


def balances_after(
    opening: Mapping[str, Decimal], journal: AccountJournal, instruments: Mapping[str, Instrument]
) -> dict[str, Decimal]:
    """Give what an account owns after everything the journal knows: opening + bought − sold − commissions.

    Exact, as the ledger is; raises ArithmeticError where a digit would be lost. A symbol that is not listed any more
    counts by its name, base before quote; one whose name ends in no known quote is left out.
    """
    balances = dict(opening)
    known = {*opening, *journal.commissions, *(each.quote_asset for each in instruments.values())}

    def add(asset: str, amount: Decimal) -> None:
        balances[asset] = EXACT.add(balances.get(asset, ZERO), amount)

    def take(asset: str, amount: Decimal) -> None:
        balances[asset] = EXACT.subtract(balances.get(asset, ZERO), amount)

    for total in journal.totals:
        instrument = instruments.get(total.symbol)
        assets = _split(total.symbol, known) if instrument is None else (instrument.base_asset, instrument.quote_asset)
        if assets is None:
            continue
        base, quote = assets
        received, paid = (add, take) if total.side is Side.BUY else (take, add)
        received(base, total.filled)
        paid(quote, total.filled_quote)
    for asset, amount in journal.commissions.items():
        take(asset, amount)
    return balances


def _split(symbol: str, known: Collection[str]) -> tuple[str, str] | None:
    """Give base and quote asset of a symbol by its name, if possible so that both are known."""
    quotes = [asset for asset in known if symbol.endswith(asset) and asset != symbol]
    pairs = [(symbol.removesuffix(quote), quote) for quote in quotes]
    return max(pairs, key=lambda pair: (pair[0] in known, len(pair[1])), default=None)
