"""Erlang/OTP, where it is installed: `erlang_source` compiled once a run, and a node of its own for each figure."""

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.figure import Comparison
from tests.benchmarks.program import run

SOURCE = Path(__file__).parent / "erlang_source"

NS_PER_S = 1e9

Numbers = Sequence[float]


@functools.cache
def _compiled() -> tempfile.TemporaryDirectory[str] | None:
    """Compile into a directory that lives as long as this process; None where there is no Erlang."""
    if shutil.which("erl") is None or shutil.which("erlc") is None:
        return None
    target = tempfile.TemporaryDirectory(prefix="naive-bench-erlang-")
    subprocess.run(["erlc", "-o", target.name, *map(str, sorted(SOURCE.glob("*.erl")))], check=True)
    return target


@functools.cache
def _release() -> str:
    """Say which release it is."""
    asked = subprocess.run(
        ["erl", "-noshell", "-eval", "io:put_chars(erlang:system_info(otp_release)), halt()."],
        capture_output=True,
        text=True,
        check=True,
    )
    return asked.stdout.strip()


@functools.cache
def measure(name: str, *arguments: int) -> tuple[float, ...] | None:
    """Run a measurement of bench.erl; gives its numbers (nanoseconds, bytes), or None where there is no Erlang."""
    compiled = _compiled()
    if compiled is None:
        return None
    command = ["erl", "-noshell", "-pa", compiled.name, "-run", "bench", "run", name]
    return tuple(run([*command, *map(str, arguments)]))


def comparison(found: Numbers | None, value: Callable[[Numbers], float], goal: float | None = None) -> Comparison:
    """Hold a figure against what was found there, or name it as skipped."""
    if found is None:
        return Comparison(peer="Erlang/OTP", goal=goal, skipped="erl and erlc are not installed")
    return Comparison(peer=f"Erlang/OTP {_release()}", value=value(found), goal=goal)


def compare(name: str, *arguments: int, value: Callable[[Numbers], float], goal: float | None = None) -> Comparison:
    """Measure, and hold a figure against it; `value` makes the figure's unit of the numbers."""
    return comparison(measure(name, *arguments), value, goal)
