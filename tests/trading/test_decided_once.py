"""Thirty accounts of three settings in the whole tree: a trade that all wait for is decided three times."""

from collections import Counter
from collections.abc import Hashable, Iterator
from decimal import Decimal

import pytest

from naive_daemon import names
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.events import Trade
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.market.streams import AskFlowCounts, FlowCounts
from naive_daemon.strategy.naive import NaiveStrategy
from naive_daemon.strategy.protocol import Decision, Position, StrategyEvent
from tests.trading.plant import Plant, with_trade

LOAD = "naive_daemon.trading.crew.load_strategy"
ACCOUNTS = [f"a{number}" for number in range(30)]
SETTINGS = [with_trade(buy_down_interval=Decimal(down)) for down in ("0.001", "0.002", "0.003")]
BUYS = Counter({Decimal(price): 10 for price in ("99.90", "99.80", "99.70")})


class Counting(NaiveStrategy):
    """Notes the trades that it was asked about, and fails as often as it is told to."""

    def __init__(self) -> None:
        self.asked: list[Decimal] = []
        self.failures = 0

    def decide(self, event: StrategyEvent, position: Position, instrument: Instrument) -> tuple[Decision, ...]:
        if isinstance(event, Trade):
            self.asked.append(event.price)
            if self.failures:
                self.failures -= 1
                raise ValueError("not this time")
        return super().decide(event, position, instrument)

    def sees(self, position: Position) -> Hashable | None:
        return super().sees(position)


@pytest.fixture
def strategy(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr(LOAD, lambda _: counting)
    return counting


@pytest.fixture
def plant(strategy: Counting) -> Iterator[Plant]:
    plant = Plant("AAAQ", is_checked=False).start()
    for number, account in enumerate(ACCOUNTS):
        plant.table.set_account(AccountSettings(name=account))
        plant.table.set("AAAQ", TradingStatus.ON, SETTINGS[number % 3], account=account)
    plant.wait(10)  # they are opened a few at a time
    assert strategy.asked == []
    yield plant
    plant.stop()


def buys(plant: Plant) -> Counter[Decimal]:
    """Count the orders by price; each account has one at most."""
    orders = plant.journal.orders()
    assert len({order.key.account for order in orders}) == len(orders)
    return Counter(order.price for order in orders)


def test_a_trade_that_all_wait_for_is_decided_once_for_each_distinct_set_of_settings(
    plant: Plant, strategy: Counting
) -> None:
    counts: FlowCounts = plant.system.ask(plant.ref(names.STREAM_DESK), AskFlowCounts())
    assert (counts.works, counts.clusters["stream"], counts.clusters["decision"]) == (30, 1, 3)
    plant.trade("100")
    assert buys(plant) == BUYS
    assert strategy.asked == [Decimal(100)] * 3
    resting = Counter(
        order.price for account in ACCOUNTS for order in plant.actor(names.client(account))._engine.open_orders(account)
    )
    assert resting == BUYS


def test_a_decision_that_fails_hits_who_has_asked_and_nobody_else(plant: Plant, strategy: Counting) -> None:
    strategy.failures = 1
    traders = {account: plant.ref(names.trader(account, "AAAQ", 1)) for account in ACCOUNTS}
    plant.trade("100")
    assert strategy.asked == [Decimal(100)] * 4
    assert buys(plant).total() == 29
    assert [account for account in ACCOUNTS if not traders[account].is_alive()] == ["a0"]
    plant.trade("100")  # who was taken over waits for it alone
    assert buys(plant) == BUYS
    assert strategy.asked == [Decimal(100)] * 5
