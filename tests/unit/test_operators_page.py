"""The page of operators' troubles: each row has tests, and each test that it names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
ROWS = [row.strip("|").split("|") for row in re.findall(r"^\| (?!trouble|wish).+\|$", PAGE, re.MULTILINE)]
NAMED = sorted({name for row in ROWS for name in re.findall(r"`(tests/[^`]+)`", row[2])})
TROUBLES = 16
WISHES = 11


def test_every_row_is_there_and_names_its_tests() -> None:
    assert len(ROWS) == TROUBLES + WISHES
    assert [row[0] for row in ROWS if not re.search(r"`tests/.+`", row[2])] == []


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_is_named_is_there(name: str) -> None:
    path, _, test = name.partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    assert re.search(rf"^(async )?def {test}\(" if test else r"^def test_", text, re.MULTILINE), name


def test_targets_and_commands_that_are_named_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"`make ([a-z-]+)`", PAGE))
    assert named == {"state-soak", "memory-soak", "simulate"}
    assert all(re.search(rf"^{target}: setup", makefile, re.MULTILINE) for target in named)
