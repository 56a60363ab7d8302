"""A sell of more than the account has free: what is there is sold, and the lack is booked like dust.

Fees of another symbol are paid in AAA, the base asset of AAAQ, and eat from what a cycle of AAAQ has bought.
"""

import random
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from naive_daemon import names
from naive_daemon.domain.cycle import CycleOutcome, CycleResult
from naive_daemon.domain.money import ZERO
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.settings import Dust, RestingOrders, TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.engine import FillModel
from naive_daemon.exchange.paper.fee_asset import FeeAsset
from naive_daemon.execution.client import AskBalances
from naive_daemon.otp import DEFERRED
from tests.trading.plant import Plant, with_trade
from tests.trading.table import ACCOUNT
from tests.trading.test_process_death import KilledError

KEEP = with_trade(dust=Dust.KEEP, chunks=1, budget=Decimal(100))
BOUGHT = Decimal("0.999999")
"""What arrives of a buy of 1.001 at 99.90; without a lack 0.999 of it are sold."""


def sells(plant: Plant) -> list[tuple[str, Decimal, OrderStatus]]:
    orders = (order for order in plant.orders(side=Side.SELL) if order.symbol == "AAAQ")
    return [(str(order.leg), order.quantity, order.status) for order in orders]


def first_result(plant: Plant) -> CycleResult:
    return next(cycle.result for cycle in plant.journal.cycles() if cycle.result is not None)


def on_books(plant: Plant) -> Decimal:
    return plant.journal.load_symbol(ACCOUNT, "AAAQ").dust_base


def take(plant: Plant, amount: str) -> None:
    """Take something from the account that is free, as by a withdrawal."""
    plant.engine._ledger.pay(ACCOUNT, "AAA", Decimal(amount))


def bought_by_pieces(plant: Plant | None = None) -> Plant:
    """Let a cycle have bought all but the last piece; what it sells is not reserved yet, and may be taken."""
    plant = plant or Plant()
    plant.fill_model = FillModel.VOLUME
    plant.start().on(trade=KEEP)
    plant.trade("100")
    plant.trade("99.9", quantity="0.96")
    return plant


def eaten_by_fees(plant: Plant) -> Plant:
    """Trade another symbol, too, whose fees are paid in AAA, 0.002 in all, before the last piece."""
    plant.fee_asset = FeeAsset("AAA", Decimal(100))
    bought_by_pieces(plant).on("BBBQ")
    for price in ("100", "99.8", "100.3"):
        plant.trade(price, "BBBQ", quantity="5")
    return plant


def test_what_fees_of_another_symbol_ate_is_not_sold_and_the_cycle_ends() -> None:
    plant = eaten_by_fees(Plant("AAAQ", "BBBQ"))
    plant.trade("99.9", quantity="5")
    assert sells(plant) == [
        ("s1", Decimal("1.000"), OrderStatus.REJECTED),
        ("s2", Decimal("0.997"), OrderStatus.OPEN),
    ]
    plant.trade("100.3", quantity="5")
    assert plant.completed() == 2
    plant.check()


def test_a_result_counts_what_was_paid_for_what_is_lacking_and_the_log_tells_it(logs: list[Any]) -> None:
    plant = bought_by_pieces()
    take(plant, "0.1005")
    plant.trade("99.9", quantity="5")
    assert [entry["free"] for entry in logs if entry["event"] == "sell was short"] == ["0.899499"]
    plant.trade("100.3", quantity="5")
    assert sells(plant) == [
        ("s1", Decimal("0.999"), OrderStatus.REJECTED),
        ("s2", Decimal("0.899"), OrderStatus.FILLED),
    ]
    result = first_result(plant)
    earned = Decimal("0.899") * Decimal("100.19") * Decimal("0.999") - Decimal("1.001") * Decimal("99.9")
    assert (result.outcome, result.realised_pnl) == (CycleOutcome.COMPLETED, earned)
    assert result.dust_base == on_books(plant) == BOUGHT - Decimal("0.899")
    assert [entry["dust"] for entry in logs if entry["event"] == "dust not sold"] == ["0.1"]


def test_what_is_lacking_is_given_to_no_cycle_before_the_next_start() -> None:
    plant = bought_by_pieces()
    take(plant, "0.1005")
    plant.trade("99.9", quantity="5")
    plant.switch(TradingStatus.ON, trade=with_trade())
    plant.trade("100.3", quantity="5")
    newest = max(plant.journal.cycles(), key=lambda cycle: cycle.key.cycle)
    assert (newest.dust_in, on_books(plant)) == (BOUGHT - Decimal("0.899") - Decimal("0.1"), Decimal("0.1"))


