"""Every deliberate bug still applies to the product as it is now, and is Python; the simulation finds some of them."""

from pathlib import Path

import pytest

import naive_daemon
from tests.simulation.mutant import Mutant
from tests.simulation.mutants import MUTANTS

PACKAGE = Path(naive_daemon.__file__).parent


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_applies_to_the_product_as_it_is(mutant: Mutant) -> None:
    source = (PACKAGE / mutant.file).read_text()
    mutated = mutant.applied_to(source)
    assert mutated != source
    compile(mutated, mutant.file, "exec")


def test_each_mutant_has_a_name_of_its_own_and_says_what_it_breaks() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 40
    assert all(mutant.breaks and mutant.old != mutant.new for mutant in MUTANTS)
