"""A trade cycle as a report sees it: its result, and the sums over its orders. Whoever reads a journal makes it."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from naive_daemon.domain.cycle import Cycle, CycleOutcome
from naive_daemon.domain.money import EXACT, ZERO, total
from naive_daemon.domain.order import CycleKey, Order
from naive_daemon.domain.side import Side
from naive_daemon.report.ratio import quotient


class TradedCycle(msgspec.Struct, frozen=True, kw_only=True):
    """A cycle and the sums over its orders; times are UTC nanoseconds.

    `bought` and `sold` are in the base asset, what they cost and brought in quote. It has started when its first order
    was made (the daemon's own clock counts only where there is none: in a replay it is not that of the market).
    `entered_ns` is when its first buy was last filled, `exited_ns` the same of its last sell. An open cycle has no
    outcome, no end and no realised PnL.
    """

    key: CycleKey
    budget: Decimal
    started_ns: int
    entered_ns: int | None = None
    exited_ns: int | None = None
    finished_ns: int | None = None
    outcome: CycleOutcome | None = None
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    bought_quote: Decimal = ZERO
    sold_quote: Decimal = ZERO
    fees: dict[str, Decimal] = {}
    dust_in: Decimal = ZERO
    dust_base: Decimal = ZERO
    realised_pnl: Decimal = ZERO

    @property
    def buy_price(self) -> Decimal | None:
        """What a unit of base has cost on average, rounded as `quotient` does; None when nothing was bought."""
        return quotient(self.bought_quote, self.bought)

    @property
    def sell_price(self) -> Decimal | None:
        """What a unit of base has brought on average, rounded as `quotient` does; None when nothing was sold."""
        return quotient(self.sold_quote, self.sold)

    @property
    def turnover(self) -> Decimal:
        """What the purchases cost and the sales brought, added up."""
        return EXACT.add(self.bought_quote, self.sold_quote)

    def held(self, base_asset: str) -> Decimal:
        """Give what is held, in base: bought and taken over, less commission in it, less what was sold."""
        gained = EXACT.subtract(EXACT.add(self.bought, self.dust_in), self.fees.get(base_asset, ZERO))
        return EXACT.subtract(gained, self.sold)

    def open_pnl(self, base_asset: str, quote_asset: str, price: Decimal) -> Decimal:
        """Give what an open cycle would have brought if what it holds were sold at `price`, without a fee for that."""
        worth = EXACT.multiply(self.held(base_asset), price)
        paid = EXACT.add(self.bought_quote, self.fees.get(quote_asset, ZERO))
        return EXACT.subtract(EXACT.add(self.sold_quote, worth), paid)


def traded_cycles(cycles: Iterable[Cycle], orders: Iterable[Order]) -> Iterator[TradedCycle]:
    """Join cycles with their orders; those that have ended come first, in the order of their ends."""
    by_cycle: dict[CycleKey, list[Order]] = {}
    for order in orders:
        by_cycle.setdefault(order.key, []).append(order)
    for cycle in sorted(cycles, key=_end):
        yield traded_cycle(cycle, by_cycle.get(cycle.key, ()))


def traded_cycle(cycle: Cycle, orders: Iterable[Order]) -> TradedCycle:
    """Add up a cycle's orders."""
    made = list(orders)
    filled = [order for order in made if order.filled]
    buys = [order for order in filled if order.side is Side.BUY]
    sells = [order for order in filled if order.side is Side.SELL]
    traded = TradedCycle(
        key=cycle.key,
        budget=cycle.budget,
        started_ns=min((order.created_ns for order in made), default=_started_ns(cycle)),
        entered_ns=min((order.updated_ns for order in buys), default=None),
        exited_ns=max((order.updated_ns for order in sells), default=None),
        bought=total(order.filled for order in buys),
        sold=total(order.filled for order in sells),
        bought_quote=total(order.filled_quote for order in buys),
        sold_quote=total(order.filled_quote for order in sells),
        fees=_fees(filled),
        dust_in=cycle.dust_in,
    )
    if cycle.result is None:
        return traded
    return msgspec.structs.replace(
        traded,
        outcome=cycle.result.outcome,
        finished_ns=cycle.result.finished_ns,
        fees=dict(cycle.result.fees),
        dust_base=cycle.result.dust_base,
        realised_pnl=cycle.result.realised_pnl,
    )


def _end(cycle: Cycle) -> tuple[bool, int, CycleKey]:
    return cycle.result is None, 0 if cycle.result is None else cycle.result.finished_ns, cycle.key


def _started_ns(cycle: Cycle) -> int:
    return cycle.started_ns if cycle.result is None else min(cycle.started_ns, cycle.result.finished_ns)


def _fees(orders: Iterable[Order]) -> dict[str, Decimal]:
    fees: dict[str, Decimal] = {}
    for order in orders:
        for asset, amount in order.commissions.items():
            fees[asset] = EXACT.add(fees.get(asset, ZERO), amount)
    return fees
