"""Two moving averages of closed candles: buy when the fast one crosses above the slow one, sell when it crosses below.

The signals are computed once for all who want the same candles and lengths; what follows decides for one position. An
entry is a limit at the signal's price: what of it has not been filled by the next SELL is cancelled. An exit, at a SELL
or below the stop, has to get out: its limit lies below the market, and follows a market that runs away from it.
Averages are computed in `AVERAGES`; prices and quantities are floored to tick and step.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal

import msgspec

from naive_daemon.domain.candle import INTERVALS_S, Candle
from naive_daemon.domain.cycle import Cycle, CycleOutcome
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import EXACT, ONE, ZERO, affordable, ceil_to, floor_to, parse_decimal, plain
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.domain.parameters import Parameter, canonical, read_parameters
from naive_daemon.domain.settings import (
    BUDGET_MAX,
    InvalidSettingError,
    SettingRule,
    TradeSettings,
    between,
    read_whole,
)
from naive_daemon.domain.side import Side
from naive_daemon.strategy.protocol import (
    Cancel,
    Decision,
    EntriesClosed,
    Finish,
    MarketNeeds,
    Place,
    Position,
    Refuse,
    Signal,
    StrategyEvent,
    Wake,
)
from naive_daemon.strategy.result import awaits_free, cycle_result, entry_of, exit_quantity, was_refused

AVERAGES = Context(prec=28, rounding=ROUND_HALF_EVEN)
LENGTH_MAX = 200
HISTORY_LENGTHS = 5
"""So many times `slow` candles of history: what the first of them weigh is then below 0.01 % of the average."""

EXIT_BELOW = Decimal("0.001")
"""So far below the market is an exit's limit: it executes now, also when the price gives way by as much."""


def _length(low: int) -> SettingRule:
    allowed = f"a whole number from {low} to {LENGTH_MAX}"
    return SettingRule(read_whole, between(low, LENGTH_MAX, low_included=True), allowed)


def _amount(high: Decimal, what: str) -> SettingRule:
    allowed = f"{what}, at least 0 and at most {plain(high)}"
    return SettingRule(parse_decimal, between(ZERO, high, low_included=True), allowed)


class Averages(msgspec.Struct, frozen=True):
    """Both averages after `candles` candles: sums of closes until an average has its length, then exponential.

    `is_above`: whether the fast one was last above the slow one; None until they have differed.
    """

    candles: int = 0
    fast: Decimal = ZERO
    slow: Decimal = ZERO
    is_above: bool | None = None


