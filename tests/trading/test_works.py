"""Works in the whole tree: whatever is switched, changed, traded or crashes, the graph is what trades and no more."""

import random
from collections.abc import Iterator

import pytest

from naive_daemon import names
from naive_daemon.domain.settings import TradeSettings, TradingStatus
from naive_daemon.market.streams import TIDY_S, AskFlow
from naive_daemon.redflow import GraphView, signature
from tests.trading.plant import TRADE, Plant, walk, with_trade
from tests.trading.table import ACCOUNT
from tests.unit.test_flow import paths

ON, OFF, SHUTDOWN = TradingStatus.ON, TradingStatus.OFF, TradingStatus.SHUTDOWN
SETTINGS = [TRADE, *(with_trade(chunks=chunks) for chunks in (1, 4))]
SYMBOLS = ("AAAQ", "BBBQ")


@pytest.fixture
def plant() -> Iterator[Plant]:
    plant = Plant(*SYMBOLS).start()
    yield plant
    plant.stop()


def shown(plant: Plant) -> dict[tuple[str, ...], int]:
    view: GraphView = plant.system.ask(plant.ref(names.STREAM_DESK), AskFlow())
    return dict(paths(view.clusters))


def traded_with(plant: Plant, symbol: str) -> set[TradeSettings]:
    """Say from the table and the traders with which settings a symbol is traded, or will be."""
    row = plant.table.rows.get((ACCOUNT, symbol))
    if row is None or row.status is OFF:
        return set()
    cycles = {trader._position.cycle.settings for trader in plant.traders(symbol)}
    return cycles | ({row.trade} if row.status is ON else set())


def check(plant: Plant) -> None:
    """Compare the graph, and the feeds, with what is traded."""
    expected: dict[tuple[str, ...], int] = {}
    for symbol in plant.symbols:
        traded = traded_with(plant, symbol)
        assert (plant.system.whereis(names.feed(symbol)) is not None) == bool(traded)
        stream = f"stream paper:{symbol}"
        for settings in traded:
            decision = f"decision {signature(settings)}"
            expected |= {(stream,): len(traded), (stream, decision): 1, (stream, decision, f"account {ACCOUNT}"): 1}
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
        plant, symbol = self.plant, self.draw.choice(SYMBOLS)
        match self.draw.randrange(10):
            case 0:
                plant.switch(self.draw.choice([ON, OFF, SHUTDOWN]), symbol)
            case 1 | 2 | 3:
                plant.switch(self.draw.choice([ON, SHUTDOWN]), symbol, self.draw.choice(SETTINGS))
            case 4:
                crashed = [names.leader(ACCOUNT, symbol), names.feed(symbol), names.STREAM_DESK]
                plant.kill(self.draw.choice([*crashed, names.trader(ACCOUNT, symbol, 1), names.FEEDS]))
                plant.wait(TIDY_S + 60)
            case _:
                for _ in range(self.draw.randrange(1, 8)):
                    plant.trade(next(self.prices), symbol)


@pytest.mark.parametrize("seed", range(3))
def test_the_graph_is_what_trades_whatever_happens(plant: Plant, seed: int) -> None:
    drawn = Walk(plant, seed)
    plant.on("AAAQ")
    for _ in range(100):
        drawn.step()
        check(plant)
