"""Dust and fees on the whole tree: swept, kept, given back, taken away; and what the account is told of cycles.

That no dust is lost or given twice is held at every step by the invariants; here it is seen to move.
"""

from decimal import Decimal
from typing import Any

import pytest

from naive_daemon import names
from naive_daemon.account.metadata import CycleNoted, EntriesNoted
from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.settings import Dust, RestingOrders, TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.engine import FillModel
from naive_daemon.exchange.paper.fee_asset import FeeAsset
from tests.trading.plant import Plant, with_trade
from tests.trading.table import ACCOUNT

# One cycle: a buy of 1.001 at 99.90, of which 0.999999 arrive; 0.999 are sold, and 0.000999 are left.
CYCLE = ("100", "99.8", "100.2")
LEFT = Decimal("0.000999")
KEEP = with_trade(dust=Dust.KEEP)


def sold(plant: Plant) -> list[Decimal]:
    """Give the quantities of all sells, oldest first."""
    return [order.quantity for order in plant.orders(side=Side.SELL)]


def on_books(plant: Plant) -> Decimal:
    return plant.journal.load_symbol(ACCOUNT, "AAAQ").dust_base


def newest(plant: Plant) -> Cycle:
    return max(plant.journal.cycles(), key=lambda cycle: cycle.key.cycle)


# Where it goes ------------------------------------------------------------------------------------------------------


def test_dust_is_sold_along_by_the_next_cycle_as_soon_as_it_completes_a_step() -> None:
    plant = Plant().start().on(trade=with_trade(chunks=3, rebuy_interval=Decimal("0.5")))
    plant.trades(*CYCLE)
    assert (newest(plant).dust_in, on_books(plant)) == (LEFT, 0)
    plant.trades(*CYCLE, *CYCLE)
    assert sold(plant) == [Decimal("0.999"), Decimal("1.000"), Decimal("1.000")]
    assert newest(plant).dust_in == 3 * LEFT - 2 * Decimal("0.001")
    results = [cycle.result for cycle in plant.journal.cycles() if cycle.result is not None]
    assert results[1].realised_pnl - results[0].realised_pnl == Decimal("0.001") * Decimal("100.19") * Decimal("0.999")
    plant.check()


def test_dust_that_is_kept_stays_on_the_books_and_each_cycle_sells_what_it_bought() -> None:
    plant = Plant().start().on(trade=KEEP)
    plant.trades(*CYCLE, *CYCLE)
    assert sold(plant) == [Decimal("0.999"), Decimal("0.999")]
    assert (newest(plant).dust_in, on_books(plant)) == (0, 2 * LEFT)
    plant.check()


def test_the_setting_holds_for_cycles_that_begin_and_what_one_was_given_it_sells() -> None:
    plant = Plant().start().on()
    plant.trades(*CYCLE, "100", "99.8")  # the second cycle has bought, and sells what it was given too
    plant.switch(TradingStatus.ON, trade=KEEP)
    plant.trade("100.2")
    assert sold(plant)[-1] == Decimal("1.000")
    assert (newest(plant).dust_in, on_books(plant)) == (0, 2 * LEFT - Decimal("0.001"))
    plant.check()


def test_a_cycle_that_has_bought_nothing_gives_its_dust_back_when_the_settings_change() -> None:
    plant = Plant().start().on()
    plant.trades(*CYCLE)
    plant.switch(TradingStatus.ON, trade=KEEP)
    assert (newest(plant).dust_in, on_books(plant)) == (0, LEFT)
    plant.switch(TradingStatus.ON, trade=with_trade(dust=Dust.SWEEP))
    assert (newest(plant).dust_in, on_books(plant)) == (LEFT, 0)
    plant.check()


def test_a_rebuy_takes_what_is_on_the_books() -> None:
    plant = Plant().start().on(trade=KEEP)
    plant.trades(*CYCLE, "100")
    plant.switch(TradingStatus.ON, trade=with_trade(dust=Dust.SWEEP))
    plant.trades("99.4")  # fills the buy, and one more trader starts
    given = {cycle.key.trader: cycle.dust_in for cycle in plant.journal.cycles() if cycle.result is None}
    assert given == {1: 0, 2: LEFT}
    plant.check()


