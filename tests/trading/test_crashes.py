"""Any actor may be killed or raise at any message: trading goes on, and nothing is lost, doubled or orphaned.

Each run plays the same short market, strikes one actor before one of its some 500 steps, and compares everything when
all has come to rest. Half of the runs draw whose turn it is at each step, as threads would.
"""

import random
from decimal import Decimal

import pytest

from naive_daemon import names
from naive_daemon.domain.settings import RestingOrders, TradingStatus
from tests.trading.plant import Plant, walk, with_trade
from tests.trading.table import ACCOUNT

# Entries, fills, exits, a rebuy and fresh cycles within a few trades; then a swing that completes what is open.
MARKET = [
    Decimal(text)
    for text in [
        "100",
        "99.8",
        "99.4",
        "99.3",
        "100.3",
        "100.2",
        "99.9",
        "99.5",
        "100.6",
        "100.1",
        "99.9",
        "99.7",
        "101",
        "100.8",
    ]
]
SWING = [Decimal(text) for text in ["100", "98", "96", "99", "104", "110", "109", "107", "112"]]
STEPS = 500
STRIDE = 87

ACTORS = {
    "trader": names.trader(ACCOUNT, "AAAQ", 1),
    "second trader": names.trader(ACCOUNT, "AAAQ", 2),
    "leader": names.leader(ACCOUNT, "AAAQ"),
    "traders": names.traders(ACCOUNT, "AAAQ"),
    "symbol": names.symbol_supervisor(ACCOUNT, "AAAQ"),
    "symbols": names.SYMBOLS,
    "switches": names.SWITCHES,
    "trading": "trading",
    "feed": names.feed("AAAQ"),
    "feeds": names.FEEDS,
    "desk": names.STREAM_DESK,
    "streams": "streams",
    "journal": names.JOURNAL,
    "cache": names.CACHE,
    "client": names.client(ACCOUNT),
    "execution": names.execution_manager(ACCOUNT),
    "account": names.account(ACCOUNT),
    "account supervisor": names.account_supervisor(ACCOUNT),
    "accounts": "accounts",
    "control": names.CONTROL,
    "watchman": names.WATCHMAN,
}


def struck(plant: Plant, name: object, moment: int, *, is_kill: bool) -> bool:
    """Play the market with one strike; False when there was nobody to strike."""
    hits: list[int] = []

    def strike(step: int) -> None:
        if step >= moment and not hits and (plant.kill(name) if is_kill else plant.crash(name)):
            hits.append(step)

    plant.stepper.strike = strike
    plant.on().play(MARKET)
    plant.stepper.strike = None
    return bool(hits)


def assert_goes_on(plant: Plant) -> None:
    """Let quarantine pass, and see cycles complete with everything in agreement."""
    plant.wait(70)
    before = plant.completed()
    plant.play(SWING)
    plant.check()
    assert plant.completed() > before
    plant.stop()


@pytest.mark.parametrize("is_kill", [True, False], ids=["killed", "raising"])
@pytest.mark.parametrize("who", ACTORS)
def test_trading_goes_on_whoever_is_struck_whenever(who: str, is_kill: bool) -> None:
    # All actors together are struck at most steps; the simulation strikes each of them at any.
    offset = list(ACTORS).index(who) + (0 if is_kill else STRIDE // 2)
    for moment in range(1 + offset, STEPS, STRIDE):
        order = random.Random(moment) if moment % 2 else None
        plant = Plant(order=order).start()
        struck(plant, ACTORS[who], moment, is_kill=is_kill)
        assert_goes_on(plant)


@pytest.mark.parametrize("is_kill", [True, False], ids=["killed", "raising"])
@pytest.mark.parametrize("who", ["trader", "leader", "traders", "symbol", "feed"])
def test_what_strikes_one_symbol_touches_no_other(who: str, is_kill: bool) -> None:
    for moment in range(60, 700, 160):
        plant = Plant("AAAQ", "BBBQ").start().on()
        before = {name: ref for name, ref in plant.refs_of("BBBQ").items() if not str(ref).startswith("trader:")}
        shared = [names.SYMBOLS, names.SWITCHES, names.STREAM_DESK, names.FEEDS, names.JOURNAL]
        common = {name: plant.ref(name) for name in shared}
        assert struck(plant, ACTORS[who], plant.stepper.steps + moment, is_kill=is_kill)
        assert {name: plant.ref(name) for name in before} == before
        assert {name: plant.ref(name) for name in common} == common
        assert_goes_on(plant)


def test_a_position_that_the_journal_does_not_have_yet_is_not_lost_with_its_trader() -> None:
    """The order is reported before it is journaled, and confirmed there by whoever takes over."""
    plant = Plant().start().on()
    plant.trade("100")
    trader = plant.traders()[0]
    plant.kill(trader.name)
    plant.settle()
    successor = plant.traders()[0]
    assert successor.ref is not trader.ref
    assert successor._position == trader._position
    assert plant.view().restarts == 1
    plant.check()


def test_autostart_runs_again_when_all_symbols_have_crashed() -> None:
    plant = Plant("AAAQ", "BBBQ").start().on()
    plant.play(MARKET[:4])
    assert plant.kill(names.SYMBOLS)
    plant.settle()
    assert {plant.table.state(symbol) for symbol in plant.symbols} == {"on"}
    plant.check()


def test_a_drain_is_not_forgotten_when_all_symbols_have_crashed() -> None:
    plant = Plant().start().on()
    plant.trades("100", "99.8")
    plant.switch(TradingStatus.SHUTDOWN)
    plant.kill(names.SYMBOLS)
    plant.settle()
    assert plant.table.state("AAAQ") == "shutdown"
    plant.check()
    plant.trade("100.2")
    assert plant.table.status("AAAQ") is TradingStatus.OFF
    plant.check()


@pytest.mark.parametrize("seed", range(12))
def test_many_strikes_while_operators_switch(seed: int) -> None:
    draw = random.Random(seed)
    plant = Plant("AAAQ", "BBBQ", order=random.Random(seed)).start()

    def strike(_: int) -> None:
        if draw.random() < 0.002:
            harm = plant.kill if draw.random() < 0.5 else plant.crash
            harm(draw.choice(list(ACTORS.values())))

    plant.stepper.strike = strike
    for price in walk(seed, 80):
        if draw.random() < 0.1:
            symbol, status = draw.choice(plant.symbols), draw.choice(list(TradingStatus))
            stop, entries = draw.choice(list(RestingOrders)), draw.choice(list(RestingOrders))
            plant.table.set(symbol, status, with_trade(chunks=draw.choice([1, 3, 5])), stop=stop, entries=entries)
        if not plant.top.is_alive():  # more than the root may bear: systemd starts the daemon afresh
            plant.die()
            plant.start()
            plant.stepper.strike = strike
        plant.play([price])
    plant.stepper.strike = None
    plant.settle()
    if not plant.top.is_alive():
        plant.die()
        plant.start()
    plant.on()
    plant.wait(7200)
    assert_goes_on(plant)
