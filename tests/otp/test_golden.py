"""Whatever runs the golden program leaves the same traces: another day, process, machine, version of Python.

The files in `golden/` were written once; so each version of Python that runs this proves that it does what all others
did. They were written without pytest, which proves that it makes no difference either.
"""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from naive_daemon.otp import messages
from naive_daemon.otp.trace import Replay, ReplayStopped, TraceTail
from tests.otp import golden
from tests.otp.golden_program import run_golden

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def traces() -> dict[int, TraceTail]:
    return {seed: golden.trace_of(seed) for seed in golden.SEEDS}


def told(traces: dict[int, TraceTail]) -> str:
    return "\n".join(line for trace in traces.values() for line in trace.lines)


def test_every_trace_is_the_golden_one(traces: dict[int, TraceTail]) -> None:
    found = list(golden.differences(golden.texts_of(traces)))
    assert not found, "\n\n".join(found)


@pytest.mark.parametrize("seed_of_hashes", ["0", "random"])
def test_so_it_is_in_another_process_elsewhere(tmp_path: Path, seed_of_hashes: str) -> None:
    environment = {
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": seed_of_hashes,
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C",
        "TZ": "Asia/Tokyo",
        "HOME": str(tmp_path),
    }
    made = tmp_path / "made"
    subprocess.run(
        [sys.executable, "-m", "tests.otp.golden", str(made)],
        env={**os.environ, **environment},
        cwd=tmp_path,
        check=True,
        timeout=100,
    )
    names = {file.name for file in golden.FOLDER.iterdir()}
    assert {file.name for file in made.iterdir()} == names
    assert {name: (made / name).read_bytes() for name in names} == {
        name: (golden.FOLDER / name).read_bytes() for name in names
    }


def test_a_replay_follows_the_golden_trace() -> None:
    lines = (golden.FOLDER / "seed-1.trace").read_text().splitlines()
    replay = Replay(lines, golden.SHOWN_STEPS)
    with pytest.raises(ReplayStopped):
        run_golden(golden.SHOWN_SEED, replay)
    assert replay.steps == golden.SHOWN_STEPS == len(lines) - 1


# What they say -------------------------------------------------------------------------------------------------------

NEVER_SENT = {"Continue", "Ignore", "Deferred", "Exited"}
"""What is returned from a hook, and what an exit signal becomes on its way into one."""


def test_every_kind_of_message_of_the_runtime_is_in_them(traces: dict[int, TraceTail]) -> None:
    text = told(traces)
    kinds = [
        name
        for name, kind in vars(messages).items()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == messages.__name__
    ]
    assert len(kinds) > len(NEVER_SENT)
    assert [name for name in kinds if name not in NEVER_SENT and f" {name}" not in text] == []


@pytest.mark.parametrize(
    "text",
    [
        *(f" ! {fault}" for fault in ("crash InjectedError", "kill", "delay", "drop", "reorder")),
        *(", killed)", ", noproc)", "('idle', ", "('slow', "),
        *(f"Call({request}(" for request in ("StartChild", "TerminateChild", "RestartChild", "DeleteChild")),
        *("Retry(", "WaitOver(", "_Overdue(", "_GraceOver("),
    ],
)
def test_what_is_worth_repeating_is_in_them(traces: dict[int, TraceTail], text: str) -> None:
    assert text in told(traces)


# When they no longer hold --------------------------------------------------------------------------------------------


def test_a_stale_file_says_where_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "digests.txt").write_text("seed 1: 3 steps, abc\nseed 2: 4 steps, abc\n")
    made = {"digests.txt": "seed 1: 3 steps, abc\nseed 2: 5 steps, def\n"}
    (text,) = golden.differences(made, tmp_path)
    assert text.splitlines() == [
        "digests.txt, line 2: the runtime, or the golden program, does something else than before",
        "before: seed 2: 4 steps, abc",
        "now:    seed 2: 5 steps, def",
        "If that is meant, run `make golden` and commit what it writes.",
    ]


def test_a_file_that_is_shorter_or_missing_is_stale(tmp_path: Path) -> None:
    (tmp_path / "short").write_text("one\n")
    texts = list(golden.differences({"short": "one\ntwo\n", "missing": "one\n"}, tmp_path))
    assert ["before: nothing" in text for text in texts] == [True, True]


def test_fresh_files_differ_in_nothing(tmp_path: Path) -> None:
    (tmp_path / "same").write_text("one\n")
    assert not list(golden.differences({"same": "one\n"}, tmp_path))
