"""Daemon, Redis and Postgres are killed, ended, frozen and emptied while the daemon trades: nothing is lost.

Each is killed alone and all at once, and some drawn blows of other kinds fall; half of them on the daemon's own servers
and the rest on an operator's. `make state-soak` deals blows of every kind for hundreds of rounds.
"""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.state.blow import BLOWS, Blow
from tests.state.kill_trial import KillTrial
from tests.state.layout import LAYOUTS

SYMBOLS = 6
ALWAYS = ("daemon killed", "Redis killed", "Postgres killed", "all three killed")
DRAWN = 1
"""Of other kinds, for each layout."""


@pytest.fixture(scope="module")
def seed() -> int:
    """Draw a seed, or take the given one."""
    return int(os.environ.get("NAIVE_TEST_SEED") or random.SystemRandom().randrange(2**31))


def blows_of(seed: int) -> list[Blow]:
    draw = random.Random(seed)
    always = [blow for blow in BLOWS if blow.name in ALWAYS]
    others = draw.sample([blow for blow in BLOWS if blow.name not in ALWAYS], DRAWN * len(LAYOUTS))
    return draw.sample(chosen := [*always, *others], len(chosen))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_whatever_is_killed_under_load_nothing_is_lost_doubled_or_orphaned(
    layout: str, seed: int, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    tell(f"NAIVE_TEST_SEED={seed}")
    blows = blows_of(seed)[LAYOUTS.index(layout) :: len(LAYOUTS)]
    trial = KillTrial(tmp_path, seed, layout=layout, symbols=SYMBOLS, speed=10)
    try:
        trial.start()
        for blow in blows:
            trial.play(blow)
        books = trial.audit()
        trial.daemon.stop()
    finally:
        trial.end()
    tell(trial.told(books))