@pytest.mark.parametrize("entries", RestingOrders)
def test_after_a_drain_dust_waits_for_the_first_cycle_of_the_next_start(entries: RestingOrders) -> None:
    plant = Plant().start().on()
    plant.trades(*CYCLE, "100")
    plant.switch(TradingStatus.SHUTDOWN, entries=entries)
    if entries is RestingOrders.KEEP:
        plant.trades("99.8", "100.2")
    assert plant.table.status("AAAQ") is TradingStatus.OFF
    left = on_books(plant)
    assert left == (LEFT if entries is RestingOrders.CANCEL else 2 * LEFT - Decimal("0.001"))
    plant.stop()
    plant.start().on()
    assert (newest(plant).dust_in, on_books(plant)) == (left, 0)
    plant.check()


def test_a_cycle_with_dust_that_drains_before_it_has_bought_gives_it_back() -> None:
    plant = Plant().start().on()
    plant.trades(*CYCLE)
    plant.switch(TradingStatus.SHUTDOWN)
    assert plant.table.status("AAAQ") is TradingStatus.OFF
    assert on_books(plant) == LEFT
    plant.check()


def test_a_start_after_a_death_gives_an_idle_cycle_the_dust_that_the_settings_of_now_want() -> None:
    plant = Plant().start().on()
    plant.trades(*CYCLE)
    assert newest(plant).dust_in == LEFT
    plant.die()
    plant.table.set("AAAQ", TradingStatus.ON, KEEP)
    plant.start()
    assert (newest(plant).dust_in, on_books(plant)) == (0, LEFT)
    plant.check()


# Taken away ---------------------------------------------------------------------------------------------------------


def test_dust_that_somebody_took_from_the_account_costs_one_refusal_and_is_not_tried_again(logs: list[Any]) -> None:
    plant = Plant().start().on()
    plant.trades(*CYCLE, "100")
    plant.engine._ledger.pay(ACCOUNT, "AAA", LEFT)
    plant.trade("99.8")  # the buy is filled; its sell is refused, and leaves at once without the dust
    shown = [(str(order.leg), order.quantity, order.status) for order in plant.orders(side=Side.SELL)]
    assert shown[1:] == [
        ("s1", Decimal("1.000"), OrderStatus.REJECTED),
        ("s2", Decimal("0.999"), OrderStatus.OPEN),
    ]
    plant.trade("100.2")
    assert (on_books(plant), newest(plant).dust_in) == (LEFT, LEFT)  # what was taken, and what this cycle has left
    assert [entry["dust"] for entry in logs if entry["event"] == "dust not sold"] == ["0.000999"]
    plant.trades("100", "99.8", "100.2", *CYCLE)
    assert len(plant.orders(OrderStatus.REJECTED)) == 1
    assert plant.completed() == 4
    assert on_books(plant) == LEFT


# Fees ---------------------------------------------------------------------------------------------------------------


def paid_in_third_asset(plant: Plant, amount: str) -> Plant:
    """Let commission be paid in BNB at 10 each, which is gone after a few fills, and orders be filled by pieces."""
    plant.fee_asset, plant.fill_model = FeeAsset("BNB", Decimal(10)), FillModel.VOLUME
    plant.opening["BNB"] = Decimal(amount)
    return plant


