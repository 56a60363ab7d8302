"""The execution manager in storms from seeds: when they are over nothing is lost, doubled or orphaned."""

import pytest

from tests.execution.storm import Storm

SEEDS = 30
CHUNK = 10


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_after_a_storm_journal_and_exchange_say_the_same(first: int) -> None:
    for seed in range(first, first + CHUNK):
        try:
            Storm(seed).run()
        except BaseException as error:
            error.add_note(f"Storm({seed}).run()")
            raise
