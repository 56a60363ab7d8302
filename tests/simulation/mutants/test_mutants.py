"""Every deliberate bug still applies to the product as it is, and is sound Python; the simulation finds some here."""

import subprocess
import sys
from pathlib import Path

import pytest

import naive_daemon
from tests.simulation.mutants.mutant import Mutant, OutdatedMutantError
from tests.simulation.mutants.mutants import MUTANTS
from tests.simulation.mutants.mutation import copy_product, try_healthy, try_mutant

PACKAGE = Path(naive_daemon.__file__).parent
FOUND_HERE = ("sell price with one fee only", "send before commit", "fill counted twice")
UNDEFINED = ("--isolated", "--no-cache", "--select", "F821,F823,E9", "--output-format", "concise", "--quiet")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_applies_to_the_product_as_it_is(mutant: Mutant) -> None:
    source = (PACKAGE / mutant.file).read_text()
    assert mutant.applied_to(source) != source


def test_no_mutant_is_found_only_because_it_names_what_is_not_there(tmp_path: Path) -> None:
    for number, mutant in enumerate(MUTANTS):
        (tmp_path / f"mutant_{number}.py").write_text(mutant.applied_to((PACKAGE / mutant.file).read_text()))
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *UNDEFINED, tmp_path], capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stdout + done.stderr


def test_a_mutant_that_does_not_apply_is_told() -> None:
    mutant = Mutant(name="nothing", file="clock.py", old="not there", new="", breaks="nothing")
    with pytest.raises(OutdatedMutantError, match="has 0 places, not one"):
        mutant.applied_to("whatever\n")


def test_each_mutant_has_a_name_of_its_own_and_says_what_it_breaks() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 40
    assert all(mutant.breaks and mutant.old != mutant.new for mutant in MUTANTS)


@pytest.mark.parametrize("name", FOUND_HERE)
def test_the_simulation_finds_a_mutant(name: str, tmp_path: Path) -> None:
    mutant = next(mutant for mutant in MUTANTS if mutant.name == name)
    finding = try_mutant(mutant, copy_product(tmp_path), seed=1, seeds=100)
    assert finding.promise is not None, finding.trouble


def test_what_fails_without_the_bug_as_well_is_found_by_nobody(tmp_path: Path) -> None:
    top = copy_product(tmp_path)
    bug = next(mutant for mutant in MUTANTS if mutant.name == FOUND_HERE[0])
    bug.apply(top)
    path, sound = top / "naive_daemon" / "clock.py", 'FAR = "off"\n'
    path.write_text(path.read_text() + sound)
    harmless = Mutant(name="harmless", file="clock.py", old=sound, new='FAR = "on"\n', breaks="nothing")
    finding = try_mutant(harmless, top, seed=1, seeds=30)
    assert finding.promise is None
    assert (finding.trouble or "").startswith("fails without it as well: ")


def test_a_run_that_can_not_look_has_found_nothing(tmp_path: Path) -> None:
    top = copy_product(tmp_path)
    world = top / "tests" / "simulation" / "world.py"
    world.write_text(world.read_text() + "\n\ndel World.check\n")
    finding = try_healthy(top, seed=1, seeds=1)
    assert finding.promise is None
    assert "has no attribute 'check'" in (finding.trouble or "")
