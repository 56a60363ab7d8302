"""What a position holds, and what its cycle has brought: sums over its fills, for any strategy."""

from decimal import Decimal

from naive_daemon.domain.cycle import CycleOutcome, CycleResult
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import ZERO
from naive_daemon.domain.side import Side
from naive_daemon.strategy.protocol import Position


def held(position: Position, instrument: Instrument) -> Decimal:
    """Give what the buy brought, net of commission in the base asset, less what was sold of it."""
    bought = sum(
        (order.filled - order.commission(instrument.base_asset) for order in position.orders_of(Side.BUY)), ZERO
    )
    return bought - sum((order.filled for order in position.orders_of(Side.SELL)), ZERO)


def cycle_result(position: Position, instrument: Instrument, time_ns: int, outcome: CycleOutcome) -> CycleResult:
    """Add up what a cycle has brought; what is still held is its dust. Nothing is rounded."""
    buys, sells = position.orders_of(Side.BUY), position.orders_of(Side.SELL)
    cost = sum((order.filled_quote + order.commission(instrument.quote_asset) for order in buys), ZERO)
    proceeds = sum((order.filled_quote - order.commission(instrument.quote_asset) for order in sells), ZERO)
    fees: dict[str, Decimal] = {}
    for order in position.orders:
        for asset, amount in order.commissions.items():
            fees[asset] = fees.get(asset, ZERO) + amount
    return CycleResult(
        outcome=outcome,
        finished_ns=time_ns,
        bought=sum((order.filled for order in buys), ZERO),
        sold=sum((order.filled for order in sells), ZERO),
        buy_price=buys[-1].average_price if buys else None,
        sell_price=sells[-1].average_price if sells else None,
        fees=fees,
        realised_pnl=proceeds - cost,
        dust_base=held(position, instrument),
    )
