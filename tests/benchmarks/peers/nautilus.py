"""NautilusTrader, where an environment with it is named by NAUTILUS_PYTHON: a process of its own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PYTHON = "NAUTILUS_PYTHON"
"""Not one of NAIVE_: those are keys of the configuration, and a daemon that is measured would refuse it."""
PROGRAM = Path(__file__).with_name("nautilus_program.py")


class Nautilus:
    """Measures, a round for each call."""

    def __init__(self, program: "subprocess.Popen[str]", name: str) -> None:
        self._program = program
        self.name = name

    def round(self) -> tuple[float, float]:
        """Write and load once; gives the seconds of both."""
        program = self._program
        if program.stdin is None or program.stdout is None:
            raise RuntimeError("it has no pipes")
        program.stdin.write("\n")
        program.stdin.flush()
        words = program.stdout.readline().split()
        if len(words) != 2:
            raise RuntimeError(f"{self.name} ended with {program.wait()}")
        return float(words[0]), float(words[1])


def missing() -> str | None:
    """Say why it can not be measured; None where it can."""
    python = os.environ.get(PYTHON)
    if python is None:
        return f"{PYTHON} is not set"
    return None if Path(python).exists() else f"{PYTHON} names {python}, which is not there"


@contextmanager
def running(port: int, count: int) -> Iterator[Nautilus]:
    """Start it on a Redis, for rounds of `count` orders."""
    python = os.environ[PYTHON]
    version = subprocess.run(
        [python, "-c", "import nautilus_trader; print(nautilus_trader.__version__)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    with subprocess.Popen(
        [python, str(PROGRAM), str(port), str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        try:
            yield Nautilus(program, f"NautilusTrader {version}")
        finally:
            program.kill()
