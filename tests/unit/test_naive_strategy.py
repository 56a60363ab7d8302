"""The naive strategy's decisions: prices and quantities by example, then what it does at each point of a cycle."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.domain.cycle import Cycle, CycleOutcome
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import CycleKey, Leg, Order, OrderStatus
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.domain.side import Side
from naive_daemon.strategy.naive import NaiveStrategy, buy_price, sell_price
from naive_daemon.strategy.protocol import (
    Cancel,
    Decision,
    EntriesClosed,
    Finish,
    OrderChanged,
    Place,
    Position,
    Refuse,
    ReportRebuy,
    Resumed,
    StrategyEvent,
    Wake,
)

MARKET = Instrument(
    symbol="AAAQ",
    base_asset="AAA",
    quote_asset="Q",
    tick_size=Decimal("0.01"),
    step_size=Decimal("0.1"),
    min_notional=Decimal(10),
)
SETTINGS = TradeSettings(
    buy_down_interval=Decimal("0.01"), profit_interval=Decimal("0.01"), rebuy_interval=Decimal("0.02")
)
CYCLE = Cycle(
    key=CycleKey("main", "AAAQ", 1, 1), budget=Decimal(100), fee=Decimal("0.001"), settings=SETTINGS, started_ns=1
)
OPEN, PARTLY, FILLED = OrderStatus.OPEN, OrderStatus.PARTLY_FILLED, OrderStatus.FILLED
IN_FLIGHT, CANCELLED, REJECTED = OrderStatus.IN_FLIGHT, OrderStatus.CANCELLED, OrderStatus.REJECTED
OVER = [CANCELLED, OrderStatus.EXPIRED, REJECTED]
STARTED, CHANGED = Resumed(7), OrderChanged(7)
ANY = Wake(next_trade=True)
NOTHING = Wake()
TRIGGER = Decimal("97.02")  # of a rebuy: 2 % below a buy at 99


def trade(price: str) -> Trade:
    return Trade("AAAQ", Decimal(price), Decimal(1), 1, 7)


def order(side: Side, status: OrderStatus, filled: str, price: str, quantity: str) -> Order:
    amount = Decimal(filled)
    fee = amount * Decimal("0.001") if side is Side.BUY else amount * Decimal(price) * Decimal("0.001")
    return Order(
        client_order_id=f"{side.value}1",
        key=CYCLE.key,
        leg=Leg(side),
        price=Decimal(price),
        quantity=Decimal(quantity),
        created_ns=1,
        status=status,
        filled=amount,
        filled_quote=amount * Decimal(price),
        commissions={"AAA" if side is Side.BUY else "Q": fee} if amount else {},
        reason="no funds" if status is REJECTED else None,
    )


def buy(status: OrderStatus, filled: str = "0") -> Order:
    return order(Side.BUY, status, filled, "99", "1.0")


def sell(status: OrderStatus, filled: str = "0") -> Order:
    return order(Side.SELL, status, filled, "101.19", "0.9")


def decide(
    event: StrategyEvent, *orders: Order, refused: str | None = None, cycle: Cycle = CYCLE, market: Instrument = MARKET
) -> tuple[Decision, ...]:
    price = None if refused is None else Decimal(refused)
    return NaiveStrategy().decide(event, Position(cycle=cycle, orders=orders, refused_price=price), market)


def moved(price: str) -> Wake:
    return Wake(below=Decimal(price) * Decimal("0.98"), above=Decimal(price) * Decimal("1.02"))


def closed(*, cancel: bool = False) -> EntriesClosed:
    return EntriesClosed(7, cancel)


# Prices -------------------------------------------------------------------------------------------------------------


def test_prices_of_the_worked_example() -> None:
    tick = Decimal("0.0001")
    assert buy_price(Decimal("0.43183010"), Decimal("0.0025"), tick) == Decimal("0.4307")
    assert sell_price(Decimal("0.4307"), Decimal("0.001"), Decimal("0.001"), tick) == Decimal("0.4319")


@given(
    st.decimals("0.0001", 10**6, places=8),
    st.decimals(0, "0.5", places=6),
    st.decimals(0, "0.5", places=6),
    st.sampled_from([Decimal("0.00000001"), Decimal("0.01"), Decimal(1)]),
)
def test_a_buy_is_never_above_the_market_and_a_sell_never_a_tick_below_what_was_paid(
    price: Decimal, down: Decimal, profit: Decimal, tick: Decimal
) -> None:
    bought_at = buy_price(price, down, tick)
    assert bought_at <= price
    assert bought_at % tick == 0
    sold_at = sell_price(bought_at, Decimal("0.001"), profit, tick)
    assert sold_at % tick == 0
    assert sold_at >= bought_at


# A cycle ------------------------------------------------------------------------------------------------------------

CASES: dict[str, tuple[tuple[Decision, ...], tuple[Decision, ...]]] = {
    "a fresh trader waits for the next trade": (decide(STARTED), (ANY,)),
    "the first trade places the buy, below it and floored": (
        decide(trade("100")),
        (Place(Side.BUY, Decimal("99.00"), Decimal("1.0")), NOTHING),
    ),
    "price and quantity are floored, not rounded": (
        decide(trade("97.777")),
        (Place(Side.BUY, Decimal("96.79"), Decimal("1.0")), NOTHING),
    ),
    "a buy in flight waits for nothing": (decide(STARTED, buy(IN_FLIGHT)), (NOTHING,)),
    "one that nobody knows of waits for nothing": (decide(STARTED, buy(OrderStatus.UNKNOWN)), (NOTHING,)),
    "a buy that rests waits for a rebuy": (decide(CHANGED, buy(OPEN)), (Wake(below=TRIGGER),)),
    "a partly filled buy sells nothing yet": (decide(CHANGED, buy(PARTLY, "0.5")), (Wake(below=TRIGGER),)),
    "a filled buy is sold, net of its fee and floored": (
        decide(CHANGED, buy(FILLED, "1.0")),
        (Place(Side.SELL, Decimal("100.19"), Decimal("0.9")), Wake(below=TRIGGER)),
    ),
    "a restart finds a filled buy and sells it": (
        decide(STARTED, buy(FILLED, "1.0")),
        (Place(Side.SELL, Decimal("100.19"), Decimal("0.9")), Wake(below=TRIGGER)),
    ),
    "a sell that rests waits for a rebuy": (
        decide(CHANGED, buy(FILLED, "1.0"), sell(OPEN)),
        (Wake(below=TRIGGER),),
    ),
    "a cancelled buy with a fill sells what it got": (
        decide(CHANGED, buy(CANCELLED, "0.5")),
        (Place(Side.SELL, Decimal("100.19"), Decimal("0.4")), Wake(below=TRIGGER)),
    ),
    "a rebuy is reported strictly below its trigger": (
        decide(trade("97.01"), buy(OPEN)),
        (ReportRebuy(Decimal("97.01")), NOTHING),
    ),
    "not at it": (decide(trade("97.02"), buy(OPEN)), (Wake(below=TRIGGER),)),
    "also while the sell rests": (
        decide(trade("90"), buy(FILLED, "1.0"), sell(OPEN)),
        (ReportRebuy(Decimal(90)), NOTHING),
    ),
    "only once in a cycle": (
        decide(trade("90"), buy(OPEN), cycle=msgspec.structs.replace(CYCLE, rebuy_reported=True)),
        (NOTHING,),
    ),
    "closing keeps a buy that rests": (decide(closed(), buy(OPEN)), (Wake(below=TRIGGER),)),
    "closing cancels it when that is asked": (decide(closed(cancel=True), buy(OPEN)), (Cancel("BUY1"),)),
    "one in flight, too": (decide(closed(cancel=True), buy(IN_FLIGHT)), (Cancel("BUY1"),)),
    "never one with a fill": (decide(closed(cancel=True), buy(PARTLY, "0.1")), (Wake(below=TRIGGER),)),
    "never a sell": (
        decide(closed(cancel=True), buy(FILLED, "1.0"), sell(OPEN)),
        (Wake(below=TRIGGER),),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_decided(case: str) -> None:
    decided, expected = CASES[case]
    assert decided == expected


def finish(decisions: tuple[Decision, ...]) -> Finish:
    assert len(decisions) == 1
    assert isinstance(decisions[0], Finish)
    return decisions[0]


def test_a_filled_sell_ends_the_cycle_with_what_it_brought() -> None:
    result = finish(decide(CHANGED, buy(FILLED, "1.0"), sell(FILLED, "0.9"))).result
    assert result.outcome is CycleOutcome.COMPLETED
    assert result.realised_pnl == Decimal("0.9") * Decimal("101.19") * Decimal("0.999") - 99
    assert result.dust_base == Decimal("0.099")
    assert (result.bought, result.sold) == (Decimal(1), Decimal("0.9"))
    assert (result.buy_price, result.sell_price) == (Decimal(99), Decimal("101.19"))
    assert result.fees == {"AAA": Decimal("0.001"), "Q": Decimal("0.9") * Decimal("101.19") * Decimal("0.001")}


@pytest.mark.parametrize("event", [CHANGED, STARTED, trade("50"), closed()])
@pytest.mark.parametrize("status", [CANCELLED, OrderStatus.EXPIRED])
def test_an_entry_that_is_over_without_a_fill_ends_the_cycle_without_a_sale(
    event: StrategyEvent, status: OrderStatus
) -> None:
    result = finish(decide(event, buy(status))).result
    assert (result.outcome, result.realised_pnl, result.dust_base) == (CycleOutcome.ABANDONED, Decimal(0), Decimal(0))


@pytest.mark.parametrize("orders", [(), (buy(REJECTED),)])
def test_closing_ends_a_cycle_that_has_nothing_on_the_book(orders: tuple[Order, ...]) -> None:
    assert finish(decide(closed(), *orders)).result.outcome is CycleOutcome.ABANDONED


def test_dust_below_the_minimum_ends_the_cycle_and_stays_in_its_result() -> None:
    dust = finish(decide(CHANGED, buy(CANCELLED, "0.1"))).result
    assert (dust.outcome, dust.dust_base) == (CycleOutcome.ABANDONED, Decimal("0.0999"))
    assert dust.realised_pnl == Decimal("-9.9")


def test_dust_after_a_part_was_sold_ends_a_cycle_that_was_sold() -> None:
    ended = finish(decide(CHANGED, buy(FILLED, "1.0"), sell(CANCELLED, "0.9"))).result
    assert (ended.outcome, ended.sold, ended.dust_base) == (CycleOutcome.COMPLETED, Decimal("0.9"), Decimal("0.099"))


# Refusals -----------------------------------------------------------------------------------------------------------


def test_a_budget_below_the_minimum_is_refused_and_tried_again_only_when_the_price_has_moved() -> None:
    poor = msgspec.structs.replace(CYCLE, budget=Decimal(9))
    assert decide(trade("100"), cycle=poor) == (Refuse("Filter failure: LOT_SIZE", Decimal(100)), moved("100"))
    poor = msgspec.structs.replace(CYCLE, budget=Decimal("9.95"))
    assert decide(trade("100"), cycle=poor) == (Refuse("Filter failure: NOTIONAL", Decimal(100)), moved("100"))


def test_what_could_be_bought_but_not_sold_again_is_refused() -> None:
    poor = msgspec.structs.replace(CYCLE, budget=Decimal(20))
    market = msgspec.structs.replace(MARKET, min_notional=Decimal(15))
    (refuse, wake) = decide(trade("100"), cycle=poor, market=market)
    assert isinstance(refuse, Refuse)
    assert refuse.reason.startswith("what is bought could not be sold")
    assert wake == moved("100")


def test_what_was_halted_at_the_start_is_not_held_against_a_market_that_prints_trades() -> None:
    halted = msgspec.structs.replace(MARKET, is_trading=False)
    assert decide(trade("100"), market=halted) == decide(trade("100"))


@pytest.mark.parametrize("event", [STARTED, CHANGED, trade("100"), trade("98"), trade("102")])
def test_a_refused_entry_waits_while_the_price_stands(event: StrategyEvent) -> None:
    assert decide(event, refused="100") == (moved("100"),)


@pytest.mark.parametrize("price", ["97.99", "102.01"])
def test_a_refused_entry_is_tried_again_when_the_price_has_moved(price: str) -> None:
    (place, wake) = decide(trade(price), refused="100")
    assert isinstance(place, Place)
    assert wake == NOTHING


def test_a_buy_that_the_exchange_rejects_never_loops_hot() -> None:
    """The price of the next trade is where a move is measured from, not the order's own, which the market is above."""
    refused = buy(REJECTED)
    assert decide(CHANGED, refused) == (ANY,)
    assert decide(trade("100"), refused) == (Refuse("no funds", Decimal(100)), moved("100"))
    assert decide(trade("100.5"), refused, refused="100") == (moved("100"),)
    (place, _) = decide(trade("103"), refused, refused="100")
    assert isinstance(place, Place)


