"""kill -9 of the whole process at any step: a new one on the same journal goes on, and nothing is lost or doubled."""

import random
from functools import partial

import pytest

from naive_daemon.domain.settings import TradingStatus
from tests.trading.plant import Plant, walk
from tests.trading.test_crashes import MARKET, assert_goes_on


class KilledError(BaseException):
    """The process is gone; no handler of ours sees it."""


def play_and_die(plant: Plant, moment: int) -> None:
    """Play the market and die before the step, whatever is under way."""

    def strike(step: int) -> None:
        if step >= moment:
            raise KilledError

    plant.stepper.strike = strike
    with pytest.raises(KilledError):
        plant.on().play([*MARKET, *MARKET])
    plant.die()


@pytest.mark.parametrize("offset", range(2))
def test_a_new_process_goes_on_from_the_journal(offset: int) -> None:
    for moment in range(40 + offset, 500, 18):
        order = random.Random(moment) if moment % 2 else None
        plant = Plant(order=order).start()
        play_and_die(plant, moment)
        plant.start()
        plant.check()
        if plant.table.rows["main", "AAAQ"].status is TradingStatus.ON:
            assert_goes_on(plant)


@pytest.mark.parametrize("seed", range(2))
def test_a_process_that_dies_again_and_again_still_goes_on(seed: int) -> None:
    draw = random.Random(seed)
    plant = Plant("AAAQ", "BBBQ", order=draw).start().on()
    for price in walk(seed, 100):
        try:
            plant.stepper.strike = partial(_die_at, plant.stepper.steps + draw.randrange(200))
            plant.play([price])
        except KilledError:
            plant.die()
            plant.start()
            plant.check()
    plant.stepper.strike = None
    assert_goes_on(plant)


def test_a_stop_in_order_leaves_everything_to_the_next_start() -> None:
    plant = Plant().start().on()
    plant.play(MARKET[:6])
    before = plant.shown()
    plant.stop()
    plant.start()
    assert plant.shown() == before
    plant.check()


def _die_at(moment: int, step: int) -> None:
    if step >= moment:
        raise KilledError
