"""What a position holds, and what its cycle has brought: exact sums over its fills, for any strategy.

Commission may be paid in the base asset, in the quote asset or in a third one, and change with every fill. In the base
asset it leaves that much less to sell, in the quote asset it is part of cost and proceeds; what was paid in a third
asset is only in `fees`.
"""

from collections.abc import Sequence
from decimal import Decimal

from naive_daemon.domain.cycle import CycleOutcome, CycleResult
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import EXACT, ZERO, total
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.strategy.protocol import Position


def held(position: Position, instrument: Instrument) -> Decimal:
    """Give what is there to sell: the dust it was given and what it bought, less commission in base and what it sold.

    It is less than nothing where a sell's commission was paid in the base asset beyond what was left.
    """
    received = total((position.cycle.dust_in, *(order.filled for order in position.orders_of(Side.BUY))))
    sold = total(order.filled for order in position.orders_of(Side.SELL))
    paid = total(order.commission(instrument.base_asset) for order in position.orders)
    return EXACT.subtract(received, EXACT.add(sold, paid))


def was_refused(order: Order) -> bool:
    """Say whether an order never came onto the book."""
    return order.status is OrderStatus.REJECTED and not order.filled


def entry_of(position: Position) -> Order | None:
    """Give the buy that a cycle goes by: the latest, or, where that came to nothing, the latest that was filled.

    One that was called never placed may be filled after all, when others have been refused since.
    """
    buys = position.orders_of(Side.BUY)
    if not buys or buys[-1].filled or not buys[-1].status.is_terminal:
        return buys[-1] if buys else None
    return next((order for order in reversed(buys) if order.filled), buys[-1])


def is_dust_refused(position: Position) -> bool:
    """Say whether a sell was refused while it may have held dust: somebody may have taken that from the account."""
    return position.cycle.dust_in > ZERO and any(was_refused(order) for order in position.orders_of(Side.SELL))


def cycle_result(position: Position, instrument: Instrument, time_ns: int, outcome: CycleOutcome) -> CycleResult:
    """Add up what a cycle has brought; what is still held is its dust. Nothing is rounded but the average prices.

    What a cycle's dust had cost is in the result of the cycle that bought it. So dust that is sold along is all profit
    of the cycle that sells it, and the sum over all cycles is right.
    """
    buys, sells = position.orders_of(Side.BUY), position.orders_of(Side.SELL)
    quote = instrument.quote_asset
    paid, received = total(order.filled_quote for order in buys), total(order.filled_quote for order in sells)
    fees = {
        asset: total(order.commission(asset) for order in position.orders)
        for asset in dict.fromkeys(asset for order in position.orders for asset in order.commissions)
    }
    return CycleResult(
        outcome=outcome,
        finished_ns=time_ns,
        bought=total(order.filled for order in buys),
        sold=total(order.filled for order in sells),
        buy_price=_average_price(buys),
        sell_price=_average_price(sells),
        fees=fees,
        realised_pnl=EXACT.subtract(received, EXACT.add(paid, fees.get(quote, ZERO))),
        dust_base=held(position, instrument),
    )


def _average_price(orders: Sequence[Order]) -> Decimal | None:
    """Give quote for each unit of base over all fills, in 28 digits, half-even; None where there was none."""
    filled = total(order.filled for order in orders)
    return total(order.filled_quote for order in orders) / filled if filled else None
