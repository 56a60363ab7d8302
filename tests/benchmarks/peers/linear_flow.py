"""RedFlow as its original keeps it, in JavaScript: lists that are looked through; where Node is installed."""

import functools
import shutil
import subprocess
from pathlib import Path

from tests.benchmarks.figure import ROUNDS, Comparison
from tests.benchmarks.program import run

PROGRAM = Path(__file__).parent / "linear_flow.mjs"


def removing(size: int, symbols: int, settings: int) -> Comparison:
    """Remove `size` sources there, out of order, until none is left; gives the best round's rate in sources/s."""
    if shutil.which("node") is None:
        return Comparison(peer="lists, on Node", skipped="node is not installed")
    rates = run(["node", str(PROGRAM), *map(str, (size, symbols, settings, ROUNDS))])
    return Comparison(peer=f"lists, on Node {_version()}", value=max(rates))


@functools.cache
def _version() -> str:
    return subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
