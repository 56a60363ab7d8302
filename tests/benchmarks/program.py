"""Programs that print numbers: measured in a process of their own, or written in another language."""

import logging
import subprocess
import sys
from collections.abc import Sequence

import structlog

TIMEOUT_S = 120.0


def log_nothing() -> None:
    """Log nothing below a level that nobody uses; on every side, what is measured is not the log."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def run_module(module: str, *arguments: int) -> list[float]:
    """Run a Python module as a program; gives the numbers that it prints."""
    return run([sys.executable, "-m", module, *map(str, arguments)])


def run(command: Sequence[str]) -> list[float]:
    """Run a program; gives the numbers that it prints. Raises RuntimeError with what it said when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return [float(number) for number in done.stdout.split()]
