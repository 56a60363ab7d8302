"""Filters that the exchange changes while the daemon runs: every order from then on goes by them, exits of old too."""

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import pytest

from naive_daemon import names
from naive_daemon.domain.cycle import CycleOutcome
from naive_daemon.domain.side import Side
from tests.trading.plant import FEE, Plant, instrument, with_trade
from tests.trading.table import ACCOUNT

if TYPE_CHECKING:
    from naive_daemon.domain.instrument import Instrument

SYMBOL = "AAAQ"
BOUGHT = Decimal("3.003") * (1 - FEE)
"""What the first cycle has to sell: 300 / 99.90, floored to the step, less the fee."""


class Market:
    """A plant whose only cycle has placed its buy; what the exchange lists, and what the daemon knows of it."""

    def __init__(self) -> None:
        self.known: dict[str, Instrument] = {SYMBOL: instrument(SYMBOL)}
        self.plant = Plant(instruments=self.known).start().on(trade=with_trade(chunks=1))
        self.plant.trade("100")

    def change(self, **filters: Decimal) -> None:
        """Let the exchange go by other filters, which the daemon does not know yet."""
        book = self.plant.engine._books[SYMBOL]
        book.instrument = msgspec.structs.replace(book.instrument, **filters)

    def tell(self) -> None:
        """Let the daemon hear of them."""
        self.known[SYMBOL] = self.plant.engine._books[SYMBOL].instrument

    def sold(self) -> list[Decimal]:
        return [order.quantity for order in self.plant.orders(side=Side.SELL)]


@pytest.fixture
def market() -> Market:
    return Market()


def test_an_exit_that_is_refused_by_a_new_tick_goes_out_by_it_once_it_is_known(market: Market) -> None:
    plant = market.plant
    market.change(tick_size=Decimal("0.1"))
    plant.trades("99.8", "99.8", "100.4")  # bought; refused; refused again when the price has moved
    assert plant.shown() == ["b1 99.90 filled", "s1 100.19 rejected", "s2 100.19 rejected"]
    market.tell()
    plant.wait(1)  # as long as a leg pauses after its second refusal
    plant.trades("99.8", "100.4")
    assert plant.shown()[3:] == ["s3 100.1 open"]
    plant.check()


@pytest.mark.parametrize(
    "victim", [names.trader(ACCOUNT, SYMBOL, 1), names.leader(ACCOUNT, SYMBOL), names.SWITCHES, names.SYMBOLS]
)
def test_who_starts_again_goes_by_the_new_ones(market: Market, victim: names.Name) -> None:
    plant = market.plant
    market.change(tick_size=Decimal("0.1"))
    market.tell()
    plant.kill(victim)
    plant.wait(1)
    plant.trade("99.8")
    assert plant.shown() == ["b1 99.90 filled", "s1 100.1 open"]
    plant.check()


def test_what_rests_stays_and_the_next_cycle_goes_by_the_new_ones(market: Market) -> None:
    plant = market.plant
    plant.trade("99.8")
    market.change(tick_size=Decimal("0.1"), step_size=Decimal("0.5"))
    market.tell()
    plant.trade("99.7")
    assert plant.shown() == ["b1 99.90 filled", "s1 100.19 open"]
    plant.trades("100.2", "100.25")
    assert plant.shown() == ["b1 99.90 filled", "s1 100.19 filled", "b1 100.1 open"]
    (resting,) = plant.open_orders(ACCOUNT) or ()
    assert resting.quantity == Decimal("2.5")  # of 300 / 100.1, floored to the step
    plant.check()


def test_a_larger_step_leaves_the_rest_as_dust_for_the_next_cycle(market: Market) -> None:
    plant = market.plant
    market.change(step_size=Decimal("0.5"))
    market.tell()
    plant.trades("99.8", "100.2")
    first, second = plant.journal.cycles()
    assert market.sold() == [Decimal("2.5")]
    assert first.result is not None
    assert second.dust_in == first.result.dust_base == BOUGHT - Decimal("2.5")
    plant.check()


def test_what_is_less_than_a_new_step_is_sold_by_the_next_cycle_that_buys_enough(market: Market) -> None:
    plant = market.plant
    market.change(step_size=Decimal(5))
    market.tell()
    plant.trade("99.8")
    first, second = plant.journal.cycles()
    assert first.result is not None
    assert (first.result.outcome, first.result.sold, market.sold()) == (CycleOutcome.ABANDONED, 0, [])
    assert second.dust_in == first.result.dust_base == BOUGHT
    market.change(step_size=Decimal("0.001"))
    market.tell()
    plant.trades("101", "100.8")
    (sell,) = plant.orders(side=Side.SELL)
    assert sell.quantity == Decimal("5.970")  # with 2.973 more for 300 at 100.89, less the fee, floored to the step
    plant.check()
