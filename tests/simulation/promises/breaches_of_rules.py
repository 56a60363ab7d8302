"""Histories in which a rule of the naive strategy is broken, one rule in each. Each by its promise."""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.execution.journal_store import CycleRecorded
from tests.simulation.promises.history import BASE, BUY_AT, BUYS, NOTHING, SYMBOL, History

SELL = Side.SELL

# The rules of naive ---------------------------------------------------------------------------------------------------


def budget_not_shared(history: History) -> None:
    history.begin(history.cycle(budget=Decimal(200)))


def settings_that_nobody_set(history: History) -> None:
    trade = msgspec.structs.replace(history.plan.trade, budget=Decimal(100), chunks=1)
    history.begin(history.cycle(settings=trade))


def fee_of_somebody_else(history: History) -> None:
    history.begin(history.cycle(fee=Decimal(0)))


def buy_at_the_market(history: History) -> None:
    history.intend(history.begin(history.cycle()), price=Decimal(100), quantity=Decimal(1))


def buy_without_a_trade(history: History) -> None:
    history.intend(history.begin(history.cycle()), created_ns=1)


def buy_for_too_little(history: History) -> None:
    history.intend(history.begin(history.cycle()), quantity=Decimal(1))


def sell_before_the_buy_is_complete(history: History) -> None:
    cycle = history.begin(history.cycle())
    buy = history.fill(history.send(history.intend(cycle)), "0.5")
    history.promises.annals.orders[buy.client_order_id].status = OrderStatus.REJECTED
    history.promises.annals.orders[buy.client_order_id].filled = Decimal(0)
    history.intend(cycle, SELL)


def sell_without_profit(history: History) -> None:
    cycle = history.begin(history.cycle())
    history.buy(cycle)
    history.intend(cycle, SELL, price=Decimal("99.99"))


def sell_without_its_fee(history: History) -> None:
    cycle = history.begin(history.cycle())
    history.buy(cycle)
    history.intend(cycle, SELL, quantity=BUYS)


def order_too_small_for_the_exchange(history: History) -> None:
    trade = msgspec.structs.replace(history.plan.trade, budget=Decimal(4))
    history.table.set(SYMBOL, TradingStatus.ON, trade)
    cycle = history.begin(history.cycle(budget=Decimal(2), settings=trade))
    history.intend(cycle, quantity=Decimal("0.020"))


def rebuy_above_the_buy(history: History) -> None:
    cycle = history.begin(history.cycle())
    history.send(history.intend(cycle))
    history.prints("99.6")
    history.begin(msgspec.structs.replace(cycle, rebuy_reported=True))


def rebuy_before_the_buy(history: History) -> None:
    history.prints("90", "100")
    cycle = history.begin(history.cycle())
    history.send(history.intend(cycle))
    history.begin(msgspec.structs.replace(cycle, rebuy_reported=True))


def second_trader_without_a_rebuy(history: History) -> None:
    history.begin(history.cycle())
    history.begin(history.cycle(trader=2))


def two_traders_for_one_rebuy(history: History) -> None:
    cycle = history.begin(history.cycle())
    history.send(history.intend(cycle))
    history.prints("99")
    rebuy = msgspec.structs.replace(cycle, rebuy_reported=True)
    history.write(CycleRecorded(rebuy), CycleRecorded(history.cycle(trader=2)), CycleRecorded(history.cycle(trader=3)))


def more_traders_than_chunks(history: History) -> None:
    trade = msgspec.structs.replace(history.plan.trade, budget=Decimal(100), chunks=1)
    history.table.set(SYMBOL, TradingStatus.ON, trade)
    cycle = history.begin(history.cycle(settings=trade))
    history.send(history.intend(cycle))
    history.prints("99")
    second = history.cycle(trader=2, settings=trade)
    history.write(CycleRecorded(msgspec.structs.replace(cycle, rebuy_reported=True)), CycleRecorded(second))


def end_with_something_to_sell(history: History) -> None:
    cycle = history.begin(history.cycle())
    history.buy(cycle)
    fee = BUYS * Decimal("0.001")
    history.end(
        cycle,
        **NOTHING | {"bought": BUYS, "fees": {BASE: fee}, "realised_pnl": -BUYS * BUY_AT, "dust_base": BUYS - fee},
    )


def finished_and_not_replaced(history: History) -> None:
    history.tell_actual("on")
    history.end(history.trade())


def fresh_trader_in_a_drain(history: History) -> None:
    history.table.set(SYMBOL, TradingStatus.SHUTDOWN)
    history.tell_actual("shutdown")
    history.prints("100")
    history.begin(history.cycle())


def rebuy_before_the_buy_rests(history: History) -> None:
    cycle = history.begin(history.cycle())
    history.intend(cycle)
    history.prints("99")
    history.begin(msgspec.structs.replace(cycle, rebuy_reported=True))


BREACHES_OF_RULES: dict[Callable[[History], None], str] = {
    budget_not_shared: "a trader's budget is its share",
    settings_that_nobody_set: "a cycle has settings that were set",
    fee_of_somebody_else: "a cycle reckons with the account's fee",
    buy_at_the_market: "a buy is below a trade by the interval",
    buy_without_a_trade: "a buy is below a trade by the interval",
    buy_for_too_little: "a buy is for the trader's budget",
    sell_before_the_buy_is_complete: "nothing is sold before the buy is complete",
    sell_without_profit: "a sell pays both fees and the profit",
    sell_without_its_fee: "a sell is for what was received",
    order_too_small_for_the_exchange: "no order that the exchange would refuse",
    rebuy_above_the_buy: "a rebuy is below the buy",
    rebuy_before_the_buy: "a rebuy is below the buy",
    second_trader_without_a_rebuy: "a fresh trader has a reason",
    two_traders_for_one_rebuy: "a fresh trader has a reason",
    more_traders_than_chunks: "no more traders than chunks",
    end_with_something_to_sell: "a cycle ends when all is sold",
    finished_and_not_replaced: "a finished trader is replaced",
    fresh_trader_in_a_drain: "no fresh trader in a drain",
    rebuy_before_the_buy_rests: "a rebuy is below the buy",
}
