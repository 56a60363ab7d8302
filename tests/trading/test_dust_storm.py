"""Fees that change from fill to fill, and crashes and deaths at any step: no dust is lost, and none is given twice.

The invariants hold dust at every step against the fills themselves; see `invariants.py`.
"""

import random
from functools import partial
from typing import Any

import pytest

from naive_daemon.domain.settings import Dust, TradingStatus
from tests.trading.plant import Plant, walk, with_trade
from tests.trading.test_crashes import ACTORS, SWING
from tests.trading.test_dust import paid_in_third_asset
from tests.trading.test_process_death import KilledError

# What is traded at each price, in base: an order is filled by several trades, and some trades fill several orders.
MARKET = (
    ("100", "1"),
    ("99.8", "0.4"),
    ("99.7", "0.5"),
    ("99.4", "0.7"),
    ("99.3", "0.6"),
    ("99.0", "0.9"),
    ("100.3", "0.5"),
    ("100.4", "0.7"),
    ("100.2", "2"),
    ("99.9", "0.3"),
    ("99.5", "0.9"),
    ("100.6", "0.8"),
    ("101", "2"),
    ("100.1", "1"),
    ("99.9", "0.6"),
    ("99.7", "0.9"),
    ("101", "3"),
    ("100.8", "1"),
)
STEPS = 660
THIRD = "0.015"
"""It runs out between two fills of one order."""


def play(plant: Plant) -> None:
    for price, quantity in MARKET:
        plant.trade(price, quantity=quantity)


def assert_goes_on(plant: Plant) -> None:
    """Let quarantine pass, and see cycles complete with everything in agreement."""
    plant.wait(70)
    before = plant.completed()
    for price in (*SWING, *SWING):
        plant.trade(price, quantity="20")
    plant.check()
    assert plant.completed() > before
    plant.stop()


def strike_at(plant: Plant, name: object, moment: int, *, is_kill: bool) -> None:
    hits: list[int] = []

    def strike(step: int) -> None:
        if step >= moment and not hits and (plant.kill(name) if is_kill else plant.crash(name)):
            hits.append(step)

    plant.stepper.strike = strike


def test_the_storms_market_pays_fees_in_both_assets_sweeps_dust_and_fills_by_pieces() -> None:
    """What the storms below strike is there to be struck."""
    plant = paid_in_third_asset(Plant(), THIRD).start().on()
    play(plant)
    plant.check()
    mixed = [order for order in plant.orders() if len(order.commissions) > 1]
    assert mixed
    assert any(cycle.dust_in for cycle in plant.journal.cycles())
    assert any(len(order.trade_ids) > 1 for order in plant.orders())
    assert plant.completed() >= 3
    assert plant.stepper.steps >= STEPS


@pytest.mark.parametrize("is_kill", [True, False], ids=["killed", "raising"])
@pytest.mark.parametrize("who", ["trader", "second trader", "leader", "traders", "symbol", "journal", "execution"])
def test_no_dust_is_lost_whoever_crashes_while_fees_change(who: str, is_kill: bool) -> None:
    for moment in range(1 + list(ACTORS).index(who), STEPS, 87):
        plant = paid_in_third_asset(Plant(order=random.Random(moment) if moment % 2 else None), THIRD).start()
        strike_at(plant, ACTORS[who], moment, is_kill=is_kill)
        plant.on()
        play(plant)
        plant.stepper.strike = None
        assert_goes_on(plant)


@pytest.mark.parametrize("offset", range(2))
def test_no_dust_is_lost_with_the_process_at_any_step(offset: int) -> None:
    for moment in range(60 + offset, STEPS, 52):
        plant = paid_in_third_asset(Plant(order=random.Random(moment) if moment % 2 else None), THIRD).start()
        plant.stepper.strike = partial(_die_at, moment)
        try:
            plant.on()
            play(plant)
        except KilledError:
            plant.die()
            plant.start()
        plant.stepper.strike = None
        plant.check()
        assert_goes_on(plant)


@pytest.mark.parametrize("seed", range(2))
def test_dust_is_conserved_in_a_storm_of_deaths_crashes_and_changed_settings(seed: int) -> None:
    draw = random.Random(seed)
    plant = paid_in_third_asset(Plant(order=draw), str(draw.choice(["0", THIRD, "0.3"]))).start().on()
    for price in walk(seed, 150):
        plant.stepper.strike = _drawn_harm(plant, draw)
        try:
            if draw.random() < 0.1:
                trade = with_trade(chunks=draw.choice([1, 3, 5]), dust=draw.choice(list(Dust)))
                plant.switch(draw.choice([*TradingStatus, TradingStatus.ON]), trade=trade)
            plant.trade(price, quantity=draw.choice(["0.2", "0.7", "3"]))
        except KilledError:
            plant.die()
            plant.start()
    plant.stepper.strike = None
    plant.on()
    plant.wait(7200)
    assert_goes_on(plant)


def _die_at(moment: int, step: int) -> None:
    if step >= moment:
        raise KilledError


def _drawn_harm(plant: Plant, draw: random.Random) -> Any:
    """Draw what befalls the daemon at the next trade: most often nothing."""
    kind, moment = draw.random(), plant.stepper.steps + draw.randrange(120)
    if kind < 0.1:
        return partial(_die_at, moment)
    if kind < 0.3:
        victim = draw.choice(list(ACTORS.values()))
        struck: list[int] = []

        def strike(step: int) -> None:
            if step >= moment and not struck:
                struck.append(step)
                plant.kill(victim)

        return strike
    return None