class EmaCrossStrategy:
    """See the module."""

    parameters: Mapping[str, Parameter] = {
        "interval": Parameter(
            SettingRule(str, INTERVALS_S.__contains__, f"one of {', '.join(INTERVALS_S)}"), "1m", "length of a candle"
        ),
        "fast": Parameter(_length(1), "9", "candles in the fast average"),
        "slow": Parameter(_length(2), "21", "candles in the slow average, more than in the fast one"),
        "stop_loss": Parameter(
            _amount(Decimal("0.99"), "a ratio"), "0.02", "how far below what was paid all is sold; 0 is no stop"
        ),
        "order_size": Parameter(
            _amount(BUDGET_MAX, "a number of quote asset"),
            "0",
            "what an entry may cost; 0 is budget ÷ chunks, the most",
        ),
    }

    def needs(self, settings: TradeSettings) -> MarketNeeds:
        """Need candles; only their interval and both lengths decide about the signals."""
        values = read_parameters(self.parameters, settings.parameters)
        fast, slow = values["fast"], values["slow"]
        if not isinstance(fast, int) or not isinstance(slow, int) or fast >= slow:
            raise InvalidSettingError("fast", fast, f"less than slow, which is {slow}")
        return MarketNeeds(
            interval=str(values["interval"]),
            history=slow * HISTORY_LENGTHS,
            settings=canonical({"fast": fast, "slow": slow}),
        )

    def analyse(
        self, state: Averages | None, event: Candle | Trade, needs: MarketNeeds
    ) -> tuple[Averages, Signal | None]:
        """Take a closed candle into both averages, and see whether they have crossed.

        The first side that is known is no cross. If it is the lower one, that is told as an old SELL: the cross to it
        may have been missed, and whoever has entered before leaves.
        """
        if not isinstance(event, Candle):
            raise TypeError(f"the averages are of candles, not of {type(event).__name__}")
        lengths = dict(needs.settings)
        fast_length, slow_length = int(lengths["fast"]), int(lengths["slow"])
        before = state or Averages()
        candles = before.candles + 1
        fast = _average(before.fast, event.close, candles, fast_length)
        slow = _average(before.slow, event.close, candles, slow_length)
        is_above = before.is_above if candles < slow_length or fast == slow else fast > slow
        after = Averages(candles, fast, slow, is_above)
        if is_above is before.is_above or (before.is_above is None and is_above):
            return after, None
        is_cross = before.is_above is not None
        return after, Signal(Side.BUY if is_above else Side.SELL, event.close, event.close_ns, is_cross)

    def decide(self, event: StrategyEvent, position: Position, instrument: Instrument) -> tuple[Decision, ...]:
        """Decide by where the cycle is: before the buy, while it rests, with something to sell, or over."""
        buy = entry_of(position)
        if buy is None or was_refused(buy):
            return self._before_entry(event, position, instrument)
        if not buy.status.is_terminal:
            return self._while_buying(event, position, buy)
        if buy.filled == ZERO:
            return (Finish(cycle_result(position, instrument, event.time_ns, CycleOutcome.ABANDONED)),)
        return self._while_holding(event, position, instrument, buy)

    def _before_entry(self, event: StrategyEvent, position: Position, instrument: Instrument) -> tuple[Decision, ...]:
        """Enter with a signal that is new; one that was refused is not tried again before the next."""
        if isinstance(event, EntriesClosed):
            return (Finish(cycle_result(position, instrument, event.time_ns, CycleOutcome.ABANDONED)),)
        if not isinstance(event, Signal) or not event.is_new or event.side is not Side.BUY:
            return (Wake(),)
        limit = floor_to(event.price, instrument.tick_size)
        quantity = affordable(self._size(position), limit, instrument.step_size) if limit > 0 else ZERO
        place = Place(Side.BUY, limit, quantity)
        lowest = stop_price(limit, self._value(position, "stop_loss"))
        reason = _entry_refusal(place, position.cycle, instrument, event.price, lowest)
        return (Refuse(reason, event.price) if reason is not None else place, Wake())

    def _while_buying(self, event: StrategyEvent, position: Position, buy: Order) -> tuple[Decision, ...]:
        stop = self._stop(position, buy) if buy.filled else None
        if isinstance(event, EntriesClosed) and event.cancel and not buy.filled:
            return (Cancel(buy.client_order_id), Wake())
        if buy.status.is_resting and (_is_to_leave(position, buy) or _is_below(event, stop)):
            return (Cancel(buy.client_order_id), Wake())
        return (Wake(below=stop),)

    def _while_holding(
        self, event: StrategyEvent, position: Position, instrument: Instrument, buy: Order
    ) -> tuple[Decision, ...]:
        sell = position.latest(Side.SELL)
        if sell is not None and not sell.status.is_terminal:
            return _follow(event, sell)
        if sell is not None and sell.status is OrderStatus.FILLED:
            return (Finish(cycle_result(position, instrument, event.time_ns, CycleOutcome.COMPLETED)),)
        stop = self._stop(position, buy)
        is_leaving = (
            sell is not None
            or position.refused_price is not None
            or _is_to_leave(position, buy)
            or _is_below(event, stop)
        )
        market = _market_price(event) if is_leaving else buy.price
        limit = exit_price(market or buy.price, instrument)
        quantity = _exit_quantity(position, instrument, limit)
        if instrument.is_too_small(limit, quantity):
            # Too little to sell: it stays in the books as dust, and the cycle has a terminal state.
            has_sold = any(order.filled for order in position.orders_of(Side.SELL))
            outcome = CycleOutcome.COMPLETED if has_sold else CycleOutcome.ABANDONED
            return (Finish(cycle_result(position, instrument, event.time_ns, outcome)),)
        if not is_leaving:
            return (Wake(below=stop),)
        if market is None or awaits_free(position):
            return (Wake(next_trade=True),)
        reason = instrument.refusal(Side.SELL, limit, quantity)
        if reason is not None:
            # The exchange's filters have changed: what is held is kept, and tried again, never given up as dust.
            return (Refuse(reason, market), Wake(next_trade=True))
        return (Place(Side.SELL, limit, quantity), Wake())

    def _size(self, position: Position) -> Decimal:
        size = self._value(position, "order_size")
        return min(size, position.cycle.budget) if size else position.cycle.budget

    def _stop(self, position: Position, buy: Order) -> Decimal | None:
        """Give the price below which all is sold, unrounded; None without a stop."""
        stop_loss = self._value(position, "stop_loss")
        return stop_price(buy.average_price or buy.price, stop_loss) if stop_loss else None

    def _value(self, position: Position, key: str) -> Decimal:
        given = dict(position.cycle.settings.parameters)
        return parse_decimal(given.get(key, self.parameters[key].default))


