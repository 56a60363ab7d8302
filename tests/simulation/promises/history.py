"""A short history of trading, put together by hand: as it should be, or with one thing in it that must never be."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from naive_daemon.clock import NS_PER_S, VirtualClock
from naive_daemon.domain.cycle import Cycle, CycleOutcome, CycleResult
from naive_daemon.domain.events import OrderAccepted, OrderCancelled, OrderEvent, OrderFilled, OrderRejected, Trade
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.settings import Dust, TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.engine import FillModel
from naive_daemon.execution.journal_store import CycleRecorded, JournalEntry, OrderRecorded
from naive_daemon.execution.memory_journal import MemoryJournal
from naive_daemon.trading.desired_state import ActualState
from tests.simulation.plan import Plan
from tests.simulation.promises.promises import Promises
from tests.trading.table import Table

ACCOUNT, SYMBOL, BASE, QUOTE = "main", "AAAQ", "AAA", "Q"
BUY_AT, BUYS, SELL_AT, SELLS = Decimal("99.90"), Decimal("1.001"), Decimal("100.19"), Decimal("0.999")
"""What the rules make of a trade at 100 with a budget of 100: both intervals and the fee are 0.001."""
DUST = BUYS * (1 - Decimal("0.001")) - SELLS
NOTHING: dict[str, Any] = {
    "outcome": CycleOutcome.ABANDONED,
    "bought": Decimal(0),
    "sold": Decimal(0),
    "buy_price": None,
    "sell_price": None,
    "fees": {},
    "realised_pnl": Decimal(0),
    "dust_base": Decimal(0),
}
"""The result of a cycle that was given up."""
PLAN = Plan(
    symbols=(SYMBOL,),
    accounts=(ACCOUNT,),
    beats=1,
    chunks=2,
    budget=Decimal(200),
    buy_down_interval=Decimal("0.001"),
    profit_interval=Decimal("0.001"),
    rebuy_interval=Decimal("0.004"),
    fee=Decimal("0.001"),
    dust=Dust.SWEEP,
    fill_model=FillModel.THROUGH,
    fee_asset=None,
    fee_asset_owned=Decimal(0),
    own_exchange=False,
    restarts=3,
)


class History:
    """Tells Promises of each thing as it happens. `changes`: of the plan."""

    def __init__(self, **changes: Any) -> None:
        self.plan = msgspec.structs.replace(PLAN, **changes)
        self.books = MemoryJournal()
        self.table = Table()
        self.clock = VirtualClock(0)
        self.promises = Promises(self.plan, self.books, self.table, None, self.clock)
        self.table.hear_drained = self.promises.symbol_is_drained
        self.table.set(SYMBOL, TradingStatus.ON, self.plan.trade)
        self._numbers = 0
        self.prints("100")

    def prints(self, *prices: str) -> None:
        for price in prices:
            self.clock.advance_to(self.now_ns + NS_PER_S)
            self.promises.market_prints(Trade(SYMBOL, Decimal(price), Decimal(1), self._next(), self.now_ns))

    @property
    def now_ns(self) -> int:
        return self.clock.now_ns()

    def write(self, *entries: JournalEntry) -> None:
        self.books.write(entries)
        self.promises.entries_written(entries)

    def tell_actual(self, state: str) -> None:
        revision = self.table.rows[ACCOUNT, SYMBOL].revision
        self.table.actual[ACCOUNT, SYMBOL] = ActualState(account=ACCOUNT, symbol=SYMBOL, state=state, revision=revision)

    def confirm_kill_switch(self, in_flight: Sequence[Order] = (), may_come: Sequence[Order] = ()) -> None:
        revision = self.table.kill_switch_seen[ACCOUNT] = self.table.safeguards.kill_switch.revision
        unanswered, live = ([order.client_order_id for order in orders] for orders in (in_flight, may_come))
        self.promises.kill_switch_is_confirmed(ACCOUNT, revision, unanswered, live)

    # Cycles ---------------------------------------------------------------------------------------------------------

    def cycle(self, number: int = 1, trader: int = 1, **changes: Any) -> Cycle:
        fields: dict[str, Any] = {
            "key": CycleKey(ACCOUNT, SYMBOL, trader, number),
            "budget": Decimal(100),
            "fee": self.plan.fee,
            "settings": self.plan.trade,
            "started_ns": self.now_ns,
        }
        return Cycle(**(fields | changes))

    def begin(self, cycle: Cycle) -> Cycle:
        self.write(CycleRecorded(cycle))
        return cycle

    def result(self, **changes: Any) -> CycleResult:
        """Give what comes of a cycle that has sold everything."""
        proceeds = SELL_AT * SELLS
        fees = {BASE: BUYS * self.plan.fee, QUOTE: proceeds * self.plan.fee}
        fields: dict[str, Any] = {
            "outcome": CycleOutcome.COMPLETED,
            "finished_ns": self.now_ns,
            "bought": BUYS,
            "sold": SELLS,
            "buy_price": BUY_AT,
            "sell_price": SELL_AT,
            "fees": fees,
            "realised_pnl": proceeds - fees[QUOTE] - BUY_AT * BUYS,
            "dust_base": BUYS - fees[BASE] - SELLS,
        }
        return CycleResult(**(fields | changes))

    def end(self, cycle: Cycle, *then: Cycle, **changes: Any) -> Cycle:
        ended = msgspec.structs.replace(cycle, result=self.result(**changes))
        self.write(*(CycleRecorded(each) for each in (ended, *then)))
        return ended

    # Orders ---------------------------------------------------------------------------------------------------------

    def order(self, cycle: Cycle, side: Side, attempt: int = 1, **changes: Any) -> Order:
        leg = Leg(side, attempt)
        is_buy = side is Side.BUY
        fields: dict[str, Any] = {
            "client_order_id": f"{cycle.key}-{leg}",
            "key": cycle.key,
            "leg": leg,
            "price": BUY_AT if is_buy else SELL_AT,
            "quantity": BUYS if is_buy else SELLS,
            "created_ns": self.now_ns,
        }
        return Order(**(fields | changes))

    def intend(self, cycle: Cycle, side: Side = Side.BUY, attempt: int = 1, **changes: Any) -> Order:
        order = self.order(cycle, side, attempt, **changes)
        self.write(OrderRecorded(order))
        return order

    def record(self, order: Order, event: OrderEvent) -> Order:
        order = order.apply(event)
        self.write(OrderRecorded(order, event))
        return order

    def send(self, order: Order) -> Order:
        """Let an order arrive and rest, and the journal know it."""
        self.promises.order_arrives(order)
        event = OrderAccepted(**_of(order), exchange_order_id="1", time_ns=self.now_ns)
        self.promises.events_occur([event])
        return self.record(order, event)

    def fill_of(self, order: Order, quantity: str | None = None, **changes: Any) -> OrderFilled:
        traded = order.remaining if quantity is None else Decimal(quantity)
        is_buy = order.side is Side.BUY
        fields: dict[str, Any] = {
            "exchange_order_id": "1",
            "trade_id": str(self._next()),
            "price": order.price,
            "quantity": traded,
            "commission": (traded if is_buy else traded * order.price) * self.plan.fee,
            "commission_asset": BASE if is_buy else QUOTE,
            "time_ns": self.now_ns,
        }
        return OrderFilled(**_of(order), **(fields | changes))

    def fill(self, order: Order, quantity: str | None = None) -> Order:
        event = self.fill_of(order, quantity)
        self.promises.events_occur([event])
        return self.record(order, event)

    def refuse(self, order: Order) -> Order:
        return self.record(order, OrderRejected(**_of(order), time_ns=self.now_ns, reason="no"))

    def cancel(self, order: Order) -> Order:
        event = OrderCancelled(**_of(order), time_ns=self.now_ns)
        self.promises.events_occur([event])
        return self.record(order, event)

    # Together -------------------------------------------------------------------------------------------------------

    def buy(self, cycle: Cycle) -> Order:
        return self.fill(self.send(self.intend(cycle)))

    def sell(self, cycle: Cycle) -> Order:
        return self.fill(self.send(self.intend(cycle, Side.SELL)))

    def trade(self, number: int = 1) -> Cycle:
        """Trade one cycle up to its end, which is not written yet."""
        cycle = self.begin(self.cycle(number))
        self.buy(cycle)
        self.sell(cycle)
        return cycle

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers


def _of(order: Order) -> dict[str, str]:
    return {"account": order.key.account, "symbol": order.symbol, "client_order_id": order.client_order_id}
