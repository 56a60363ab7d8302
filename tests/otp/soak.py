"""Run the tests of the runtime again and again: so many rounds on real threads, so many seeds in virtual time.

`python -m tests.otp.soak --rounds 50 --seeds 1000`. Each share is a pytest of its own, so that no round warms another.
The first one that fails ends it all and is shown; the name of a test that failed carries its seed.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

import click
import msgspec

SEEDS_AT_ONCE = 25
PYTEST = (sys.executable, "-m", "pytest", "-q", "--no-header", "-x", "-p", "no:cacheprovider", "tests/otp")


class Share(msgspec.Struct, frozen=True):
    """What one pytest runs."""

    name: str
    options: tuple[str, ...]

    def run(self) -> None:
        """Run it; raises ClickException, with what it printed, when a test fails."""
        began = time.monotonic()
        done = subprocess.run([*PYTEST, *self.options], capture_output=True, text=True, check=False)
        if done.returncode:
            raise click.ClickException(f"{self.name}\n{done.stdout}\n{done.stderr}")
        passed = done.stdout.strip().rpartition("\n")[2]
        click.echo(f"{self.name}: {passed} ({time.monotonic() - began:.0f} s)")


def shares(rounds: int, seeds: int) -> Iterator[Share]:
    """Cut the work into shares, rounds first."""
    for number in range(1, rounds + 1):
        yield Share(f"round {number}", ("-m", "real_threads"))
    for first in range(1, seeds + 1, SEEDS_AT_ONCE):
        last = min(first + SEEDS_AT_ONCE - 1, seeds)
        yield Share(f"seeds {first}-{last}", ("-m", "virtual_time", "--seeds", f"{first}-{last}"))


def run_all(work: Sequence[Share], processes: int) -> None:
    """Run shares, so many at a time, up to the first failure, which is raised."""
    with ThreadPoolExecutor(processes) as pool:
        runs = [pool.submit(share.run) for share in work]
        done, _ = wait(runs, return_when=FIRST_EXCEPTION)
        pool.shutdown(wait=False, cancel_futures=True)
        for run in done:
            run.result()


@click.command()
@click.option("--rounds", default=50, show_default=True, help="Runs on the pool and on threads.")
@click.option("--seeds", default=1000, show_default=True, help="Seeds in virtual time.")
@click.option("--processes", default=os.cpu_count() or 1, show_default=True, help="Shares at the same time.")
def main(rounds: int, seeds: int, processes: int) -> None:
    """Run the tests of naive_daemon/otp again and again, and stop at the first failure."""
    began = time.monotonic()
    run_all(list(shares(rounds, seeds)), processes)
    click.echo(
        f"{rounds} rounds on threads and {seeds} seeds in virtual time passed in {time.monotonic() - began:.0f} s"
    )


if __name__ == "__main__":
    main()
