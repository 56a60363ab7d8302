"""The naive strategy: buy a little below the market, sell a little above what was paid, buy again when it falls.

One position is one cycle. Quantities and prices are floored to the instrument's step and tick; both roundings are
named where they happen. What a cycle can not sell because it is less than a step is its dust. A cycle that was given
the dust of former ones sells it along with what it bought; one that bought nothing ends, and gives it back.
"""

from collections.abc import Hashable
from decimal import Decimal

from naive_daemon.domain.cycle import CycleOutcome
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import EXACT, ONE, ZERO, affordable, floor_to
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.strategy.protocol import (
    Cancel,
    Decision,
    EntriesClosed,
    Finish,
    Place,
    Position,
    Refuse,
    ReportRebuy,
    StrategyEvent,
    Wake,
)
from naive_daemon.strategy.result import awaits_free, cycle_result, entry_of, exit_quantity, was_refused

RETRY_MOVE_MIN = Decimal("0.001")
"""After a refusal the price must have moved by this ratio at least before it is tried again; so it never loops hot."""


class NaiveStrategy:
    """Buy low, sell higher, once; see the module."""

    def decide(self, event: StrategyEvent, position: Position, instrument: Instrument) -> tuple[Decision, ...]:
        """Decide by where the cycle is: before the buy, while it rests, with something to sell, or over."""
        buy = entry_of(position)
        if buy is None or was_refused(buy):
            return _before_entry(event, position, instrument, buy)
        if not buy.status.is_terminal:
            return _while_buying(event, position, buy)
        if buy.filled == ZERO:
            return (Finish(cycle_result(position, instrument, event.time_ns, CycleOutcome.ABANDONED)),)
        return _while_selling(event, position, instrument, buy)

    def sees(self, position: Position) -> Hashable | None:
        """Share what is decided on a trade before the entry; dust that is there does not count, what is owed does."""
        if position.orders:
            return None
        cycle, settings = position.cycle, position.cycle.settings
        return (
            cycle.budget,
            cycle.fee,
            min(cycle.dust_in, ZERO),
            position.refused_price,
            settings.buy_down_interval,
            settings.profit_interval,
            settings.rebuy_interval,
        )


def buy_price(price: Decimal, buy_down_interval: Decimal, tick: Decimal) -> Decimal:
    """Give the entry's limit: below the market by the interval, floored to the tick."""
    return floor_to(price * (ONE - buy_down_interval), tick)


def sell_price(bought_at: Decimal, fee: Decimal, profit_interval: Decimal, tick: Decimal) -> Decimal:
    """Give the exit's limit: what was paid, both fees and the profit, floored to the tick."""
    return floor_to(bought_at * (ONE + fee) * (ONE + profit_interval) * (ONE + fee), tick)


def _before_entry(
    event: StrategyEvent, position: Position, instrument: Instrument, refused: Order | None
) -> tuple[Decision, ...]:
    if isinstance(event, EntriesClosed):
        return (Finish(cycle_result(position, instrument, event.time_ns, CycleOutcome.ABANDONED)),)
    waiting = _wait_for_move(event, position, refused)
    if waiting:
        return waiting
    if not isinstance(event, Trade):
        return (Wake(next_trade=True),)
    settings = position.cycle.settings
    limit = buy_price(event.price, settings.buy_down_interval, instrument.tick_size)
    quantity = affordable(position.cycle.budget, limit, instrument.step_size) if limit > 0 else ZERO
    reason = _entry_refusal(position, instrument, event.price, limit, quantity)
    if reason is not None:
        return (Refuse(reason, event.price), _wake_when_moved(position, event.price))
    return (Place(Side.BUY, limit, quantity), Wake())


def _entry_refusal(
    position: Position, instrument: Instrument, market: Decimal, limit: Decimal, quantity: Decimal
) -> str | None:
    """Refuse also what could be bought but then not be sold again, because the fee takes it below a minimum.

    Dust does not help, for it may be gone from the account by then; what is owed of the base asset counts.
    """
    reason = instrument.refusal(Side.BUY, limit, quantity, market)
    if reason is not None:
        return reason
    cycle = position.cycle
    exit_price = sell_price(limit, cycle.fee, cycle.settings.profit_interval, instrument.tick_size)
    received = EXACT.add(quantity * (ONE - cycle.fee), min(cycle.dust_in, ZERO))
    sellable = floor_to(received, instrument.step_size)
    reason = instrument.refusal(Side.SELL, exit_price, sellable)
    return None if reason is None else f"what is bought could not be sold: {reason}"


