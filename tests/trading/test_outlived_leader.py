"""A trader whose strategy takes long outlives the traders' supervisor that was killed meanwhile, and its leader.

The next leader has read the journal by then: what the old trader decides now would be done beside it.
"""

import random
from collections.abc import Callable
from decimal import Decimal

import pytest

from naive_daemon import names
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.otp.ref import CURRENT
from naive_daemon.otp.simulation_dispatcher import STEPS_MAX
from naive_daemon.strategy.naive import NaiveStrategy
from naive_daemon.strategy.protocol import Decision, EntriesClosed, Position, StrategyEvent
from tests.trading.plant import Plant, with_trade
from tests.trading.table import ACCOUNT

LOAD = "naive_daemon.trading.crew.load_strategy"
orders = pytest.mark.parametrize("seed", range(8))
"""In which order everybody goes on. Each of these tests has failed with some of them, or with all."""


class Slow(NaiveStrategy):
    """`meanwhile` happens once, while it decides on the next event of a kind."""

    kind: type[StrategyEvent] = Trade
    meanwhile: Callable[[], None] | None = None

    def decide(self, event: StrategyEvent, position: Position, instrument: Instrument) -> tuple[Decision, ...]:
        meanwhile = self.meanwhile
        if meanwhile is not None and isinstance(event, self.kind):
            self.meanwhile, actor = None, CURRENT.actor
            meanwhile()
            CURRENT.actor = actor
        return super().decide(event, position, instrument)


class Floor(Plant):
    """One symbol that is traded slowly."""

    has_lost_supervisor = False

    def __init__(self, seed: int) -> None:
        super().__init__(order=random.Random(seed))
        self.strategy = Slow()

    def lose_supervisor(self) -> None:
        """Let the traders' supervisor be killed, and everybody go on but the trader that decides just now."""
        former = self.ref(names.leader(ACCOUNT, "AAAQ"))
        assert self.kill(names.traders(ACCOUNT, "AAAQ"))
        self.stepper.run_until_idle(STEPS_MAX)
        assert self.ref(names.leader(ACCOUNT, "AAAQ")) is not former
        self.has_lost_supervisor = True

    def strike(self, kind: type[StrategyEvent] = Trade) -> None:
        self.strategy.kind, self.strategy.meanwhile = kind, self.lose_supervisor

    def end(self) -> None:
        assert self.has_lost_supervisor
        self.check()
        assert self.actor(names.execution_manager(ACCOUNT))._promises_broken == {}


@pytest.fixture
def floor(seed: int, monkeypatch: pytest.MonkeyPatch) -> Floor:
    floor = Floor(seed)
    monkeypatch.setattr(LOAD, lambda _: floor.strategy)
    floor.start().on()
    return floor


@orders
def test_it_places_no_order_that_the_next_trader_does_not_know(floor: Floor) -> None:
    floor.strike()
    floor.trades("100", "101")
    assert floor.shown() == ["b1 100.89 open"]
    floor.end()


@orders
def test_a_rebuy_has_one_more_trader_follow_and_not_two(floor: Floor) -> None:
    floor.trade("100")
    floor.strike()
    for price in ("99.3", "99.2", "99.1"):
        floor.trade(price, quantity="0.001")
    assert [cycle.key.trader for cycle in floor.journal.cycles()] == [1, 2]
    floor.end()


@orders
def test_it_ends_no_cycle_that_the_next_trader_goes_on_with(floor: Floor) -> None:
    floor.strike(EntriesClosed)
    floor.switch(TradingStatus.ON, trade=with_trade(budget=Decimal(200)))
    floor.trades("100", "99", "101")
    assert floor.completed() == 1
    floor.end()