@pytest.mark.parametrize("status", OVER)
def test_an_exit_that_is_off_the_book_is_placed_again_once_the_price_has_moved(status: OrderStatus) -> None:
    held = (buy(FILLED, "1.0"), sell(status))
    assert decide(CHANGED, *held) == (ANY,)
    assert decide(trade("100"), *held)[-1] == moved("100")
    assert decide(trade("101"), *held, refused="100") == (moved("100"),)
    assert decide(trade("102.01"), *held, refused="100") == (
        Place(Side.SELL, Decimal("100.19"), Decimal("0.9")),
        Wake(below=TRIGGER),
    )


def test_an_exit_that_was_sold_in_part_is_placed_again_for_the_rest() -> None:
    held = (buy(FILLED, "1.0"), sell(CANCELLED, "0.4"))
    assert decide(trade("103"), *held, refused="100")[0] == Place(Side.SELL, Decimal("100.19"), Decimal("0.5"))


def test_a_rebuy_is_reported_also_while_the_exit_is_off_the_book() -> None:
    held = (buy(FILLED, "1.0"), sell(REJECTED))
    assert decide(trade("97"), *held)[0] == ReportRebuy(Decimal(97))


def test_a_small_rebuy_interval_does_not_make_refusals_hot() -> None:
    eager = msgspec.structs.replace(
        CYCLE, settings=msgspec.structs.replace(SETTINGS, rebuy_interval=Decimal(0)), budget=Decimal(1)
    )
    assert decide(trade("100"), cycle=eager)[1] == Wake(below=Decimal("99.9"), above=Decimal("100.1"))
