"""What the golden program does on each seed, kept in `golden/`: the same on every machine and version of Python.

`digests.txt` has a line for each seed: its steps and the SHA-256 of its trace. The `.trace` file is the beginning of
one, to be read and to show where another run leaves it; `values.txt` has each kind of value as a trace tells it. After
a change of the runtime or of the program that is meant, `make golden` (`python -m tests.otp.golden [FOLDER]`) writes
them anew; what it changed belongs into the same commit.
"""

import sys
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import structlog

from naive_daemon.clock import VirtualClock
from naive_daemon.otp import ActorSystem
from naive_daemon.otp.faults import Step
from naive_daemon.otp.trace import TraceTail, first_line, step_line
from tests.otp.golden_members import Member
from tests.otp.golden_program import run_golden
from tests.otp.golden_values import values

FOLDER = Path(__file__).parent / "golden"
SEEDS = range(1, 11)
SHOWN_SEED = 1
SHOWN_STEPS = 400
STEPS_MAX = 100_000


def trace_of(seed: int) -> TraceTail:
    """Run the program on a seed, without a log; gives its whole trace."""
    trace, before = TraceTail(STEPS_MAX), structlog.get_config()
    structlog.configure(processors=[_drop])
    try:
        run_golden(seed, trace)
    finally:
        structlog.configure(**before)
    return trace


def told_values() -> list[str]:
    """Give a line for each kind of value, as a trace has it."""
    system = ActorSystem.simulated(VirtualClock())
    member = Member(1)
    system.start(member, ("member", 1))
    steps = [Step(number, 0, member.ref, value, is_signal=False) for number, value in enumerate(values(member), 1)]
    return [step_line(step, None) for step in steps]


def texts_of(traces: Mapping[int, TraceTail]) -> dict[str, str]:
    """Give the files of the folder by their names."""
    shown = [first_line(SHOWN_SEED), *traces[SHOWN_SEED].lines[:SHOWN_STEPS]]
    digests = [f"seed {seed}: {trace.count} steps, {trace.digest}" for seed, trace in traces.items()]
    return {
        f"seed-{SHOWN_SEED}.trace": _as_file(shown),
        "digests.txt": _as_file(digests),
        "values.txt": _as_file(told_values()),
    }


def differences(made: Mapping[str, str], folder: Path = FOLDER) -> Iterator[str]:
    """Say for each file of the folder where it first differs from what was made just now; nothing where it does not."""
    for name, text in made.items():
        file = folder / name
        kept = file.read_text(encoding="ascii") if file.exists() else ""
        for number, (old, new) in enumerate(zip_longest(kept.splitlines(), text.splitlines()), 1):
            if old != new:
                yield (
                    f"{name}, line {number}: the runtime, or the golden program, does something else than before\n"
                    f"before: {old or 'nothing'}\nnow:    {new or 'nothing'}\n"
                    "If that is meant, run `make golden` and commit what it writes."
                )
                break


def write(folder: Path) -> None:
    """Run the program on all seeds and write the files."""
    folder.mkdir(exist_ok=True)
    for name, text in texts_of({seed: trace_of(seed) for seed in SEEDS}).items():
        (folder / name).write_text(text, encoding="ascii", newline="\n")


def _as_file(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _drop(*_: Any) -> Any:
    raise structlog.DropEvent


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
