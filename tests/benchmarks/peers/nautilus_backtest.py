"""NautilusTrader's backtest, where an environment with it is named by NAUTILUS_PYTHON: a process of its own."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from naive_daemon.backtest import BacktestPlan
from tests.benchmarks.peers.nautilus import PYTHON

PROGRAM = Path(__file__).with_name("nautilus_backtest_program.py")

Shown = tuple[str, Decimal, Decimal]
"""Side, price and quantity of an order."""


class NautilusBacktest:
    """Runs the backtest, once for each call."""

    def __init__(self, program: "subprocess.Popen[str]") -> None:
        self._program = program

    def round_s(self) -> float:
        """Run it; gives the seconds."""
        program = self._program
        if program.stdin is None or program.stdout is None:
            raise RuntimeError("it has no pipes")
        program.stdin.write("\n")
        program.stdin.flush()
        words = program.stdout.readline().split()
        if len(words) != 2:
            raise RuntimeError(f"NautilusTrader ended with {program.wait()}")
        return float(words[0])

    def orders(self) -> list[Shown]:
        """End it, and give the orders of the last run."""
        told, _ = self._program.communicate()
        rows = [line.split() for line in told.splitlines()]
        return [(side, Decimal(price), Decimal(quantity)) for side, price, quantity in rows]


@contextmanager
def running(path: Path, plan: BacktestPlan, *, is_from_file: bool) -> Iterator[NautilusBacktest]:
    """Start it for one recording and the settings of a plan."""
    settings = plan.settings
    arguments = (
        path, settings.chunks, settings.budget, settings.buy_down_interval, settings.profit_interval,
        settings.rebuy_interval, plan.fee, "file" if is_from_file else "memory",
    )  # fmt: skip
    with subprocess.Popen(
        [os.environ[PYTHON], "-W", "ignore", str(PROGRAM), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            yield NautilusBacktest(program)
        finally:
            program.kill()
