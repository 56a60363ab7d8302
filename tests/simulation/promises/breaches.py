"""Histories with one thing in them that must never be: an order, a fill, an entry or a cycle. Each by its promise."""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from naive_daemon.domain.limits import RiskLimits
from naive_daemon.domain.order import CycleKey, OrderStatus
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import CycleRecorded, OrderRecorded
from tests.simulation.promises.history import ACCOUNT, DUST, NOTHING, SYMBOL, History
from tests.trading.table import TableStore

SELL = Side.SELL

# Orders ---------------------------------------------------------------------------------------------------------------


def sent_without_intent(history: History) -> None:
    history.send(history.order(history.begin(history.cycle()), Side.BUY))


def sent_at_another_price(history: History) -> None:
    order = history.intend(history.begin(history.cycle()))
    history.send(msgspec.structs.replace(order, price=Decimal(99)))


def sent_after_its_refusal(history: History) -> None:
    order = history.intend(history.begin(history.cycle()))
    history.refuse(order)
    history.promises.order_arrives(order)


def sent_twice(history: History) -> None:
    order = history.send(history.intend(history.begin(history.cycle())))
    history.promises.order_arrives(order)


def second_attempt_while_the_first_rests(history: History) -> None:
    cycle = history.begin(history.cycle())
    first = history.intend(cycle)
    history.send(first)
    history.promises.annals.orders[first.client_order_id].status = OrderStatus.REJECTED
    history.promises.order_arrives(history.intend(cycle, attempt=2))


def second_intent_while_the_first_lives(history: History) -> None:
    cycle = history.begin(history.cycle())
    history.intend(cycle)
    history.intend(cycle, attempt=2)


def attempt_left_out(history: History) -> None:
    history.intend(history.begin(history.cycle()), attempt=2)


def tried_again_at_once_after_two_refusals(history: History) -> None:
    cycle = history.begin(history.cycle())
    for attempt in (1, 2, 3):
        history.refuse(history.intend(cycle, attempt=attempt))


def tried_again_too_soon_after_many_refusals(history: History) -> None:
    cycle = history.begin(history.cycle())
    for attempt, pause_s in enumerate((0, 0, 1, 2, 4, 7), 1):
        history.prints(*["100"] * pause_s)
        history.refuse(history.intend(cycle, attempt=attempt))


def bought_again_after_a_cancel(history: History) -> None:
    cycle = history.begin(history.cycle())
    history.cancel(history.send(history.intend(cycle)))
    history.intend(cycle, attempt=2)


def sold_again_after_it_was_sold(history: History) -> None:
    history.intend(history.trade(), SELL, attempt=2)


def order_of_no_cycle(history: History) -> None:
    history.intend(history.cycle())


def order_of_an_ended_cycle(history: History) -> None:
    cycle = history.trade()
    history.end(cycle)
    history.intend(cycle, SELL, attempt=2)


def intent_with_another_quantity(history: History) -> None:
    order = history.intend(history.begin(history.cycle()))
    history.write(OrderRecorded(msgspec.structs.replace(order, quantity=Decimal(2))))


# Fills ----------------------------------------------------------------------------------------------------------------


def fill_that_was_never_made(history: History) -> None:
    order = history.send(history.intend(history.begin(history.cycle())))
    history.record(order, history.fill_of(order))


def fill_with_another_commission(history: History) -> None:
    order = history.send(history.intend(history.begin(history.cycle())))
    fill = history.fill_of(order)
    history.promises.events_occur([fill])
    history.record(order, msgspec.structs.replace(fill, commission=Decimal(0)))


def fill_counted_twice(history: History) -> None:
    order = history.send(history.intend(history.begin(history.cycle())))
    fill = history.fill_of(order, "0.5")
    history.promises.events_occur([fill])
    once = history.record(order, fill)
    twice = msgspec.structs.replace(once, filled=once.filled * 2)
    history.write(OrderRecorded(twice, fill))


def fill_lost_from_the_order(history: History) -> None:
    order = history.send(history.intend(history.begin(history.cycle())))
    fill = history.fill_of(order, "0.5")
    history.promises.events_occur([fill])
    history.write(OrderRecorded(order, fill))


def two_fills_of_one_trade(history: History) -> None:
    order = history.send(history.intend(history.begin(history.cycle())))
    first = history.fill_of(order, "0.5")
    second = history.fill_of(order, "0.2", trade_id=first.trade_id)
    for fill in (first, second):
        history.promises.events_occur([fill])
        order = history.record(order, fill)