def test_of_two_cycles_that_share_a_balance_one_only_lacks_what_is_lacking() -> None:
    plant = Plant().start().on(trade=with_trade(dust=Dust.KEEP, chunks=2))
    plant.trades("100", "99.8", "99.4", "99.4", "99.2")
    plant.switch(TradingStatus.OFF, stop=RestingOrders.CANCEL)
    bought = plant.engine.balances(ACCOUNT)["AAA"].free
    take(plant, "0.5")
    plant.on().trades("99.2", "98.7", "98.7", "98.7")
    offered = sorted(order.quantity for order in plant.orders(OrderStatus.OPEN, side=Side.SELL))
    assert len(offered) == 2
    whole = {order.quantity for order in plant.orders(OrderStatus.CANCELLED, side=Side.SELL)}
    assert offered[1] in whole
    assert ZERO <= bought - Decimal("0.5") - sum(offered) < Decimal("0.001")


def test_where_too_little_is_free_to_be_sold_nothing_is_given_up_and_all_is_sold_once_it_is_there() -> None:
    plant = bought_by_pieces()
    take(plant, "0.958")
    plant.trades("99.9", "99.9", "99.9")
    assert sells(plant) == [("s1", Decimal("0.999"), OrderStatus.REJECTED)]
    plant.engine._ledger.receive(ACCOUNT, "AAA", Decimal("0.958"))
    plant.trade("99.4", quantity="5")
    assert ("s2", Decimal("0.999"), OrderStatus.OPEN) in sells(plant)


def test_a_balance_that_is_full_again_by_the_time_it_is_read_sells_no_less() -> None:
    plant = bought_by_pieces()
    take(plant, "0.1")
    client = plant.actor(names.client(ACCOUNT))
    answer = client.on_receive

    def on_receive(message: Any) -> Any:
        if isinstance(message, AskBalances):
            plant.engine._ledger.receive(ACCOUNT, "AAA", Decimal("0.1"))
        return answer(message)

    client.on_receive = on_receive
    plant.trade("99.9", quantity="5")
    plant.trades("99.9", "99.4")
    assert sells(plant)[-1] == ("s2", Decimal("0.999"), OrderStatus.OPEN)


def test_a_balance_that_nobody_tells_is_asked_for_again() -> None:
    plant = bought_by_pieces()
    take(plant, "0.1005")
    client = plant.actor(names.client(ACCOUNT))
    answer, asked = client.on_receive, list[Any]()

    def on_receive(message: Any) -> Any:
        if isinstance(message, AskBalances):
            asked.append(message)
        return DEFERRED if asked == [message] else answer(message)

    client.on_receive = on_receive
    plant.trade("99.9", quantity="5")
    plant.trade("99.9")
    assert sells(plant) == [("s1", Decimal("0.999"), OrderStatus.REJECTED)]
    plant.wait(10)
    plant.trade("99.9")
    assert sells(plant)[-1] == ("s2", Decimal("0.899"), OrderStatus.OPEN)


def test_what_is_short_again_after_an_operator_took_its_sell_back_is_sold_as_well() -> None:
    plant = bought_by_pieces()
    take(plant, "0.1005")
    plant.trade("99.9", quantity="5")
    plant.switch(TradingStatus.OFF, stop=RestingOrders.CANCEL)
    assert plant.engine.balances(ACCOUNT)["AAA"].locked == ZERO
    plant.on()
    for price in ("99.9", "100.05", "99.9", "99.4", "99.9", "99.4"):
        plant.trade(price, quantity="0.001")
    assert sells(plant)[-1][1:] == (Decimal("0.899"), OrderStatus.OPEN)


@pytest.mark.parametrize("offset", range(2))
def test_a_short_sell_goes_on_after_a_death_at_any_step(offset: int) -> None:
    lived = eaten_by_fees(Plant("AAAQ", "BBBQ"))
    first = lived.stepper.steps
    lived.trade("99.9", quantity="5")
    for moment in range(first + offset, lived.stepper.steps, 2):
        plant = eaten_by_fees(Plant("AAAQ", "BBBQ", order=random.Random(moment) if moment % 3 else None))
        plant.stepper.strike = partial(_die_at, moment)
        try:
            plant.trade("99.9", quantity="5")
        except KilledError:
            plant.die()
            plant.start()
        plant.stepper.strike = None
        plant.trades("99.9", "99.4")
        for _ in range(3):  # what was refused again pauses; a sell may also have died before the exchange had it
            plant.wait(4)
            plant.trade("99.4")
        assert plant.orders(OrderStatus.OPEN, side=Side.SELL)[0].quantity == Decimal("0.997"), moment
        plant.trade("100.3", quantity="5")
        plant.check()


def _die_at(moment: int, step: int) -> None:
    if step >= moment:
        raise KilledError
