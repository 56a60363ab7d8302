"""Works in the whole tree: whatever is switched, changed, traded or crashes, the graph is what trades and no more."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from naive_daemon import names
from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.settings import TradeSettings, TradingStatus
from naive_daemon.market.streams import TIDY_S, AskFlow
from naive_daemon.otp import WhichChildren
from naive_daemon.redflow import GraphView, signature
from tests.trading.plant import TRADE, Plant, walk, with_trade
from tests.trading.table import ACCOUNT
from tests.unit.test_flow import paths

ON, OFF, SHUTDOWN = TradingStatus.ON, TradingStatus.OFF, TradingStatus.SHUTDOWN
SETTINGS = [TRADE, *(with_trade(chunks=chunks) for chunks in (1, 4))]
SYMBOLS = ("AAAQ", "BBBQ")
ACCOUNTS = (ACCOUNT, "second")


@pytest.fixture
def plant() -> Iterator[Plant]:
    plant = Plant(*SYMBOLS).start()
    yield plant
    plant.stop()


def shown(plant: Plant) -> dict[tuple[str, ...], int]:
    view: GraphView = plant.system.ask(plant.ref(names.STREAM_DESK), AskFlow())
    return dict(paths(view.clusters))


def traded_with(plant: Plant, symbol: str, account: str = ACCOUNT) -> set[TradeSettings]:
    """Say from the tables and the traders with which settings a symbol is traded, or will be."""
    row = plant.table.rows.get((account, symbol))
    if row is None or row.status is OFF or plant.system.whereis(names.account(account)) is None:
        return set()
    traders = plant.system.ask(plant.ref(names.traders(account, symbol)), WhichChildren())
    cycles = {trader.ref._actor._position.cycle.settings for trader in traders}
    return cycles | ({row.trade} if row.status is ON else set())


def check(plant: Plant) -> None:
    """Compare the graph, and the feeds, with what is traded."""
    expected: Counter[tuple[str, ...]] = Counter()
    for symbol in plant.symbols:
        stream = f"stream paper:{symbol}"
        for account in ACCOUNTS:
            for settings in traded_with(plant, symbol, account):
                decision = f"decision {signature(settings)}"
                expected.update([(stream,), (stream, decision), (stream, decision, f"account {account}")])
        assert (plant.system.whereis(names.feed(symbol)) is not None) == ((stream,) in expected)
    assert shown(plant) == expected


def test_a_changed_setting_moves_a_work_to_another_cluster_at_its_next_cycle(plant: Plant) -> None:
    plant.on("AAAQ")
    plant.trade("100")  # a buy rests now
    feed = plant.ref(names.feed("AAAQ"))
    plant.switch(ON, "AAAQ", SETTINGS[1])
    check(plant)
    assert traded_with(plant, "AAAQ") == {TRADE, SETTINGS[1]}
    plant.trades("99.8", "100.3", "100.6")  # bought, sold
    check(plant)
    assert traded_with(plant, "AAAQ") == {SETTINGS[1]}
    assert plant.ref(names.feed("AAAQ")) is feed


def test_a_drain_keeps_the_works_of_what_is_open_and_lets_them_go_with_it(plant: Plant) -> None:
    plant.on("AAAQ")
    plant.trades("100", "99.8")  # bought
    plant.switch(SHUTDOWN, "AAAQ", SETTINGS[2])
    check(plant)
    assert traded_with(plant, "AAAQ") == {TRADE}
    plant.switch(ON, "AAAQ", SETTINGS[2])
    check(plant)
    plant.switch(SHUTDOWN, "AAAQ")
    plant.trades("100.3", "100.6")
    check(plant)
    assert shown(plant) == {}


def test_a_strategy_that_is_not_there_needs_nothing_and_leaves_the_others_theirs(plant: Plant) -> None:
    plant.on(*SYMBOLS)
    plant.trade("100", "BBBQ")
    for symbol in SYMBOLS:
        plant.switch(ON, symbol, with_trade(strategy="vanished"))
    plant.settle()
    assert {path[0] for path in shown(plant)} == {"stream paper:BBBQ"}  # its buy rests, with the settings it had
    for symbol in SYMBOLS:
        plant.switch(ON, symbol, TRADE)
    check(plant)


class Walk:
    """Draws what an operator does, what the market does, and what crashes."""

    def __init__(self, plant: Plant, seed: int) -> None:
        self.plant = plant
        self.draw = random.Random(seed)
        self.prices = iter(walk(seed, 10_000))

    def step(self) -> None:
        plant, symbol, account = self.plant, self.draw.choice(SYMBOLS), self.draw.choice(ACCOUNTS)
        match self.draw.randrange(12):
            case 0:
                plant.table.set(symbol, self.draw.choice([ON, OFF, SHUTDOWN]), account=account)
                plant.settle()
            case 1 | 2 | 3:
                status, settings = self.draw.choice([ON, SHUTDOWN]), self.draw.choice(SETTINGS)
                plant.table.set(symbol, status, settings, account=account)
                plant.settle()
            case 4:
                crashed = [names.leader(account, symbol), names.feed(symbol), names.STREAM_DESK, names.FEEDS]
                plant.kill(self.draw.choice([*crashed, names.trader(account, symbol, 1), names.account(account)]))
                plant.wait(TIDY_S + 60)
            case 5:
                plant.table.set_account(AccountSettings(name="second", is_enabled=self.draw.random() < 0.7))
                plant.settle()
            case _:
                for _ in range(self.draw.randrange(1, 8)):
                    plant.trade(next(self.prices), symbol)


@pytest.mark.parametrize("seed", range(3))
def test_the_graph_is_what_trades_whatever_happens(plant: Plant, seed: int) -> None:
    plant.is_checked = False  # what is checked there is of one account
    plant.table.set_account(AccountSettings(name="second"))
    drawn = Walk(plant, seed)
    for _ in range(100):
        drawn.step()
        check(plant)
