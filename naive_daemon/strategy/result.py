"""What a position holds, and what its cycle has brought: exact sums over its fills, for any strategy.

Commission may be paid in the base asset, in the quote asset or in a third one, and change with every fill. In the base
asset it leaves that much less to sell, in the quote asset it is part of cost and proceeds; what was paid in a third
asset is only in `fees`.
"""

from collections.abc import Sequence
from decimal import Decimal

from naive_daemon.domain.cycle import CycleOutcome, CycleResult
from naive_daemon.domain.events import INSUFFICIENT
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import EXACT, ZERO, floor_to, total
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


def is_short(order: Order) -> bool:
    """Say whether an order was refused because the account had less free than it wanted."""
    return was_refused(order) and INSUFFICIENT in (order.reason or "")


def awaits_free(position: Position) -> bool:
    """Say whether the last sell was short, and nobody knows yet how much is free: the trader asks."""
    sell = position.latest(Side.SELL)
    return position.free is None and sell is not None and is_short(sell)


def exit_quantity(position: Position, instrument: Instrument, limit: Decimal) -> Decimal:
    """Give what to sell at `limit`, floored to the step: all that is held, without dust once that was refused.

    After a sell that was short it is no more than what is free, unless that is too little to be sold: then nothing is
    given up, for what is missing may only be reserved, and come back.
    """
    quantity = floor_to(_without_refused_dust(position, instrument), instrument.step_size)
    sell = position.latest(Side.SELL)
    if position.free is None or sell is None or not is_short(sell):
        return quantity
    free = floor_to(position.free, instrument.step_size)
    return quantity if instrument.is_too_small(limit, free) else min(quantity, free)


def withheld(position: Position, instrument: Instrument) -> Decimal:
    """Give how much of what a cycle holds at its end the exchange would not sell: not there, or not free.

    That is its dust, where a sell was refused that may have held it, and what it lacks, where a sell was short: the
    whole steps of what it bought and did not sell. What the last sell was taken for and did not sell was there.
    """
    left = held(position, instrument)
    lack = ZERO
    sell = position.latest(Side.SELL)
    if sell is not None and any(is_short(order) for order in position.orders_of(Side.SELL)):
        unsold = floor_to(_without_refused_dust(position, instrument), instrument.step_size)
        offered = ZERO if was_refused(sell) else EXACT.subtract(sell.quantity, sell.filled)
        lack = max(ZERO, EXACT.subtract(unsold, offered))
    dust = position.cycle.dust_in if is_dust_refused(position) else ZERO
    return max(ZERO, min(left, EXACT.add(dust, lack)))


def _without_refused_dust(position: Position, instrument: Instrument) -> Decimal:
    quantity = held(position, instrument)
    return EXACT.subtract(quantity, position.cycle.dust_in) if is_dust_refused(position) else quantity


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
