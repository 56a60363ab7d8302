"""The page of the execution manager's rules: each is there once, and code and tests are where it says."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "execution.md"
ROWS = re.findall(r"^\| (\d+) \| .+? \| (.+?) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)


def linked(text: str) -> list[Path]:
    return [PAGE.parent / target for target in re.findall(r"\]\(([^)#]+)\)", text)]


def test_every_rule_has_its_row() -> None:
    assert [int(number) for number, _, _ in ROWS] == list(range(1, 12))


@pytest.mark.parametrize(("number", "tests"), [(number, tests) for number, _, tests in ROWS])
def test_a_rules_tests_carry_its_number(number: str, tests: str) -> None:
    assert linked(tests)
    for path in linked(tests):
        assert f"_rule_{number}_" in path.read_text(), path


def test_what_is_linked_is_there() -> None:
    assert [path for path in linked(PAGE.read_text()) if not path.exists()] == []
