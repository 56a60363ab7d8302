"""A schedule of faults of the simulation befalls the installed daemon with real servers: nothing is lost, all agrees.

`make real-simulate SEEDS=n` plays longer ones. Every kind of fault has a counterpart, or a reason why it has none.
"""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulation.odds import USUAL, Fault
from tests.simulation.plan import draw_plan
from tests.simulation.real.counterparts import COUNTERPARTS
from tests.simulation.real.schedule import make_schedule
from tests.simulation.real.trial import RealTrial
from tests.simulation.run import run
from tests.state.layout import LAYOUTS

SECONDS = 4.0
DEATHS_MAX = 2


def test_every_kind_of_fault_has_a_counterpart_or_a_reason_why_it_has_none() -> None:
    assert COUNTERPARTS.keys() == USUAL.keys()
    for kind, counterpart in COUNTERPARTS.items():
        assert (counterpart.strike is None) is counterpart.words.startswith("none: "), kind


def test_a_schedule_keeps_the_order_of_faults_and_spreads_the_deaths_that_it_has_time_for() -> None:
    deaths = [Fault("death", "process", number, 0.5, float(number)) for number in range(1, 7)]
    others = [Fault("crash", "trader", number, 0.5, number + 0.5) for number in range(1, 8)]
    schedule = make_schedule([*others, *deaths], seconds=15.0, deaths_max=3)
    kept = [due.fault for due in schedule.dues]
    assert kept == sorted([*others, *(set(deaths) - set(schedule.left_out))], key=lambda fault: fault.at_s)
    assert [fault.number for fault in schedule.left_out] == [2, 4, 6]
    assert schedule.dues[-1].at_s == 15.0
    assert schedule.dues[0].at_s == 2.0


@pytest.mark.timeout(400)
def test_under_a_seeds_schedule_nothing_is_lost_doubled_or_orphaned(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    seed = int(os.environ.get("NAIVE_TEST_SEED") or random.SystemRandom().randrange(2**31))
    tell(f"NAIVE_TEST_SEED={seed}")
    layout = random.Random(seed).choice(LAYOUTS)
    schedule = make_schedule(run(seed).faults, SECONDS, DEATHS_MAX)
    trial = RealTrial(tmp_path, seed, draw_plan(seed), schedule, layout=layout)
    try:
        trial.play()
        books = trial.audit()
        trial.stage.daemon.stop()
    finally:
        trial.stage.end()
    tell(trial.told(books))
