"""The naive strategy: buy a little below the market, sell a little above what was paid, buy again when it falls.

One position is one cycle. Quantities and prices are floored to the instrument's step and tick; both roundings are
named where they happen.
"""

from decimal import Decimal

from naive_daemon.domain.cycle import CycleOutcome, CycleResult
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import ONE, ZERO, floor_to
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

RETRY_MOVE_MIN = Decimal("0.001")
"""After a refusal the price must have moved by this ratio at least before it is tried again; so it never loops hot."""


class NaiveStrategy:
    """Buy low, sell higher, once; see the module."""

    def decide(self, event: StrategyEvent, position: Position, instrument: Instrument) -> tuple[Decision, ...]:
        """Decide by where the cycle is: before the buy, while it rests, with something to sell, or over."""
        buy = position.latest(Side.BUY)
        if buy is None or _never_bought(buy):
            return _before_entry(event, position, instrument, buy)
        if not buy.status.is_terminal:
            return _while_buying(event, position, buy)
        if buy.filled == ZERO:
            return (Finish(_result(position, instrument, event.time_ns, CycleOutcome.ABANDONED)),)
        return _while_selling(event, position, instrument, buy)


def buy_price(price: Decimal, buy_down_interval: Decimal, tick: Decimal) -> Decimal:
    """Give the entry's limit: below the market by the interval, floored to the tick."""
    return floor_to(price * (ONE - buy_down_interval), tick)


def sell_price(bought_at: Decimal, fee: Decimal, profit_interval: Decimal, tick: Decimal) -> Decimal:
    """Give the exit's limit: what was paid, both fees and the profit, floored to the tick."""
    return floor_to(bought_at * (ONE + fee) * (ONE + profit_interval) * (ONE + fee), tick)


def _never_bought(buy: Order) -> bool:
    return buy.status is OrderStatus.REJECTED and buy.filled == ZERO


def _before_entry(
    event: StrategyEvent, position: Position, instrument: Instrument, refused: Order | None
) -> tuple[Decision, ...]:
    if isinstance(event, EntriesClosed):
        return (Finish(_result(position, instrument, event.time_ns, CycleOutcome.ABANDONED)),)
    if not isinstance(event, Trade):
        if refused is not None and position.refused_price is None:
            return (Refuse(refused.reason or "rejected", refused.price), _wake_when_moved(position, refused.price))
        return (_wake_before_entry(position),)
    settings = position.cycle.settings
    limit = buy_price(event.price, settings.buy_down_interval, instrument.tick_size)
    quantity = floor_to(position.cycle.budget / limit, instrument.step_size) if limit > 0 else ZERO
    reason = _entry_refusal(position, instrument, event.price, limit, quantity)
    if reason is not None:
        return (Refuse(reason, event.price), _wake_when_moved(position, event.price))
    return (Place(Side.BUY, limit, quantity), Wake())


def _entry_refusal(
    position: Position, instrument: Instrument, market: Decimal, limit: Decimal, quantity: Decimal
) -> str | None:
    """Refuse also what could be bought but then not be sold again, because the fee takes it below a minimum."""
    if not instrument.is_trading:
        return f"{instrument.symbol} is not trading"
    reason = instrument.refusal(Side.BUY, limit, quantity, market)
    if reason is not None:
        return reason
    cycle = position.cycle
    exit_price = sell_price(limit, cycle.fee, cycle.settings.profit_interval, instrument.tick_size)
    exit_quantity = floor_to(quantity * (ONE - cycle.fee), instrument.step_size)
    reason = instrument.refusal(Side.SELL, exit_price, exit_quantity)
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
    quantity = floor_to(_held(position, instrument), instrument.step_size)
    limit = sell_price(buy.price, position.cycle.fee, position.cycle.settings.profit_interval, instrument.tick_size)
    if sell is not None and sell.status is OrderStatus.FILLED:
        return (Finish(_result(position, instrument, event.time_ns, CycleOutcome.COMPLETED)),)
    if instrument.refusal(Side.SELL, limit, quantity) is not None:
        # Too little to sell: it stays in the books as dust, and the cycle has a terminal state.
        return (Finish(_result(position, instrument, event.time_ns, CycleOutcome.ABANDONED)),)
    if sell is None or isinstance(event, Trade):
        return (Place(Side.SELL, limit, quantity), *_rebuy_or_wait(event, position, buy))
    # The exit was refused or taken off the book: once more as soon as the price has moved, at most that often.
    return (Refuse(sell.reason or sell.status.value, sell.price), _wake_when_moved(position, sell.price))


def _rebuy_or_wait(event: StrategyEvent, position: Position, buy: Order) -> tuple[Decision, ...]:
    """Report a rebuy once in a cycle, from the moment the buy rests."""
    if position.cycle.rebuy_reported or buy.status in (OrderStatus.IN_FLIGHT, OrderStatus.UNKNOWN):
        return (Wake(),)
    trigger = buy.price * (ONE - position.cycle.settings.rebuy_interval)
    if isinstance(event, Trade) and event.price < trigger:
        return (ReportRebuy(event.price), Wake())
    return (Wake(below=trigger),)


def _wake_before_entry(position: Position) -> Wake:
    if position.refused_price is None:
        return Wake(next_trade=True)
    return _wake_when_moved(position, position.refused_price)


def _wake_when_moved(position: Position, price: Decimal) -> Wake:
    move = max(position.cycle.settings.rebuy_interval, RETRY_MOVE_MIN)
    return Wake(below=price * (ONE - move), above=price * (ONE + move))


def _held(position: Position, instrument: Instrument) -> Decimal:
    """Give what the buy brought, net of commission in the base asset, less what was sold of it."""
    bought = sum(
        (order.filled - order.commission(instrument.base_asset) for order in position.orders_of(Side.BUY)), ZERO
    )
    return bought - sum((order.filled for order in position.orders_of(Side.SELL)), ZERO)


def _result(position: Position, instrument: Instrument, time_ns: int, outcome: CycleOutcome) -> CycleResult:
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
        dust_base=_held(position, instrument),
    )