def order_that_opens_again(history: History) -> None:
    order = history.send(history.intend(history.begin(history.cycle())))
    history.cancel(order)
    history.books._orders[order.client_order_id] = order
    history.promises.entries_written([OrderRecorded(order)])


def end_that_is_taken_back(history: History) -> None:
    order = history.send(history.intend(history.begin(history.cycle())))
    history.cancel(order)
    history.write(OrderRecorded(order))


def drained_with_a_sell_at_rest(history: History) -> None:
    history.trade()
    history.table.set(SYMBOL, TradingStatus.SHUTDOWN)
    TableStore(history.table).drained(ACCOUNT, SYMBOL, history.table.rows[ACCOUNT, SYMBOL].revision)


# Switches and money ---------------------------------------------------------------------------------------------------


def entry_while_it_drains(history: History) -> None:
    cycle = history.begin(history.cycle())
    history.table.set(SYMBOL, TradingStatus.SHUTDOWN)
    history.tell_actual("shutdown")
    history.prints("100")
    history.intend(cycle)


def entry_while_it_is_off(history: History) -> None:
    cycle = history.begin(history.cycle())
    history.table.set(SYMBOL, TradingStatus.OFF)
    history.tell_actual("off")
    history.prints("100")
    history.intend(cycle)


def entry_that_leaves_a_closed_symbol(history: History) -> None:
    order = history.intend(history.begin(history.cycle()))
    history.table.set(SYMBOL, TradingStatus.OFF)
    history.tell_actual("off")
    history.promises.order_leaves(order)
    history.prints("100", "100", "100")
    history.promises.order_leaves(order)


def entry_through_the_kill_switch(history: History) -> None:
    order = history.intend(history.begin(history.cycle()))
    history.promises.order_leaves(order)
    history.table.set_kill_switch(is_on=True)
    history.confirm_kill_switch()
    history.send(order)


def entry_that_leaves_behind_the_kill_switch(history: History) -> None:
    order = history.intend(history.begin(history.cycle()))
    history.table.set_kill_switch(is_on=True)
    history.confirm_kill_switch(may_come=[order])
    history.promises.order_leaves(order)


def kill_switch_confirmed_too_soon(history: History) -> None:
    order = history.intend(history.begin(history.cycle()))
    history.table.set_kill_switch(is_on=True)
    history.confirm_kill_switch(in_flight=[order], may_come=[order])


def entry_that_comes_after_all_deadlines(history: History) -> None:
    order = history.intend(history.begin(history.cycle()))
    history.promises.order_leaves(order)
    history.table.set_kill_switch(is_on=True)
    history.confirm_kill_switch(may_come=[order])
    history.prints(*["100"] * 20)
    history.send(order)


def entry_while_the_market_is_not_heard(history: History) -> None:
    history.promises.is_blind = lambda _: True
    history.send(history.intend(history.begin(history.cycle())))


def entry_beyond_the_budget(history: History) -> None:
    history.intend(history.begin(history.cycle()), quantity=Decimal("1.002"))


# Cycles ---------------------------------------------------------------------------------------------------------------


def entry_beyond_a_limit(history: History) -> None:
    limits = RiskLimits(max_open_orders=1)
    history.table.set_limits(limits)
    history.promises.known_limits = lambda _: limits
    history.send(history.intend(history.begin(history.cycle())))
    rebuy = msgspec.structs.replace(history.cycle(), rebuy_reported=True)
    history.prints("99")
    history.write(CycleRecorded(rebuy), CycleRecorded(history.cycle(trader=2)))
    history.send(history.intend(history.cycle(trader=2), price=Decimal("98.90"), quantity=Decimal("1.011")))


def entry_beyond_the_orders_of_a_minute(history: History) -> None:
    limits = RiskLimits(max_orders_per_min=2)
    history.table.set_limits(limits)
    history.promises.known_limits, manager = lambda _: limits, object()
    history.promises.manager = lambda _: manager
    cycle = history.trade()
    history.end(cycle, history.cycle(2, dust_in=DUST))
    history.send(history.intend(history.cycle(2, dust_in=DUST)))


def entry_beyond_the_loss_of_a_day(history: History) -> None:
    limits = RiskLimits(max_daily_loss=Decimal("0.01"))
    history.table.set_limits(limits)
    history.promises.known_limits = lambda _: limits
    cycle = history.trade()
    assert history.result().realised_pnl < -limits.max_daily_loss
    history.end(cycle, history.cycle(2, dust_in=DUST))
    history.send(history.intend(history.cycle(2, dust_in=DUST)))


def number_used_again(history: History) -> None:
    cycle = history.begin(history.cycle(2))
    history.end(cycle, history.cycle(2, trader=1, key=CycleKey(ACCOUNT, SYMBOL, 1, 1)), **NOTHING)


