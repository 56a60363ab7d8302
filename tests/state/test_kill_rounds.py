"""Daemon, Redis and Postgres are killed, ended, frozen and emptied while the daemon trades: nothing is lost.

Every kind of blow falls once, half of them on the daemon's own servers and the rest on an operator's. `make state-soak`
does the same for hundreds of rounds.
"""

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.state.blow import BLOWS
from tests.state.kill_trial import KillTrial
from tests.state.layout import LAYOUTS

SYMBOLS = 6


@pytest.fixture(scope="module")
def seed() -> int:
    """Draw a seed, or take the given one."""
    return int(os.environ.get("NAIVE_TEST_SEED") or random.SystemRandom().randrange(2**31))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_whatever_is_killed_under_load_nothing_is_lost_doubled_or_orphaned(
    layout: str, seed: int, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    tell(f"NAIVE_TEST_SEED={seed}")
    blows = random.Random(seed).sample(BLOWS, len(BLOWS))[LAYOUTS.index(layout) :: len(LAYOUTS)]
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
