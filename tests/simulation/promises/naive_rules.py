# ruff: noqa: D401 - a promise is a statement
"""The naive strategy's rules, read once more from its page: what every order, cycle and rebuy is held against.

Nothing of the strategy is used here. Prices and quantities are reckoned in fractions, which never round.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from math import floor

from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import Order, OrderStatus
from naive_daemon.domain.settings import Dust, TradeSettings
from naive_daemon.domain.side import Side
from tests.simulation.promises.annals import NOTHING, CycleAnnals, SymbolAnnals
from tests.simulation.promises.prints import Prints
from tests.simulation.promises.violation import demand

LAST_PRINTS = 3
"""So many came when all was well already."""
DIGITS = Context(prec=28, rounding=ROUND_HALF_EVEN)


def floored(value: Fraction, step: Decimal) -> Fraction:
    """Give `floor(value, step)` of the page: the largest multiple of the step that is not above the value."""
    return floor(value / Fraction(step)) * Fraction(step)


def budget_is_a_share(cycle: CycleAnnals) -> None:
    """Leader: "budget = settings budget ÷ chunks", in 28 digits, half-even."""
    terms = cycle.terms
    share = DIGITS.divide(terms.settings.budget, Decimal(terms.settings.chunks))
    demand(terms.budget == share, "a trader's budget is its share", f"{terms.key}: {terms.budget}, not {share}")


def settings_were_set(cycle: CycleAnnals, ever: list[TradeSettings]) -> None:
    """Switches: "A setting changed while trading applies to a trader's next cycle"; it is one that was once set."""
    settings = cycle.terms.settings
    demand(settings in ever, "a cycle has settings that were set", f"{cycle.terms.key}: {settings}")


def fee_is_the_accounts(cycle: CycleAnnals, fee: Decimal) -> None:
    """Trader 2: "`fee` is the account's maker rate"."""
    demand(cycle.terms.fee == fee, "a cycle reckons with the account's fee", f"{cycle.terms.key}: {cycle.terms.fee}")


def buys_below_a_print(order: Order, cycle: CycleAnnals, instrument: Instrument, prints: Prints) -> None:
    """Trader 1: "buy limit at floor(price × (1 − buy_down_interval), tick)", the price that of a trade."""
    down = 1 - Fraction(cycle.terms.settings.buy_down_interval)
    prices = prints.at(order.symbol, order.created_ns)
    limits = {floored(Fraction(price) * down, instrument.tick_size) for price in prices}
    demand(
        Fraction(order.price) in limits,
        "a buy is below a trade by the interval",
        f"{order.client_order_id} at {order.price}, trades of its moment {[str(price) for price in prices]}",
    )


def buys_for_the_budget(order: Order, cycle: CycleAnnals, instrument: Instrument) -> None:
    """Trader 1: "quantity floor(budget ÷ price, step)"."""
    quantity = floored(Fraction(cycle.terms.budget) / Fraction(order.price), instrument.step_size)
    demand(
        Fraction(order.quantity) == quantity,
        "a buy is for the trader's budget",
        f"{order.client_order_id}: {order.quantity} at {order.price} of {cycle.terms.budget}",
    )


def passes_the_filters(order: Order, instrument: Instrument) -> None:
    """Trader 1: "A quantity below the exchange's minimum or a price outside its filters: no order is sent"."""
    cost = order.price * order.quantity
    is_fine = order.price > 0 and order.quantity > 0 and cost >= instrument.min_notional
    demand(is_fine, "no order that the exchange would refuse", f"{order.client_order_id} for {cost}")


def sells_once_the_buy_is_complete(order: Order, cycle: CycleAnnals) -> None:
    """Trader 2: "Buy filled (partial fills add up; nothing is sold before it is complete)"."""
    buy = cycle.buy
    is_complete = buy is not None and buy.status.is_terminal and buy.filled > 0
    demand(is_complete, "nothing is sold before the buy is complete", f"{order.client_order_id} after {buy}")


def sells_with_profit(order: Order, cycle: CycleAnnals, instrument: Instrument) -> None:
    """Trader 2: "floor(buy_price × (1 + fee) × (1 + profit_interval) × (1 + fee), tick)"."""
    limit = _exit_limit(cycle, instrument)
    demand(
        Fraction(order.price) == limit,
        "a sell pays both fees and the profit",
        f"{order.client_order_id} at {order.price}, bought at {_bought(cycle).price}",
    )


def sells_what_was_received(order: Order, cycle: CycleAnnals, instrument: Instrument) -> None:
    """Trader 2: "quantity = what was received net of commission, floor(…, step)"; dust is sold along, if it can be.

    After a sell of more than the account has free it may be less, and is at least something.
    """
    held, dust = cycle.held(instrument.base_asset), cycle.terms.dust_in
    if dust > 0 and any(sell.was_refused for sell in cycle.orders[Side.SELL]):
        held -= dust
    quantity = floored(Fraction(held), instrument.step_size)
    sells = cycle.orders[Side.SELL]
    least = Fraction(instrument.step_size) if sells and sells[-1].was_short else quantity
    demand(
        least <= Fraction(order.quantity) <= quantity,
        "a sell is for what was received",
        f"{order.client_order_id}: {order.quantity} of {held}",
    )


def is_tried_again_only_if_refused(order: Order, former: Order, status: OrderStatus, filled: Decimal) -> None:
    """One buy in a cycle, tried again only while none came onto the book; a sell again until it is filled whole."""
    if order.side is Side.BUY:
        may = status is OrderStatus.REJECTED and filled == NOTHING
    else:
        may = status.is_terminal and filled < former.quantity
    demand(may, "one order of a leg after the other", f"{order.client_order_id} after {status} with {filled}")


def rebuys_below_the_buy(cycle: CycleAnnals, prints: Prints) -> None:
    """Trader 4: "from the moment the buy rests …: a trade below buy_price × (1 − rebuy_interval) reports a rebuy"."""
    known = cycle.buy
    rests = known is not None and (known.has_rested or known.status.is_terminal)
    demand(rests, "a rebuy is below the buy", f"{cycle.terms.key} has no buy at rest")
    buy = _bought(cycle)
    trigger = _rebuy_trigger(cycle)
    is_below = any(Fraction(price) < trigger for price in prints.since(buy.symbol, buy.created_ns))
    demand(is_below, "a rebuy is below the buy", f"{cycle.terms.key} bought at {buy.price}, nothing printed below")


def rebuys_when_due(cycle: CycleAnnals, prints: Prints) -> None:
    """Trader 4, where all is quiet: who holds, or has a buy at rest, has reported a price that is below."""
    known = cycle.buy
    if cycle.rebuy_reported or known is None or not known.has_rested:
        return
    buy = known.first
    last = prints.since(buy.symbol, buy.created_ns + 1)[-LAST_PRINTS:]
    is_due = any(Fraction(price) < _rebuy_trigger(cycle) for price in last)
    demand(not is_due, "a rebuy that is due is reported", f"{cycle.terms.key} bought at {buy.price}, traded at {last}")


def begins_for_a_reason(cycle: CycleAnnals, symbol: SymbolAnnals, *, follows_rebuy: bool) -> None:
    """Leader: a fresh trader is the first, takes the place of one that finished, or follows a rebuy."""
    has_reason = not symbol.open or symbol.unreplaced > 0 or follows_rebuy
    demand(has_reason, "a fresh trader has a reason", cycle.terms.key)


def begins_none_in_a_drain(cycle: CycleAnnals, *, is_closed: bool) -> None:
    """Leader: "in `shutdown`, it is dropped", and a rebuy counts only where a symbol is "not in `shutdown`"."""
    demand(not is_closed, "no fresh trader in a drain", cycle.terms.key)


def is_within_chunks(cycle: CycleAnnals, symbol: SymbolAnnals) -> None:
    """Leader: "if traders < chunks …, one more fresh trader; at the limit, say so"."""
    chunks, others = cycle.terms.settings.chunks, len(symbol.open)
    demand(others < chunks, "no more traders than chunks", f"{cycle.terms.key} beside {others} others")


def is_within_chunks_again(cycle: Cycle, symbol: SymbolAnnals) -> None:
    """The same of a trader that has placed nothing, and is given other settings as it is taken up again."""
    chunks, others = cycle.settings.chunks, len(symbol.open) - 1
    demand(others < chunks, "no more traders than chunks", f"{cycle.key} again beside {others} others")


def is_replaced(cycle: CycleAnnals, symbol: SymbolAnnals, chunks_min: int) -> None:
    """Leader: "Trader finished its cycle: in `on`, a fresh trader takes its place", in the commit that ends the other.

    Where both were two commits, a death between them would cost the symbol a trader.
    """
    trader, others = cycle.terms.key.trader, len(symbol.open)
    goes_on = others >= chunks_min or any(key.trader == trader for key in symbol.open)
    demand(goes_on, "a finished trader is replaced", f"{cycle.terms.key} ended, {others} others, chunks {chunks_min}")


def dust_goes_on(cycle: CycleAnnals, on_books: Decimal, *, has_withheld: bool) -> None:
    """What former cycles left is given to the next one, all of it unless it is kept: never twice, never lost."""
    given, is_kept = cycle.terms.dust_in, cycle.terms.settings.dust is Dust.KEEP
    if is_kept:
        fits = given == NOTHING
    elif has_withheld:
        fits = min(on_books, NOTHING) <= given <= max(on_books, NOTHING)
    else:
        fits = given == on_books
    demand(fits, "dust is neither lost nor given twice", f"{cycle.terms.key} was given {given} of {on_books}")


def ends_when_all_is_sold(cycle: CycleAnnals, instrument: Instrument) -> None:
    """Trader 3: "Sell filled: the cycle is finished"; not before, but for what is too little to be sold."""
    held, terms = cycle.held(instrument.base_asset), cycle.terms
    if terms.dust_in > 0 and any(sell.was_refused for sell in cycle.orders[Side.SELL]):
        held -= terms.dust_in
    sells = cycle.orders[Side.SELL]
    if not cycle.filled[Side.BUY] or (sells and sells[-1].status is OrderStatus.FILLED):
        return
    left = floored(Fraction(held), instrument.step_size) * _exit_limit(cycle, instrument)
    is_little = left < Fraction(instrument.min_notional)
    demand(is_little, "a cycle ends when all is sold", f"{terms.key} still has {held}")


def _exit_limit(cycle: CycleAnnals, instrument: Instrument) -> Fraction:
    bought_at, terms = Fraction(_bought(cycle).price), cycle.terms
    fee, profit = Fraction(terms.fee), Fraction(terms.settings.profit_interval)
    return floored(bought_at * (1 + fee) * (1 + profit) * (1 + fee), instrument.tick_size)


def _rebuy_trigger(cycle: CycleAnnals) -> Fraction:
    return Fraction(_bought(cycle).price) * (1 - Fraction(cycle.terms.settings.rebuy_interval))


def _bought(cycle: CycleAnnals) -> Order:
    assert cycle.buy is not None
    return cycle.buy.first
