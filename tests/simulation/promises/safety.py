# ruff: noqa: D401 - a promise is a statement
"""What must hold at every moment, whatever has gone wrong: one function a promise, its docstring the promise."""

from itertools import takewhile

from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.cycle import Cycle, CycleOutcome, CycleResult
from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import CycleKey, Order, OrderStatus
from naive_daemon.domain.side import Side
from tests.simulation.promises.annals import CycleAnnals, OrderAnnals, SymbolAnnals
from tests.simulation.promises.violation import demand

REFUSALS_AT_ONCE = 2
REFUSED_PAUSE_MAX_S = 64


def intent_comes_first(order: Order, known: Order | None) -> None:
    """The intent is committed in the journal before the first byte is sent; an order that is over is not sent."""
    demand(known is not None, "the intent comes before the order", f"{order.client_order_id} has none")
    if known is not None:
        has_same = _terms(order) == _terms(known)
        demand(has_same, "the intent is what is sent", f"{_terms(order)}, its intent {_terms(known)}")
        is_over = known.status.is_terminal
        demand(not is_over, "no order is sent that is over", f"{order.client_order_id} is {known.status} already")


def goes_out_once(order: Order, *, has_arrived: bool) -> None:
    """The same trader in the same cycle can never make two: an id reaches the exchange once."""
    demand(not has_arrived, "an id reaches the exchange once", order.client_order_id)


def is_alone(order: Order, other: str | None) -> None:
    """No two live orders for one (trader, cycle, leg); nor has one trader two of any kind."""
    demand(other is None, "a trader has one live order", f"{order.client_order_id} beside {other}")


def kill_switch_holds(order: Order, *, is_confirmed: bool) -> None:
    """A kill switch stops entries everywhere at once: once confirmed, none reaches the exchange."""
    is_let_through = is_confirmed and order.side is Side.BUY
    demand(not is_let_through, "a kill switch that is confirmed stops entries", order.client_order_id)


def kill_switch_lets_none_leave(order: Order, *, is_confirmed: bool) -> None:
    """Once a kill switch is confirmed, no entry is sent, not even one that waited to be."""
    is_let_through = is_confirmed and order.side is Side.BUY
    demand(not is_let_through, "once a kill switch is confirmed no entry leaves", order.client_order_id)


def kill_switch_is_obeyed(under_way: list[str]) -> None:
    """A kill switch is confirmed only when each entry that was on its way has been answered, or is unknown."""
    demand(not under_way, "a kill switch that is confirmed has no entry on its way", under_way)


def closed_lets_none_leave(order: Order, *, is_closed: bool) -> None:
    """Nor does one that was decided before leave later than what is on its way may wait to be sent."""
    if order.side is Side.BUY:
        demand(not is_closed, "of a symbol that is off or drains no entry leaves", order.client_order_id)


def closed_means_closed(order: Order, *, is_closed: bool) -> None:
    """A status of off or shutdown places no entry, once the daemon has confirmed it."""
    demand(not is_closed, "a symbol that is off or drains places no entry", order.client_order_id)


def drained_is_empty(open_cycles: list[CycleKey]) -> None:
    """A shutdown ends by itself only when no cycle of its symbol is open: what was bought has its seller until then."""
    demand(not open_cycles, "a symbol that has drained has no open cycle", open_cycles)


def buys_not_blindly(order: Order, *, is_blind: bool) -> None:
    """No entry is sent whose intent was committed when its manager had been told that the market is not heard."""
    demand(not is_blind, "nothing is bought while the market is not heard", order.client_order_id)


def entry_never_waits(order: Order, *, has_waited: bool) -> None:
    """An entry that could not be journaled at once is refused: it never leaves later, at the price of long ago."""
    demand(not has_waited, "an entry that has to wait is refused", order.client_order_id)


def exchange_fills_no_more_than_ordered(fill: OrderFilled, *, filled_more: bool) -> None:
    """The world itself is sound: its exchange never fills more than was ordered."""
    demand(not filled_more, "the exchange fills no more than was ordered", fill)


def has_its_cycle(order: Order, cycle: CycleAnnals | None) -> None:
    """Every order belongs to a cycle that is open: one that has ended never gets another order."""
    demand(cycle is not None, "every order has its cycle", f"{order.client_order_id} of {order.key}")
    is_over = cycle is not None and cycle.result is not None
    demand(not is_over, "a cycle that has ended gets no order", f"{order.client_order_id} of {order.key}")


def attempts_are_numbered(order: Order, former: int) -> None:
    """Attempts of a leg are numbered from 1, without a gap."""
    demand(order.leg.attempt == former + 1, "attempts are numbered", f"{order.client_order_id} is {order.leg}")


def nothing_else_is_live(order: Order, cycle: CycleAnnals) -> None:
    """In the journal, too, no second order of a trader begins while one lives."""
    live = [each.first.client_order_id for each in cycle.all_orders if not each.status.is_terminal]
    demand(not live, "a trader has one live order", f"{order.client_order_id} beside {live}")


def waits_after_refusals(order: Order, former: list[OrderAnnals]) -> None:
    """A leg that was refused twice in a row waits before it is tried again: a second, then twice as long each time.

    One that was made in the future, before the clock was set back, is no reason to wait.
    """
    refused = sum(1 for _ in takewhile(lambda each: each.was_refused, reversed(former)))
    if refused >= REFUSALS_AT_ONCE:
        pause_s = min(2 ** (refused - REFUSALS_AT_ONCE), REFUSED_PAUSE_MAX_S)
        waited_s = (order.created_ns - former[-1].first.created_ns) / NS_PER_S
        has_waited = not 0 <= waited_s < pause_s
        detail = f"{order.client_order_id} {waited_s:g} s after the last of {refused} refusals, not {pause_s} s"
        demand(has_waited, "what is refused again and again waits", detail)