def _while_buying(event: StrategyEvent, position: Position, buy: Order) -> tuple[Decision, ...]:
    if isinstance(event, EntriesClosed) and event.cancel and buy.filled == ZERO:
        return (Cancel(buy.client_order_id),)
    return _rebuy_or_wait(event, position, buy)


def _while_selling(
    event: StrategyEvent, position: Position, instrument: Instrument, buy: Order
) -> tuple[Decision, ...]:
    sell = position.latest(Side.SELL)
    if sell is not None and not sell.status.is_terminal:
        return _rebuy_or_wait(event, position, buy)
    if sell is not None and sell.status is OrderStatus.FILLED:
        return (Finish(cycle_result(position, instrument, event.time_ns, CycleOutcome.COMPLETED)),)
    limit = sell_price(buy.price, position.cycle.fee, position.cycle.settings.profit_interval, instrument.tick_size)
    quantity = exit_quantity(position, instrument, limit)
    if instrument.is_too_small(limit, quantity):
        # Too little to sell: it stays in the books as dust, and the cycle has a terminal state.
        has_sold = any(order.filled for order in position.orders_of(Side.SELL))
        outcome = CycleOutcome.COMPLETED if has_sold else CycleOutcome.ABANDONED
        return (Finish(cycle_result(position, instrument, event.time_ns, outcome)),)
    # An exit that was refused or taken off the book: once more when the price has moved, at most that often. One that
    # was refused for more than there is leaves at once with less; each time with less, so that comes to an end.
    if sell is not None and was_refused(sell) and sell.quantity > quantity:
        waiting: tuple[Decision, ...] = ()
    elif awaits_free(position):
        waiting = (Wake(next_trade=True),)
    else:
        waiting = _wait_for_move(event, position, sell)
    if waiting:
        return (*_rebuy_report(event, position, buy), *waiting)
    reason = instrument.refusal(Side.SELL, limit, quantity)
    if reason is not None:
        # The exchange's filters have changed: what is held is kept, and tried again, never given up as dust.
        if not isinstance(event, Trade):
            return (Wake(next_trade=True),)
        return (
            *_rebuy_report(event, position, buy),
            Refuse(reason, event.price),
            _wake_when_moved(position, event.price),
        )
    return (Place(Side.SELL, limit, quantity), *_rebuy_or_wait(event, position, buy))


def _rebuy_or_wait(event: StrategyEvent, position: Position, buy: Order) -> tuple[Decision, ...]:
    """Report a rebuy once in a cycle, from the moment the buy rests."""
    if not _can_rebuy(position, buy):
        return (Wake(),)
    report = _rebuy_report(event, position, buy)
    return (*report, Wake()) if report else (Wake(below=_rebuy_trigger(position, buy)),)


def _rebuy_report(event: StrategyEvent, position: Position, buy: Order) -> tuple[Decision, ...]:
    if not isinstance(event, Trade) or not _can_rebuy(position, buy):
        return ()
    return (ReportRebuy(event.price),) if event.price < _rebuy_trigger(position, buy) else ()


def _can_rebuy(position: Position, buy: Order) -> bool:
    return not position.cycle.rebuy_reported and buy.status not in (OrderStatus.IN_FLIGHT, OrderStatus.UNKNOWN)


def _rebuy_trigger(position: Position, buy: Order) -> Decimal:
    return buy.price * (ONE - position.cycle.settings.rebuy_interval)


def _wait_for_move(event: StrategyEvent, position: Position, refused: Order | None) -> tuple[Decision, ...]:
    """Give how to wait until the price has moved since an order was refused; nothing when there is no need to.

    The exchange's refusal comes without a price, so the next trade says from where a move is measured. It is not
    measured from the order's own price: the market stood elsewhere, and would have moved from there at once.
    """
    if position.refused_price is None:
        if refused is None:
            return ()
        if not isinstance(event, Trade):
            return (Wake(next_trade=True),)
        reason = refused.reason or refused.status.value
        return (Refuse(reason, event.price), _wake_when_moved(position, event.price))
    below, above = _moved_prices(position, position.refused_price)
    if isinstance(event, Trade) and not below <= event.price <= above:
        return ()
    return (Wake(below=below, above=above),)


def _wake_when_moved(position: Position, price: Decimal) -> Wake:
    below, above = _moved_prices(position, price)
    return Wake(below=below, above=above)


def _moved_prices(position: Position, price: Decimal) -> tuple[Decimal, Decimal]:
    move = max(position.cycle.settings.rebuy_interval, RETRY_MOVE_MIN)
    return price * (ONE - move), price * (ONE + move)