def test_a_buy_whose_fee_changes_between_its_fills_sells_what_arrived_and_books_each_fee() -> None:
    plant = paid_in_third_asset(Plant(), "0.005").start().on()
    plant.trade("100")
    for quantity in ("0.4", "0.4", "0.4"):
        plant.trade("99.9", quantity=quantity)
    (buy,) = plant.orders(side=Side.BUY)
    assert buy.commissions == {"BNB": Decimal("0.003996"), "AAA": Decimal("0.000601")}
    assert sold(plant) == [Decimal("1.000")]
    plant.trade("100.3")
    result = next(cycle.result for cycle in plant.journal.cycles() if cycle.result is not None)
    assert result.dust_base == Decimal("1.001") - Decimal("0.000601") - Decimal("1.000")
    assert result.fees == {**buy.commissions, "Q": Decimal("0.10019")}
    assert result.realised_pnl == Decimal("100.19") - Decimal("0.10019") - Decimal("1.001") * Decimal("99.9")
    plant.check()


def test_with_all_fees_in_a_third_asset_there_is_no_dust() -> None:
    plant = paid_in_third_asset(Plant(), "1000").start().on()
    plant.trade("100")
    plant.trade("99.8", quantity="5")
    plant.trade("100.3", quantity="5")
    result = next(cycle.result for cycle in plant.journal.cycles() if cycle.result is not None)
    assert (result.sold, result.dust_base, set(result.fees)) == (Decimal("1.001"), 0, {"BNB"})
    assert result.realised_pnl == Decimal("1.001") * (Decimal("100.19") - Decimal("99.9"))
    plant.check()


def test_where_sells_cost_base_asset_too_later_ones_sell_less_and_the_account_is_not_used_up() -> None:
    """As with BNB itself, whose buys and sells are both paid for in BNB: what a sell costs beyond its dust is owed."""
    plant = Plant()
    plant.fee_asset, plant.opening["AAA"] = FeeAsset("AAA", Decimal(100)), Decimal(1)
    plant.start().on(trade=with_trade(rebuy_interval=Decimal("0.5")))
    plant.trades(*CYCLE, *CYCLE, *CYCLE)
    assert sold(plant) == [Decimal("1.000"), Decimal("0.998"), Decimal("0.999")]
    assert newest(plant).dust_in < 0
    owned = plant.engine.balances(ACCOUNT)["AAA"]
    assert owned.free + owned.locked == 1 + newest(plant).dust_in
    plant.check()


# What the account is told -------------------------------------------------------------------------------------------


def noted(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Write down what leaders tell the account."""
    told: list[Any] = []
    account = plant.actor(names.account(ACCOUNT))
    take = account.on_receive

    def on_receive(message: Any) -> Any:
        if isinstance(message, EntriesNoted | CycleNoted):
            told.append(message)
        return take(message)

    monkeypatch.setattr(account, "on_receive", on_receive)
    return told


def test_the_account_is_told_what_cycles_hold_and_what_the_last_one_brought(monkeypatch: pytest.MonkeyPatch) -> None:
    plant = Plant().start()
    told = noted(plant, monkeypatch)
    plant.on()
    assert told == [EntriesNoted("AAAQ", long=0, short=0, opened_ns=None)]
    plant.trades("100", "99.8")
    opened_ns = plant.clock.now_ns()
    plant.trade("99.4")
    plant.trade("99.2")
    plant.trade("98")
    plant.trade("100.2")
    result = next(cycle.result for cycle in plant.journal.cycles() if cycle.result is not None)
    assert told[1:3] == [
        EntriesNoted("AAAQ", long=1, short=0, opened_ns=opened_ns),
        EntriesNoted("AAAQ", long=2, short=0, opened_ns=opened_ns),
    ]
    assert CycleNoted("AAAQ", result.sell_price, result.realised_pnl) in told
    assert told[-1] == EntriesNoted("AAAQ", long=0, short=0, opened_ns=None)
    plant.check()


def test_an_account_that_starts_afresh_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    plant = Plant().start().on()
    plant.trades(*CYCLE, "100", "99.8")
    opened_ns = plant.clock.now_ns()
    plant.kill(names.account(ACCOUNT))
    plant.settle()
    told = noted(plant, monkeypatch)
    plant.kill(names.leader(ACCOUNT, "AAAQ"))
    plant.settle()
    assert told == [EntriesNoted("AAAQ", long=1, short=0, opened_ns=opened_ns)]
    plant.check()