def terms_stay(order: Order, known: OrderAnnals) -> None:
    """What an id stands for never changes."""
    demand(_terms(order) == _terms(known.first), "an order stays what it is", f"{order}, first {known.first}")


def what_rested_was_not_refused(order: Order, known: OrderAnnals) -> None:
    """An order that the exchange has had on its book ends in any way but as never placed."""
    is_forgotten = known.has_rested and not known.status.is_terminal and order.status is OrderStatus.REJECTED
    demand(not is_forgotten, "what has rested was placed", f"{order.client_order_id}: {order.reason}")


def risks_no_more_than_the_budget(order: Order, cycle: CycleAnnals) -> None:
    """Quote at risk ≤ budget: what a cycle's buys have cost, and this one may."""
    cost, budget = cycle.quote[Side.BUY] + order.price * order.quantity, cycle.terms.budget
    demand(cost <= budget, "quote at risk stays within the budget", f"{order.client_order_id}: {cost} of {budget}")


def fill_counts_once(fill: OrderFilled, known: OrderFilled) -> None:
    """Fills are unique by order and trade id: what comes again is the same fill."""
    demand(_facts(fill) == _facts(known), "a trade id names one fill of an order", f"{fill}, first {known}")


def fill_was_made(fill: OrderFilled, made: OrderFilled | None) -> None:
    """Every fill in the journal is one that the exchange has made, at this price, for this commission."""
    is_real = made is not None and _facts(fill) == _facts(made)
    demand(is_real, "every fill is one that the exchange has made", f"{fill}, there {made}")


def position_is_its_fills(order: Order, known: OrderAnnals) -> None:
    """A position is the sum of its fills, and no more than was ordered; what is over never opens again."""
    detail = f"{order}, its fills {known.filled}, {known.status}"
    demand(order.filled == known.filled, "a position is the sum of its fills", detail)
    demand(order.filled <= order.quantity, "nothing fills beyond its quantity", detail)
    demand(order.status.is_terminal == known.status.is_terminal, "what is over never opens again", detail)


def over_is_over(order: Order, *, was_over: bool) -> None:
    """Nobody writes of an order that is over that it lives, but what is written again with its end behind it."""
    is_back = was_over and not order.status.is_terminal
    demand(not is_back, "what is over never opens again", f"{order.client_order_id} is {order.status} again")


def number_is_new(key: CycleKey, symbol: SymbolAnnals) -> None:
    """No cycle number of a trader is used twice."""
    last = symbol.last.get(key.trader, 0)
    demand(key.cycle > last, "a number names one cycle", f"{key} after {last}")


def trader_is_free(key: CycleKey, symbol: SymbolAnnals) -> None:
    """Each trader has one cycle at a time."""
    others = [str(other) for other in symbol.open if other.trader == key.trader]
    demand(not others, "a trader has one cycle at a time", f"{key} beside {others}")


def end_stays(cycle: Cycle, known: CycleAnnals) -> None:
    """A cycle that ended has one result."""
    is_same = cycle.result is None or cycle.result == known.result
    demand(is_same, "a cycle ends once", f"{cycle}, before {known.result}")


def ends_with_nothing_at_rest(cycle: CycleAnnals, at_rest: str | None) -> None:
    """A cycle ends only when nothing of it rests, in the journal or on the exchange."""
    live = [each.first.client_order_id for each in cycle.all_orders if not each.status.is_terminal]
    left = live + ([] if at_rest is None else [at_rest])
    demand(not left, "a cycle ends when nothing of it rests", f"{cycle.terms.key}: {left}")


def result_adds_up(result: CycleResult, cycle: CycleAnnals, instrument: Instrument) -> None:
    """A result's figures are those of its fills: what was bought, sold, paid and earned, and the dust that is left."""
    bought, sold = cycle.filled[Side.BUY], cycle.filled[Side.SELL]
    earned = cycle.quote[Side.SELL] - cycle.quote[Side.BUY] - cycle.fees.get(instrument.quote_asset, 0)
    expected = (
        CycleOutcome.COMPLETED if sold else CycleOutcome.ABANDONED,
        (bought, sold, earned, cycle.held(instrument.base_asset)),
        {asset: paid for asset, paid in cycle.fees.items() if paid},
    )
    told = (
        result.outcome,
        (result.bought, result.sold, result.realised_pnl, result.dust_base),
        {asset: paid for asset, paid in result.fees.items() if paid},
    )
    demand(told == expected, "a result adds up", f"{cycle.terms.key}: {told}, by its fills {expected}")


def terms_are_bound(cycle: CycleAnnals, bound: Cycle) -> None:
    """A cycle's settings hold from its first to its last order, whatever is set meanwhile."""
    demand(_bound(cycle.terms) == _bound(bound), "a cycle keeps its settings", f"{cycle.terms}, before {bound}")


def dust_is_there(symbol: SymbolAnnals, name: tuple[str, str]) -> None:
    """No more dust is given on than ended cycles have left."""
    demand(symbol.dust >= 0, "dust is neither lost nor given twice", f"{name} has {symbol.dust}")


def _terms(order: Order) -> tuple[object, ...]:
    return order.client_order_id, order.key, order.leg, order.price, order.quantity


def _facts(fill: OrderFilled) -> tuple[object, ...]:
    return fill.client_order_id, fill.price, fill.quantity, fill.commission, fill.commission_asset


def _bound(cycle: Cycle) -> tuple[object, ...]:
    return cycle.budget, cycle.fee, cycle.settings, cycle.dust_in
