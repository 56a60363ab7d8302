"""The command that runs seeds: what is asked wrongly is refused, so that nothing that was not run counts as held."""

import sys

import pytest

from tests.simulation.__main__ import main


@pytest.mark.parametrize(
    "asked",
    [
        ("--seeds", "0"),
        ("--seeds", "-1"),
        ("--seed", "-1"),
        ("--seed", "x"),
        ("--jobs", "0"),
        ("--tell", "-1"),
        ("--report", "/nowhere/report.json"),
    ],
)
def test_what_can_not_be_is_refused_before_any_seed_is_run(
    asked: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["simulation", *asked])
    with pytest.raises(SystemExit) as refused:
        main()
    assert refused.value.code == 2


def test_a_seed_that_holds_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["simulation", "--seed", "3"])
    assert main() == 0
    told = capsys.readouterr().out
    assert told.startswith("seeds 3 to 3: python -m tests.simulation --seed 3\n")
    assert told.endswith("1 seeds: no promise was broken\n")