def trader_with_two_cycles(history: History) -> None:
    history.begin(history.cycle())
    history.begin(history.cycle(2))


def end_told_differently(history: History) -> None:
    cycle = history.trade()
    history.end(cycle)
    history.end(cycle, realised_pnl=Decimal(1))


def end_while_the_sell_rests(history: History) -> None:
    cycle = history.begin(history.cycle())
    history.buy(cycle)
    history.send(history.intend(cycle, SELL))
    history.end(cycle)


def profit_that_was_not_made(history: History) -> None:
    history.end(history.trade(), realised_pnl=Decimal(1))


def dust_that_is_not_there(history: History) -> None:
    history.end(history.trade(), dust_base=Decimal(0))


def dust_given_twice(history: History) -> None:
    history.end(history.trade(), history.cycle(2, dust_in=2 * DUST))


def dust_forgotten(history: History) -> None:
    history.end(history.trade(), history.cycle(2))


def dust_changed_beyond_the_books(history: History) -> None:
    cycle = history.begin(history.cycle())
    history.begin(msgspec.structs.replace(cycle, dust_in=Decimal(1)))


def settings_changed_after_the_first_order(history: History) -> None:
    cycle = history.begin(history.cycle())
    history.intend(cycle)
    trade = msgspec.structs.replace(history.plan.trade, profit_interval=Decimal("0.5"))
    history.table.set(SYMBOL, TradingStatus.ON, trade)
    history.begin(msgspec.structs.replace(cycle, settings=trade))


BREACHES: dict[Callable[[History], None], str] = {
    sent_without_intent: "the intent comes before the order",
    sent_at_another_price: "the intent is what is sent",
    sent_after_its_refusal: "no order is sent that is over",
    sent_twice: "an id reaches the exchange once",
    second_attempt_while_the_first_rests: "a trader has one live order",
    second_intent_while_the_first_lives: "a trader has one live order",
    attempt_left_out: "attempts are numbered",
    tried_again_at_once_after_two_refusals: "what is refused again and again waits",
    tried_again_too_soon_after_many_refusals: "what is refused again and again waits",
    bought_again_after_a_cancel: "one order of a leg after the other",
    sold_again_after_it_was_sold: "one order of a leg after the other",
    order_of_no_cycle: "every order has its cycle",
    order_of_an_ended_cycle: "a cycle that has ended gets no order",
    intent_with_another_quantity: "an order stays what it is",
    fill_that_was_never_made: "every fill is one that the exchange has made",
    fill_with_another_commission: "every fill is one that the exchange has made",
    fill_counted_twice: "a position is the sum of its fills",
    fill_lost_from_the_order: "a position is the sum of its fills",
    two_fills_of_one_trade: "a trade id names one fill of an order",
    order_that_opens_again: "what is over never opens again",
    end_that_is_taken_back: "what is over never opens again",
    entry_while_it_drains: "a symbol that is off or drains places no entry",
    entry_while_it_is_off: "a symbol that is off or drains places no entry",
    entry_that_leaves_a_closed_symbol: "of a symbol that is off or drains no entry leaves",
    drained_with_a_sell_at_rest: "a symbol that has drained has no open cycle",
    entry_through_the_kill_switch: "a kill switch that is confirmed stops entries",
    entry_that_leaves_behind_the_kill_switch: "once a kill switch is confirmed no entry leaves",
    kill_switch_confirmed_too_soon: "a kill switch that is confirmed has no entry on its way",
    entry_that_comes_after_all_deadlines: "a kill switch that is confirmed stops entries",
    entry_while_the_market_is_not_heard: "nothing is bought while the market is not heard",
    entry_beyond_a_limit: "a limit that is known is kept",
    entry_beyond_the_orders_of_a_minute: "a limit that is known is kept",
    entry_beyond_the_loss_of_a_day: "a limit that is known is kept",
    entry_beyond_the_budget: "quote at risk stays within the budget",
    number_used_again: "a number names one cycle",
    trader_with_two_cycles: "a trader has one cycle at a time",
    end_told_differently: "a cycle ends once",
    end_while_the_sell_rests: "a cycle ends when nothing of it rests",
    profit_that_was_not_made: "a result adds up",
    dust_that_is_not_there: "a result adds up",
    dust_given_twice: "dust is neither lost nor given twice",
    dust_forgotten: "dust is neither lost nor given twice",
    dust_changed_beyond_the_books: "dust is neither lost nor given twice",
    settings_changed_after_the_first_order: "a cycle keeps its settings",
}