def stop_price(paid: Decimal, stop_loss: Decimal) -> Decimal:
    """Give the price below which the position is given up; without a stop what was paid."""
    return paid * (ONE - stop_loss)


def exit_price(market: Decimal, instrument: Instrument) -> Decimal:
    """Give an exit's limit: below the market, floored to the tick, and no lower than the exchange's filters allow."""
    limit = floor_to(market * (ONE - EXIT_BELOW), instrument.tick_size)
    lowest = max(instrument.min_price, market * instrument.ask_multiplier_down, instrument.tick_size)
    return max(limit, ceil_to(lowest, instrument.tick_size))


def _average(before: Decimal, close: Decimal, candles: int, length: int) -> Decimal:
    """Give the sum of fewer closes than `length`, their mean at `length`, then the exponential average."""
    if candles < length:
        return AVERAGES.add(before, close)
    if candles == length:
        return AVERAGES.divide(AVERAGES.add(before, close), Decimal(length))
    gap = AVERAGES.subtract(close, before)
    return AVERAGES.add(before, AVERAGES.divide(AVERAGES.multiply(gap, Decimal(2)), Decimal(length + 1)))


def _entry_refusal(place: Place, cycle: Cycle, instrument: Instrument, market: Decimal, lowest: Decimal) -> str | None:
    """Refuse also what could be bought but then not be sold at the stop, because fee or price take it below a minimum.

    Dust does not help, for it may be gone from the account by then; what is owed of the base asset counts.
    """
    reason = instrument.refusal(Side.BUY, place.price, place.quantity, market)
    if reason is not None:
        return reason
    received = EXACT.add(place.quantity * (ONE - cycle.fee), min(cycle.dust_in, ZERO))
    quantity = floor_to(received, instrument.step_size)
    reason = instrument.refusal(Side.SELL, exit_price(lowest, instrument), quantity)
    return None if reason is None else f"what is bought could not be sold: {reason}"


def _follow(event: StrategyEvent, sell: Order) -> tuple[Decision, ...]:
    """Take an exit back that the market has run away from; once that is so, another one is placed at the next trade."""
    too_low = sell.price * (ONE - EXIT_BELOW)
    if sell.status.is_resting and _is_below(event, too_low):
        return (Cancel(sell.client_order_id), Wake())
    return (Wake(below=too_low) if sell.status.is_resting else Wake(),)


def _exit_quantity(position: Position, instrument: Instrument, limit: Decimal) -> Decimal:
    """Give what to sell: no more than the exchange takes in one order.

    What is beyond that can only be dust, as the entry was one order: it stays dust.
    """
    quantity = exit_quantity(position, instrument, limit)
    most = floor_to(instrument.max_quantity, instrument.step_size)
    return min(quantity, most) if most else quantity


def _is_to_leave(position: Position, buy: Order) -> bool:
    """Say whether the last signal is to leave, and came after the entry."""
    signal = position.signal
    return signal is not None and signal.side is Side.SELL and signal.time_ns > buy.created_ns


def _is_below(event: StrategyEvent, price: Decimal | None) -> bool:
    return price is not None and isinstance(event, Trade) and event.price < price


def _market_price(event: StrategyEvent) -> Decimal | None:
    """Give what an event says of the market as it is now; an old signal says nothing of it."""
    if isinstance(event, Trade):
        return event.price
    return event.price if isinstance(event, Signal) and event.is_new else None
