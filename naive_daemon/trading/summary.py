"""What trading has brought: one object, the same for a backtest and for a replay through the daemon."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from naive_daemon.domain.cycle import Cycle, CycleOutcome
from naive_daemon.domain.money import EXACT, total
from naive_daemon.domain.order import Order
from naive_daemon.domain.side import Side


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Orders placed, cycles completed, what is still open; money in the quote asset, dust in the base asset.

    `realised_pnl` is the sum over the cycles that have ended; `dust_base` is what these could not sell, less what was
    given to others, which may be open. `wall_s` is what it took.
    """

    events: int
    orders: int
    cycles: int
    open_buys: int
    open_sells: int
    realised_pnl: Decimal
    dust_base: Decimal
    wall_s: Decimal
    events_per_s: int


def summarise(events: int, orders: Iterable[Order], cycles: Iterable[Cycle], wall_ns: int) -> Summary:
    """Count and add up; `wall_s` is rounded to microseconds, the rate down to whole events."""
    placed, known = list(orders), list(cycles)
    live = [order for order in placed if not order.status.is_terminal]
    results = [cycle.result for cycle in known if cycle.result is not None]
    return Summary(
        events=events,
        orders=len(placed),
        cycles=sum(result.outcome is CycleOutcome.COMPLETED for result in results),
        open_buys=sum(order.side is Side.BUY for order in live),
        open_sells=sum(order.side is Side.SELL for order in live),
        realised_pnl=total(result.realised_pnl for result in results),
        dust_base=EXACT.subtract(total(result.dust_base for result in results), total(one.dust_in for one in known)),
        wall_s=(Decimal(wall_ns) / 1_000_000_000).quantize(Decimal("0.000001")),
        events_per_s=events * 1_000_000_000 // max(wall_ns, 1),
    )
